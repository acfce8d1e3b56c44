"""A server's memory in a whole triage: one verdict with its logs, the chain joined, and as much said as was seen."""

import io
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import msgspec
import pyarrow.parquet as pq
import pytest

from postvakt import engines, memory
from postvakt.commands import plans, sweeping, tasks, triage
from postvakt.estate import plan, write
from postvakt.estate.memory import containers, scenes, snapshots
from postvakt.estate.memory.image import Image, build
from postvakt.estate.memory.truth import MemoryTruth
from postvakt.memory.carving.driver import ONCE
from postvakt.model.evidence import Member, Source
from postvakt.model.report import FindingRow, HostRow, Report
from postvakt.model.rule import LEVELS
from tests.commands import cases

LOW = LEVELS.index("low")
OF_LOGS = ("http_proxy", "iis", "ecp_server")


class Handed:
    """An attacked server of the estate with its memory."""

    def __init__(self, folder: Path) -> None:
        self.server = cases.server("attacked", days=2)
        self.files = cases.hand_in("attacked", folder, "hand-in-files", days=2)
        written = snapshots.write(self.server, folder)
        assert written is not None
        self.image, self.truth = written


@pytest.fixture(scope="module")
def handed(tmp_path_factory: pytest.TempPathFactory) -> Handed:
    return Handed(tmp_path_factory.mktemp("estate"))


@pytest.fixture(scope="module")
def whole(handed: Handed, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, HostRow]:
    case = tmp_path_factory.mktemp("whole") / "case"
    return case, only(cases.triaged(case, handed.files, handed.image))


@pytest.fixture(scope="module")
def alone(handed: Handed, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, HostRow]:
    case = tmp_path_factory.mktemp("alone") / "case"
    return case, only(cases.triaged(case, handed.image))


def only(report: Report) -> HostRow:
    (host,) = report.hosts
    return host


def tables_of(row: FindingRow) -> set[str]:
    return {sample.table for sample in row.sample}


def clean_image(folder: Path, name: str = "clean.raw") -> Path:
    twin = scenes.clean_twin(cases.server("attacked", days=2))
    return containers.write(build(scenes.machine(twin, size=snapshots.SIZE)), folder / name)


def test_memory_and_logs_make_one_host_with_one_verdict(whole: tuple[Path, HostRow]) -> None:
    host = whole[1]
    assert host.verdict.outcome == "compromised"
    joined = [
        row for row in host.findings if {"mem_carved"} < tables_of(row) and tables_of(row) & set(OF_LOGS)
    ]
    assert {row.stage for row in joined} >= {"access-gained"}
    told = {step.finding for chain in host.chains for step in chain.steps}
    assert told & {row.id for row in joined}
    assert all("carved from memory alone" not in row.title for row in joined)


def test_what_memory_holds_alone_is_enough_and_says_so(alone: tuple[Path, HostRow], handed: Handed) -> None:
    host = alone[1]
    assert (host.host, host.verdict.outcome) == (handed.server.name, "compromised")
    carved = [
        row for row in host.findings if tables_of(row) == {"mem_carved"} and row.stage == "access-gained"
    ]
    assert carved
    for row in carved:
        assert row.title.endswith("carved from memory alone")
        assert row.confidence in ("low", "medium")
    content = [row for row in host.findings if tables_of(row) == {"mem_yara"}]
    assert content
    assert {(row.stage, row.level, row.confidence) for row in content} <= {("context", "medium", "low")}
    assert {q.answer for q in host.questions if q.id == "logs-wiped"} == {"unanswerable"}


def test_the_report_has_every_process_of_the_image(alone: tuple[Path, HostRow], handed: Handed) -> None:
    (image,) = alone[1].memory
    truth: MemoryTruth = handed.truth
    assert {one.pid for one in image.running} == {one.pid for one in truth.processes}
    assert (image.holds, image.bytes, image.swept) == ("system", image.bytes, image.bytes)
    (shell,) = [one for one in image.running if one.pid is not None and "MiniDump" in one.command]
    titles = {row.id: row.title for row in alone[1].findings}
    assert {titles[one] for one in shell.findings} >= {"The memory of LSASS was dumped by command"}
    lines = {one.pid: one.line for one in truth.processes if one.line}
    read = {one.pid: one.command for one in image.running if one.command}
    assert read
    assert all(lines[pid] == line for pid, line in read.items() if pid in lines)


def test_the_directive_has_its_memory(alone: tuple[Path, HostRow]) -> None:
    answers = {row.requirement: row for row in alone[1].answers}
    assert answers["1.memory"].state == "met"
    assert "read: memory" in answers["1.memory"].basis


