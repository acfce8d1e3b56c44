"""Synthetic servers for trying things out: hand-ins with neutral names, the truth beside them."""

from collections.abc import Iterator, Sequence
from pathlib import Path

import msgspec

from postvakt import estate
from postvakt.errors import EvidenceError, UsageError
from postvakt.estate.memory import snapshots

EVIDENCE = "evidence"
TRUTH = "truth.json"
ORGANISATION = "organisation"
INVENTORY = "inventory.json"
LABEL = "README.txt"
TOLD = (
    "Everything in this folder is synthetic: `postvakt estate` wrote it. No server, person or attack in it is real;\n"
    "addresses and names are those that are set aside for documentation.\n"
    f"{EVIDENCE}/ is to be handed in; {TRUTH} says what was done to each server, what a verdict should say,\n"
    "where each trace of it lies, and which traces are missing and why.\n"
    f"{ORGANISATION}/ is what the organisation has of all its servers, for `postvakt inventory`; {INVENTORY} says\n"
    "which there are.\n"
)
WARNING = (
    "The hand-ins hold the text of a web shell, as attacked servers do: a virus scanner may take files away. "
    "Nothing in them is ever run."
)


def write(output: Path, *, hosts: int, seed: int, days: int, memory: bool = False) -> Iterator[str]:
    """Write an estate into a new folder and say what was written, line by line; with `memory` images of it too.

    Raises UsageError where something lies there already, EvidenceError where it cannot be written.
    """
    if output.exists() and (not output.is_dir() or any(output.iterdir())):
        raise UsageError(f"{output}: is there already; choose a new folder")
    yield from write_into(output, hosts=hosts, seed=seed, days=days, memory=memory)


def write_into(output: Path, *, hosts: int, seed: int, days: int, memory: bool = False) -> Iterator[str]:
    """Write an estate into a folder that may hold other things. Raises EvidenceError where it cannot."""
    servers = estate.plan(hosts, seed, days)
    truths: list[estate.Truth] = []
    try:
        output.mkdir(parents=True, exist_ok=True)
        (output / LABEL).write_text(TOLD, encoding="utf-8")
        for server in servers:
            path, truth = estate.write_traced(server, output / EVIDENCE)
            yield f"{path}  {_size(path) / 1024 / 1024:.1f} MiB  {server.name}"
            snapshot = snapshots.write(server, output / EVIDENCE) if memory else None
            if snapshot is not None:
                truth = msgspec.structs.replace(truth, memory=snapshot[1])
                yield f"{snapshot[0]}  {_size(snapshot[0]) / 1024 / 1024:.1f} MiB  its memory"
            elif memory:
                yield f"{server.name}: no memory: how its Windows lays memory out is not known"
            truths.append(truth)
        (output / TRUTH).write_bytes(msgspec.json.format(msgspec.json.encode(truths), indent=1) + b"\n")
        _write_organisation(output, servers, seed)
    except OSError as why:
        raise EvidenceError(f"{why.filename or output}: cannot be written: {why.strerror}") from why
    yield f"{hosts} synthetic servers, {days} days of logs; what is true of each: {output / TRUTH}"
    yield WARNING


def _write_organisation(output: Path, servers: Sequence[estate.ServerPlan], seed: int) -> None:
    files, truths = estate.organisation(servers, seed)
    folder = output / ORGANISATION
    folder.mkdir(parents=True, exist_ok=True)
    for file in files:
        (folder / file.path).write_bytes(file.content)
    (output / INVENTORY).write_bytes(msgspec.json.format(msgspec.json.encode(truths), indent=1) + b"\n")


def _size(path: Path) -> int:
    if path.is_file():
        return path.stat().st_size
    return sum(file.stat().st_size for file in path.rglob("*") if file.is_file())
