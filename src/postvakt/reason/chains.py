"""Findings on one host in the order of a known attack, the missing links drawn as missing, each with its reason."""

from collections.abc import Iterable, Sequence

from postvakt.model.directive import ChainSpec, Step
from postvakt.model.report import ChainRow, CoverageRow, FindingRow, StepRow


def chains(
    specs: Iterable[ChainSpec], findings: Sequence[FindingRow], coverage: Sequence[CoverageRow]
) -> tuple[ChainRow, ...]:
    """Return the chains of which at least one step was seen."""
    built = (_chain(spec, findings, coverage) for spec in specs)
    return tuple(chain for chain in built if any(step.finding for step in chain.steps))


def _chain(spec: ChainSpec, findings: Sequence[FindingRow], coverage: Sequence[CoverageRow]) -> ChainRow:
    steps = tuple(_step(step, findings, coverage) for step in spec.steps)
    return ChainRow(id=spec.id, title=spec.title, complete=all(step.finding for step in steps), steps=steps)


def _step(step: Step, findings: Sequence[FindingRow], coverage: Sequence[CoverageRow]) -> StepRow:
    shown = sorted(
        (row for row in findings if row.rule in step.rules),
        key=lambda row: (row.first is None, str(row.first), row.rule),
    )
    if shown:
        return StepRow(
            step=step.id,
            title=step.title,
            stage=step.stage,
            finding=shown[0].id,
            time=shown[0].first,
        )
    return StepRow(
        step=step.id,
        title=step.title,
        stage=step.stage,
        finding=None,
        time=None,
        missing=why_missing(step, coverage),
    )


def why_missing(step: Step, coverage: Sequence[CoverageRow]) -> str:
    """Say why a step was not seen: looked for in vain, or not looked for."""
    read = {row.artifact: row for row in coverage}
    absent = [name for name in step.needs if name not in read]
    seen = [read[name] for name in step.needs if name in read]
    told = [
        f"not seen in {row.artifact}"
        + (f" ({row.first:%Y-%m-%d} to {row.last:%Y-%m-%d})" if row.first and row.last else "")
        for row in seen
    ]
    if absent:
        told.append(f"not looked for in {', '.join(absent)}: nothing of it was read")
    return "; ".join(told) or "no source that could show it is known"
