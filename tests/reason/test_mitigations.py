"""Mitigations and scans from what was read: on, partly, off, and unknown where the place was not read."""

from datetime import UTC, datetime
from typing import Any

import msgspec
import pytest

from postvakt import content
from postvakt.model.build import ExposureRow, FlawState
from postvakt.model.mitigation import MitigationRow, Observed
from postvakt.reason.mitigations import rows

KNOWN = content.load().mitigations
CHANGED = datetime(2021, 3, 5, 9, tzinfo=UTC)
SITE = "C/inetpub/wwwroot/web.config"
COOKIES = ("X-AnonResource-Backend Abort - inbound", "X-BEResource Abort - inbound")


def exposed(flaw: str, state: FlawState = "vulnerable") -> ExposureRow:
    return ExposureRow(flaw=flaw, title=flaw, cves=(), state=state)


def told(*seen: Observed, flaw: str = "proxylogon", build: str = "15.1.2106.2") -> dict[str, MitigationRow]:
    return {row.id: row for row in rows(KNOWN, seen, [exposed(flaw)], [build])}


def rule(name: str, enabled: bool | None = True, source: str = SITE, **more: Any) -> Observed:
    given: dict[str, Any] = {"kind": "rewrite_inbound", "changed": CHANGED, "locator": 4, **more}
    return Observed(table="iis_config", name=name, enabled=enabled, source=source, evidence="e", **given)


def service(name: str, start: str) -> Observed:
    return Observed(
        table="registry_trace", kind="service", name=name, value=start, source="SYSTEM", time=CHANGED
    )


def emergency(event: str, text: str, day: int) -> Observed:
    time = datetime(2022, 10, day, tzinfo=UTC)
    return Observed(table="event", kind="emergency", name=event, value=text, time=time)


def test_both_rules_are_on_since_the_file_was_written_at_the_latest() -> None:
    row = told(*map(rule, COOKIES))["cookie-rules"]
    assert (row.state, row.first, row.source, row.locator) == ("on", CHANGED, SITE, 4)
    assert "at the latest" in row.told


def test_one_of_two_rules_is_partly() -> None:
    assert told(rule(COOKIES[0]))["cookie-rules"].state == "partly"
    assert told(rule(COOKIES[0]), rule(COOKIES[1], enabled=False))["cookie-rules"].state == "partly"


def test_a_rule_of_another_name_counts_by_its_pattern() -> None:
    conditions = [
        rule(pattern, None, value=pattern, within="stop it")
        for pattern in ("(.*)X-AnonResource-Backend(.*)", "(.*)X-BEResource=(.+)/(.+)~(.+)")
    ]
    assert told(rule("stop it"), *conditions)["cookie-rules"].state == "on"
    assert told(rule("stop it", enabled=False), *conditions)["cookie-rules"].state == "off"


def test_off_is_said_only_where_the_site_s_own_file_was_read() -> None:
    assert told(rule("another"))["cookie-rules"].state == "off"
    elsewhere = told(rule("another", source="C/Windows/System32/inetsrv/config/applicationHost.config"))
    assert elsewhere["cookie-rules"].state == "unknown"
    assert told()["cookie-rules"].state == "unknown"


def test_rules_without_the_module_that_obeys_them_are_not_on() -> None:
    other = rule("StaticFileModule", None, kind="global_module")
    assert told(*map(rule, COOKIES), other)["cookie-rules"].state == "partly"
    assert (
        told(*map(rule, COOKIES), other, rule("RewriteModule", None, kind="global_module"))[
            "cookie-rules"
        ].state
        == "on"
    )


def test_what_is_off_is_not_told_where_the_flaw_is_closed() -> None:
    seen = [rule("another")]
    assert not rows(KNOWN, seen, [exposed("proxylogon", "fixed")], ["15.1.2106.13"])
    assert rows(KNOWN, [rule(name) for name in COOKIES], [exposed("proxylogon", "fixed")], ["15.1.2106.13"])


@pytest.mark.parametrize(
    ("states", "state"),
    [
        (("disabled", "disabled"), "on"),
        (("disabled", "automatic"), "partly"),
        (("automatic", "manual"), "off"),
        ((), "unknown"),
    ],
)
def test_unified_messaging(states: tuple[str, ...], state: str) -> None:
    seen = [
        service(name, start) for name, start in zip(("MSExchangeUM", "MSExchangeUMCR"), states, strict=False)
    ]
    assert told(*seen, flaw="unified-messaging")["unified-messaging-off"].state == state


