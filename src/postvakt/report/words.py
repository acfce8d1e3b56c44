"""What the closed words of the report mean, said to a reader. Every renderer speaks from these tables."""

from collections import Counter
from collections.abc import Sequence

import msgspec

from postvakt.model.baseline import BaselineRow
from postvakt.model.build import ExposureRow, FlawState, Stretch
from postvakt.model.gap import Why
from postvakt.model.report import AnswerState, Grade, HostRow, VerdictOutcome
from postvakt.model.rule import LEVELS, Confidence, Level, Stage
from postvakt.model.story import AddressRole, SharedKind
from postvakt.report.times import minute, span


class Outcome(msgspec.Struct, frozen=True, kw_only=True):
    """An outcome as a word, as a sentence about one host and about several, and as advice. `rank`: the gravest is 0."""

    rank: int
    label: str
    means: str
    of_several: str
    next: tuple[str, ...]


OUTCOMES: dict[VerdictOutcome, Outcome] = {
    "compromised": Outcome(
        rank=0,
        label="Compromised",
        means="The evidence shows that someone got in.",
        of_several="The evidence shows that someone got in there.",
        next=("Treat the server as in the attacker's hands: isolate it, keep disk and memory, change what it knew.",),
    ),
    "attempted": Outcome(
        rank=1,
        label="Attempted",
        means="The server was attacked; no success is seen in what was read.",
        of_several="They were attacked; no success is seen in what was read.",
        next=("Patch or disconnect the server, and read below what could not be seen before trusting that it held.",),
    ),
    "inconclusive": Outcome(
        rank=2,
        label="Inconclusive",
        means="Nothing decisive was found, and the evidence cannot rule an attack out.",
        of_several="Nothing decisive was found there, and the evidence cannot rule an attack out.",
        next=("Collect what is named below as not seen, and hand it in again.",),
    ),
    "not-examined": Outcome(
        rank=3,
        label="Not examined",
        means="Nothing that could answer was in the evidence. This says nothing about the server.",
        of_several="Nothing that could answer was in the evidence. This says nothing about those servers.",
        next=("Collect web logs, Windows event logs, registry hives and the web folders, and hand them in.",),
    ),
    "clear-since": Outcome(
        rank=4,
        label="Clear since",
        means="Nothing was found, and every mandatory question can be answered from then on. "
        "What happened before then nobody can tell from this evidence.",
        of_several="Nothing was found, and every mandatory question can be answered, each host from a time of its own.",
        next=("For the time before, look where logs are kept longer: backups, a proxy, a log server.",),
    ),
    "clear": Outcome(
        rank=5,
        label="Clear",
        means="Nothing was found, and every mandatory question can be answered over the whole window.",
        of_several="Nothing was found, and every mandatory question can be answered over the whole window.",
        next=("Keep the case: it holds what was read and by which rules it was asked.",),
    ),
}  # fmt: skip

UNJUDGED: tuple[VerdictOutcome, ...] = ("inconclusive", "not-examined")

GRADES: dict[Grade, str] = {
    "": "",
    "probed": "someone tried the door",
    "attempt-failed": "an attempt was made and failed",
    "access-gained": "the server answered the attacker",
    "file-written": "a file was written",
    "shell-used": "a shell was used",
    "credential-access": "credentials were reached for",
    "lateral-movement": "the attacker moved on from here",
    "impact": "data was taken or damage was done",
}

STAGES: dict[Stage, str] = {
    "": "no stage of the attack",
    "probe": "probe",
    "attempt-failed": "failed attempt",
    "access-gained": "access gained",
    "file-written": "file written",
    "shell-used": "shell used",
    "credential-access": "credential access",
    "lateral-movement": "lateral movement",
    "impact": "impact",
    "tampering": "tampering with traces",
    "context": "context",
    "authorised-scan": "authorised scan",
    "responder-tool": "responder's own tool",
}

PARTS: dict[AddressRole, str] = {
    "client": "client",
    "balancer": "stands for others",
    "self": "the server itself",
    "probe": "health probe",
    "scanner": "authorised scanner",
}
"""What is behind an address."""


