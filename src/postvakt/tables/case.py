"""The case folder: what each stage leaves for the next, written whole or not at all."""

import contextlib
import errno
import hashlib
import os
import shutil
import tempfile
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any, TypeVar

import msgspec
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from postvakt.errors import EngineError, EvidenceError
from postvakt.tables.rows import ENOUGH_ROWS, repeats

T = TypeVar("T")
FORMAT = "postvakt.case/1"


class CaseFile(msgspec.Struct, frozen=True, kw_only=True):
    """`case.json`: what the case is about. `options` are the words of the command line that shape its answers."""

    format: str
    postvakt: str
    directive: str
    created: str
    evidence: tuple[str, ...]
    options: dict[str, Any]


class Case:
    """A case folder on disk. Every file in it is written to a temporary name and renamed."""

    def __init__(self, root: Path) -> None:
        self.root = root

    @classmethod
    def open(cls, root: Path) -> "Case":
        """Return an existing case. Raises EvidenceError where there is none."""
        case = cls(root)
        if not case.path("case.json").is_file():
            raise EvidenceError(
                f"{root}: no case there; make one with `postvakt triage EVIDENCE --case {root}`"
            )
        return case

    @property
    def scratch(self) -> Path:
        """Bounded working space for readers that want a file on disk; emptied when a run ends."""
        return self.root / "scratch"

    def path(self, *parts: str) -> Path:
        """Return a path in the case folder."""
        return self.root.joinpath(*parts)

    def about(self) -> CaseFile:
        """Return case.json. Raises EvidenceError where it is damaged."""
        return self.read_json("case.json", CaseFile)

    def read_json(self, name: str, kind: type[T]) -> T:
        """Return a JSON file of the case as a value. Raises EvidenceError where it cannot be read."""
        try:
            return msgspec.json.decode(self.path(name).read_bytes(), type=kind)
        except (OSError, msgspec.DecodeError) as why:
            raise EvidenceError(f"{self.path(name)}: {why}; the case folder is damaged") from why

    def write_json(self, name: str, value: object) -> None:
        """Write a value as indented JSON."""
        self.write(name, msgspec.json.format(msgspec.json.encode(value, order="sorted"), indent=1) + b"\n")

    def write(self, name: str, content: bytes) -> None:
        """Write a file whole or not at all; an unchanged file is left alone."""
        path = self.path(name)
        if path.is_file() and path.read_bytes() == content:
            return
        with _published(path) as unfinished:
            try:
                unfinished.write_bytes(content)
            except OSError as why:
                raise _unwritable(path, why) from why

    def write_lines(self, name: str, values: Iterable[object]) -> None:
        """Write values as JSON lines."""
        encoder = msgspec.json.Encoder()
        path = self.path(name)
        with _published(path) as unfinished, unfinished.open("wb") as out:
            for value in values:
                line = encoder.encode(value) + b"\n"
                try:
                    out.write(line)
                except OSError as why:
                    raise _unwritable(path, why) from why

    def lines(self, name: str, kind: type[T]) -> Iterator[T]:
        """Yield the values of a JSON lines file."""
        decoder = msgspec.json.Decoder(kind)
        try:
            with self.path(name).open("rb") as stream:
                for line in stream:
                    yield decoder.decode(line)
        except (OSError, msgspec.DecodeError) as why:
            raise EvidenceError(f"{self.path(name)}: {why}; the case folder is damaged") from why

    @contextlib.contextmanager
    def part(self, name: str, schema: pa.Schema) -> Iterator["PartWriter"]:
        """Write a Parquet part under a temporary name and publish it when the context ends well."""
        with _published(self.path(name)) as unfinished:
            writer = PartWriter(unfinished, schema)
            try:
                yield writer
            finally:
                writer.close()

    def clean(self) -> None:
        """Empty the scratch space and sweep away what a killed run left half-written."""
        shutil.rmtree(self.scratch, ignore_errors=True)
        for stale in self.root.rglob(".unfinished-*"):
            stale.unlink(missing_ok=True)


