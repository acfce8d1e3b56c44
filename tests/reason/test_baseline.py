"""Which list a host is held against, and what a difference is worth."""

from datetime import UTC, datetime
from typing import Any

import pytest

from postvakt.model.baseline import FileRow
from postvakt.model.report import BuildRow
from postvakt.reason import baseline

KNOWN = ("15.0.1497.2", "15.1.2106.2", "15.1.2176.2", "15.2.792.3")


def build(name: str, day: int | None = 1) -> BuildRow:
    seen = None if day is None else datetime(2021, 3, day, tzinfo=UTC)
    return BuildRow(build=name, first=seen, until=seen, source="http_proxy rows")


def file(name: str = "x.aspx", state: Any = "unknown", script: bool = True) -> FileRow:
    return FileRow(path=f"c:/{name}", state=state, script=script, sha256="", size=None, modified=None)


def held(*builds: BuildRow, known: tuple[str, ...] = KNOWN, files: Any = ()) -> Any:
    return baseline.baseline(builds, known, lambda _: (9, 9 - len(files), list(files)))


@pytest.mark.parametrize(
    ("builds", "state", "against"),
    [
        ((build("15.1.2106.2"),), "compared", "15.1.2106.2"),
        ((build("15.1.2106.2", 1), build("15.1.2176.2", 5)), "compared", "15.1.2176.2"),
        ((build("15.1.2176.2", 5), build("15.1.2106.2", 1)), "compared", "15.1.2176.2"),
        ((build("15.1.2176.2", 5), build("15.1.2106.2", None)), "compared", "15.1.2176.2"),
        ((build("15.1.2106.13"),), "by name", "15.1.2106.2"),
        ((build("15.2.858.5"),), "by name", "15.2.792.3"),
        ((build("14.3.513.0"),), "no baseline for this build", ""),
        ((build("?"),), "no baseline for this build", ""),
        ((), "build not known", ""),
    ],
)
def test_which_list_a_host_is_held_against(builds: tuple[BuildRow, ...], state: str, against: str) -> None:
    made = held(*builds)
    assert (made.state, made.build) == (state, against)


def test_without_lists_nothing_is_asked() -> None:
    assert held(build("15.1.2106.2"), known=()).state == "not asked"


def test_without_files_nothing_is_compared() -> None:
    assert baseline.baseline([build("15.1.2106.2")], KNOWN, None).state == "no files read"


def test_beside_another_build_only_names_say_something() -> None:
    files = (file("a.aspx", "altered"), file("b.aspx"))
    made = held(build("15.1.2106.13"), files=files)
    assert [row.path for row in made.files] == ["c:/b.aspx"]
    assert baseline.doubts(made) == ()


@pytest.mark.parametrize(
    ("row", "doubted"), [(file(), 1), (file(state="altered"), 1), (file(script=False), 0)]
)
def test_a_script_that_the_build_does_not_have_wants_a_judgement(row: FileRow, doubted: int) -> None:
    assert len(baseline.doubts(held(build("15.1.2106.2"), files=(row,)))) == doubted
