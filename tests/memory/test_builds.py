"""The rows of offsets, derived again from symbol tables; and what holds without them."""

import csv
import json
import lzma
from pathlib import Path
from typing import Any

import pytest

from postvakt.memory import builds
from postvakt.memory.builds import BUILDS, Bits, Build

FIELDS = {
    "process_id": "UniqueProcessId",
    "links": "ActiveProcessLinks",
    "created": "CreateTime",
    "exited": "ExitTime",
    "parent_id": "InheritedFromUniqueProcessId",
    "peb": "Peb",
    "name": "ImageFileName",
    "audit": "SeAuditProcessCreationInfo.ImageFileName",
    "regions": "VadRoot",
    "threads": "ActiveThreads",
    "wow64": "WoW64Process",
}
FLAGS = {"protection": "Protection", "private": "PrivateMemory", "region_kind": "VadType"}
SAME = (
    ("_EPROCESS", "Pcb.DirectoryTableBase", 0x28),
    ("_EPROCESS", "Pcb.ProfileListHead", 0x18),
    ("_MMVAD", "Core.StartingVpn", 0x18),
    ("_MMVAD", "Core.EndingVpn", 0x1C),
    ("_MMVAD", "Core.StartingVpnHigh", 0x20),
    ("_MMVAD", "Core.EndingVpnHigh", 0x21),
    ("_MMVAD", "Subsection", 0x48),
    ("_CONTROL_AREA", "FilePointer", 0x40),
    ("_FILE_OBJECT", "FileName", 0x58),
    ("_OBJECT_HEADER", "Body", 0x30),
    ("_LDR_DATA_TABLE_ENTRY", "DllBase", 0x30),
    ("_LDR_DATA_TABLE_ENTRY", "FullDllName", 0x48),
    ("_LDR_DATA_TABLE_ENTRY", "LoadTime", 0x100),
    ("_PEB", "Ldr", 0x18),
    ("_PEB", "ProcessParameters", 0x20),
    ("_RTL_USER_PROCESS_PARAMETERS", "ImagePathName", 0x60),
    ("_RTL_USER_PROCESS_PARAMETERS", "CommandLine", 0x70),
    ("_RTL_USER_PROCESS_PARAMETERS", "EnvironmentSize", 0x3F0),
)


def tables() -> list[tuple[str, str]]:
    """Return (version, name of the table's file), the project's own list of what is derived."""
    return [
        ("6.3.9600.20173", "B3E18239FF83427FBBCA75184BDE8388"),
        ("6.3.9600.20625", "B363F8E8C8C447CFA653D570E1755DCA"),
        ("10.0.14393.4583", "517E128F7B7C4EA79491DE6B9B9CE190"),
        ("10.0.14393.5291", "E68EBE9258E74638B1E2C94F4EEA6B04"),
        ("10.0.17763.2114", "A1E1C9A90091DA9805D0EBA0470BEC85"),
        ("10.0.17763.3887", "DEECD7D07009464B789C1C31D66CE267"),
        ("10.0.20348.288", "C2EADB24A615E9472CE47C8ADD31F130"),
        ("10.0.20348.1547", "62EE22A5A171B889C5B859E3F87F7074"),
    ]


def symbols(shared: Path, guid: str) -> dict[str, Any]:
    """Return a symbol table's types."""
    path = shared / "memory" / "isf" / "symbols" / "windows" / "ntkrnlmp.pdb" / f"{guid}-1.json.xz"
    with lzma.open(path) as stream:
        return json.load(stream)["user_types"]


def place(types: dict[str, Any], kind: str, path: str) -> tuple[int, dict[str, Any]] | None:
    """Return a field's offset and its type, None where the table has no such field."""
    offset, told = 0, {"name": kind}
    for name in path.split("."):
        field = types[told["name"]]["fields"].get(name)
        if field is None:
            return None
        offset, told = offset + field["offset"], field["type"]
    return offset, told


@pytest.mark.shared
@pytest.mark.parametrize(("version", "guid"), tables(), ids=[version for version, _ in tables()])
def test_a_row_is_what_the_symbols_say(version: str, guid: str, shared_evidence: Path) -> None:
    types = symbols(shared_evidence, guid)
    row = builds.of(int(version.split(".")[2]))
    assert row is not None
    for ours, theirs in FIELDS.items():
        told = place(types, "_EPROCESS", theirs)
        assert getattr(row, ours) == (None if told is None else told[0]), ours
    for ours, theirs in FLAGS.items():
        told = place(types, "_MMVAD_SHORT", f"u.VadFlags.{theirs}")
        assert told is not None
        offset, bits = told
        assert (offset, getattr(row, ours)) == (0x30, Bits(bits["bit_position"], bits["bit_length"])), ours
    for kind, path, offset in SAME:
        told = place(types, kind, path)
        assert told is not None
        assert told[0] == offset, f"{kind}.{path}"


@pytest.mark.shared
def test_every_symbol_table_that_is_there_is_asked(shared_evidence: Path) -> None:
    with (shared_evidence / "memory" / "isf" / "BUILDS.tsv").open() as stream:
        listed = {
            (row["version"], row["file"].removesuffix("-1.json.xz"))
            for row in csv.DictReader(stream, delimiter="\t")
        }
    assert listed == set(tables())


@pytest.mark.parametrize("row", BUILDS, ids=lambda row: f"{row.build}{row.variant}")
def test_every_row_names_its_source_and_spans_its_fields(row: Build) -> None:
    assert row.source
    offsets = [getattr(row, name) for name in FIELDS if getattr(row, name) is not None]
    assert max(offsets) < row.span <= 0x1000
    assert len(set(offsets)) == len(offsets)


def test_what_is_not_known_of_2025_is_not_claimed() -> None:
    row = builds.of(26100)
    assert row is not None
    assert "single source" in row.source
    assert (row.protection, row.private, row.region_kind, row.network) == (None, None, None, None)


def test_a_build_that_has_no_row() -> None:
    assert builds.of(7601) is None
