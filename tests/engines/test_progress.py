import io
import json
from typing import Any

import pytest

from postvakt.engines import progress as module


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    now = [0.0]
    monkeypatch.setattr(module.time, "monotonic", lambda: now[0])
    return now


def test_lines_tell_bytes_and_the_time_left(clock: list[float]) -> None:
    out = io.StringIO()
    told = module.Lines(out)
    told.begin(4, 1000)
    clock[0] = 10.0
    told.done(250, "x")
    line: dict[str, Any] = json.loads(out.getvalue())
    assert line == {
        "event": "progress",
        "tasks": 1,
        "of_tasks": 4,
        "bytes": 250,
        "of_bytes": 1000,
        "seconds_left": 30.0,
    }


def test_the_bar_is_drawn_over_itself_and_wiped(clock: list[float]) -> None:
    out = io.StringIO()
    told = module.Bar(out)
    told.begin(2, 4_000_000)
    clock[0] = 60.0
    told.done(1_000_000, "x")
    told.end()
    assert "25% 1 MB of 4 MB, 3 min 0 s left" in out.getvalue()
    assert out.getvalue().endswith("\r\x1b[K")


def test_nobody_is_told_when_quiet_or_where_no_terminal_is() -> None:
    assert isinstance(module.watch(quiet=True), module.Silent)
    assert isinstance(module.watch(), module.Silent)
