"""The findings of a case as a STIX 2.1 bundle, for whoever is told of them.

What was seen is observed data and sightings of techniques; addresses of parties and hashes of files that intruders left
are indicators. Nothing here says who it was: an argument about actors is no object that others should import as a fact.
Every id follows from what it names, every time from the evidence: the same report is the same bundle.
"""

import json
import re
import uuid
from collections.abc import Iterable, Iterator, Mapping
from datetime import UTC, datetime
from ipaddress import ip_address
from typing import Any

import msgspec

from postvakt.model.report import FindingRow, HostRow, Report, Sample
from postvakt.model.rule import Confidence, Stage
from postvakt.report.text import encodable, encodable_in

Made = dict[str, Any]

SPACE = uuid.UUID("6a4d2b6e-9a0c-5f0e-8f58-3f1a7d0c2e91")
"""Under which the ids of this form's own objects are made."""

OBSERVABLE_SPACE = uuid.UUID("00abedb4-aa42-466c-9c23-fed23a9da7f5")
"""Under which STIX 2.1 (2.9) makes the ids of observables."""

MOST_OBSERVED = 999_999_999
"""What STIX allows `number_observed` and `count` to be at most."""

TLP_EXTENSION = "extension-definition--60a3c5c5-0d10-413e-aab3-9e08dde9e88d"
TLP: Mapping[str, str] = {
    "clear": "marking-definition--94868c89-83c2-464b-929b-a1a8aa3c8487",
    "green": "marking-definition--bab4a63c-aed9-4cf5-a766-dfca5abac2bb",
    "amber": "marking-definition--55d920b0-5e8b-4f79-9ee9-91f868d9b421",
    "amber+strict": "marking-definition--939a9414-2ddd-4d32-a0cd-375ea402b003",
    "red": "marking-definition--e828b379-4e03-4974-9ac4-e53a884c97c1",
}
"""The marking definitions of TLP 2.0 by the word, as FIRST and OASIS publish them."""

CERTAINTY: Mapping[Confidence, int] = {"low": 15, "medium": 50, "high": 85}
"""Our confidence on the scale of STIX 2.1, appendix A: None, Low, Med, High."""

LEFT: frozenset[Stage] = frozenset(("file-written", "shell-used", "credential-access", "impact"))
"""Stages whose files an intruder left: only their hashes are given on as indicators."""

UNDONE: frozenset[Stage] = frozenset(("authorised-scan", "responder-tool"))
_SHA256 = re.compile(r"[0-9a-fA-F]{64}")
_TECHNIQUE = re.compile(r"[Tt]\d{4}(\.\d{3})?")
_PATH = re.compile(r"[A-Za-z]:[\\/]|/")


def render(report: Report) -> bytes:
    """Return the bundle as indented UTF-8 JSON, objects by type and id, a line end at the end.

    Acknowledged findings and those that only label a scan or a responder's tool are no part of it.
    """
    bundle = _Bundle(report)
    for host in report.hosts:
        for row in host.findings:
            if row.acknowledged is None and row.stage not in UNDONE:
                bundle.finding(host, row)
        bundle.parties(host)
    return (
        msgspec.json.format(msgspec.json.encode(encodable_in(bundle.whole()), order="sorted"), indent=2)
        + b"\n"
    )