def test_when_a_service_was_switched_off_is_told_by_its_event() -> None:
    at = datetime(2021, 3, 6, 7, tzinfo=UTC)
    change = Observed(
        table="event",
        kind="start_type",
        name="7040",
        value="UM | auto start | disabled | MSExchangeUM",
        time=at,
    )
    seen = [service("MSExchangeUM", "disabled"), service("MSExchangeUMCR", "disabled"), change]
    assert told(*seen, flaw="unified-messaging")["unified-messaging-off"].first == at


def test_exchange_2019_has_no_unified_messaging_to_switch_off() -> None:
    assert "unified-messaging-off" not in told(flaw="unified-messaging", build="15.2.792.3")


def test_the_emergency_service_s_last_word_counts() -> None:
    applied, failed = emergency("1005", "M1 has been applied", 1), emergency("1008", "M1 failed", 2)
    flaw = "proxynotshell"
    assert told(applied, flaw=flaw)["emergency-m1"].state == "on"
    assert told(applied, failed, flaw=flaw)["emergency-m1"].state == "partly"
    assert told(failed, flaw=flaw)["emergency-m1"].state == "failed"
    assert told(applied, emergency("1006", "M1 was removed", 3), flaw=flaw)["emergency-m1"].state == "off"
    assert told(emergency("1005", "PING1", 1), flaw=flaw)["emergency-m1"].state == "unknown"
    assert told(emergency("1005", "M11 has been applied", 1), flaw=flaw)["emergency-m1"].state == "unknown"
    assert told(flaw=flaw)["emergency-m1"].state == "unknown"


def run(number: int, mode: str, *, finished: bool = True, code: str = "0 (0x0)") -> list[Observed]:
    lines = [("begun", "v1.333", ""), ("started", "Sat Mar  6 09:12:01 2021", ""), ("results", mode, "")]
    lines += [("finished", "Sat Mar  6 11:00:00 2021", ""), ("code", "", code)] if finished else []
    return [
        Observed(
            table="msert", kind=kind, name=name, within=within, run=number, source="msert.log", locator=at
        )
        for at, (kind, name, within) in enumerate(lines, start=number * 100)
    ]


def test_each_scan_is_told_with_its_kind_and_whether_it_came_to_its_end() -> None:
    seen = [*run(1, "Quick"), *run(2, "Full", finished=False), *run(3, "Full")]
    scans = rows((), seen, [], [])
    assert [(row.id, row.state, row.locator) for row in scans] == [
        ("msert-quick", "ran", 100),
        ("msert-full", "unfinished", 200),
        ("msert-full", "ran", 300),
    ]
    assert "return code 0 (0x0)" in scans[2].told
    assert "09:12:01" in scans[2].basis


def test_what_the_check_of_microsoft_left() -> None:
    def listed(name: str) -> Observed:
        return Observed(table="test_proxylogon", kind="list", name=name, source=f"EX01-{name}.csv", locator=2)

    [clean] = rows((), [listed("LogAgeDays")], [], [])
    [hit] = rows((), [listed("LogAgeDays"), listed("Cve-2021-26855")], [], [])
    assert "only the age of logs" in clean.told
    assert "Cve-2021-26855" in hit.told


def test_a_service_s_change_is_that_of_its_own_key() -> None:
    def change(day: int, key: str) -> Observed:
        time = datetime(2021, 3, day, tzinfo=UTC)
        return Observed(table="event", kind="start_type", name="7040", value=f"UM | a | b | {key}", time=time)

    services = [service("MSExchangeUM", "disabled"), service("MSExchangeUMCR", "automatic")]
    seen = [*services, change(6, "MSExchangeUM"), change(9, "MSExchangeUMCR")]
    row = told(*seen, flaw="unified-messaging")["unified-messaging-off"]
    assert (row.state, row.first, row.dated) == ("partly", datetime(2021, 3, 6, tzinfo=UTC), "exactly")


def test_what_was_taken_back_is_told_whatever_the_flaw() -> None:
    applied, removed = emergency("1005", "M1 has been applied", 1), emergency("1006", "M1 was removed", 3)
    [row] = rows(KNOWN, [applied, removed], [exposed("proxylogon", "fixed")], ["15.1.2106.13"])
    assert (row.id, row.state, row.first, row.last) == ("emergency-m1", "off", applied.time, removed.time)


