"""Mitigations told beside the time that a host was open: from when, how surely, before or after the first success."""

from datetime import UTC, datetime
from typing import Any

import pytest

from postvakt.model.build import ExposureRow, Stretch
from postvakt.model.mitigation import MitigationRow
from postvakt.reason.mitigated import told_beside

OPEN = Stretch(state="vulnerable", build="15.1.2106.2", first=None, last=None, source="s")


def day(number: int, hour: int = 9) -> datetime:
    return datetime(2021, 3, number, hour, tzinfo=UTC)


def row(**more: Any) -> ExposureRow:
    given: dict[str, Any] = {"state": "vulnerable", "stretches": (OPEN,), "told": ("Vulnerable.",), **more}
    return ExposureRow(flaw="proxylogon", title="ProxyLogon", cves=(), **given)


def rules(**more: Any) -> MitigationRow:
    given: dict[str, Any] = {"state": "on", "first": day(5), "dated": "at the latest", **more}
    return MitigationRow(
        id="cookie-rules", title="Rewrite rules", told="", basis="", flaws=("proxylogon",), **given
    )


def beside(exposure: ExposureRow, *done: MitigationRow) -> tuple[str, ...]:
    [told] = told_beside([exposure], done)
    assert told.told[: len(exposure.told)] == exposure.told
    return told.told[len(exposure.told) :]


def test_an_open_server_is_vulnerable_and_mitigated_since() -> None:
    assert beside(row(), rules()) == (
        "Vulnerable, mitigated from 2021-03-05 09:00Z at the latest: Rewrite rules.",
    )
    assert beside(row(), rules(dated="exactly", state="partly")) == (
        "Vulnerable, mitigated in part from 2021-03-05 09:00Z: Rewrite rules.",
    )


def test_the_state_stays_that_of_the_build() -> None:
    [told] = told_beside([row()], [rules()])
    assert told.state == "vulnerable"


def test_it_ends_with_the_update_or_when_it_is_taken_back() -> None:
    patched = row(state="fixed", patched_after=day(7), patched_by=day(8))
    assert "until it was patched by 2021-03-08 09:00Z" in beside(patched, rules())[0]
    taken_back = rules(state="off", last=day(6), dated="exactly")
    assert beside(row(), taken_back) == (
        "Vulnerable, mitigated from 2021-03-05 09:00Z to 2021-03-06 09:00Z, when it was taken back: Rewrite rules.",
    )


def test_what_came_after_the_update_did_not_shorten_anything() -> None:
    patched = row(state="fixed", patched_after=day(3), patched_by=day(4))
    assert beside(patched, rules())[0].startswith("Mitigated after the update only")
    assert "whether it stood before the update is not told" in beside(patched, rules())[0]
    assert "whether it stood" not in beside(patched, rules(dated="exactly"))[0]


def test_what_nothing_dates_is_said_to_be_undated() -> None:
    assert beside(row(), rules(first=None, dated="")) == (
        "Mitigated, since when is not told: Rewrite rules.",
    )


@pytest.mark.parametrize(
    ("success", "said"),
    [
        (day(3), "It came at most 2 days after the first success (2021-03-03 09:00Z): it puts nobody out"),
        (day(6, 12), "The first success came 1 day after it all the same (2021-03-06 12:00Z)"),
    ],
)
def test_a_success_before_or_in_spite_of_it_is_told(success: datetime, said: str) -> None:
    assert beside(row(success=success), rules())[1].startswith(said)


def test_a_success_after_it_was_taken_back_is_not_held_against_it() -> None:
    assert len(beside(row(success=day(9)), rules(state="off", last=day(6)))) == 1


@pytest.mark.parametrize("state", ["off", "failed", "unknown", "ran", "unfinished"])
def test_what_was_never_in_force_is_not_told_here(state: Any) -> None:
    assert beside(row(), rules(state=state, first=None)) == ()


def test_neither_another_flaw_nor_a_server_that_never_had_it() -> None:
    other = MitigationRow(
        id="m", title="M", state="on", told="", basis="", flaws=("proxynotshell",), first=day(5)
    )
    assert beside(row(), other) == ()
    never = row(
        state="not-affected",
        stretches=(Stretch(state="not-affected", build="14.3.509.0", first=None, last=None, source="s"),),
    )
    assert beside(never, rules()) == ()
