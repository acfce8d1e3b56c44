"""One conformance test for every engine: the same tasks come to the same outcomes, whatever happens to a worker."""

import os
import signal
import sqlite3
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest

from postvakt import engines
from postvakt.engines import Limits
from postvakt.engines.ledger import NAME
from postvakt.errors import ContentError, EngineError, UsageError
from postvakt.model.task import Outcome, Task

from .functions import perform

ROOT = Path(__file__).resolve().parents[2]
USUAL = Limits(seconds=60, slowest=1 << 30, memory=600 * 1024 * 1024)
QUICK = Limits(seconds=1, slowest=1 << 30)


@pytest.fixture(autouse=True)
def _importable(monkeypatch: pytest.MonkeyPatch) -> None:
    """Workers find the functions of these tests."""
    monkeypatch.setenv("PYTHONPATH", str(ROOT))


@pytest.fixture(params=sorted(engines.ENGINES))
def engine_name(request: pytest.FixtureRequest) -> str:
    return str(request.param)


def task(function: str, name: str | None = None, **spec: Any) -> Task:
    return Task(id=name or function, function=function, spec=spec)


def run(name: str, root: Path, *tasks: Task, limits: Limits = USUAL, jobs: int = 2) -> dict[str, Outcome]:
    with engines.start(
        name, perform, root, jobs=jobs, watch=engines.watch(quiet=True), limits=limits
    ) as engine:
        return {outcome.task: outcome for outcome in engine.run(tasks)}


def test_every_task_has_an_outcome(engine_name: str, tmp_path: Path) -> None:
    found = run(engine_name, tmp_path, *(task("double", f"t{n}", n=n) for n in range(200)))
    assert {name: outcome.result for name, outcome in found.items()} == {f"t{n}": 2 * n for n in range(200)}


@pytest.mark.parametrize(
    ("function", "why", "detail"),
    [
        ("fail", "crashed", "KeyError: 'no such thing\\nin two lines'"),
        ("crash", "crashed", "signal 11"),
        ("leave", "crashed", "code 3"),
        ("hang", "timed-out", "not done after 1 s"),
        ("bomb", "out-of-memory", "more memory"),
        ("unknown", "crashed", "KeyError"),
    ],
)
def test_a_bad_task_costs_itself_alone(
    engine_name: str, tmp_path: Path, function: str, why: str, detail: str
) -> None:
    tasks = (task(function), *(task("double", f"t{n}", n=n) for n in range(8)))
    found = run(engine_name, tmp_path, *tasks, limits=QUICK if function == "hang" else USUAL)
    bad = found.pop(function)
    assert (bad.state, bad.why, bad.attempts) == ("quarantined", why, 2)
    assert detail in bad.detail
    assert str(ROOT) not in bad.detail
    assert [outcome.state for outcome in found.values()] == ["done"] * 8


def test_what_a_user_can_mend_crosses_to_the_caller(engine_name: str, tmp_path: Path) -> None:
    with pytest.raises(ContentError, match=r"rule\.yml: line 3"):
        run(engine_name, tmp_path, task("mend"))


def test_a_full_disk_stops_the_run_and_loses_nothing(engine_name: str, tmp_path: Path) -> None:
    with pytest.raises(EngineError, match="no space left"):
        run(engine_name, tmp_path, task("full"), jobs=1)
    assert run(engine_name, tmp_path, task("double", n=4))["double"].result == 8


def test_noise_on_the_standard_streams_disturbs_nothing(engine_name: str, tmp_path: Path, capfd: Any) -> None:
    assert run(engine_name, tmp_path, task("chatter"))["chatter"].result == "said"
    assert capfd.readouterr() == ("", "")


def test_a_large_result_arrives_whole(engine_name: str, tmp_path: Path) -> None:
    assert len(run(engine_name, tmp_path, task("large"))["large"].result) == 5_000_000


def test_what_is_done_is_not_done_again(engine_name: str, tmp_path: Path) -> None:
    marks = tmp_path / "marks"
    tasks = [task("note", f"t{n}", n=n, file=str(marks)) for n in range(5)]
    first = run(engine_name, tmp_path / "case", *tasks[:3])
    second = run(engine_name, tmp_path / "case", *tasks)
    assert sorted(marks.read_text().split()) == ["0", "1", "2", "3", "4"]
    assert {name: second[name] for name in first} == first


