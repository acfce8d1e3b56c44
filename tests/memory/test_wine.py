"""The full minidump that Wine wrote of a process of ours: modules, the odd region, strings of the heap."""

import json
import lzma
from pathlib import Path

import pytest

from postvakt.memory.carving import OVERLAP, WINDOW, of_windows
from postvakt.memory.minidump import read
from postvakt.memory.sweep import Sweep
from tests.memory.carving import found_by
from tests.memory.reading import Told

WINE = Path(__file__).parents[1] / "estate" / "wine"
TRUTH = json.loads((WINE / "worker.truth.json").read_bytes())


@pytest.fixture(scope="module")
def dump(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("wine") / "worker.dmp"
    path.write_bytes(lzma.decompress((WINE / "worker.dmp.xz").read_bytes()))
    return path


def test_its_tables(dump: Path) -> None:
    told = Told(dump)
    assert told.gaps == []
    (process,) = told.rows["mem_process"]
    assert (process["Image"], process["CommandLine"]) == ("C:\\srv\\worker.exe", '"C:\\srv\\worker.exe" hold')
    assert (told.image["host"], told.image["bytes"]) == ("EX01", TRUTH["bytes"])
    assert [
        {"base": row["base"], "size": row["size"], "path": row["ImageLoaded"]}
        for row in told.rows["mem_module"]
    ] == TRUTH["modules"]
    odd = [row for row in told.rows["mem_region"] if row["flags"]]
    assert [(row["start"], row["size"]) for row in odd] == [
        (one["start"], one["size"]) for one in TRUTH["executable_private"]
    ]
    assert odd[0]["flags"] == ["private-executable", "mz"]
    assert odd[0]["protection"] == "EXECUTE_READWRITE"


def test_what_is_carved_out_of_its_heap(dump: Path) -> None:
    with dump.open("rb") as file:
        memory = read(file).memory
        sweep = Sweep(found_by(), offset=memory.offset, program=True)
        windows = memory.windows(WINDOW, OVERLAP)
        rows = [dict(row.values) for row in sweep.rows(of_windows(windows, sure=True))]
        runs = list(memory.runs)
    requests = [row for row in rows if row["kind"] == "http_request"]
    for request in requests:
        assert request["text"].startswith(TRUTH["ascii"])
        assert request["cs(Cookie)"].startswith("X-BEResource=a]@ex01.corp.example:444")
        assert dump.read_bytes()[request["locator"] :].startswith(TRUTH["ascii"].encode())
    program = TRUTH["modules"][0]
    places = [
        run.start + row["locator"] - run.offset
        for row in requests
        for run in runs
        if run.offset <= row["locator"] < run.offset + run.size
    ]
    # Once in the program's constants, once in its heap.
    assert len(places) == 2
    assert sum(program["base"] <= place < program["base"] + program["size"] for place in places) == 1
    lines = [row["CommandLine"] for row in rows if row["kind"] == "command_line"]
    assert TRUTH["utf16"] in lines
