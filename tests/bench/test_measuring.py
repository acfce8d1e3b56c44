"""What the benchmark says of commands: what they cost and told, in turns, and why one did not end well."""

import sys
from pathlib import Path

import pytest
from bench.measure import Cost, Failed, cost, in_turns, median
from bench.one_after_another import main, parted


def code(text: str) -> list[str]:
    return [sys.executable, "-c", text]


def test_what_a_command_costs_and_tells() -> None:
    found = cost(code('sum(range(3_000_000)); print("on its way"); print(\'{"seconds": 0.5, "rows": 3}\')'))
    assert found.told == {"seconds": 0.5, "rows": 3}
    assert found.work == 0.5
    assert found.seconds > 0
    assert found.wall > 0


def test_work_is_all_of_it_where_nothing_is_told() -> None:
    found = cost(code("print('no figures')"))
    assert found.told == {}
    assert found.work == found.seconds


CHILD = "import sys; held = bytearray(b'x') * (60 << 20); print('there', flush=True); sys.stdin.read()"
PARENT = f"""
import subprocess, sys, time
started = [
    subprocess.Popen([sys.executable, "-c", {CHILD!r}], stdin=subprocess.PIPE, stdout=subprocess.PIPE) for _ in "12"
]
for one in started:
    one.stdout.readline()
time.sleep(1)
for one in started:
    one.communicate()
"""


def test_children_count_together() -> None:
    found = cost(code(PARENT))
    assert found.together > 120
    assert 60 < found.mebibytes < 110


@pytest.mark.parametrize(
    ("command", "why"),
    [
        (code("import sys; sys.exit('no such key')"), "no such key"),
        (code("import sys; sys.exit(3)"), "ended with 3"),
        (["/nowhere/program"], "No such file"),
    ],
)
def test_why_a_command_failed(command: list[str], why: str) -> None:
    with pytest.raises(Failed, match=why):
        cost(command)


def test_a_code_that_is_allowed_is_no_failure() -> None:
    assert isinstance(cost(code("import sys; sys.exit(3)"), allowed=(0, 3)), Cost)


def test_a_command_that_takes_too_long_is_stopped() -> None:
    with pytest.raises(Failed, match="stopped after 0 s"):
        cost(code("import time; time.sleep(60)"), limit=0.3)


def test_commands_go_in_turn_and_one_that_fails_is_not_run_again(tmp_path: Path) -> None:
    log = tmp_path / "log"
    note = "open({!r}, 'a').write({!r})"
    found = in_turns(
        {
            "a": code(note.format(str(log), "a")),
            "slow": code(note.format(str(log), "s")),
            "bad": code(note.format(str(log), "b") + "; raise SystemExit('broken')"),
        },
        3,
        once=("slow",),
    )
    assert log.read_text() == "asbaa"
    assert isinstance(found["a"], Cost)
    assert str(found["bad"]) == "broken"


def test_medians() -> None:
    runs = [Cost(n, 10 * n, 100 * n, 200 * n, {"seconds": n / 2, "rows": 7}) for n in (1.0, 9.0, 2.0)]
    assert median(runs) == Cost(2, 20, 200, 400, {"seconds": 1.0, "rows": 7})


def test_one_after_another(tmp_path: Path) -> None:
    old, folder, new = tmp_path / "old", tmp_path / "folder", tmp_path / "new"
    old.write_text("left over")
    folder.mkdir()
    first, second = code("raise SystemExit(4)"), code(f"open({str(new)!r}, 'w')")
    assert parted(["a", "--", "b", "c", "--", "d"]) == [["a"], ["b", "c"], ["d"]]
    assert main([str(old), str(folder), "--", *first, "--", *second]) == 4
    assert not old.exists()
    assert not folder.exists()
    assert not new.exists(), "what follows a failure is not run"