class PartWriter:
    """A Parquet part being written: zstd, statistics for the time column only (the others cost and never prune).

    Columns of which the first batch shows that the values are mostly distinct, or too many for a dictionary, have none:
    trying one costs time and room.
    Columns of codes are texts when they are read; those of the first batch are such in all.
    """

    def __init__(self, path: Path, schema: pa.Schema) -> None:
        self.rows = 0
        self._path = path
        self._schema = schema
        self._writer: pq.ParquetWriter | None = None

    def write(self, batch: pa.RecordBatch) -> None:
        """Append one batch. Raises EngineError where the disk refuses it."""
        self.rows += batch.num_rows
        try:
            self._opened(batch).write_batch(batch)
        except OSError as why:
            raise _unwritable(self._path, why) from why

    def close(self) -> None:
        """Finish the file; it is published by the case. Raises EngineError where the disk refuses it."""
        try:
            self._opened(None).close()
        except OSError as why:
            raise _unwritable(self._path, why) from why

    def _opened(self, batch: pa.RecordBatch | None) -> pq.ParquetWriter:
        if self._writer is None:
            repeating: Any = True
            steps = None
            schema = self._schema if batch is None else batch.schema
            if batch is not None and batch.num_rows >= ENOUGH_ROWS:
                found = zip(schema.names, batch.columns, strict=True)
                repeating = [path for name, column in found for path in _repeating(name, column)]
                counted = {field.name for field in schema if _counts(field.type)}
                steps = dict.fromkeys(sorted(counted.difference(repeating)), "DELTA_BINARY_PACKED")
            self._writer = pq.ParquetWriter(
                self._path,
                schema,
                # With it, codes would be read as codes.
                store_schema=not any(map(pa.types.is_dictionary, schema.types)),
                compression="zstd",
                write_statistics=["time"],
                use_dictionary=repeating,
                column_encoding=steps,
                write_batch_size=WRITTEN_TOGETHER,
            )
        return self._writer


WRITTEN_TOGETHER = 65_536
"""Values of a column that are encoded at a time; Arrow's own thousand costs a tenth more."""


def _counts(kind: pa.DataType) -> bool:
    """Tell whether a column holds times or whole numbers: those that do not repeat mostly go up in small steps."""
    return pa.types.is_timestamp(kind) or pa.types.is_int64(kind)


MOST_DICTIONARY = 1 << 20
"""Bytes of distinct values from which on Parquet's writer gives a dictionary up, which was then for nothing."""


def _repeating(path: str, column: pa.Array) -> Iterator[str]:
    """Yield the paths of a column's leaves whose values repeat, and fit into a dictionary."""
    if pa.types.is_list(column.type):
        yield from _repeating(f"{path}.list.element", column.flatten())
    elif pa.types.is_struct(column.type):
        for field in column.type:
            yield from _repeating(f"{path}.{field.name}", column.field(field.name))
    elif pa.types.is_dictionary(column.type) or (repeats(column) and _fits(column)):
        yield path


def _fits(column: pa.Array) -> bool:
    return bool(column.nbytes <= MOST_DICTIONARY or pc.unique(column).nbytes <= MOST_DICTIONARY)


def key(*parts: str) -> str:
    """Return a short name for something by what it is made of: 20 hex digits of a SHA-256."""
    return hashlib.sha256("\0".join(parts).encode("utf-8", "surrogatepass")).hexdigest()[:20]


@contextlib.contextmanager
def _published(path: Path) -> Iterator[Path]:
    """Give a temporary path beside `path`; rename it when the context ends well, remove it otherwise."""
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        handle, name = tempfile.mkstemp(prefix=".unfinished-", dir=path.parent)
        os.close(handle)
    except OSError as why:
        raise _unwritable(path, why) from why
    unfinished = Path(name)
    try:
        yield unfinished
        try:
            os.chmod(unfinished, 0o644)
            os.replace(unfinished, path)
        except OSError as why:
            raise _unwritable(path, why) from why
    finally:
        unfinished.unlink(missing_ok=True)


def _unwritable(path: Path, why: OSError) -> EngineError:
    if why.errno == errno.ENOSPC:
        return EngineError(f"{path}: no space left on the disk; free some and run the same command again")
    return EngineError(f"{path}: cannot be written: {why.strerror or why}")
