"""Findings that show marks of the content, made without any evidence."""

from datetime import UTC, datetime

from postvakt import content
from postvakt.model.report import FindingRow, Sample
from tests.reason.values import covered, finding

KNOWN = content.load().knowledge
MARKS = {mark.id: mark for mark in KNOWN.marks}
SPECS = {actor.id: actor for actor in KNOWN.actors}
READ = tuple(covered(name) for name in sorted({need for mark in KNOWN.marks for need in mark.needs}))
"""Everything was read that could show a mark."""

WHEN = datetime(2021, 3, 4, 3, 0, tzinfo=UTC)


def shows(mark: str, *, address: str = "", **given: object) -> FindingRow:
    """A finding that shows a mark by its first sign; `address` stands in its row."""
    sign = MARKS[mark].signs[0]
    fields = {"said": f"before {sign.words[0].upper()} after"} if sign.words else {}
    if address:
        fields["client"] = address
    row = Sample(
        table="t", evidence="e", source="s", locator=1, locator_kind="line", time=WHEN, fields=fields
    )
    plain = {
        "id": f"f-{mark}",
        "rule": sign.rules[0] if sign.rules else "r",
        "techniques": sign.techniques,
        "sample": (row,),
        "first": WHEN,
        "last": WHEN,
    }
    stage = sign.stages[0] if sign.stages else "shell-used"
    return finding(**{"stage": stage, **plain, **given})


def own_marks(actor: str) -> list[str]:
    """The marks that findings can show and that this actor alone shows."""
    others = {c.mark for spec in KNOWN.actors if spec.id != actor for c in spec.claims if not c.against}
    claims = [c for c in SPECS[actor].claims if not c.against and c.source != "SILK"]
    return [c.mark for c in claims if MARKS[c.mark].signs and c.mark not in others]
