"""The case as OSCAL assessment results, for the tools of those who audit: requirements as findings, what was read and
found as observations, what is unmet or unknown as risks.

Every identifier is made from what it names, and every time is the report's own: the same report, the same bytes.
"""

import uuid
from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from typing import Any

import msgspec

from postvakt.model.report import AnswerRow, AnswerState, EvidenceRow, FindingRow, HostRow, Report
from postvakt.report import words
from postvakt.report.text import cut, encodable, spelled
from postvakt.report.times import machine

VERSION = "1.2.1"
"""The version of OSCAL that is written."""

NAMES = uuid.uuid5(uuid.NAMESPACE_URL, "urn:postvakt:oscal")
OWN = "urn:postvakt:oscal"
"""The namespace of identifiers and of properties of our own."""

LONG = 4000

STATES: Mapping[AnswerState, tuple[str, str]] = {
    "met": ("satisfied", "pass"),
    "unmet": ("not-satisfied", "fail"),
    # OSCAL knows no unknown: what is not known is not satisfied, and the reason says why.
    "unknown": ("not-satisfied", "other"),
    "not-applicable": ("satisfied", "other"),
}
"""A state of ours as OSCAL's state and reason."""

Json = dict[str, Any]


def render(report: Report) -> bytes:
    """Return the assessment results as indented UTF-8 JSON with a line end at the end."""
    written = msgspec.json.encode({"assessment-results": _results(report)})
    return msgspec.json.format(written, indent=2) + b"\n"


def _results(report: Report) -> Json:
    case = _Case(report)
    result = case.result()
    title = _line(report.directive_title or report.directive)
    return {
        "uuid": case.name("assessment-results"),
        "metadata": {
            "title": f"{title}: triage of on-premises Exchange servers",
            "last-modified": case.at,
            "version": _token(report.content) or "0",
            "oscal-version": VERSION,
            "props": [
                _prop("marking", words.tlp(report.tlp)),
                _prop("postvakt", report.postvakt),
                _prop("content", report.content),
            ],
            "roles": [{"id": "assessor", "title": "Assessor"}],
        },
        "import-ap": {
            "href": f"#{case.name('plan')}",
            "remarks": f"No assessment plan was made: what is asked is directive {_line(report.directive)}.",
        },
        "results": [result],
        "back-matter": {
            "resources": [
                {
                    "uuid": case.name("plan"),
                    "title": title,
                    "description": "The directive whose requirements are assessed.",
                },
                *(case.resource(number, item) for number, item in enumerate(report.evidence)),
            ]
        },
    }


