"""Writes docs/sigma-agreement.md: our Sigma engine beside a second one, rule by rule and record by record.

`python -m docs.sigma_agreement FOLDER` asks all rules of FOLDER/sigma-rules of the event logs below FOLDER, and of
events made of each rule's own words. JUDGED is what the test marked `shared` holds the differences to.
"""

import sys
import tempfile
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

import msgspec

from docs import second_engine
from docs.second_engine import Matched
from docs.sigma_modifiers import DIFFERS, MODIFIERS, NOT_MODIFIERS
from postvakt import artifacts, detect, evidence
from postvakt.detect.logsources import OTHERS
from postvakt.model.evidence import Source

PAGE = Path(__file__).resolve().parent / "sigma-agreement.md"
FOLDERS = (
    "evtx/attack-samples",
    "evtx/to-mitre",
    "evtx/sigma-regression",
    "evtx/malformed",
    "evtx/velocidex",
    "evtx-json/otrf",
    "hosts/win10-clean",
)
MADE = "made of the rules' words"
MOST_DIFFERING = 0.01
MOST_NOT_ASKED = 20
HEAD = """# Sigma: agreement with a second engine, and what is asked

The public rules of SigmaHQ (none of them is part of this repository) asked twice of the same tables: by our engine, and
by pySigma's own conversion to SQLite (`pySigma-backend-sqlite`). The second engine shares with ours the parser of rules
and the table of log sources, and nothing of what a value, a field or a condition means. Recorded logs answer few of
the rules that there are, so both are asked of made events as well: for each rule a dozen with the words that it looks
for, some with those of its exceptions, some spoiled in one place. Written by `python -m docs.sigma_agreement FOLDER`;
`tests/detect/test_second_engine.py` holds the engines to it.
"""


class Judged(msgspec.Struct, frozen=True):
    """A rule of which the engines say different things, and who is right by the specification."""

    rule: str
    right: str
    why: str


CORRELATIONS = """
## Correlations

All eight types are asked, with `group-by`, `aliases`, `timespan` and `generate`, over rules of different tables and
over all servers of a case: only a group by `Computer` keeps servers apart.
`tests/commands/test_correlation_kinds.py` writes each as a pack does; `tests/commands/test_correlation_agreement.py`
has both engines join the same records, of those and of events by chance. What was judged there:

- A rule's absence (`condition: a and not b`) is asked here of the span that ends at a match. There it is told once the
  span after the match has run out within the logs, so the last match of a log is left out.
- A list of fields in `value_count` counts different combinations here; there it is not supported.
- Of several matches of one rule in `temporal_ordered` the latest before the next is joined here; there others are.
  Whether there is an order both say alike. Two matches in one second stand in the order of the logs.
- A line of a log that was carved out of memory is a match of its own only where no match of the log tells the same
  request at the same time, and no line that was carved before does. So one request counts once, however often memory
  holds its line; equal requests of one second that only memory tells count as one.
"""
CIDR = (
    "the exception is a network, and the value is no address; the conversion compares texts that begin alike"
)
JUDGED = (
    Judged(
        "0b7889b4-5577-4521-a60a-3376ee7f9f7b",
        "ours",
        "the exception asks for `Provider: SCM Event Provider`, which the event's own data hold beside the "
        "provider that its System names; one cell of a table holds one of the two",
    ),
    Judged("37e4024a-6c80-4d8f-b95d-2e7e94f3a8d1", "ours", CIDR),
    Judged("3c21219b-49b5-4268-bce6-c914ed50f09c", "ours", CIDR),
    Judged("cfed2f44-16df-4bf3-833a-79405198b277", "ours", CIDR),
    Judged(
        "ffa28e60-bdb1-46e0-9f82-05f7a61cc06e",
        "ours",
        "the value has `À` where the rule has `à`: case does not count in Sigma, and SQLite folds ASCII alone",
    ),
)


class Compared(msgspec.Struct, frozen=True):
    """What both engines matched in one set of events."""

    where: str
    events: int
    ours: Matched
    theirs: Matched

    def differing(self) -> dict[str, tuple[int, int]]:
        """Return the rules that did not match the same records: how many ours has alone, and how many the other."""
        pairs = {
            rule: (self.ours.get(rule, set()), self.theirs.get(rule, set()))
            for rule in sorted({*self.ours, *self.theirs})
        }
        return {
            rule: (len(one - other), len(other - one)) for rule, (one, other) in pairs.items() if one != other
        }


def rules(root: Path) -> list[detect.RuleText]:
    """Return the rules of SigmaHQ below a folder."""
    place = root / "sigma-rules"
    return [
        detect.RuleText(path.relative_to(place).as_posix(), path.read_text("utf-8"), "pack")
        for path in sorted(place.rglob("*.yml"))
    ]


def plan_of(texts: Sequence[detect.RuleText]) -> detect.Plan:
    """Return the plan of rules for all tables that there are."""
    return detect.compile_plan(list(texts), [], [], list(artifacts.TABLES.values()))


def asked_of_events(plan: detect.Plan) -> int:
    """Return how many rules are asked of events."""
    return sum(any(route.table == "event" for route in asked.routes) for asked in plan.asked)


def recorded(root: Path, folder: str, plan: detect.Plan, texts: Iterable[detect.RuleText]) -> Compared:
    """Ask both engines of a folder's logs."""
    with tempfile.TemporaryDirectory() as scratch:
        ours, theirs, events = second_engine.matched(plan, texts, _sources(root / folder, Path(scratch)))
    return Compared(folder, events, ours, theirs)


