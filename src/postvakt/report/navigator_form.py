"""The techniques of a case as a layer of the ATT&CK Navigator (layer format 4.5), with what could not be seen."""

import re
from collections import defaultdict
from collections.abc import Iterator, Mapping
from typing import Any

import msgspec

from postvakt.model.report import FindingRow, HostRow, Report
from postvakt.model.rule import LEVELS, Level, Stage
from postvakt.report import words
from postvakt.report.text import encodable_in

COLOURS: Mapping[Level, str] = {
    "informational": "#dfe7ef",
    "low": "#fbe7b2",
    "medium": "#f7c873",
    "high": "#ec8f4c",
    "critical": "#c8372d",
}
UNSEEN_COLOUR = "#9aa0a6"
"""Of techniques without a finding whose source was not read on some host: no white cell may pass for a clear one."""

UNDONE: frozenset[Stage] = frozenset(("authorised-scan", "responder-tool"))

SHOWN_BY: Mapping[str, tuple[str, ...]] = {
    "http_proxy": ("T1190", "T1114.002"),
    "iis": ("T1190", "T1071.001"),
    "ecp_server": ("T1505.003",),
    "file": ("T1505.003", "T1486"),
    "iis_config": ("T1505.004",),
    "scheduled_task": ("T1053.005",),
    "registry_value": ("T1547.001", "T1547.005", "T1112"),
    "memory": ("T1003.001", "T1055"),
    "event:Security": ("T1136.002", "T1098", "T1070.001"),
    "event:System": ("T1543.003", "T1569.002"),
    "event:Microsoft-Windows-Sysmon/Operational": ("T1059.001", "T1059.003"),
    "event:MSExchange Management": ("T1114.002", "T1098.002"),
    "powershell_history": ("T1059.001",),
}
"""Techniques that a source is looked at for: where it was not read, that they were not used is not known."""

_TECHNIQUE = re.compile(r"[Tt]\d{4}(\.\d{3})?")
FINDINGS = 12
"""Findings, and places where nothing was visible, that a technique names; how many more there are is told."""


def render(report: Report) -> bytes:
    """Return the layer as indented UTF-8 JSON, techniques by their id, a line end at the end.

    The score is the gravest level, 1 for informational to 5 for critical. Acknowledged findings are left out.
    """
    layer = {
        "name": f"{report.directive}: findings",
        "versions": {"attack": "16", "navigator": "5.1.0", "layer": "4.5"},
        "domain": "enterprise-attack",
        "description": (
            f"{words.tlp(report.tlp)}. {report.directive_title or report.directive}. Grey: not visible."
        ),
        "sorting": 3,
        "hideDisabled": False,
        "techniques": list(_techniques(report)),
        "gradient": {"colors": list(COLOURS.values()), "minValue": 1, "maxValue": len(LEVELS)},
        "legendItems": [
            *({"label": words.LEVEL_WORDS[level], "color": colour} for level, colour in COLOURS.items()),
            {"label": "not visible: its source was not read on some host", "color": UNSEEN_COLOUR},
        ],
        "showTacticRowBackground": False,
        "selectTechniquesAcrossTactics": True,
        "selectSubtechniquesWithParent": False,
        "metadata": [
            {"name": "hosts", "value": str(len(report.hosts))},
            {"name": "content", "value": report.content},
            {"name": "postvakt", "value": report.postvakt},
        ],
    }
    return msgspec.json.format(msgspec.json.encode(encodable_in(layer)), indent=2) + b"\n"


def _techniques(report: Report) -> Iterator[dict[str, Any]]:
    found: dict[str, list[tuple[HostRow, FindingRow]]] = defaultdict(list)
    for host in report.hosts:
        for row in host.findings:
            if row.acknowledged is None and row.stage not in UNDONE:
                for technique in filter(_TECHNIQUE.fullmatch, row.techniques):
                    found[technique.upper()].append((host, row))
    unseen = _unseen(report)
    for technique in sorted({*found, *unseen}):
        blind = _blind(unseen.get(technique, []))
        seen = found.get(technique, [])
        yield _seen(technique, seen, blind) if seen else _grey(technique, blind)


def _seen(
    technique: str, seen: list[tuple[HostRow, FindingRow]], blind: list[dict[str, str]]
) -> dict[str, Any]:
    grave = max(LEVELS.index(row.level) for _, row in seen)
    told = [
        f"{host.host}: {row.title} ({row.level}, {words.count(row.count, 'record')})" for host, row in seen
    ]
    if len(told) > FINDINGS:
        told = [*told[:FINDINGS], f"and {words.count(len(told) - FINDINGS, 'more finding')}"]
    return {
        "techniqueID": technique,
        "score": grave + 1,
        "color": COLOURS[LEVELS[grave]],
        "comment": "\n".join(told),
        "enabled": True,
        "showSubtechniques": "." in technique,
        "metadata": [
            {"name": "hosts", "value": ", ".join(sorted({host.host for host, _ in seen}))},
            *blind,
        ],
    }


def _blind(unseen: list[tuple[str, str]]) -> list[dict[str, str]]:
    told = [{"name": f"not visible on {host}", "value": f"{source} was not read"} for host, source in unseen]
    if len(told) > FINDINGS:
        more = {"name": "not visible", "value": f"on {words.count(len(told) - FINDINGS, 'more place')}"}
        return [*told[:FINDINGS], more]
    return told


def _grey(technique: str, blind: list[dict[str, str]]) -> dict[str, Any]:
    return {
        "techniqueID": technique,
        "color": UNSEEN_COLOUR,
        "comment": "Not visible: that it was not used is not known.",
        "enabled": True,
        "showSubtechniques": "." in technique,
        "metadata": blind,
    }


def _unseen(report: Report) -> dict[str, list[tuple[str, str]]]:
    """Return host and source for each technique whose source nothing was read of."""
    made: dict[str, list[tuple[str, str]]] = defaultdict(list)
    for host in report.hosts:
        read = {row.artifact for row in host.coverage if row.records}
        for source, techniques in SHOWN_BY.items():
            if source not in read:
                for technique in techniques:
                    made[technique].append((host.host, source))
    return made