class _Case:
    """One report on its way to OSCAL: its names, its time, and what its parts become."""

    def __init__(self, report: Report) -> None:
        self.report = report
        evidence = " ".join(sorted(item.sha256 for item in report.evidence))
        self._root = uuid.uuid5(NAMES, _line(f"{report.directive} {report.content} {evidence}", LONG * 10))
        self.at = machine(_latest(report))

    def name(self, *parts: str) -> str:
        """Return the identifier of a part of this case."""
        return str(uuid.uuid5(self._root, "\0".join(encodable(part) for part in parts)))

    def resource(self, number: int, item: EvidenceRow) -> Json:
        """Return a piece of evidence, with its hash."""
        made: Json = {
            "uuid": self.name("evidence", str(number)),
            "title": _line(item.path),
            "description": _line(f"{item.recognised_as or item.kind}, {item.bytes} bytes, of {item.host}"),
            "props": [_prop("sha256", item.sha256)],
        }
        return made

    def result(self) -> Json:
        """Return the one result of a case."""
        start, end = self.report.window.start, self.report.window.end
        observations = [one for host in self.report.hosts for one in self._observations(host)]
        pairs = [(host, row) for host in self.report.hosts for row in host.answers if row.of == "server"]
        told = [(self.name("agency"), "agency", row) for row in self.report.answers]
        told += [(self.name("host", host.host), host.host, row) for host, row in pairs]
        risks = [self._risk(who, row) for _, who, row in told if row.state in ("unmet", "unknown")]
        made: Json = {
            "uuid": self.name("result"),
            "title": _line(f"Answers to {self.report.directive}"),
            "description": _line(
                f"{len(self.report.hosts)} hosts, {self.report.rules.asked} rules asked, "
                f"{len(self.report.rules.not_asked)} could not be asked."
            ),
            "start": machine(start),
            **({"end": machine(end)} if end else {}),
            "local-definitions": {"components": [self._component(host) for host in self.report.hosts]},
            "reviewed-controls": {"control-selections": [self._selection([row for *_, row in told])]},
            "observations": observations,
            "risks": risks,
            "findings": [self._finding(who, row) for _, who, row in told],
        }
        # OSCAL has no empty lists.
        made = {key: value for key, value in made.items() if value != []}
        return {key: value for key, value in made.items() if value != {"components": []}}

    def _selection(self, rows: Sequence[AnswerRow]) -> Json:
        named = list(dict.fromkeys(_token(row.requirement) for row in rows))
        if not named:
            return {"description": "No requirement was answered.", "include-all": {}}
        return {
            "description": "The requirements of the directive, each under its own number.",
            "include-controls": [{"control-id": name} for name in named],
        }

    def _component(self, host: HostRow) -> Json:
        return {
            "uuid": self.name("host", host.host),
            "type": "this-system",
            "title": _line(host.host),
            "description": _line(f"{', '.join(host.roles) or 'role unknown'}: {words.headline(host)}"),
            "props": [_prop("verdict", host.verdict.outcome), *_some("grade", host.verdict.grade)],
            "status": {"state": "operational"},
        }

    def _observations(self, host: HostRow) -> Iterator[Json]:
        """Yield the verdict, each finding, and each thing that was not read, as observations of a host."""
        subject = {"subject-uuid": self.name("host", host.host), "type": "component"}
        read = [
            f"{row.artifact}: {row.records} records, {row.files} files" for row in host.coverage if row.files
        ]
        yield {
            "uuid": self.name("verdict", host.host),
            "title": _line(words.headline(host)),
            "description": _line(
                "; ".join(host.verdict.because) or words.OUTCOMES[host.verdict.outcome].means
            ),
            "methods": ["EXAMINE"],
            "types": ["finding"],
            "subjects": [subject],
            "collected": self.at,
            "remarks": _line("; ".join(read) or "Nothing was read."),
        }
        for row in host.findings:
            yield self._observation(host, row, subject)
        for gap in host.gaps:
            yield {
                "uuid": self.name("gap", host.host, gap.id),
                "title": _line(f"{gap.artifact}: {words.WHYS[gap.why]}"),
                "description": _line(f"{gap.source} {gap.detail}".strip() or words.WHYS[gap.why]),
                "methods": ["EXAMINE"],
                "types": ["discovery"],
                "subjects": [subject],
                "collected": self.at,
            }

    def _observation(self, host: HostRow, row: FindingRow, subject: Json) -> Json:
        made: Json = {
            "uuid": self.name("finding", host.host, row.id),
            "title": _line(row.title),
            "description": _line(row.explain or row.title),
            "props": [
                _prop("rule", row.rule),
                _prop("level", row.level),
                *_some("stage", row.stage),
                *(_prop("cve", cve) for cve in row.cves),
                *(_prop("technique", technique) for technique in row.techniques),
            ],
            "methods": ["EXAMINE"],
            "types": ["finding"],
            "subjects": [subject],
            "relevant-evidence": [
                {"description": _line(f"{one.source}, {one.locator_kind} {one.locator}")}
                for one in row.sample
            ],
            "collected": machine(row.last) if row.last else self.at,
            "remarks": _line(row.means or row.title),
        }
        return {key: value for key, value in made.items() if value != []}

    def _finding(self, who: str, row: AnswerRow) -> Json:
        state, reason = STATES[row.state]
        made: Json = {
            "uuid": self.name("answer", who, row.requirement),
            "title": _line(f"{row.title} ({who})"),
            "description": _line(row.basis or row.title),
            "props": [_prop("state", row.state)],
            "target": {
                "type": "objective-id",
                "target-id": _token(row.requirement),
                "status": {
                    "state": state,
                    "reason": reason,
                    "remarks": _line(words.ANSWER_STATES[row.state]),
                },
            },
        }
        if row.of == "server":
            made["related-observations"] = [{"observation-uuid": self.name("verdict", who)}]
        if row.state in ("unmet", "unknown"):
            made["related-risks"] = [{"risk-uuid": self.name("risk", who, row.requirement)}]
        return made

    def _risk(self, who: str, row: AnswerRow) -> Json:
        made: Json = {
            "uuid": self.name("risk", who, row.requirement),
            "title": _line(f"{words.ANSWER_STATES[row.state]}: {row.title} ({who})"),
            "description": _line(row.basis or row.title),
            "statement": _line("; ".join(row.lacks) or row.basis or row.title),
            "status": "open" if row.state == "unmet" else "investigating",
        }
        return made | ({"deadline": machine(row.due)} if row.due else {})


def _latest(report: Report) -> datetime:
    """Return the time of a report: the end of its window, else the last thing that anything in it dates."""
    if report.window.end is not None:
        return report.window.end
    lasts = [row.last for host in report.hosts for row in host.coverage if row.last is not None]
    return max(lasts, default=report.window.start)


def _prop(name: str, value: str) -> Json:
    return {"name": name, "ns": OWN, "value": _line(value, 500)}


def _some(name: str, value: str) -> list[Json]:
    return [_prop(name, value)] if value else []


def _line(text: str, most: int = LONG) -> str:
    """Return text as OSCAL takes it: on one line, nothing around it, never empty, nothing that cannot be seen."""
    kept, more = cut(text, most)
    told = encodable(spelled(kept)).strip()
    return (told or "-") + (" …" if more else "")


def _token(text: str) -> str:
    """Return text as a token: it begins with a letter and holds letters, digits, `.`, `-` and `_`."""
    kept = "".join(sign if sign.isascii() and (sign.isalnum() or sign in ".-_") else "-" for sign in text)
    return kept if kept[:1].isalpha() or kept[:1] == "_" else f"r{kept}"
