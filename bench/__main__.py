"""`python -m bench [PART...]`: Postvakt beside everything that does a part of its work, on this machine, in one run.

It writes the inputs and the peers' environment under `bench/out`, measures each part and renews its section of
docs/benchmarks.md. Without a PART it measures all but `memory`. Nothing is sent anywhere; peers come from the package
index that pip is set up with.
"""

import argparse
import importlib.metadata
import os
import platform
import sys
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path

from bench.measure import Failed
from bench.parts import PARTS, Asked
from bench.peers import PINNED, Peers, pinned
from bench.table import renewed

DOCS = Path(__file__).resolve().parent.parent / "docs"
PAGE = "benchmarks.md"
NOT_BY_ITSELF = ("memory",)
OURS = ("evtx", "pyarrow", "numpy", "yara-x", "duckdb", "pysigma")


def main(given: Sequence[str] | None = None) -> int:
    """Measure, print and write."""
    words = _words().parse_args(given)
    asked = Asked(
        megabytes=words.megabytes,
        peer_megabytes=words.peer_megabytes,
        runs=words.runs,
        rules=words.rules,
        web_rules=words.web_rules,
        samples=words.samples,
        sizes=words.sizes,
        hosts=words.hosts,
        zircolite=words.zircolite,
        zircolite_python=words.zircolite_python,
        zircolite_more=tuple(words.zircolite_more.split()),
        own=tuple(words.logs),
        image=words.image,
        answers=tuple(words.answers),
        limit=words.limit,
        docs=words.docs,
    )
    peers = Peers()
    if not words.no_peers:
        peers.install(pinned(PINNED.read_text()), anew=words.reinstall)
    page = words.docs / PAGE
    for name in words.parts or [name for name in PARTS if name not in NOT_BY_ITSELF]:
        try:
            text = PARTS[name](asked, peers)
        except Failed as why:
            text = f"### {name}\n\nNot measured: {why}\n"
        sys.stdout.write(f"{text}\n")
        sys.stdout.flush()
        # After each part, so that a run that is stopped leaves what it measured.
        page.write_text(
            renewed(page.read_text(encoding="utf-8"), {"machine": machine(), name: f"{text}\n{_when()}"}),
            encoding="utf-8",
        )
    return 0


def _when() -> str:
    return f"Measured {datetime.now(UTC):%Y-%m-%d %H:%M} UTC, load {os.getloadavg()[0]:.1f}."


def machine() -> str:
    """Return what it was measured on, with the exact versions of what Postvakt stands on."""
    versions = ", ".join(f"{name} {importlib.metadata.version(name)}" for name in OURS)
    memory = os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE") / 2**30
    return (
        f"{os.cpu_count()} cores ({processor()}), {memory:.0f} GiB, {platform.system()} {platform.machine()}, "
        f"Python {platform.python_version()}; {versions}."
    )


def processor() -> str:
    """Return the processor's name as the kernel tells it."""
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
    except OSError:
        lines = []
    told = next((line.partition(":")[2].strip() for line in lines if line.startswith("model name")), "")
    return told or platform.processor() or "unknown"


def numbers(text: str) -> tuple[int, ...]:
    """Return the numbers of a list with commas."""
    return tuple(int(word) for word in text.split(",") if word.strip())


def _words() -> argparse.ArgumentParser:
    words = argparse.ArgumentParser(prog="python -m bench", description=__doc__)
    words.add_argument("parts", nargs="*", choices=[[], *PARTS], metavar="PART", help=", ".join(PARTS))
    words.add_argument(
        "--megabytes", type=int, default=100, help="of each kind of log beside its bare reader"
    )
    words.add_argument("--peer-megabytes", type=int, default=10, help="of what the peers read; some are slow")
    words.add_argument("--runs", type=int, default=3)
    words.add_argument(
        "--rules", default="", help="a folder of Sigma rules to ask of event logs besides our own"
    )
    words.add_argument("--web-rules", default="", help="the same for IIS logs and proxy logs")
    words.add_argument(
        "--samples", default="", help="a folder of event logs to copy from instead of synthetic ones"
    )
    words.add_argument(
        "--logs",
        nargs="*",
        default=[],
        help="folders of event logs of your own, 7z archives of them too; each folder is measured as one",
    )
    words.add_argument(
        "--sizes", type=numbers, default=(10, 100, 300, 1000), help="MB of logs; 10240 is 10 GB"
    )
    words.add_argument("--hosts", type=numbers, default=(1, 10, 50, 100, 200))
    words.add_argument("--zircolite", default="", metavar="CHECKOUT")
    words.add_argument("--zircolite-python", default="", metavar="PYTHON")
    words.add_argument("--zircolite-more", default="", metavar="WORDS", help="more words of its command line")
    words.add_argument(
        "--image", default="", help="raw memory for the part `memory`; without it one is built"
    )
    words.add_argument(
        "--answers", nargs="*", default=[], help="what others read of that image: see bench.memory_agreement"
    )
    words.add_argument("--limit", type=float, default=3600, help="seconds after which a command is stopped")
    words.add_argument("--docs", type=Path, default=DOCS, help=f"the folder of {PAGE} and its charts")
    words.add_argument(
        "--no-peers", action="store_true", help="install nothing; missing peers are told as such"
    )
    words.add_argument("--reinstall", action="store_true", help="install the peers anew")
    return words


if __name__ == "__main__":
    sys.exit(main())