class _Bundle:
    """Collects objects, each once."""

    def __init__(self, report: Report) -> None:
        self._report = report
        self._at = _instant(report.window.end or report.window.start)
        self._marking = _marking(report.tlp)
        self._objects: dict[str, Made] = {self._marking["id"]: self._marking}
        self._author = ""
        self._author = self._domain("identity", "postvakt", name="Postvakt", identity_class="system")

    def finding(self, host: HostRow, row: FindingRow) -> None:
        """Add what one finding observed, and the sightings of its techniques."""
        where = self._host(host)
        observed = self._observed(host, row)
        for technique in filter(_TECHNIQUE.fullmatch, row.techniques):
            seen = self._technique(technique)
            self._sighting(f"{host.host}\0{row.id}\0{technique}", seen, where, row, observed)
        if row.stage in LEFT:
            for digest, path in sorted(_hashes(row.sample)):
                first = _instant(row.first) if row.first else _instant(self._report.window.start)
                pattern = f"[file:hashes.'SHA-256' = '{digest}']"
                named = self._indicator(pattern, f"File of an intruder: {path}", first, row.confidence)
                self._sighting(f"{host.host}\0{row.id}\0{digest}", named, where, row, observed)

    def parties(self, host: HostRow) -> None:
        """Add the addresses of the parties that a host's story tells apart."""
        for actor in host.story.actors:
            for address in actor.addresses:
                kind = _address_kind(address)
                if not kind or not actor.first:
                    continue
                named = self._indicator(
                    f"[{kind}:value = '{address}']",
                    f"Address of a party: {address}",
                    _instant(actor.first),
                    "medium",
                )
                self._domain(
                    "sighting",
                    f"{host.host}\0{actor.id}\0{address}",
                    sighting_of_ref=named,
                    where_sighted_refs=[self._host(host)],
                    first_seen=_instant(actor.first),
                    last_seen=_instant(actor.last or actor.first),
                    count=min(actor.traces, MOST_OBSERVED),
                )

    def whole(self) -> Made:
        """Return the bundle, closed by a report object that names everything in it."""
        refs = sorted(name for name in self._objects if not name.startswith("marking-definition"))
        undated = sum(not row.first for host in self._report.hosts for row in host.findings)
        put_aside = sum(row.acknowledged is not None for host in self._report.hosts for row in host.findings)
        self._domain(
            "report",
            encodable(f"{self._report.directive}\0{refs}"),
            name=f"Findings of a case: {self._report.directive_title or self._report.directive}",
            description=(
                f"{len(self._report.hosts)} hosts. {undated} findings without a time have no observed data; "
                f"{put_aside} were acknowledged by a person and are left out."
            ),
            report_types=["observed-data"],
            published=self._at,
            object_refs=refs,
        )
        made = sorted(self._objects.values(), key=lambda one: (one["type"], one["id"]))
        bundle = uuid.uuid5(SPACE, "\0".join(one["id"] for one in made))
        return {"type": "bundle", "id": f"bundle--{bundle}", "objects": made}

    def _host(self, host: HostRow) -> str:
        return self._domain("identity", f"host\0{host.host}", name=host.host, identity_class="system")

    def _technique(self, technique: str) -> str:
        name = technique.upper()
        page = f"https://attack.mitre.org/techniques/{name.replace('.', '/')}"
        reference = {"source_name": "mitre-attack", "external_id": name, "url": page}
        return self._domain("attack-pattern", name, name=name, external_references=[reference])

    def _indicator(self, pattern: str, name: str, first: str, confidence: Confidence) -> str:
        return self._domain(
            "indicator",
            pattern,
            name=name,
            pattern=pattern,
            pattern_type="stix",
            pattern_version="2.1",
            valid_from=first,
            indicator_types=["malicious-activity"],
            confidence=CERTAINTY[confidence],
        )

    def _observed(self, host: HostRow, row: FindingRow) -> str:
        """Return the observed data of a finding; empty where no time is known, without which STIX has none."""
        if row.first is None or row.last is None or not row.sample:
            return ""
        refs = sorted({self._observable(one) for sample in row.sample for one in _observables(sample)})
        return self._domain(
            "observed-data",
            f"{host.host}\0{row.id}",
            first_observed=_instant(row.first),
            last_observed=_instant(row.last),
            number_observed=min(row.count, MOST_OBSERVED),
            object_refs=refs,
        )

    def _sighting(self, key: str, of: str, where: str, row: FindingRow, observed: str) -> None:
        dated = (
            {"first_seen": _instant(row.first), "last_seen": _instant(row.last)}
            if row.first and row.last
            else {}
        )
        self._domain(
            "sighting",
            key,
            sighting_of_ref=of,
            where_sighted_refs=[where],
            count=min(row.count, MOST_OBSERVED),
            description=f"{row.title} ({row.level}, finding {row.id})",
            confidence=CERTAINTY[row.confidence],
            **dated,
            **({"observed_data_refs": [observed]} if observed else {}),
        )

    def _domain(self, kind: str, key: str, **properties: Any) -> str:
        name = f"{kind}--{uuid.uuid5(SPACE, encodable(f'{kind}{chr(0)}{key}'))}"
        author = {"created_by_ref": self._author} if self._author else {}
        # The first word stays: an indicator seen on several hosts is told once, by the host that comes first.
        self._objects.setdefault(
            name,
            {
                "type": kind,
                "spec_version": "2.1",
                "id": name,
                "created": self._at,
                "modified": self._at,
                **author,
                "object_marking_refs": [self._marking["id"]],
                **properties,
            },
        )
        return name

    def _observable(self, made: Made) -> str:
        marked = {"spec_version": "2.1", "object_marking_refs": [self._marking["id"]]}
        self._objects.setdefault(made["id"], {**made, **marked})
        return str(made["id"])


def _marking(tlp: str) -> Made:
    word = tlp if tlp in TLP else "red"  # A word that nobody knows is kept close, not given away.
    return {
        "type": "marking-definition",
        "spec_version": "2.1",
        "id": TLP[word],
        "created": "2022-10-01T00:00:00.000Z",
        "name": f"TLP:{word.upper()}",
        "extensions": {TLP_EXTENSION: {"extension_type": "property-extension", "tlp_2_0": word}},
    }


def _observables(sample: Sample) -> Iterator[Made]:
    """Yield what a matched row holds: addresses, the file it is about, and always the file that it was read from."""
    yield _file(sample.source, None)
    for value in sample.fields.values():
        kind = _address_kind(value)
        if kind:
            yield _observable(kind, {"value": value})
    for digest, path in _hashes([sample]):
        yield _file(path, digest)


def _hashes(samples: Iterable[Sample]) -> set[tuple[str, str]]:
    """Return hash and path of the files that rows are about; a row that names no path is about no file of its own."""
    found = set()
    for sample in samples:
        path = next((v for v in sample.fields.values() if _PATH.match(v)), "")
        if sample.table == "file" and path:
            digests = (v.lower() for v in sample.fields.values() if _SHA256.fullmatch(v))
            found |= {(digest, path) for digest in digests}
    return found


def _file(path: str, digest: str | None) -> Made:
    name = encodable(re.split(r"[\\/]", path.rstrip("\\/"))[-1]) or "unnamed"
    return _observable("file", {"name": name, **({"hashes": {"SHA-256": digest}} if digest else {})})


def _observable(kind: str, properties: Made) -> Made:
    written = json.dumps(properties, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    return {"type": kind, "id": f"{kind}--{uuid.uuid5(OBSERVABLE_SPACE, written)}", **properties}


def _address_kind(value: str) -> str:
    try:
        return f"ipv{ip_address(value).version}-addr" if "%" not in value else ""
    except ValueError:
        return ""


def _instant(instant: datetime) -> str:
    return instant.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.%f")[:-3] + "Z"
