"""The slip for an online machine."""

from datetime import UTC, datetime
from pathlib import Path

import pytest

from postvakt.estate.memory import containers
from postvakt.estate.memory.description import Machine, Process
from postvakt.estate.memory.image import build
from postvakt.memory.slips import slip_text, symbol_path
from tests.memory.reading import Told

GUID = "A1E1C9A90091DA9805D0EBA0470BEC85"


@pytest.mark.parametrize(
    ("symbols", "path"),
    [
        (f"ntkrnlmp.pdb {GUID} 1", f"ntkrnlmp.pdb/{GUID}1/ntkrnlmp.pdb"),
        (f"ntkrnlmp.pdb {GUID} 26", f"ntkrnlmp.pdb/{GUID}1A/ntkrnlmp.pdb"),
        (f"../../x.pdb {GUID} 1", None),
        (f"ntkrnlmp.pdb {GUID.lower()} 1", None),
        ("ntkrnlmp.pdb", None),
        (None, None),
    ],
)
def test_the_path_below_a_symbol_server(symbols: str | None, path: str | None) -> None:
    assert symbol_path(symbols) == path


def test_a_slip_names_file_path_and_windows_and_no_host(tmp_path: Path) -> None:
    at = datetime(2021, 3, 2, 3, 0, tzinfo=UTC)
    system = Process(pid=4, parent=0, name="System", created=at)
    image = build(Machine(build=17763, host="EX01", taken=at, processes=(system,)))
    row = Told(containers.write(image, tmp_path / "image.raw", "raw")).image
    slip = slip_text(row)
    assert str(symbol_path(row["symbols"])) in slip
    assert row["build_text"] in slip
    assert "http" not in slip
    assert "." + "com" not in slip


def test_an_image_without_a_name_says_so() -> None:
    assert "none can be fetched" in slip_text({"symbols": None, "build": 17763})
