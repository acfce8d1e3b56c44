"""What a case answers to the questions of a form: read off the report, nothing concluded anew.

An answer is `yes` or `no` only where the report says so. What nobody read and nobody said is unknown and says why.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence

import msgspec

from postvakt.model.form import QUESTIONS, Word
from postvakt.model.report import AnswerRow, BuildRow, HostRow, Report
from postvakt.report.text import cut
from postvakt.report.times import EARLIEST, minute

TRIAGED = (
    ("memory", ("memory",)),
    ("web logs", ("iis",)),
    ("event logs", ("event:Application", "event:Security", "event:System")),
    (
        "registry hives",
        ("registry_key:SAM", "registry_key:SECURITY", "registry_key:SOFTWARE", "registry_key:SYSTEM"),
    ),
)
"""What Action 1 wants collected and triaged, and the coverage that shows each of it read."""

UNKNOWN = "Unknown"
NOBODY = "nobody has said; the evidence cannot tell"
NOT_TOLD = "no source says"
PRODUCT = "Microsoft Exchange Server"
MARCH = ("proxylogon", "unified-messaging")
LABELS = ("authorised-scan", "responder-tool")
"""Stages of findings that are known to be no attack."""

WHY = 300
"""Characters of a reason; a form has little room."""


class Reply(msgspec.Struct, frozen=True, kw_only=True):
    """An answer: a word for a list, a text, or a number; none of them where it is unknown. `why` is its basis."""

    word: Word = ""
    text: str = ""
    number: int | None = None
    why: str = ""

    @property
    def known(self) -> bool:
        return bool(self.word or self.text or self.number is not None)

    @property
    def told(self) -> str:
        """The answer as a cell of free text holds it."""
        if not self.known:
            return f"{UNKNOWN} - {self.why}"
        return self.text or (str(self.number) if self.number is not None else SAID[self.word])


SAID: Mapping[Word, str] = {
    "yes": "Yes",
    "no": "No",
    "not-applicable": "N/A",
    "yes-clean": "Yes (nothing found)",
    "yes-found": "Yes (something found)",
}


class _Seen(msgspec.Struct, frozen=True):
    """One server with the report it stands in, its answers by requirement, what was read of it, and its addresses."""

    report: Report
    host: HostRow
    answers: Mapping[str, AnswerRow]
    read: frozenset[str]


def servers(report: Report) -> list[HostRow]:
    """Return the hosts that a form lists: the Exchange servers, and those whose role nothing tells."""
    return [host for host in report.hosts if "exchange" in (host.roles or ("exchange",))]


def of_server(report: Report, host: HostRow) -> dict[str, Reply]:
    """Return the replies to everything that is asked of a server."""
    seen = _Seen(
        report,
        host,
        {row.requirement: row for row in host.answers},
        frozenset(row.artifact for row in host.coverage if row.records),
    )
    return {asked.id: _SERVER[asked.id](seen) for asked in QUESTIONS if asked.of == "server"}


def unknown(why: str) -> Reply:
    """Return the reply that nobody knows, with the reason cut to what a form has room for."""
    kept, more = cut(why, WHY)
    return Reply(why=kept + (" …" if more else ""))


def _triaged(seen: _Seen) -> Reply:
    """Never yes where one of the four was not read: a person's word does not stand in for it here."""
    absent = not_read(seen.host)
    rows = [seen.answers.get(name) for name in ("1.memory", "1.web-logs", "1.event-logs", "1.hives")]
    told = [row for row in rows if row is not None]
    if told and all(row.state == "not-applicable" for row in told):
        return Reply(word="not-applicable", why=why(told[0]))
    denied = next((row for row in told if row.said and row.state == "unmet"), None)
    if denied is not None:
        return Reply(word="no", why=why(denied))
    if absent:
        said = next((row for row in told if row.said and row.state == "met"), None)
        word = f"; {said.said[0].by} says that it was done elsewhere" if said else ""
        return unknown(f"not read: {', '.join(absent)}{word}")
    open_ = next((row for row in told if row.state != "met"), None)
    if open_ is not None:
        return unknown(why(open_))
    return Reply(word="yes", why="read: memory, web logs, event logs, registry hives")


