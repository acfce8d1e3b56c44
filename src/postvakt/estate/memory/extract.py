"""`python -m postvakt.estate.memory.extract TABLES`: write each build's layout file from the symbol tables of its
kernel.

The tables are JPCERT/CC's (github.com/JPCERTCC/Windows-Symbol-Tables, BSD-3-Clause), made from the symbols that
Microsoft publishes. Only numbers are kept: where the builder's fields lie, and where the kernel's variables do. No
table of build 26100 is to be had; `layouts/26100.json` is kept by hand and says so.
"""

import csv
import json
import lzma
import sys
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import msgspec

from postvakt.estate.memory.layouts import FOLDER, Bits, Kernel, Layout, Structure

WANTED: Mapping[str, tuple[str, ...]] = {
    "_EPROCESS": (
        "Pcb.Header.Type", "Pcb.Header.Size", "Pcb.DirectoryTableBase", "UniqueProcessId", "ActiveProcessLinks",
        "CreateTime", "ExitTime", "ExitStatus", "LastThreadExitStatus", "InheritedFromUniqueProcessId",
        "ImageFileName", "Peb", "ObjectTable",
        "SeAuditProcessCreationInfo", "VadRoot", "VadHint", "VadCount", "ActiveThreads", "ThreadListHead", "Flags",
        "SectionBaseAddress", "WoW64Process", "Wow64Process", "HighestUserAddress", "Pcb.ThreadListHead",
    ),
    "_OBJECT_HEADER": ("PointerCount", "HandleCount", "TypeIndex", "InfoMask", "Body"),
    "_OBJECT_HEADER_QUOTA_INFO": (),
    "_OBJECT_TYPE": ("Name", "Index"),
    "_POOL_HEADER": ("PoolTag",),
    "_HANDLE_TABLE": ("TableCode", "UniqueProcessId", "HandleTableList"),
    "_MMVAD_SHORT": (
        "VadNode", "StartingVpn", "EndingVpn", "StartingVpnHigh", "EndingVpnHigh", "u", "u1",
    ),
    "_MMVAD": ("Core", "Subsection", "FirstPrototypePte", "LastContiguousPte"),
    "_RTL_BALANCED_NODE": ("Left", "Right", "ParentValue"),
    "_SUBSECTION": ("ControlArea", "SubsectionBase", "PtesInSubsection"),
    "_CONTROL_AREA": ("Segment", "FilePointer", "u"),
    "_FILE_OBJECT": ("Type", "Size", "FileName"),
    "_EWOW64PROCESS": ("Peb",),
    "_LDR_DATA_TABLE_ENTRY": (
        "InLoadOrderLinks", "InMemoryOrderLinks", "InInitializationOrderLinks", "DllBase", "EntryPoint",
        "SizeOfImage", "FullDllName", "BaseDllName", "LoadTime", "TimeDateStamp", "ObsoleteLoadCount",
    ),
    "_KLDR_DATA_TABLE_ENTRY": (
        "InLoadOrderLinks", "DllBase", "EntryPoint", "SizeOfImage", "FullDllName", "BaseDllName",
    ),
    "_PEB": (
        "ImageBaseAddress", "Ldr", "ProcessParameters", "ProcessHeap", "OSMajorVersion", "OSMinorVersion",
        "OSBuildNumber", "SessionId",
    ),
    "_PEB_LDR_DATA": (
        "Length", "Initialized", "InLoadOrderModuleList", "InMemoryOrderModuleList",
        "InInitializationOrderModuleList",
    ),
    "_RTL_USER_PROCESS_PARAMETERS": (
        "MaximumLength", "Length", "Flags", "CurrentDirectory", "ImagePathName", "CommandLine", "Environment",
        "EnvironmentSize",
    ),
    "_KUSER_SHARED_DATA": (
        "InterruptTime", "SystemTime", "TimeZoneBias", "NtSystemRoot", "NtBuildNumber", "NtProductType",
        "ProductTypeIsValid", "NativeProcessorArchitecture", "NtMajorVersion", "NtMinorVersion",
    ),
}  # fmt: skip
"""The structures of the builder, by the names in the symbols. What a build lacks is left out of its file."""

