"""What changed between two reports, and why: evidence came, rules or indicators grew, a person spoke."""

from collections.abc import Iterable, Iterator, Mapping, Sequence

from postvakt.model.change import DIFF, Change, ChangeKind, Diff
from postvakt.model.clock import iso
from postvakt.model.mitigation import MitigationRow
from postvakt.model.report import AnswerRow, CoverageRow, FindingRow, HostRow, Report, VerdictRow

ORDER: tuple[ChangeKind, ...] = (
    "verdict",
    "finding",
    "question",
    "answer",
    "mitigation",
    "host",
    "server",
    "gap",
    "coverage",
    "case",
)


def differences(before: Report, after: Report) -> Diff:
    """Return what changed from one report to another; nothing where they say the same."""
    why = _Why(before, after)
    found = [*_of_case(before, after), *_of_servers(before, after)]
    one, other = ({host.host: host for host in made.hosts} for made in (before, after))
    for name in sorted({*one, *other}):
        found += _of_host(name, one.get(name), other.get(name), why)
    found += _answers("", before.answers, after.answers, why)
    found.sort(key=lambda change: (ORDER.index(change.kind), change.host))
    return Diff(schema=DIFF, changes=tuple(found))


class _Why:
    """What the two reports themselves tell of the reasons."""

    def __init__(self, before: Report, after: Report) -> None:
        self._old = {item.id for item in before.evidence}
        self._new = {item.id: item.path for item in after.evidence if item.id not in self._old}
        self._gone = [item.path for item in before.evidence if item.id not in {e.id for e in after.evidence}]
        self._content = (before.content, after.content)
        self._version = (before.postvakt, after.postvakt)

    def of_finding(self, row: FindingRow, *, came: bool) -> str:
        """Say why a finding came or went."""
        held = {sample.evidence for sample in row.sample}
        if came and held and not held & self._old:
            paths = ", ".join(sorted(path for name, path in self._new.items() if name in held))
            return f"it stands in evidence that was not there before: {paths}"
        return self.general()

    def general(self) -> str:
        """Say what else is different between the two."""
        told = []
        if self._new:
            told.append(f"evidence came: {', '.join(sorted(self._new.values()))}")
        if self._gone:
            told.append(f"evidence is gone: {', '.join(sorted(self._gone))}")
        if self._content[0] != self._content[1]:
            told.append(f"other rules and indicators are asked: content {_short(self._content)}")
        if self._version[0] != self._version[1]:
            told.append(f"another version of Postvakt: {self._version[0]} and then {self._version[1]}")
        return "; ".join(told) or "neither evidence nor content differ: options or a person's word do"


def _short(pair: Sequence[str]) -> str:
    return " and then ".join(value[:12] for value in pair)


def _of_case(before: Report, after: Report) -> Iterator[Change]:
    pairs = (
        ("directive", before.directive, after.directive),
        ("window", _window(before), _window(after)),
        ("rules asked", str(before.rules.asked), str(after.rules.asked)),
        ("rules not asked", str(len(before.rules.not_asked)), str(len(after.rules.not_asked))),
        ("content", before.content[:12], after.content[:12]),
        ("version", before.postvakt, after.postvakt),
        ("evidence", _evidence(before), _evidence(after)),
    )
    for what, old, new in pairs:
        if old != new:
            yield Change(kind="case", host="", what=what, before=old, after=new)


def _window(made: Report) -> str:
    return f"{iso(made.window.start)} to {iso(made.window.end) or 'the acquisition'}"


def _evidence(made: Report) -> str:
    return ", ".join(f"{item.path} ({item.sha256[:12]})" for item in made.evidence)


def _of_servers(before: Report, after: Report) -> Iterator[Change]:
    old, new = ({row.name: row for row in made.inventory} for made in (before, after))
    for name in sorted({*old, *new}):
        if name not in old or name not in new or old[name] != new[name]:
            told = [
                "; ".join((*row.told, f"{len(row.sources)} sources")) if row else ""
                for row in (old.get(name), new.get(name))
            ]
            yield Change(kind="server", host=name, what="in the inventory", before=told[0], after=told[1])


def _of_host(name: str, one: HostRow | None, other: HostRow | None, why: _Why) -> Iterator[Change]:
    if one is None or other is None:
        row = one or other
        told = _verdict(row.verdict) if row else ""
        yield Change(
            kind="host",
            host=name,
            what="the host",
            before=told if one else "",
            after=told if other else "",
            why=why.general(),
        )
        return
    old, new = _verdict(one.verdict), _verdict(other.verdict)
    if old != new:
        because = "; ".join(other.verdict.because[:3])
        yield Change(
            kind="verdict", host=name, what="the verdict", before=old, after=new, why=because or why.general()
        )
    yield from _findings(name, one, other, why)
    for asked in other.questions:
        was = next((q.answer for q in one.questions if q.id == asked.id), "")
        if was != asked.answer:
            yield Change(
                kind="question", host=name, what=asked.asks, before=was, after=asked.answer, why=asked.basis
            )
    yield from _answers(name, _own(one), _own(other), why)
    yield from _mitigations(name, one, other, why)
    yield from _gaps(name, one, other, why)
    yield from _coverage(name, one.coverage, other.coverage)


