"""What is compared with: `python -m bench.bare KIND PATH` reads a file with the library alone."""

import sys
from collections.abc import Callable
from pathlib import Path

import pyarrow as pa
from evtx import PyEvtxParser
from pyarrow import csv

SPACES, COMMAS = " ", ","


def bare_csv(path: str, delimiter: str) -> None:
    """Parse a text log's columns as text, in one thread, and do nothing with them."""
    with Path(path).open("rb") as stream:
        names = next(line for line in stream if line.startswith(b"#Fields:"))
    columns = names.decode().removeprefix("#Fields:").strip().split(delimiter)
    read = csv.open_csv(
        path,
        read_options=csv.ReadOptions(use_threads=False, column_names=columns, block_size=1 << 23),
        parse_options=csv.ParseOptions(delimiter=delimiter, invalid_row_handler=lambda _: "skip"),
        convert_options=csv.ConvertOptions(column_types=dict.fromkeys(columns, pa.string())),
    )
    for _ in read:
        pass


def bare_evtx(path: str) -> None:
    """Iterate over the records of event logs as the reader gives them, and do nothing with them."""
    for log in logs(Path(path)):
        reader = PyEvtxParser(str(log)).records_json()
        while True:
            try:
                next(reader)
            except StopIteration:
                break
            except RuntimeError:
                continue  # A record that it cannot read; Postvakt tells it as a Gap.


def logs(path: Path) -> list[Path]:
    """Return a log alone, or the event logs of a folder."""
    return sorted(path.rglob("*.evtx")) if path.is_dir() else [path]


KINDS: dict[str, Callable[[str], None]] = {
    "iis": lambda path: bare_csv(path, SPACES),
    "http_proxy": lambda path: bare_csv(path, COMMAS),
    "event": bare_evtx,
}

if __name__ == "__main__":
    KINDS[sys.argv[1]](sys.argv[2])