WANTED_BITS: Mapping[str, tuple[str, ...]] = {
    "_POOL_HEADER": ("BlockSize", "PoolType"),
    "_MMVAD_FLAGS": ("VadType", "Protection", "PrivateMemory"),
    "_MMVAD_FLAGS1": ("CommitCharge", "MemCommit"),
    "_MMSECTION_FLAGS": ("Image", "File"),
    "_MMPTE_TRANSITION": ("Protection", "Transition", "PageFrameNumber"),
    "_MMPTE_PROTOTYPE": ("Prototype", "ProtoAddress"),
    "_MMPTE_SOFTWARE": ("Protection", "PageFileLow", "PageFileHigh"),
}
WANTED_SYMBOLS = (
    "PsActiveProcessHead", "PsLoadedModuleList", "PsInitialSystemProcess", "NtBuildLab", "NtBuildNumber",
    "KdDebuggerDataBlock", "KdVersionBlock", "ObHeaderCookie", "ObTypeIndexTable", "MmProtectToValue",
)  # fmt: skip

SOURCE = "Windows-Symbol-Tables of JPCERT/CC (BSD-3-Clause), from Microsoft's public symbols of the kernel named here"


def layout(table: Mapping[str, Any], version: str) -> Layout:
    """Return the layout that a kernel's symbol table (ISF, as JSON) holds."""
    pdb = table["metadata"]["windows"]["pdb"]
    types = table["user_types"]
    named = {name: structure for name in WANTED if (structure := _structure(table, name)) is not None}
    # Windows 8.1 has one structure for the modules of the kernel and of a process.
    named.setdefault("_KLDR_DATA_TABLE_ENTRY", named["_LDR_DATA_TABLE_ENTRY"])
    return Layout(
        build=int(version.split(".")[2]),
        source=SOURCE,
        kernel=Kernel(version=version, pdb=pdb["database"], guid=pdb["GUID"], age=pdb["age"]),
        structures=named,
        bits={
            f"{name}.{field}": _bits(types[name]["fields"][field])
            for name, fields in WANTED_BITS.items()
            for field in fields
        },
        symbols={
            name: table["symbols"][name]["address"] for name in WANTED_SYMBOLS if name in table["symbols"]
        },
    )


def _structure(table: Mapping[str, Any], name: str) -> Structure | None:
    kind = table["user_types"].get(name)
    if kind is None:
        return None
    fields = {}
    for field in WANTED[name]:
        found = _field(table, name, field)
        if found is not None:
            fields[field] = found
    return Structure(size=kind["size"], fields=fields)


def _field(table: Mapping[str, Any], name: str, path: str) -> int | None:
    """Return how far into a structure a field lies, through the structures in between; None where it has none.

    Raises ValueError for a field of bits.
    """
    place = 0
    for part in path.split("."):
        field = table["user_types"][name]["fields"].get(part)
        if field is None:
            return None
        if field["type"]["kind"] == "bitfield":
            raise ValueError(f"{name}.{part}: is a field of bits")
        place += field["offset"]
        name = field["type"].get("name", "")
    return place


def _bits(field: Mapping[str, Any]) -> Bits:
    kind = field["type"]
    return Bits(first=8 * field["offset"] + kind["bit_position"], length=kind["bit_length"])


def tables(folder: Path) -> Iterator[tuple[str, Mapping[str, Any]]]:
    """Yield version and table of each kernel that a folder's BUILDS.tsv lists, the newest of each build first."""
    with (folder / "BUILDS.tsv").open(encoding="utf-8", newline="") as listed:
        rows = sorted(
            csv.DictReader(listed, delimiter="\t"),
            key=lambda row: [int(part) for part in row["version"].split(".")],
            reverse=True,
        )
    for row in rows:
        path = folder / "symbols/windows/ntkrnlmp.pdb" / row["file"]
        yield row["version"], json.loads(lzma.decompress(path.read_bytes()))


def main(words: Sequence[str]) -> int:
    """Write the layout of the newest kernel of each build that the tables know. Returns an exit code."""
    if len(words) != 1:
        sys.stderr.write("usage: python -m postvakt.estate.memory.extract TABLES\n")
        return 2
    written: set[int] = set()
    for version, table in tables(Path(words[0])):
        made = layout(table, version)
        if made.build not in written:
            text = msgspec.json.format(msgspec.json.encode(made, order="sorted"), indent=1)
            (FOLDER / f"{made.build}.json").write_bytes(text + b"\n")
            written.add(made.build)
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