def test_how_surely_a_beginning_is_dated() -> None:
    assert told(*map(rule, COOKIES))["cookie-rules"].dated == "at the latest"
    assert told(rule(COOKIES[0], changed=None))["cookie-rules"].dated == ""
    assert (
        told(emergency("1005", "M1 has been applied", 1), flaw="proxynotshell")["emergency-m1"].dated
        == "exactly"
    )


HOST = "C/Windows/System32/inetsrv/config/applicationHost.config"


@pytest.mark.parametrize(
    ("where", "state"),
    [
        ({"source": HOST}, "on"),
        ({"source": HOST, "location": "Default Web Site"}, "on"),
        ({"source": HOST, "location": "Default Web Site/owa"}, "partly"),
        ({"source": "C/Program Files/V15/FrontEnd/HttpProxy/owa/web.config"}, "partly"),
        ({"source": HOST, "location": "Exchange Back End/ecp"}, "unknown"),
        ({"source": "C/Program Files/V15/ClientAccess/ecp/web.config"}, "unknown"),
        ({"source": "IIS/DefaultWebSite_web.config"}, "on"),
    ],
)
def test_where_a_rule_is_bound_decides_what_it_covers(where: dict[str, str], state: str) -> None:
    row = told(*(rule(name, **where) for name in COOKIES))["cookie-rules"]
    assert row.state == state
    assert ("a part of the site alone" in row.told) == (state == "partly")


def test_a_rule_for_one_directory_may_be_all_that_a_mitigation_asks() -> None:
    name = "PowerShell - inbound"
    bound = rule(
        name, value=".*autodiscover.*powershell", source=HOST, location="Default Web Site/Autodiscover"
    )
    assert told(bound, flaw="proxynotshell")["powershell-rule"].state == "on"


def test_a_file_that_was_read_in_part_says_nothing_of_what_it_does_not_name() -> None:
    torn, flaw = {("e", SITE)}, [exposed("proxylogon")]
    [*_, row] = [
        r for r in rows(KNOWN, [rule("another")], flaw, ["15.1.2106.2"], torn) if r.id == "cookie-rules"
    ]
    assert row.state == "unknown"
    assert "could be read in part only" in row.told
    both = rows(KNOWN, [rule(name) for name in COOKIES], flaw, ["15.1.2106.2"], torn)
    assert [r.state for r in both if r.id == "cookie-rules"] == ["on"]


def test_a_hive_that_was_read_in_part_does_not_say_that_a_service_is_not_installed() -> None:
    seen, flaw = [service("MSExchangeIS", "automatic")], [exposed("unified-messaging")]
    for torn, state in (((), "off"), ({("", "SYSTEM")}, "unknown")):
        found = rows(KNOWN, seen, flaw, ["15.1.2106.2"], torn)
        assert [row.state for row in found if row.id == "unified-messaging-off"] == [state]


def test_a_rule_that_does_nothing_is_not_in_force() -> None:
    idle = [rule("", None, value="None", within=name) for name in COOKIES]
    stops = [rule("", None, value="AbortRequest", within=name) for name in COOKIES]
    rules = [rule(name) for name in COOKIES]
    assert told(*rules, *stops)["cookie-rules"].state == "on"
    assert told(*rules, *idle)["cookie-rules"].state == "off"
    assert told(*rules, stops[0], idle[1])["cookie-rules"].state == "partly"


def test_a_condition_that_is_turned_round_stops_everybody_else() -> None:
    def condition(name: str, enabled: bool | None) -> Observed:
        return rule("{HTTP_COOKIE}", enabled, value=f"(.*){name.split()[0]}(.*)", within=name)

    for enabled, state in ((None, "on"), (False, "off")):
        seen = [each for name in COOKIES for each in (rule(name), condition(name, enabled))]
        assert told(*seen)["cookie-rules"].state == state


def test_a_pool_that_a_torn_file_does_not_name_is_not_said_to_start() -> None:
    pool = Observed(
        table="iis_config",
        kind="app_pool",
        name="MSExchangeECPAppPool",
        enabled=True,
        source="a",
        whole=False,
    )
    assert told(pool)["control-panel-stopped"].state == "unknown"
    whole = msgspec.structs.replace(pool, whole=True)
    assert told(whole)["control-panel-stopped"].state == "off"