def not_read(host: HostRow) -> list[str]:
    """Return which of what Action 1 wants was not read of a host."""
    read = {row.artifact for row in host.coverage if row.records}
    return [name for name, needed in TRIAGED if not read.issuperset(needed)]


def _examined(seen: _Seen) -> Reply:
    if not _triaged(seen).word:
        return unknown(_triaged(seen).why)
    return _required("1.examine")(seen)


def _found(seen: _Seen) -> Reply:
    verdict = seen.host.verdict
    if verdict.outcome in ("compromised", "attempted"):
        return Reply(word="yes", why="; ".join(verdict.because[:3]))
    odd = [
        row.title
        for row in seen.host.findings
        if row.acknowledged is None and row.level in ("high", "critical") and row.stage not in LABELS
    ]
    if odd:
        return Reply(word="yes", why="; ".join(odd[:3]))
    if verdict.outcome == "clear":
        return Reply(word="no", why="nothing found over the whole window")
    if verdict.outcome == "clear-since":
        return unknown(f"nothing found from {minute(verdict.since)} on; before that nothing can be said")
    return unknown("; ".join(verdict.because[:1]) or "nothing that could answer was read")


def _required(name: str) -> Callable[[_Seen], Reply]:
    """Return the reply of a requirement: no is a person's word only, for what was not read may have been done."""

    def reply(seen: _Seen) -> Reply:
        return _state(seen.answers.get(name))

    return reply


def _state(row: AnswerRow | None) -> Reply:
    if row is None:
        return unknown("the directive of this case does not ask it")
    if row.state == "met":
        return Reply(word="yes", why=why(row))
    if row.state == "not-applicable":
        return Reply(word="not-applicable", why=why(row))
    if row.state == "unmet" and row.said:
        return Reply(word="no", why=why(row))
    return unknown(why(row))


def why(row: AnswerRow) -> str:
    if row.said:
        said = row.said[0]
        return f"said by {said.by}, {minute(said.at)}: {said.words}"
    parts = row.basis.split("; ")
    lacking = next((part for part in parts if part.startswith("not read: ")), "")
    if lacking:
        return lacking
    if row.state == "unknown":
        # What comes last is what stands in the way; before it the basis tells of branch and conditions.
        told = [part for part in parts if "nobody said, taken as" not in part]
        return NOBODY if not told or told[-1].startswith("a person must") else told[-1]
    return parts[0]


def _part_of(name: str) -> Callable[[_Seen], Reply]:
    """Return the reply of one point of a requirement with several: only all or none of it is known of each."""

    def reply(seen: _Seen) -> Reply:
        whole = _state(seen.answers.get(name))
        return unknown(f"not all points are met; {whole.why}") if whole.word == "no" else whole

    return reply


def _scanned(name: str, table: str) -> Callable[[_Seen], Reply]:
    def reply(seen: _Seen) -> Reply:
        whole = _state(seen.answers.get(name))
        if whole.word != "yes":
            return whole
        if table not in seen.read:
            return unknown(f"{whole.why}; its result was not read, so what it found is not known")
        found = [
            row for row in seen.host.findings if any(sample.table.startswith(table) for sample in row.sample)
        ]
        return Reply(word="yes-found" if found else "yes-clean", why=whole.why)

    return reply


def _updated(flaws: Sequence[str]) -> Callable[[_Seen], Reply]:
    def reply(seen: _Seen) -> Reply:
        states = {row.flaw: row for row in seen.host.exposure if row.flaw in flaws}
        build = latest(seen.host.builds)
        ran = f"build {build.build}, by {build.source}" if build else "no build is known"
        if any(row.state == "vulnerable" for row in states.values()):
            return Reply(word="no", why=ran)
        if states and all(row.state in ("fixed", "not-affected") for row in states.values()):
            return Reply(word="yes", why=ran)
        return unknown(ran if build is None else f"{ran}; what it fixes is not told")

    return reply


def latest(builds: Iterable[BuildRow]) -> BuildRow | None:
    """Return the build that was seen last; one without a time only where none has any."""
    return max(builds, key=lambda row: row.until or row.first or EARLIEST, default=None)


