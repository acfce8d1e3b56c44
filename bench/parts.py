"""The parts of the benchmark: each measures one thing and returns its section of the page as Markdown."""

import shutil
import subprocess
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

from bench import own_logs, zircolite
from bench.chart import straightness, svg
from bench.measure import Cost, Failed, cost, in_turns, python
from bench.peers import Peers
from bench.table import HEAD, Row, cost_row, table

HERE = Path(__file__).resolve().parent
OUT = HERE / "out"
LOGS = (
    ("iis", "IIS log", "C/inetpub/logs/LogFiles"),
    ("http_proxy", "proxy log", "C/Program Files"),
    ("event", "event log", "C/Windows/System32/winevt/Logs"),
)
EVTX = ("evtx", "libevtx-python", "dissect.eventlog", "python-evtx")
HIVES = ("regrs", "regipy-rs", "libregf-python", "python-registry", "dissect.regf", "regipy")
SLOW = ("dissect.eventlog", "python-evtx", "regipy", "dissect.regf")
"""Run once however many runs there are: each takes minutes."""

VERDICTS = (0, 1, 3, 7)
"""How a triage may end: the code tells the verdict."""

WORKERS_SHARE = 100
"""Of event logs for two workers so many times what the peers read: enough that the start does not count."""

KEPT_MEGABYTES = 2000
"""Inputs up to this size stay for the next run; larger ones would fill a disk that nobody looks at."""

HIVE_VALUES = 100_000
HIVE_COUNTS = (1, 50, 100, 200)


class Asked(NamedTuple):
    """What the command line asks for; `docs` is the folder of the page."""

    megabytes: int
    peer_megabytes: int
    runs: int
    rules: str
    web_rules: str
    samples: str
    sizes: tuple[int, ...]
    hosts: tuple[int, ...]
    zircolite: str
    zircolite_python: str
    zircolite_more: tuple[str, ...]
    own: tuple[str, ...]
    image: str
    answers: tuple[str, ...]
    limit: float
    docs: Path


def written(what: str, size: int, samples: str = "") -> Path:
    """Return the folder of an input; another process writes it."""
    words = [what, str(size), *([samples] if samples else [])]
    cost(python("bench.inputs", *words))
    return OUT / f"{what}-{size}{'-samples' if samples else ''}"


def logs(asked: Asked, peers: Peers) -> str:
    """Each kind of log beside the library that Postvakt stands on, with our rules, and with more that are given."""
    folder = written("logs", asked.megabytes, asked.samples)
    rows = [HEAD]
    chosen = [
        (kind, name, next(one for one in sorted((folder / place).rglob("*.*")) if one.is_file()))
        for kind, name, place in LOGS
    ]
    chosen += [("event", f"own event logs, {own_logs.told(path)}", path) for path in _own(asked)]
    for kind, name, path in chosen:
        ways = {"bare": python("bench.bare", kind, str(path))}
        ways |= {"rows": _whole("rows", path, kind), "whole": _compiled("whole", path, name)}
        more = asked.rules if kind == "event" else asked.web_rules
        if more:
            ways["rules"] = _compiled("whole", path, f"{kind}-rules", more)
        found = in_turns(ways, asked.runs, limit=asked.limit)
        base = found["bare"]
        rows.append(cost_row(f"{name}, bare reader", base, base))
        rows.append(cost_row(f"{name}, Postvakt to rows", found["rows"], base))
        rows.append(cost_row(f"{name}, Postvakt whole", found["whole"], base))
        if "rules" in found:
            rows.append(cost_row(f"{name}, Postvakt whole, more rules", found["rules"], base))
    return (
        f"### Logs beside their bare reader, {asked.megabytes} MB of each kind, {asked.runs} runs\n\n"
        "Whole: hash, parse, ask every rule, write the part, as a worker does that finds the rules compiled. The bare "
        "reader reads and does nothing.\n\n"
    ) + table(rows)


def events(asked: Asked, peers: Peers) -> str:
    """Readers of event logs over the same file."""
    path = next((written("logs", asked.peer_megabytes, asked.samples) / LOGS[2][2]).iterdir())
    ours = {
        "Postvakt to rows": _whole("rows", path, "events"),
        "Postvakt whole": _compiled("whole", path, "events"),
    }
    return (
        f"### Readers of event logs, {asked.peer_megabytes} MB, {asked.runs} runs\n\n"
        "CPU seconds of the work alone, without the start of the process: all that each record says, as JSON, XML or "
        "objects. Postvakt to rows hashes the file and makes tables; whole asks every rule and writes the parts.\n\n"
    ) + table(_beside_peers(asked, peers, EVTX, path, ours, work=True))


