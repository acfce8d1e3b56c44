"""Matches on their way from tasks to findings: one Parquet schema, grouped by rule and source."""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from operator import attrgetter
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from postvakt.model.clock import from_micros
from postvakt.model.conclusion import MatchGroup
from postvakt.model.report import Sample
from postvakt.model.rule import Match
from postvakt.model.table import TableSpec
from postvakt.tables.case import Case

SCHEMA = pa.schema(
    [
        ("rule", pa.string()),
        ("table", pa.string()),
        ("evidence", pa.string()),
        ("source", pa.string()),
        ("locator", pa.int64()),
        ("part", pa.string()),
        ("row", pa.int64()),
        ("time", pa.timestamp("us", tz="UTC")),
        ("detail", pa.string()),
    ]
)
SAMPLES_OF_A_SOURCE = 6
LONGEST_FIELD = 8192
"""Characters of a field that a report carries; the row in the part holds all of it."""


def batch(matches: Iterable[Match]) -> pa.RecordBatch:
    """Return matches as one batch."""
    rows = list(matches)
    columns = [pa.array(list(map(attrgetter(field.name), rows)), field.type) for field in SCHEMA]
    return pa.RecordBatch.from_arrays(columns, schema=SCHEMA)


def gather(case: Case, paths: Iterable[str]) -> pa.Table:
    """Return the tasks' matches together, in an order that no run changes."""
    pieces = [pq.read_table(case.path(path), schema=SCHEMA) for path in sorted(set(paths))]
    return ordered(pa.concat_tables(pieces) if pieces else SCHEMA.empty_table())


def ordered(matches: pa.Table) -> pa.Table:
    """Return matches in an order that no run changes."""
    names = ("evidence", "source", "table", "locator", "row", "rule", "detail")
    return matches.sort_by([(name, "ascending") for name in names]).combine_chunks()


def keep(case: Case, matches: pa.Table) -> None:
    """Write all matches of a case into `matches.parquet`."""
    with case.part("matches.parquet", SCHEMA) as part:
        for piece in matches.to_batches():
            part.write(piece)


Key = tuple[str, str, str, str]
"""Rule, evidence, source, table: the matches that are told as one."""


def groups(matches: pa.Table, samples: Mapping[Key, Sequence[Sample]]) -> Iterator[MatchGroup]:
    """Yield the matches of each rule in each source, with its samples."""
    if not matches.num_rows:
        return
    keyed = matches.append_column("at", pa.array(range(matches.num_rows), pa.int64()))
    grouped = keyed.group_by(["rule", "evidence", "source", "table"], use_threads=False).aggregate(
        [("row", "count"), ("time", "count"), ("time", "min"), ("time", "max"), ("at", "min")]
    )
    for entry in grouped.sort_by("at_min").to_pylist():
        key = (entry["rule"], entry["evidence"], entry["source"], entry["table"])
        yield MatchGroup(
            rule=key[0],
            evidence=key[1],
            source=key[2],
            table=key[3],
            count=entry["row_count"],
            undated=entry["row_count"] - entry["time_count"],
            first=_us(entry["time_min"]),
            last=_us(entry["time_max"]),
            samples=tuple(samples.get(key, ())),
        )


def _us(value: Any) -> int | None:
    return None if value is None else pa.scalar(value, pa.timestamp("us", tz="UTC")).value


def sampled(matches: pa.Table) -> list[Match]:
    """Return the first matches of each rule in each source, in time where there is one."""
    seen: dict[tuple[str, str, str], int] = defaultdict(int)
    wanted = []
    keyed = matches.append_column("at", pa.array(range(matches.num_rows), pa.int64()))
    ordered = keyed.sort_by([("time", "ascending"), ("at", "ascending")])
    columns = [ordered.column(name).to_pylist() for name in ("rule", "evidence", "source", "at")]
    for rule, evidence, source, at in zip(*columns, strict=True):
        if seen[rule, evidence, source] < SAMPLES_OF_A_SOURCE:
            seen[rule, evidence, source] += 1
            wanted.append(at)
    return values(matches.take(pa.array(wanted, pa.int64())))


def values(matches: pa.Table) -> list[Match]:
    """Return matches as values."""
    times = pc.cast(matches.column("time"), pa.int64())
    plain = matches.set_column(matches.schema.get_field_index("time"), "time", times)
    return [Match(**{**row, "detail": row["detail"] or ""}) for row in plain.to_pylist()]


def sample(match: Match, spec: TableSpec, row: Mapping[str, Any], explained: Any) -> Sample:
    """Return a matched row as a report tells it. `explained(rule, spec, row)` says in a line why it matched."""
    return Sample(
        table=match.table,
        evidence=match.evidence,
        source=match.source,
        locator=match.locator,
        locator_kind=spec.locator,
        time=None if match.time is None else from_micros(match.time),
        fields=fields_of(row),
        detail=match.detail or explained(match.rule, spec, row),
    )


def by_key(samples: Iterable[tuple[str, Sample]]) -> dict[Key, list[Sample]]:
    """Return samples, each given with its rule, by what is told as one, in the order in which they are told."""
    found: dict[Key, list[Sample]] = defaultdict(list)
    for rule, one in samples:
        found[rule, one.evidence, one.source, one.table].append(one)
    for told in found.values():
        told.sort(key=lambda s: (s.time is None, str(s.time), s.locator))
    return found


def read_rows(case: Case, part: str, numbers: list[int]) -> list[dict[str, Any]]:
    """Return rows of a part by number (ascending), as mappings of column names."""
    file = pq.ParquetFile(case.path(part))
    found: list[dict[str, Any]] = []
    start = 0
    waiting = list(numbers)
    for group in range(file.num_row_groups):
        count = file.metadata.row_group(group).num_rows
        mine = [number - start for number in waiting if start <= number < start + count]
        if mine:
            table = file.read_row_group(group, use_threads=False)
            found += table.take(pa.array(mine, pa.int64())).to_pylist()
            waiting = waiting[len(mine) :]
        start += count
    file.close()
    return found


def fields_of(row: Mapping[str, Any]) -> dict[str, str]:
    """Return a row's own fields as text, without where it was read; pairs by their names, unnamed ones numbered."""
    fields: dict[str, str] = {}
    for name, value in row.items():
        if name in ("time", "evidence", "source", "locator") or value is None or value == []:
            continue
        if isinstance(value, list) and value and isinstance(value[0], dict):
            for position, pair in enumerate(value):
                label = pair["name"] or f"Data[{position}]"
                fields[_free(f"{name}.{label}" if name == "unmapped" else label, fields)] = _cut(
                    pair["value"]
                )
        else:
            fields[_free(name, fields)] = _cut(value)
    return fields


def _free(name: str, taken: Mapping[str, str]) -> str:
    label, number = name, 2
    while label in taken:
        label, number = f"{name}#{number}", number + 1
    return label


def _cut(value: Any) -> str:
    if value is None:
        return ""
    if hasattr(value, "isoformat"):
        text = value.isoformat().replace("+00:00", "Z")
    elif isinstance(value, list):
        text = "\n".join(str(entry) for entry in value)
    else:
        text = str(value)
    return text if len(text) <= LONGEST_FIELD else f"{text[:LONGEST_FIELD]}... ({len(text)} characters)"


def times_of(batch_: pa.RecordBatch) -> list[int | None]:
    """Return a batch's times in microseconds."""
    return pc.cast(batch_.column("time"), pa.int64()).to_pylist()
