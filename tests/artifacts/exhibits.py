"""Inputs beside their expected outputs: `tests/evidence/<artifact>/**/<name>` and `<name>.expected.jsonl`.

A new parser, or a new trait of one, needs no test code: put the input down, run
`python -m tests.artifacts.exhibits` to write what is expected of it, read that, and commit both.
An input that a virus scanner would take away is kept as `<name>.enc` (see `postvakt.content.encode`).
"""

import io
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, BinaryIO

import msgspec

from postvakt import artifacts
from postvakt.content.encoded import ENDING, decode
from postvakt.model.evidence import Member
from postvakt.model.gap import Gap
from postvakt.tables.rows import Reader, Rows

EVIDENCE = Path(__file__).resolve().parent.parent / "evidence"
EXPECTED = ".expected.jsonl"
BESIDE = (".log1", ".log2", ".log")
"""Endings of files that belong to another input: the transaction logs of a hive."""


class Exhibit:
    """A file on disk as the Source that a parser is given."""

    def __init__(self, path: Path, root: Path) -> None:
        self.path = path
        self.root = root
        name = path.relative_to(root).as_posix().removesuffix(ENDING)
        size = len(self.content())
        self.member = Member(
            evidence="exhibit", path=name, size=size, windows_path=f"c:/{name.lower()}", rooted=True
        )

    def content(self) -> bytes:
        """The bytes, decoded where the file is kept encoded."""
        kept = self.path.read_bytes()
        return decode(kept) if self.path.suffix == ENDING else kept

    @contextmanager
    def open(self) -> Iterator[BinaryIO]:
        """Open the bytes from the start."""
        yield io.BytesIO(self.content())

    def siblings(self, *suffixes: str) -> Iterator["Exhibit"]:
        """Yield the files beside this one whose name is this name plus a suffix, in any case."""
        wanted = {(self.path.name + suffix).lower() for suffix in suffixes}
        for path in sorted(self.path.parent.iterdir()):
            if path.name.lower() in wanted:
                yield Exhibit(path, self.root)

    @contextmanager
    def local_path(self) -> Iterator[Path]:
        """Give a path on disk that holds the bytes."""
        with tempfile.TemporaryDirectory() as folder:
            copy = Path(folder, "copy")
            copy.write_bytes(self.content())
            yield copy


def exhibits() -> list[tuple[str, Path]]:
    """Return every input with its artifact's name."""
    found = []
    for path in sorted(EVIDENCE.rglob("*")):
        if path.is_dir() or path.name.endswith(EXPECTED) or _is_beside(path):
            continue
        found.append((path.relative_to(EVIDENCE).parts[0], path))
    return found


def _is_beside(path: Path) -> bool:
    return path.suffix.lower() in BESIDE and path.with_suffix("").is_file()


def outcome(artifact: str, path: Path) -> str:
    """Return what a parser makes of an input as JSON lines: rows without their nulls, gaps, clues."""
    reader: Reader = artifacts.BY_NAME[artifact]
    source = Exhibit(path, EVIDENCE / artifact)
    lines = []
    for piece in reader.parse(source):
        if isinstance(piece, Rows):
            lines += [{"table": piece.spec.name, **_row(row)} for row in piece.batch.to_pylist()]
        else:
            kind = "gap" if isinstance(piece, Gap) else "clue"
            told = msgspec.to_builtins(piece)
            lines.append({kind: {k: v for k, v in told.items() if v not in ("", None)}})
    return "".join(msgspec.json.encode(line, enc_hook=str).decode() + "\n" for line in lines)


def _row(row: dict[str, Any]) -> dict[str, Any]:
    shown = {}
    for name, value in row.items():
        if value is None or value == []:
            continue
        if isinstance(value, list) and isinstance(value[0], dict):
            value = [[pair["name"], pair["value"]] for pair in value]
        shown[name] = value
    return shown


def main() -> int:
    """Write what is expected of every input that has nothing beside it yet, or of all with `--all`."""
    for artifact, path in exhibits():
        expected = path.with_name(path.name + EXPECTED)
        if "--all" in sys.argv or not expected.exists():
            expected.write_text(outcome(artifact, path), encoding="utf-8")
            sys.stdout.write(f"{expected.relative_to(EVIDENCE)}\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