def test_memory_tells_what_was_wiped_from_the_logs(tmp_path: Path) -> None:
    server = next(one for one in plan(6, 1, 4) if one.scenario == "half-wiped")
    files = write(server, tmp_path)
    written = snapshots.write(server, tmp_path)
    assert written is not None
    without = only(cases.triaged(tmp_path / "without", files))
    with_it = only(cases.triaged(tmp_path / "with", files, written[0]))
    assert (without.verdict.outcome, with_it.verdict.outcome) == ("inconclusive", "compromised")


def test_a_clean_twin_has_nothing_above_low(tmp_path: Path) -> None:
    host = only(cases.triaged(tmp_path / "case", clean_image(tmp_path)))
    assert [(row.level, row.title) for row in host.findings if LEVELS.index(row.level) > LOW] == []
    assert host.verdict.outcome == "inconclusive"
    assert host.memory[0].swept == host.memory[0].bytes


def rows_of(case: Path, table: str) -> list[dict[str, Any]]:
    found = [pq.read_table(path).to_pylist() for path in sorted(case.glob(f"tables/{table}/*/*.parquet"))]
    return sorted((row for part in found for row in part), key=lambda row: (row["locator"], str(row)))


def test_shares_give_what_the_whole_gives(
    alone: tuple[Path, HostRow], handed: Handed, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tasks, "SHARE_BYTES", 5 << 20)
    cases.triaged(tmp_path / "case", handed.image)
    cut, uncut = (rows_of(case, "mem_carved") for case in (tmp_path / "case", alone[0]))
    assert len(list((tmp_path / "case" / "tables" / "mem_carved").glob("*/*.parquet"))) > 1
    # Of equal texts a share keeps the first.
    often = [row for row in uncut if row["kind"] in ONCE]
    assert {(r["kind"], r["text"], r["pid"]) for r in cut if r["kind"] in ONCE} == {
        (r["kind"], r["text"], r["pid"]) for r in often
    }
    assert [r for r in cut if r["kind"] not in ONCE] == [r for r in uncut if r["kind"] not in ONCE]
    assert often
    found = [{row["rule"] for row in rows_of(case, "mem_yara")} for case in (tmp_path / "case", alone[0])]
    assert found[0] == found[1] != set()


@pytest.mark.parametrize("form", ["raw.zst", "raw.gz", "lime", "elf", "dump-bitmap"])
def test_each_container_gives_the_same_findings(
    form: containers.Format, alone: tuple[Path, HostRow], tmp_path: Path
) -> None:
    endings = {"lime": ".lime", "elf": ".core", "dump-bitmap": ".dmp"}
    image = build(scenes.machine(cases.server("attacked", days=2), size=snapshots.SIZE))
    path = containers.write(image, tmp_path / ("held" + endings.get(form, f".{form}")), form)
    host = only(cases.triaged(tmp_path / "case", path))
    if not form.startswith("raw"):
        content = path.read_bytes()
        carved = [
            r
            for r in rows_of(tmp_path / "case", "mem_carved")
            if r["kind"] == "iis" and not r["page_fragment"]
        ]
        assert carved
        for row in carved:
            line = row["text"].encode("utf-16-le" if row["encoding"] == "utf-16le" else "ascii")
            assert content[row["locator"] :].startswith(line)
    told = {(row.rule, row.level, row.stage) for row in alone[1].findings}
    assert {(row.rule, row.level, row.stage) for row in host.findings} == told


def test_an_image_cut_short_is_read_as_far_as_it_goes(handed: Handed, tmp_path: Path) -> None:
    cut = tmp_path / "cut.raw"
    cut.write_bytes(handed.image.read_bytes()[: 24 << 20])
    host = only(cases.triaged(tmp_path / "case", cut))
    assert host.verdict.outcome in ("inconclusive", "compromised")
    assert host.memory[0].bytes == 24 << 20
    assert host.memory[0].swept == 24 << 20


@pytest.mark.parametrize(
    ("name", "content", "why"),
    [
        ("short.raw", bytes(range(256)) * 16, "unparsed"),
        ("hiberfil.sys", b"HIBR" + bytes(70_000), "unsupported"),
        ("MEMORY.DMP", b"PAGEDUMP" + bytes(70_000), "unsupported"),
        ("w3wp.dmp", b"MDMP\x93\xa7" + bytes(range(256)) * 300, "unparsed"),
    ],
)
def test_what_is_no_image_is_a_gap_and_no_memory(name: str, content: bytes, why: str, tmp_path: Path) -> None:
    path = tmp_path / name
    path.write_bytes(content)
    host = only(cases.triaged(tmp_path / "case", path))
    assert why in {gap.why for gap in host.gaps if gap.artifact.startswith("memory")}
    assert "memory" not in {row.artifact for row in host.coverage if row.records}
    assert {row.state for row in host.answers if row.requirement == "1.memory"} == {"unmet"}