def hives(asked: Asked, peers: Peers) -> str:
    """Readers of registry hives over the same hive, and the cost of many hives."""
    path = next(one for one in written("hive", HIVE_VALUES).rglob("*") if one.is_file())
    ours = {"Postvakt to rows": _whole("rows", path, "h"), "Postvakt whole": _compiled("whole", path, "h")}
    rows = _beside_peers(asked, peers, HIVES, path, ours, work=True)
    points = []
    many = [("hives", "CPU s", "CPU s a hive", "MiB")]
    for count in HIVE_COUNTS:
        found = _one(_whole("rows", written("hives", count), "h"), asked)
        if isinstance(found, Cost):
            points.append((count, found.work))
            many.append(
                (str(count), f"{found.work:.2f}", f"{found.work / count:.4f}", f"{found.mebibytes:.0f}")
            )
    return (
        f"### Readers of registry hives, {HIVE_VALUES:,} values, {asked.runs} runs\n\n"
        "CPU seconds of the work alone, without the start of the process: every key's name and time, every "
        "value's name, type and data. Postvakt to rows besides hashes the file, recognises it, looks for deleted "
        "keys and makes the tables; whole asks every rule and writes the parts as well.\n\n"
        + table(rows)
        + "\nHives of 5,000 values, each of another host, to rows. One of the last costs "
        + f"{straightness(points):.2f} of what one of those before costs.\n\n"
        + table(many)
    )


def yara(asked: Asked, peers: Peers) -> str:
    """YARA engines over the same files with our rules."""
    folder, rules = written("scanned", 50), written("rules", 0) / "rules.yar"
    ways, rows = {}, [HEAD]
    for name in ("yara-x", "yara-python"):
        if not peers.why_not(name):
            ways[name] = [peers.python, str(HERE / "peer_reads.py"), name, str(folder), str(rules)]
    found = in_turns(ways | {"Postvakt": _compiled("scan", folder, "yara")}, asked.runs, limit=asked.limit)
    base = found.get("yara-x")
    rows += [
        cost_row(_named(peers, name), found.get(name) or Failed(peers.why_not(name)), base, work=True)
        for name in ("yara-x", "yara-python")
    ]
    rows.append(cost_row("Postvakt (on YARA-X)", found["Postvakt"], base, work=True))
    return (
        f"### YARA, our rules, {len(list(folder.rglob('*.*')))} pages and pieces of logs, {asked.runs} runs\n\n"
        "CPU seconds without the start of the process, compiling the rules included; Postvakt finds them compiled.\n\n"
        + table(rows)
    )


def sigma(asked: Asked, peers: Peers) -> str:
    """Zircolite asked the same rules of the same event logs: of a large one, and of those that are given."""
    large = next((written("logs", asked.peer_megabytes, asked.samples) / LOGS[2][2]).iterdir())
    logs = {f"{asked.peer_megabytes} MB": large}
    logs |= {own_logs.told(path): path for path in _own(asked)}
    why = zircolite.why_not(asked.zircolite, asked.rules)
    rules = OUT / "zircolite-rules.json"
    words = (asked.zircolite_python or peers.python, Path(asked.zircolite).resolve())
    if not why:
        files = [file for log in logs.values() for file in ([log] if log.is_file() else log.iterdir())]
        smallest = min(files, key=lambda file: (file.stat().st_size, file))
        zircolite.converted(*words, smallest, Path(asked.rules), rules, asked.zircolite_more)
    rows = [HEAD]
    for name, path in logs.items():
        ways = {"Postvakt": _compiled("whole", path, "sigma", asked.rules)}
        out = OUT / "zircolite.json"
        if not why:
            ways["Zircolite"] = zircolite.command(*words, path, rules, out, asked.zircolite_more)
        found = in_turns(ways, asked.runs, limit=asked.limit)
        theirs = found.get("Zircolite") or Failed(why)
        told = _agreed(out, asked.rules) if isinstance(theirs, Cost) else ""
        rows.append(cost_row(f"{name}, Postvakt whole", found["Postvakt"], found["Postvakt"]))
        rows.append(cost_row(f"{name}, Zircolite", theirs, found["Postvakt"], told=told))
    nowhere = Failed("in no package registry: not run")
    rows += [cost_row(other, nowhere, None) for other in ("Hayabusa", "Chainsaw")]
    version = zircolite.version(asked.zircolite) if asked.zircolite else ""
    return (
        f"### The same Sigma rules over the same event logs, {asked.runs} runs\n\n"
        f"Zircolite {version} with its rules converted beforehand, as ours are compiled; processes as a whole.\n\n"
        + table(rows)
    )


def _own(asked: Asked) -> list[Path]:
    return [
        own_logs.gathered(Path(folder), OUT / f"event-logs-{number}")
        for number, folder in enumerate(asked.own)
    ]


def _agreed(out: Path, rules: str) -> str:
    told = cost(python("bench.agreed", str(OUT / "case-sigma"), str(out), rules)).told
    return str(told.get("agreement", ""))


