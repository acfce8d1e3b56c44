"""What an administrator has to install on a server that is open to a flaw, in which order, in words."""

from collections.abc import Iterator, Sequence

from postvakt.model.build import Build, ExposureRow, Flaw
from postvakt.reason.builds import Sighting, last_seen, state

HOW = (
    "Start the update from an elevated command prompt: started by double-click it can leave files as they were and "
    "Outlook on the web broken. Restart the server afterwards, and check the version of ExSetup.exe, not only the list "
    "of installed updates."
)
MEANWHILE = (
    "Until it is installed, take the server off the network or apply the vendor's mitigation first: that blocks "
    "requests, is no fix and evicts nobody. The update comes next, and it evicts nobody either: look for what was "
    "placed before it."
)
PRODUCTS = {14: "2010"}
ENDED = {
    "2010": "Support of Exchange 2010 has ended (October 2020): replace it.",
    "2013": "Support of Exchange 2013 has ended (April 2023): replace it.",
    "2016": "Support of Exchange 2016 has ended (October 2025): updates after it are for paying customers; replace it.",
    "2019": "Support of Exchange 2019 has ended (October 2025): updates after it are for paying customers; replace it.",
}
"""The first word of a build's name in the table is its product. Support as of the table's date."""


def advice(
    seen: Sequence[Sighting], rows: Sequence[ExposureRow], flaws: Sequence[Flaw], table: Sequence[Build]
) -> tuple[str, ...]:
    """Return what to install, empty where the host is open to none of the rows. `table` is in the order of builds."""
    last = last_seen(seen)
    waiting = [row for row in rows if row.state == "vulnerable"]
    if last is None or not waiting or not table:
        return ()
    concerned = [flaw for flaw in flaws if flaw.id in {row.flaw for row in waiting}]
    return tuple(_steps(last, concerned, table))


def _steps(last: Sighting, concerned: Sequence[Flaw], table: Sequence[Build]) -> Iterator[str]:
    of_cu = [build for build in table if build.build[:3] == last.number[:3]]
    name = of_cu[0].name if of_cu else "a cumulative update that is not in the table"
    cves = ", ".join(cve for flaw in concerned for cve in flaw.cves)
    yield f"It runs {last.text} ({name if last.number[0] > 14 else 'Exchange 2010'}), which is open to {cves}."
    newest = _newest(last, table)
    own = of_cu[-1] if of_cu and of_cu[-1].build > last.number else None
    if own is not None and own is not newest and _closed(own, concerned):
        yield (
            f"At once, without another cumulative update: {_named(own)}. It closes "
            f"{_closing(own, concerned)}; what was fixed later it does not hold."
        )
    elif own is not newest and last.number[0] > 14:
        yield "No security update for its own cumulative update closes this: a later cumulative update comes first."
    if newest is not None and newest.build > last.number:
        yield _then(last, newest, table)
    yield HOW
    yield MEANWHILE
    ended = ENDED.get(_product(newest)) if newest else None
    if ended:
        yield ended


def _then(last: Sighting, newest: Build, table: Sequence[Build]) -> str:
    dated = max(build.date for build in table)
    told = f"the newest for its version in the table of {dated}: {_named(newest)}"
    if last.number[0] == 14:
        return f"Install {told}. An update rollup holds all that came before it."
    if newest.build[:3] == last.number[:3]:
        return f"Install {told}. Its cumulative update stays."
    first = next(build for build in table if build.build[:3] == newest.build[:3])
    return f"To be current: the cumulative update first, {first.name} ({first.number}), and on it {told}."


def _newest(last: Sighting, table: Sequence[Build]) -> Build | None:
    """Return the newest build of the same product: 2019 and the edition after it share their first numbers."""
    product = next((_product(build) for build in table if build.build[:3] == last.number[:3]), None)
    product = product or PRODUCTS.get(last.number[0])
    same = [build for build in table if _product(build) == product]
    return max(same, key=lambda build: build.build, default=None)


def _product(build: Build) -> str:
    return PRODUCTS.get(build.build[0]) or build.name.split()[0]


def _closed(build: Build, concerned: Sequence[Flaw]) -> list[str]:
    return [
        cve
        for flaw in concerned
        if state(flaw, build.build) in ("fixed", "needs-setting")
        for cve in flaw.cves
    ]


def _closing(build: Build, concerned: Sequence[Flaw]) -> str:
    closed = _closed(build, concerned)
    return "all of them" if len(closed) == sum(len(flaw.cves) for flaw in concerned) else ", ".join(closed)


def _named(build: Build) -> str:
    return f"{build.name} ({build.kb + ', ' if build.kb else ''}{build.number})"