def test_what_is_not_kept_is_done_anew_in_each_run(engine_name: str, tmp_path: Path) -> None:
    marks = tmp_path / "marks"
    made = Task(id="t", function="note", spec={"n": 7, "file": str(marks)}, kept=False)
    assert run(engine_name, tmp_path / "case", made) == run(engine_name, tmp_path / "case", made)
    assert marks.read_text().split() == ["7", "7"]


def test_what_is_not_kept_is_tried_twice_and_given_up_by_name(engine_name: str, tmp_path: Path) -> None:
    made = [Task(id=name, function=name, spec={"n": 1}, kept=False) for name in ("crash", "double")]
    found = run(engine_name, tmp_path, *made)
    assert (found["crash"].state, found["crash"].why, found["crash"].attempts) == (
        "quarantined",
        "crashed",
        2,
    )
    assert found["double"].result == 2


def test_workers_that_were_ready_before_do_the_work_and_end_with_the_engine(
    engine_name: str, tmp_path: Path
) -> None:
    before = set(_children(os.getpid()))
    engines.get_ready(engine_name, f"{perform.__module__}:perform", jobs=2, limits=USUAL)
    ready = set(_children(os.getpid())) - before
    found = run(engine_name, tmp_path, *(task("whose", f"t{n}", n=n) for n in range(4)))
    assert ready
    assert {outcome.result for outcome in found.values()} <= ready
    assert not ready & set(_children(os.getpid()))


def test_what_was_given_up_stays_given_up(engine_name: str, tmp_path: Path) -> None:
    assert run(engine_name, tmp_path, task("fail")) == run(engine_name, tmp_path, task("fail"))


def test_two_runs_of_one_case_do_not_mix(engine_name: str, tmp_path: Path) -> None:
    with (
        engines.start(engine_name, perform, tmp_path, jobs=1, watch=engines.watch(quiet=True)),
        pytest.raises(EngineError, match="another run"),
    ):
        run(engine_name, tmp_path, task("double", n=1))


def test_a_damaged_ledger_is_one_clear_line(engine_name: str, tmp_path: Path) -> None:
    (tmp_path / NAME).write_bytes(b"this is no database" * 100)
    with pytest.raises(EngineError, match="delete the file"):
        run(engine_name, tmp_path, task("double", n=1))


def test_an_engine_that_is_not_there_is_a_usage_error(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="embedded"):
        engines.start("cloud", perform, tmp_path, jobs=1, watch=engines.watch(quiet=True))


DRIVER = """
import sys
from pathlib import Path
from postvakt import engines
from postvakt.model.task import Task
from tests.engines.functions import perform
case, marks = Path(sys.argv[1]), sys.argv[2]
tasks = [Task(id=f"t{n}", function="note", spec={"n": n, "file": marks, "seconds": 0.05}) for n in range(40)]
with engines.start("embedded", perform, case, jobs=2, watch=engines.watch(quiet=True)) as engine:
    for outcome in engine.run(tasks):
        pass
"""


def test_a_killed_run_goes_on_where_it_was_and_leaves_no_orphan(tmp_path: Path) -> None:
    marks = tmp_path / "marks"
    case = tmp_path / "case"
    command = [sys.executable, "-c", DRIVER, str(case), str(marks)]
    first = subprocess.Popen(command, cwd=ROOT, env={**os.environ, "PYTHONPATH": str(ROOT)})
    _until(lambda: marks.is_file() and len(marks.read_text().split()) >= 6)
    workers = _children(first.pid)
    assert workers
    first.send_signal(signal.SIGKILL)
    first.wait()
    _until(lambda: not any(Path(f"/proc/{pid}").exists() and _alive(pid) for pid in workers))
    assert 6 <= len(marks.read_text().split()) < 40
    subprocess.run(command, cwd=ROOT, env={**os.environ, "PYTHONPATH": str(ROOT)}, check=True)
    done = marks.read_text().split()
    assert set(done) == {str(n) for n in range(40)}
    assert len(done) <= 42, "only what was running when the run was killed is done again"
    with sqlite3.connect(case / NAME) as ledger:
        assert ledger.execute("select count(*), max(attempts) from task where state = 'done'").fetchone() == (
            40,
            1,
        )


def _until(holds: Any) -> None:
    for _ in range(1000):
        if holds():
            return
        time.sleep(0.01)
    pytest.fail("waited ten seconds in vain")


def _children(pid: int) -> list[int]:
    found = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
    return [int(child) for child in found]


def _alive(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().split()[2] != "Z"
    except OSError:
        return False