def plaso(asked: Asked, peers: Peers) -> str:
    """A whole triage beside log2timeline and psort over the same hand-in."""
    folder = written("mixed", asked.peer_megabytes, asked.samples)
    why = peers.why_not("plaso")
    ways = {"Postvakt": _triage(folder, 2)}
    storage, lines = OUT / "plaso.plaso", OUT / "plaso.jsonl"
    if not why:
        read = [
            peers.program("log2timeline"),
            "--unattended",
            "--quiet",
            "--status_view",
            "none",
            "--workers",
            "2",
        ]
        read += ["--logfile", str(OUT / "plaso.log.gz"), "--storage_file", str(storage), str(folder)]
        write = [
            peers.program("psort"),
            "--unattended",
            "--quiet",
            "--status_view",
            "none",
            "-o",
            "json_line",
        ]
        write += ["--logfile", str(OUT / "psort.log.gz"), "-w", str(lines), str(storage)]
        ways["plaso"] = python("bench.one_after_another", str(storage), str(lines), "--", *read, "--", *write)
    found = in_turns(ways, asked.runs, VERDICTS, once=("plaso",), limit=asked.limit)
    rows = [HEAD, cost_row("Postvakt triage, 2 workers", found["Postvakt"], found["Postvakt"])]
    told = ""
    if isinstance(found.get("plaso"), Cost):
        with lines.open("rb") as stream:
            told = f"events {sum(1 for _ in stream):,}"
    rows.append(
        cost_row(_named(peers, "plaso"), found.get("plaso") or Failed(why), found["Postvakt"], told=told)
    )
    return (
        f"### Evidence to answers, {asked.peer_megabytes} MB of logs\n\n"
        "plaso makes a timeline (log2timeline, 2 workers, then psort to JSON lines) and asks no rules; one run.\n\n"
        + table(rows)
    )


def workers(asked: Asked, peers: Peers) -> str:
    """Two workers beside one: over whole servers, over event logs, over one large log."""
    size = asked.peer_megabytes * WORKERS_SHARE
    inputs = {
        "12 servers": written("hosts", 12),
        f"8 event logs, {size} MB in all": written("events", size, asked.samples),
        f"one event log, {asked.megabytes} MB": written("logs", asked.megabytes, asked.samples) / LOGS[2][2],
    }
    rows, said = [HEAD], []
    for name, folder in inputs.items():
        more = asked.rules if "event" in name else ""
        ways = {count: _triage(folder, count, more) for count in (1, 2)}
        found = in_turns(
            {str(count): way for count, way in ways.items()}, asked.runs, VERDICTS, limit=asked.limit
        )
        one, two = found["1"], found["2"]
        rows += [cost_row(f"{name}, {count} at work", cost_of, one) for count, cost_of in found.items()]
        if isinstance(one, Cost) and isinstance(two, Cost):
            said.append(f"{name}: two workers take {two.wall / one.wall:.2f} of the time that one takes.\n")
    return f"### Two workers beside one, {asked.runs} runs\n\n" + table(rows) + "\n" + "\n".join(said)


def growth(asked: Asked, peers: Peers) -> str:
    """What a whole triage costs against the size of its evidence and the number of its hosts."""
    by_size, rows = _grown(asked, "mixed", asked.sizes, "MB of logs")
    by_host, host_rows = _grown(asked, "hosts", asked.hosts, "hosts")
    text = "### What more evidence costs: a whole triage, 2 workers, one run\n\n"
    for name, unit, points, shown in (
        ("size", "MB of logs", by_size, rows),
        ("hosts", "hosts", by_host, host_rows),
    ):
        spent = [(x, y) for x, y, _ in points]
        for ending, up, of_it in (("", "CPU s", spent), ("-memory", "MiB", [(x, z) for x, _, z in points])):
            file = f"growth-{name}{ending}.svg"
            chart = svg(f"{up} by {unit}", unit, up, {"Postvakt": of_it})
            (asked.docs / file).write_text(chart, encoding="utf-8")
            text += f"![{up} by {unit}]({file})\n"
        text += (
            f"\n{table(shown)}\nOne of the last costs {straightness(spent):.2f} of what one of those before "
        )
        text += "costs.\n\n"
    return text