def made(plan: detect.Plan, texts: Iterable[detect.RuleText]) -> Compared:
    """Ask both engines of events made of each rule's own words."""
    ours, theirs, events = second_engine.matched_made(plan, texts)
    return Compared(MADE, len(events), ours, theirs)


def _sources(folder: Path, scratch: Path) -> Iterator[Source]:
    kinds = [reader.artifact for reader in second_engine.READERS.values()]
    for member in evidence.take_in(str(folder), kinds, scratch=scratch).members:
        if member.artifact in second_engine.READERS:
            yield evidence.source(str(folder), member, scratch=scratch)


def page(root: Path) -> str:
    """Return the page for a folder of evidence."""
    texts = rules(root)
    plan = plan_of(texts)
    compared = [*(recorded(root, folder, plan, texts) for folder in FOLDERS), made(plan, texts)]
    return "".join(
        (
            HEAD,
            *_figures(plan, compared),
            *_differences(plan, compared),
            *not_asked(plan),
            *elsewhere(),
            CORRELATIONS,
            *modifiers(),
        )
    )


def _figures(plan: detect.Plan, compared: Sequence[Compared]) -> Iterator[str]:
    asked = asked_of_events(plan)
    differing = {rule for one in compared for rule in one.differing()}
    yield (
        f"\n{len(differing)} of {asked:,} rules that are asked of events differ in any record "
        f"({len(differing) / asked:.2%}); at most {MOST_DIFFERING:.0%} may.\n\n"
        "| events | how many | rules that match | matches of ours | of the second | rules that differ |\n"
        "|---|---:|---:|---:|---:|---:|\n"
    )
    for one in compared:
        counts = [sum(map(len, found.values())) for found in (one.ours, one.theirs)]
        yield (
            f"| {one.where} | {one.events:,} | {len({*one.ours, *one.theirs}):,} | {counts[0]:,} | {counts[1]:,} "
            f"| {len(one.differing())} |\n"
        )


def _differences(plan: detect.Plan, compared: Sequence[Compared]) -> Iterator[str]:
    titles = {rule.id: rule.title for rule in plan.rules}
    judged = {one.rule: one for one in JUDGED}
    yield "\n## Differences, each judged at its record\n\n"
    yield "| rule | events | ours alone | the second alone | right | why |\n|---|---|---:|---:|---|---|\n"
    for one in compared:
        for rule, (ours, theirs) in one.differing().items():
            verdict = judged.get(rule, Judged(rule, "not judged", ""))
            yield (
                f"| {_cell(titles[rule])} `{rule}` | {one.where} | {ours} | {theirs} | {verdict.right} "
                f"| {_cell(verdict.why)} |\n"
            )


def not_asked(plan: detect.Plan) -> Iterator[str]:
    """Yield the part of the page about rules that are not asked."""
    told = len(plan.rules) + len(plan.not_asked)
    yield f"\n## Rules that are not asked\n\n{len(plan.not_asked)} of {told:,} rules are not asked:\n\n"
    yield "| rule | why |\n|---|---|\n"
    for row in sorted(plan.not_asked, key=lambda row: (row.reason, row.path)):
        yield f"| {_cell(row.title)} (`{row.path}`) | {_cell(row.reason)} |\n"


def elsewhere() -> Iterator[str]:
    """Yield the part of the page about log sources that are asked of a record other than the one they name."""
    yield (
        "\n## Log sources that are asked of another record of the same fact\n\n"
        "Rules of these are asked where Windows holds the same, or would hold it:\n\n"
        "| log source | asked of |\n|---|---|\n"
    )
    for parts, view in OTHERS:
        source = ", ".join(
            f"{name} {part}"
            for name, part in zip(("category", "product", "service"), parts, strict=True)
            if part is not None
        )
        ids = " " + ", ".join(map(str, view.ids)) if view.ids else ""
        guard = f" of {view.guard[0]} {' or '.join(view.guard[1])}" if view.guard else ""
        yield f"| {source} | {' and '.join(view.channels)}{ids}{guard} |\n"
    yield "| product windows, category file_access | Security 4663 of ObjectType File, where the system audits it |\n"
    yield (
        "| category proxy | `iis`: a proxy's W3C log has the same fields; of a server's own requests a rule about "
        "browsers that go out says nothing |\n"
    )


def modifiers() -> Iterator[str]:
    """Yield the part of the page about modifiers."""
    yield "\n## Modifiers\n\nAll are asked.\n\n| modifier | what it means here | example | passes | does not |\n"
    yield "|---|---|---|---|---|\n"
    for one in MODIFIERS:
        names = ", ".join(f"`{name}`" for name in one.names)
        yield (
            f"| {names} | {one.means} | `{_cell(one.line)}` | `{_shown(one.passes)}` | "
            f"{f'`{_shown(one.fails)}`' if one.fails else 'no such field'} |\n"
        )
    yield "\nWhere pySigma's conversion to SQLite answers otherwise:\n\n"
    yield "| line | value | ours | why |\n|---|---|---|---|\n"
    for each in DIFFERS:
        value = "an empty element" if each.value is None else f"`{each.value}`"
        yield f"| `{_cell(each.line)}` | {value} | {'passes' if each.ours else 'does not pass'} | {each.why} |\n"
    yield "\n" + "".join(f"- {told}\n" for told in NOT_MODIFIERS)


def _shown(value: str) -> str:
    return value.replace("\n", "\\n")


def _cell(text: str) -> str:
    return text.replace("|", "\\|").replace("\n", " ")


def main() -> int:
    """Write the page for the folder that is named, and tell what on it is not as it should be."""
    root = Path(sys.argv[1])
    text = page(root)
    PAGE.write_text(text, encoding="utf-8")
    return int("not judged" in text)


if __name__ == "__main__":
    sys.exit(main())