def test_processes_are_told_before_the_rest_is_gone_through(handed: Handed, tmp_path: Path) -> None:
    out = io.StringIO()
    heard: list[str] = []

    class Watch:
        def begin(self, tasks: int, size: int) -> None:
            heard.append(f"begin {size}")

        def done(self, size: int, title: str) -> None:
            heard.append("done")

        def note(self, text: str) -> None:
            heard.append(text)

        def end(self) -> None:
            out.write("")

    request = triage.Request(
        evidence=(str(handed.image),), case=str(tmp_path / "case"), started=cases.STARTED, jobs=2
    )
    triage.triage(request, Watch())
    (told,) = [text for text in heard if "processes" in text]
    assert "The memory of LSASS was dumped by command" in told
    assert heard.index(told) < max(place for place, text in enumerate(heard) if text == "done")


def test_rules_of_tomorrow_are_asked_of_memory_without_reading_it_again(
    handed: Handed, tmp_path: Path
) -> None:
    case = tmp_path / "case"
    cases.triaged(case, handed.image)
    rule = tmp_path / "rule.yml"
    rule.write_text(
        "title: A process of tomorrow\nid: 0e1a7a53-5c7b-4b52-9d1c-5a3c2f1b0a99\nlevel: high\n"
        "logsource: {product: windows, category: process_creation}\n"
        "detection: {s: {Image|endswith: '\\lsass.exe'}, condition: s}\n",
        encoding="utf-8",
    )
    before = {path: path.stat().st_mtime_ns for path in case.glob("tables/**/*.parquet")}
    report = triage.reask(
        case, plans.packs([str(rule)], [], []), engines.watch(quiet=True), jobs=1, engine_name="embedded"
    )
    (row,) = [row for row in only(report).findings if row.title == "A process of tomorrow"]
    assert tables_of(row) == {"mem_process"}
    assert {path: path.stat().st_mtime_ns for path in case.glob("tables/**/*.parquet")} == before
    assert [r for r in only(report).findings if tables_of(r) == {"mem_yara"}]


def test_rules_that_memory_is_not_asked_are_listed(handed: Handed, tmp_path: Path) -> None:
    pack = tmp_path / "pack.yar"
    pack.write_text(
        'rule whole_file { strings: $a = "x1y2" condition: $a and filesize < 100 }', encoding="utf-8"
    )
    report = cases.triaged(tmp_path / "case", handed.image, yara=(str(pack),))
    told = {row.rule: row.reason for row in report.rules.narrowed}
    assert "not asked of memory" in told["yara:whole_file"]


def test_a_share_of_what_is_gone_is_a_gap(handed: Handed, tmp_path: Path) -> None:
    """An image that was taken away between two tasks is named, and nothing else is lost."""
    member = Member(evidence="e", path="away.raw", size=1 << 20, artifact="memory_raw")
    spec = sweeping.GoThrough(
        case=str(tmp_path), path=str(tmp_path / "away.raw"), member=member, share=0, of=1, parts=(), plan=""
    )
    result = sweeping.go_through(spec)
    assert [(gap.artifact, gap.why) for gap in result.gaps] == [("mem_yara", "unreadable")]


def test_an_image_whose_owners_cannot_be_learned_is_closed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "image.raw"
    path.write_bytes(bytes(1 << 20))
    member = Member(evidence="e", path="image.raw", size=1 << 20, artifact="memory_raw")
    spec = sweeping.GoThrough(
        case=str(tmp_path / "case"), path=str(path), member=member, share=0, of=1, parts=(), plan=""
    )
    held = []

    def opened(source: Source) -> Any:
        held.append(memory.opened(source))
        return held[-1]

    def failing(*_: Any) -> None:
        raise MemoryError

    monkeypatch.setattr(sweeping, "memory", SimpleNamespace(opened=opened))
    with monkeypatch.context() as once:
        once.setattr(sweeping, "Owners", failing)
        # What was raised is kept, and with it all that its frames hold.
        with pytest.raises(MemoryError) as kept:
            sweeping.Standing(spec)
    standing = sweeping.Standing(spec)
    told = [one.gen.gi_frame is None for one in held]
    standing.close()
    assert kept.value
    assert told == [True, False]


def test_the_image_is_what_it_was(handed: Handed, alone: tuple[Path, HostRow]) -> None:
    image: Image = build(scenes.machine(handed.server, size=snapshots.SIZE))
    assert handed.image.read_bytes() == image.raw()
    assert msgspec.to_builtins(alone[1].memory[0])["source"] == handed.image.name