def _grown(
    asked: Asked, what: str, counts: Sequence[int], unit: str
) -> tuple[list[tuple[float, float, float]], list[Row]]:
    points: list[tuple[float, float, float]] = []
    rows: list[Row] = [
        (unit, "MB read", "CPU s", "wall s", "MB a CPU s", "MiB, largest process", "MiB, all processes")
    ]
    for count in counts:
        folder = written(what, count, asked.samples if what == "mixed" else "")
        size = sum(one.stat().st_size for one in folder.rglob("*") if one.is_file()) / 1e6
        found = _one(_triage(folder, 2), asked, VERDICTS)
        if size > KEPT_MEGABYTES:
            folder.with_suffix(".done").unlink(missing_ok=True)
            shutil.rmtree(folder)
        if isinstance(found, Failed):
            rows.append((str(count), f"{size:.0f}", "-", "-", "-", "-", str(found)[:80].replace("|", "/")))
            continue
        points.append((count, found.seconds, found.together))
        rows.append(
            (str(count), f"{size:.0f}", f"{found.seconds:.1f}", f"{found.wall:.1f}", f"{size / found.seconds:.1f}",
             f"{found.mebibytes:.0f}", f"{found.together:.0f}")
        )  # fmt: skip
        shutil.rmtree(OUT / "case-triage-2", ignore_errors=True)
    return points, rows


def start(asked: Asked, peers: Peers) -> str:
    """What `postvakt --help` costs."""
    found = in_turns({"postvakt --help": python("postvakt.cli", "--help")}, max(asked.runs, 5))
    return "### Start\n\n" + table([HEAD, *(cost_row(name, one, one) for name, one in found.items())])


def memory(asked: Asked, peers: Peers) -> str:
    """The scan of a memory image beside YARA-X alone, as `bench.memory_scan` tells it."""
    image = asked.image
    if not image:
        cost(python("bench.memory_images", str(OUT / "memory"), "--build", "14393"))
        image = str(OUT / "memory" / "attacked-14393.raw")
    rows = _one([*python("bench.memory_scan", image, str(asked.runs)), "--json"], asked)
    if isinstance(rows, Failed):
        return f"### Memory images\n\n{rows}\n"
    told = [("way", "CPU s", "of YARA-X alone")]
    told += [(name, f"{spent[0]:.2f}", f"{spent[1]:.2f}") for name, spent in rows.told["ways"].items()]
    size = Path(image).stat().st_size / 1e6
    text = f"### A memory image, {size:.0f} MB\n\n{table(told)}\nAt most {rows.told['MiB']} MiB resident.\n"
    if asked.answers:
        truth = str(Path(image).with_suffix(".truth.json"))
        compared = python("bench.memory_agreement", truth, *asked.answers)
        said = subprocess.run(compared, capture_output=True, text=True, check=False)
        text += (
            f"\nWhat others read of it, beside what was planted:\n\n```\n{said.stdout or said.stderr}```\n"
        )
    return text


PARTS: Mapping[str, Callable[[Asked, Peers], str]] = {
    one.__name__: one for one in (logs, events, hives, yara, sigma, plaso, workers, growth, start, memory)
}


def _beside_peers(
    asked: Asked,
    peers: Peers,
    names: Sequence[str],
    path: Path,
    ours: Mapping[str, list[str]],
    *,
    work: bool = False,
) -> list[Row]:
    """Return rows of peers and ours over the same file; the first peer that reads it is the base."""
    there = [name for name in names if not peers.why_not(name)]
    ways = {name: [peers.python, str(HERE / "peer_reads.py"), name, str(path)] for name in there}
    found = in_turns(ways | dict(ours), asked.runs, once=SLOW, limit=asked.limit)
    fastest = [one for name in names if isinstance(one := found.get(name), Cost)]
    base = min(fastest, key=lambda one: one.work if work else one.seconds) if fastest else None
    rows = [HEAD]
    for name in names:
        got = found.get(name) or Failed(peers.why_not(name))
        rows.append(
            cost_row(_named(peers, name) + (", one run" if name in SLOW else ""), got, base, work=work)
        )
    return [*rows, *(cost_row(name, found[name], base, work=work) for name in ours)]


def _named(peers: Peers, name: str) -> str:
    return f"{name} {peers.version(name)}".strip()


def _one(command: Sequence[str], asked: Asked, allowed: Sequence[int] = (0,)) -> Cost | Failed:
    try:
        return cost(command, allowed, asked.limit)
    except Failed as why:
        return why


def _whole(what: str, path: Path, name: str, *rules: str) -> list[str]:
    case = OUT / f"case-{name}"
    return python("bench.whole", what, str(path), str(case), *rules)


def _compiled(what: str, path: Path, name: str, rules: str = "") -> list[str]:
    """Return the command, having left the compiled rules in its case."""
    shutil.rmtree(OUT / f"case-{name}", ignore_errors=True)
    more = [rules] if rules else []
    cost(_whole("compile", path, name, *more))
    return _whole(what, path, name, *more)


def _triage(folder: Path, jobs: int, rules: str = "") -> list[str]:
    case = OUT / f"case-triage-{jobs}"
    words = ["triage", str(folder), "--case", str(case), "--jobs", str(jobs), "--quiet"]
    words += ["--rules", rules] if rules else []
    return python("bench.one_after_another", str(case), "--", *python("postvakt.cli", *words))