def _own(host: HostRow) -> list[AnswerRow]:
    return [row for row in host.answers if row.of == "server"]


def _verdict(verdict: VerdictRow) -> str:
    since = f" from {iso(verdict.since)}" if verdict.since else ""
    return f"{verdict.outcome}{f' ({verdict.grade})' if verdict.grade else ''}{since}"


def _findings(name: str, one: HostRow, other: HostRow, why: _Why) -> Iterator[Change]:
    old, new = ({row.id: row for row in host.findings} for host in (one, other))
    for key in sorted({*old, *new}):
        was, now = old.get(key), new.get(key)
        row = now or was
        if row is None or (was and now and _finding(was) == _finding(now)):
            continue
        reason = (
            why.of_finding(row, came=was is None) if was is None or now is None else _spoken(was, now, why)
        )
        yield Change(
            kind="finding",
            host=name,
            what=f"{row.title} [{key}]",
            before=_finding(was) if was else "",
            after=_finding(now) if now else "",
            why=reason,
        )


def _finding(row: FindingRow) -> str:
    put_aside = ", acknowledged" if row.acknowledged else ""
    stage = f", {row.stage}" if row.stage else ""
    when = f"{iso(row.first) or 'undated'} to {iso(row.last) or 'undated'}"
    return f"{row.level}{stage}, {row.count} records, {when}{put_aside}"


def _spoken(was: FindingRow, now: FindingRow, why: _Why) -> str:
    word = now.acknowledged or was.acknowledged
    if was.acknowledged != now.acknowledged and word:
        return (
            f"{'acknowledged' if now.acknowledged else 'no longer acknowledged'} by {word.by}: {word.reason}"
        )
    return why.general()


def _answers(name: str, one: Iterable[AnswerRow], other: Iterable[AnswerRow], why: _Why) -> Iterator[Change]:
    old: Mapping[str, AnswerRow] = {row.requirement: row for row in one}
    new: Mapping[str, AnswerRow] = {row.requirement: row for row in other}
    for key in (*new, *(key for key in old if key not in new)):
        was, now = old.get(key), new.get(key)
        row = now or was
        if row is None or (was and now and (was.state, was.said) == (now.state, now.said)):
            continue
        said = now.said[0] if now and now.said and (was is None or now.said != was.said) else None
        yield Change(
            kind="answer",
            host=name,
            what=f"{row.requirement} {row.title}",
            before=was.state if was else "",
            after=now.state if now else "",
            why=f"said by {said.by}: {said.words}" if said else now.basis if now else why.general(),
        )


def _mitigations(name: str, one: HostRow, other: HostRow, why: _Why) -> Iterator[Change]:
    old, new = ({_which(row): row for row in host.mitigations} for host in (one, other))
    for key in sorted({*old, *new}):
        was, now = old.get(key), new.get(key)
        row = now or was
        if row is not None and (was is None or now is None or _mitigated(was) != _mitigated(now)):
            yield Change(
                kind="mitigation",
                host=name,
                what=row.title,
                before=_mitigated(was) if was else "",
                after=_mitigated(now) if now else "",
                why=why.general(),
            )


def _which(row: MitigationRow) -> tuple[str, ...]:
    """Return what tells a row from others: a setting is one, and of a scan there may be many runs."""
    setting = row.state not in ("ran", "unfinished")
    return (row.id,) if setting else (row.id, row.evidence, row.source, str(row.locator))


def _mitigated(row: MitigationRow) -> str:
    since = f" from {iso(row.first)}" if row.first else ""
    return f"{row.state}{since}: {row.told}"


def _gaps(name: str, one: HostRow, other: HostRow, why: _Why) -> Iterator[Change]:
    old, new = ({row.id: row for row in host.gaps} for host in (one, other))
    for key in sorted({*old} ^ {*new}):
        was, now = old.get(key), new.get(key)
        row = now or was
        if row is not None:
            told = f"{row.why}: {row.detail}"
            place = f"{row.artifact} {row.source}".strip()
            yield Change(
                kind="gap",
                host=name,
                what=place,
                before=told if was else "",
                after=told if now else "",
                why=why.general(),
            )


def _coverage(name: str, one: Sequence[CoverageRow], other: Sequence[CoverageRow]) -> Iterator[Change]:
    old, new = ({row.artifact: row for row in rows} for rows in (one, other))
    for key in sorted({*old, *new}):
        was, now = (_covered(rows.get(key)) for rows in (old, new))
        if was != now:
            yield Change(kind="coverage", host=name, what=key, before=was, after=now)


def _covered(row: CoverageRow | None) -> str:
    return f"{row.files} files, {row.records} records, {iso(row.first)} to {iso(row.last)}" if row else ""