def product(build: str) -> str:
    """Return the name of the product that a build is of."""
    numbers = [int(part) for part in build.split(".") if part.isdigit()]
    if numbers[:2] == [15, 2] and len(numbers) > 2 and numbers[2] >= 2562:
        return f"{PRODUCT} SE"
    years = {(15, 2): "2019", (15, 1): "2016", (15, 0): "2013", (14,): "2010", (8,): "2007"}
    year = next((years[key] for key in ((*numbers[:2],), (*numbers[:1],)) if key in years), "")
    return f"{PRODUCT} {year}" if year else ""


def _version(seen: _Seen) -> Reply:
    build = latest(seen.host.builds)
    if build is None:
        return unknown("no source that was read tells a build")
    named = product(build.build)
    year = named.removeprefix(PRODUCT).strip()
    return Reply(text=f"{year} ({build.build})" if year else build.build, why=build.source)


def _runs(artifact: str, what: str) -> Callable[[_Seen], Reply]:
    def reply(seen: _Seen) -> Reply:
        row = next((row for row in seen.host.coverage if row.artifact == artifact and row.records), None)
        if row is None:
            return unknown(f"no log of {what} was read")
        return Reply(word="yes", why=f"{row.records:,} requests in its log, the last at {minute(row.last)}")

    return reply


def _address(seen: _Seen) -> Reply:
    rows = [row for row in seen.report.inventory if row.host == seen.host.host]
    told = sorted({address for row in rows for address in row.addresses})
    # The first template asks for no name: the server is to be known by this cell all the same.
    if not told:
        return Reply(text=f"{seen.host.host} ({UNKNOWN} address)", why=NOT_TOLD)
    return Reply(text=f"{seen.host.host} ({', '.join(told)})", why="inventory")


def _internet(seen: _Seen) -> Reply:
    row = next((row for row in seen.report.inventory if row.host == seen.host.host), None)
    words: Mapping[str, Word] = {"internet": "yes", "internal": "no"}
    if row is None or row.facing not in words:
        return unknown(row.facing_basis if row and row.facing_basis else NOT_TOLD)
    return Reply(word=words[row.facing], why=row.facing_basis)


def _ticket(seen: _Seen) -> Reply:
    row = seen.answers.get("4")
    if row is not None and row.state == "met" and row.said:
        return Reply(text=row.said[0].words, why=why(row))
    reply = _state(row)
    return Reply(text="N/A", why=reply.why) if reply.word == "not-applicable" else unknown(reply.why)


def _nobody(seen: _Seen) -> Reply:
    return unknown(NOBODY)


def _not_told(seen: _Seen) -> Reply:
    return unknown(NOT_TOLD)


_SERVER: Mapping[str, Callable[[_Seen], Reply]] = {
    "name": lambda seen: Reply(text=seen.host.host, why="the evidence names it so"),
    "address": _address,
    "address-external": _not_told,
    "name-public": _not_told,
    "exchange-version": _version,
    "os-version": _not_told,
    "runs-owa": _runs("http_proxy:Owa", "OWA"),
    "runs-ecp": _runs("http_proxy:Ecp", "the control panel"),
    "internet": _internet,
    "owa-ecp-disabled": _not_told,
    "disconnected": _required("3.a"),
    "updated": _updated(MARCH),
    "triaged": _triaged,
    "examined": _examined,
    "found": _found,
    "memory-imaged": _required("2.a"),
    "memory-analysed": _required("2.d"),
    "traffic-analysed": _required("2.e"),
    "hunted": _required("2.f"),
    "ticket": _ticket,
    "evicted": _required("3.c"),
    "msert": _scanned("s1.triage.1", "msert"),
    "test-proxylogon": _scanned("s1.triage.2", "test_proxylogon"),
    "firewall-default-deny": _part_of("s1.hardening.1"),
    "firewall-rfc": _part_of("s1.hardening.1"),
    "software-updated": _required("s1.hardening.2"),
    "software-supported": _required("s1.hardening.3"),
    "accounts-reviewed": _part_of("s1.hardening.4"),
    "groups-reviewed": _part_of("s1.hardening.4"),
    "roles-reviewed": _part_of("s1.hardening.4"),
    "least-privilege": _part_of("s1.hardening.4"),
    "no-domain-admins": _part_of("s1.hardening.4"),
    "no-cloud-admins": _part_of("s1.hardening.4"),
    "attack-paths": _nobody,
    "logs-kept": _required("s1.hardening.5"),
    "anti-malware": _required("s1.hardening.6"),
    "cdm-visible": _required("s1.hardening.7"),
}