SOURCES: dict[str, str] = {
    "cmdlet_infra": "remote PowerShell logs (Exchange Server\\V15\\Logging\\CmdletInfra)",
    "directory_object": "exports of Active Directory (ldifde)",
    "ecp_activity": "control panel activity (Exchange Server\\V15\\Logging\\ECP\\Activity)",
    "ecp_server": "control panel logs (Exchange Server\\V15\\Logging\\ECP\\Server)",
    "event": "Windows event logs (System32\\winevt\\Logs)",
    "ews": "Exchange Web Services logs (Exchange Server\\V15\\Logging\\Ews)",
    "file": "files of the server",
    "http_proxy": "front end logs (Exchange Server\\V15\\Logging\\HttpProxy)",
    "iis": "web logs (inetpub\\logs\\LogFiles)",
    "memory": "an image of the system's memory",
    "mem_carved": "what was carved out of memory",
    "mem_yara": "what YARA found in memory",
    "mft_entry": "the table of the file system ($MFT of each volume)",
    "msert": "Safety Scanner's log (Windows\\debug\\msert.log)",
    "oab_generator": "address book logs (Exchange Server\\V15\\Logging\\OABGeneratorLog)",
    "registry_key": "registry hives (System32\\config, NTUSER.DAT)",
    "registry_value": "registry hives (System32\\config, NTUSER.DAT)",
    "test_proxylogon": "results of Microsoft's Test-ProxyLogon.ps1",
    "usn_record": "the file system's journal ($Extend\\$UsnJrnl:$J of each volume)",
}
"""What a source is called among people, and where it lies on the server."""


def source(artifact: str) -> str:
    """Return what a source is and where it lies; empty for one that needs no words."""
    name, _, part = artifact.partition(":")
    told = SOURCES.get(name, "")
    return f"{part}: {told}" if told and part and name == "event" else told


SHARED: dict[SharedKind, str] = {
    "address": "Address of an intruder",
    "page": "Page that was asked for",
    "from-host": "Host in the traces of others",
}
"""What several hosts have in common."""


def baseline(row: BaselineRow) -> str:
    """Say how a host's files were compared with the product's, and what that is worth."""
    if row.state == "build not known":
        return "The evidence does not tell which build the server runs: its files were compared with no list."
    if row.state == "no baseline for this build":
        return (
            f"There is no list of files for build {row.of_host} or one of its version: nothing was compared."
        )
    if row.state == "no files read":
        return f"No product file of the server was read, so none was compared with the list of build {row.build}."
    told = f"{row.compared:,} files were compared with the list of build {row.build}"
    if row.state == "by name":
        return f"{told}, the nearest to {row.of_host}, by name alone: {row.differ:,} are not on it."
    return f"{told}, which the server runs: {row.same:,} are the same, {row.differ:,} are not."


FLAW_STATES: dict[FlawState, str] = {
    "vulnerable": "Vulnerable",
    "fixed": "Fixed",
    "needs-setting": "Fixed only with a setting",
    "not-affected": "Not affected",
    "unknown": "Unknown",
}
"""What a flaw is to the build that a host ran last."""


def unknown(stretch: Stretch) -> str:
    """Say of which time nothing tells the build."""
    until = "" if stretch.last else " on"
    return f"No build is told {span(stretch.first, stretch.last) or 'at any time'}{until}."


def exposure(row: ExposureRow) -> str:
    """Say in one line how long a host was open to a flaw, and of which times nothing tells."""
    firsts = ((row.attempt, "first attempt"), (row.success, "first success"))
    seen = [f"{name} {minute(at)}" for at, name in firsts if at]
    told = [*row.told, *(unknown(stretch) for stretch in row.stretches if not stretch.build)]
    tried = f" ({', '.join(seen)})" if seen else ""
    return f"{FLAW_STATES[row.state]}{tried}: {' '.join(told)}"


LEVEL_WORDS: dict[Level, str] = {
    "critical": "Critical",
    "high": "High",
    "medium": "Medium",
    "low": "Low",
    "informational": "Informational",
}

WHYS: dict[Why, str] = {
    "missing": "not in the evidence",
    "truncated": "cut off",
    "unreadable": "could not be read",
    "unparsed": "could not be understood",
    "crashed": "its reader crashed",
    "timed-out": "its reader took too long",
    "out-of-memory": "its reader ran out of memory",
    "limited": "left out at a limit",
    "encrypted": "encrypted",
    "unsupported": "a form that is not read",
    "conflict": "sources disagree",
    "empty": "empty",
    "cleared": "cleared on the server",
    "hole": "silent for a time",
    "lost": "records are missing inside it",
}

WHY_ORDER: dict[Why, int] = {why: place for place, why in enumerate(WHYS)}
"""What is wholly missing first."""

QUESTION_ANSWERS = {
    "yes": "Yes",
    "no": "No",
    "no-since": "No, since",
    "unanswerable": "Cannot be answered",
}

ANSWER_STATES: dict[AnswerState, str] = {
    "met": "Met",
    "unmet": "Not met",
    "unknown": "Unknown",
    "not-applicable": "Does not apply",
}

CONFIDENCE_WORDS: dict[Confidence, str] = {
    "high": "high confidence",
    "medium": "medium confidence",
    "low": "low confidence",
}

