"""Inputs under `bench/out`, written once: `python -m bench.inputs WHAT SIZE [SAMPLES]` prints the path.

`logs`: a hand-in with an IIS log, a proxy log and event logs of SIZE megabytes each. `mixed`: SIZE megabytes in all.
`hive`: a SOFTWARE hive of SIZE values. `hives`: SIZE hives of 5,000 values, each of another host. `hosts`: SIZE whole
servers. `events`: SIZE megabytes of event logs, one log of each of eight servers.
`rules`: our YARA rules as one file. `scanned`: what they are asked of, pages and SIZE pieces of logs.
SAMPLES is a folder of event logs to copy from in place of the synthetic servers' own.
"""

import hashlib
import shutil
import sys
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

from bench import hive_inputs, varied
from postvakt import estate
from postvakt.content import library
from postvakt.estate import ServerPlan
from postvakt.estate.servers import files as files_of

OUT = Path(__file__).resolve().parent / "out"
MIB = 1024 * 1024
SERVERS, SEED, DAYS = 6, 1, 10
MOST_FILE = 1024
"""Megabytes of one log file at most; more is written as several."""

EVENT_LOGS = 8
HIVE_VALUES = 5_000
PIECE = MIB

IIS = "C/inetpub/logs/LogFiles/W3SVC1/u_ex2103{:02}.log"
PROXY = "C/Program Files/Microsoft/Exchange Server/V15/Logging/HttpProxy/Ecp/HttpProxy_20210302{:02}-1.LOG"
EVENTS = "C/Windows/System32/winevt/Logs/Security{}.evtx"
SOFTWARE = "C/Windows/System32/config/SOFTWARE"

Grow = Callable[[Sequence[bytes], int, int], Iterator[bytes]]
KINDS: tuple[tuple[str, str, Grow], ...] = (
    (IIS, "/W3SVC1/", varied.text),
    (PROXY, "/HttpProxy/Ecp/", varied.text),
    (EVENTS, ".evtx", varied.events),
)
"""Where each log lies in the hand-in, which of the servers' files it is made of, and how it grows."""


def logs(folder: Path, megabytes: int, samples: str) -> None:
    """Write a hand-in with logs of each kind, each kind of so many megabytes."""
    _grown(folder, megabytes * MIB, samples)


def mixed(folder: Path, megabytes: int, samples: str) -> None:
    """Write a hand-in with logs of each kind, a third of so many megabytes each."""
    _grown(folder, megabytes * MIB // len(KINDS), samples)


def _grown(folder: Path, size: int, samples: str) -> None:
    files = [(one.path, one.content) for server in _servers() for one in files_of(server)]
    for place, pick, grow in KINDS:
        contents = [content for path, content in files if pick in path]
        if samples and grow is varied.events:
            contents = _contents(samples)
        for number, start in enumerate(range(0, size, MOST_FILE * MIB)):
            path = folder / place.format(number + 1 if grow is varied.text else number or "")
            path.parent.mkdir(parents=True, exist_ok=True)
            with path.open("wb") as out:
                out.writelines(grow(contents, min(size - start, MOST_FILE * MIB), number))


def events(folder: Path, megabytes: int, samples: str) -> None:
    """Write event logs of so many megabytes in all, one from each of several servers."""
    contents = _contents(samples)
    for number in range(EVENT_LOGS):
        path = folder / f"host-{number}" / EVENTS.format("")
        path.parent.mkdir(parents=True, exist_ok=True)
        with path.open("wb") as out:
            out.writelines(varied.events(contents, megabytes * MIB // EVENT_LOGS, number))


def _contents(samples: str) -> list[bytes]:
    """Return the event logs that others are copied from."""
    if samples:
        return [path.read_bytes() for path in sorted(Path(samples).rglob("*.evtx"))]
    return [one.content for server in _servers() for one in files_of(server) if ".evtx" in one.path]


def _servers() -> list[ServerPlan]:
    return [one for one in estate.plan(SERVERS, SEED, DAYS) if one.story.exchange]


def hive(folder: Path, values: int, _: str) -> None:
    """Write one hive where a server has it."""
    _placed(folder / SOFTWARE, hive_inputs.software(values, SEED))


def hives(folder: Path, count: int, _: str) -> None:
    """Write hives of as many hosts."""
    for number in range(count):
        _placed(folder / f"host-{number:04}" / SOFTWARE, hive_inputs.software(HIVE_VALUES, number))


def hosts(folder: Path, count: int, _: str) -> None:
    """Write the hand-ins of as many servers."""
    for server in estate.plan(count, SEED, DAYS):
        estate.write(server, folder)


def rules(folder: Path, _: int, __: str) -> None:
    """Write our YARA rules as one file."""
    texts = [library.text(file, path).text for path, file in library.yara_files(library.here())]
    _placed(folder / "rules.yar", "\n".join(texts).encode())


def scanned(folder: Path, pieces: int, _: str) -> None:
    """Write the servers' pages, and pieces of logs beside them."""
    found = [one for server in estate.plan(SERVERS, SEED, DAYS) for one in files_of(server)]
    for number, one in enumerate(one for one in found if one.path.lower().endswith((".aspx", ".js"))):
        _placed(folder / "pages" / f"{number:04}{Path(one.path).suffix}", one.content)
    content = b"".join(
        varied.text([one.content for one in found if "/W3SVC1/" in one.path], pieces * PIECE, SEED)
    )
    for number in range(pieces):
        _placed(folder / "logs" / f"{number:04}.log", content[number * PIECE : (number + 1) * PIECE])


def _placed(path: Path, content: bytes) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content)


WRITERS: dict[str, Callable[[Path, int, str], None]] = {
    one.__name__: one for one in (logs, mixed, events, hive, hives, hosts, rules, scanned)
}


def written(what: str, size: int, samples: str = "") -> Path:
    """Return the folder of an input, written now where it is not there as this code writes it."""
    folder = OUT / f"{what}-{size}{'-samples' if samples else ''}"
    mark = folder.with_suffix(".done")
    told = _mark(samples)
    if folder.is_dir() and mark.is_file() and mark.read_text() == told:
        return folder
    shutil.rmtree(folder, ignore_errors=True)
    WRITERS[what](folder, size, samples)
    mark.write_text(told)
    return folder


def _mark(samples: str) -> str:
    code = b"".join(Path(module.__file__ or "").read_bytes() for module in (varied, hive_inputs))
    return hashlib.sha256(Path(__file__).read_bytes() + code + samples.encode()).hexdigest()


if __name__ == "__main__":
    print(written(sys.argv[1], int(sys.argv[2]), *sys.argv[3:]))