TLP_COLOURS = ("red", "amber", "amber+strict", "green", "clear")
"""The labels of Traffic Light Protocol 2.0 (FIRST)."""


def tlp_colour(mark: str) -> str:
    """Return the colour of a mark as one word, empty for what is no mark of the protocol."""
    name = mark.lower().removeprefix("tlp:")
    return name.replace("+", "-") if name in TLP_COLOURS else ""


def tlp(mark: str) -> str:
    """Return the mark as the protocol writes it; what is no mark of it is said to be none."""
    if not tlp_colour(mark):
        return f"{mark[:40]} (no mark of TLP 2.0)" if mark else "no TLP mark"
    return f"TLP:{mark.lower().removeprefix('tlp:').upper()}"


def headline(host: HostRow) -> str:
    """Return the verdict in a few words: `Compromised: a shell was used`, `Clear since 2021-02-10 00:00Z`."""
    verdict = host.verdict
    label = OUTCOMES[verdict.outcome].label
    if verdict.outcome == "clear-since":
        return f"{label} {minute(verdict.since)}"
    return f"{label}: {GRADES[verdict.grade]}" if verdict.grade else label


def since(host: HostRow) -> str:
    """Return what the verdict's instant is the instant of, empty where it has none."""
    verdict = host.verdict
    if verdict.since is None:
        return ""
    if verdict.outcome == "compromised":
        return f"first sign of success at {minute(verdict.since)}"
    if verdict.outcome == "attempted":
        return f"first attempt at {minute(verdict.since)}"
    return f"answerable since {minute(verdict.since)}"


def worst(hosts: Sequence[HostRow]) -> VerdictOutcome:
    """Return the gravest outcome of some hosts, of which there is at least one."""
    return min((host.verdict.outcome for host in hosts), key=lambda outcome: OUTCOMES[outcome].rank)


def tally(hosts: Sequence[HostRow]) -> list[tuple[VerdictOutcome, int]]:
    """Return how many hosts have each outcome, the gravest first, those that none has left away."""
    numbers = Counter(host.verdict.outcome for host in hosts)
    return [(outcome, numbers[outcome]) for outcome in OUTCOMES if numbers[outcome]]


def overall(hosts: Sequence[HostRow]) -> str:
    """Return what is gravest, and of how many: `Compromised: 2 of 40 hosts`."""
    gravest = worst(hosts)
    number = sum(host.verdict.outcome == gravest for host in hosts)
    label = "Clear, each since its own time" if gravest == "clear-since" else OUTCOMES[gravest].label
    return f"{label}: {number:,} of {count(len(hosts), 'host')}"


def unjudged(hosts: Sequence[HostRow]) -> str:
    """Return of how many hosts nobody can say whether they held; empty where all were judged."""
    numbers = [(outcome, number) for outcome, number in tally(hosts) if outcome in UNJUDGED]
    if not numbers:
        return ""
    told = ", ".join(f"{number:,} {OUTCOMES[outcome].label.lower()}" for outcome, number in numbers)
    return f"Of {sum(number for _, number in numbers):,} nobody can say whether an attack succeeded: {told}."


def gravest_first(hosts: Sequence[HostRow]) -> list[HostRow]:
    """Return the hosts in the order in which a reader needs them."""
    grades = list(GRADES)
    return sorted(
        hosts,
        key=lambda host: (
            OUTCOMES[host.verdict.outcome].rank,
            -grades.index(host.verdict.grade),
            host.host,
        ),
    )


def next_steps(host: HostRow) -> list[str]:
    """Return what to do: what the findings say, the gravest first, else what the verdict says."""
    standing = [
        finding
        for finding in host.findings
        if finding.acknowledged is None and LEVELS.index(finding.level) >= LEVELS.index("medium")
    ]
    steps = list(dict.fromkeys(finding.next for finding in standing if finding.next))
    return [*OUTCOMES[host.verdict.outcome].next, *steps]


def count(number: int, one: str, many: str = "") -> str:
    """Return `1 record`, `1,234 records`, `2 addresses`, `3 kinds of gap`."""
    return f"{number:,} {one if number == 1 else many or _plural(one)}"


def _plural(one: str) -> str:
    noun, of, rest = one.partition(" of ")
    return f"{noun}{'es' if noun.endswith(('s', 'ch', 'x')) else 's'}{of}{rest}"


def size(number: int) -> str:
    """Return a count of bytes with a binary unit: `512 B`, `1.2 GiB`."""
    if number < 1024:
        return f"{number} B"
    value = float(number)
    for unit in ("KiB", "MiB", "GiB", "TiB"):
        value /= 1024
        if value < 1024 or unit == "TiB":
            break
    return f"{value:,.1f} {unit}"
