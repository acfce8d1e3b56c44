"""The product's files from lists in any of their forms, held against a host's."""

from pathlib import Path
from typing import Any

import pytest

from postvakt.errors import UsageError
from postvakt.tables import baseline
from postvakt.tables.case import Case

A, B = "a" * 64, "b" * 64
ROOT = "c:/program files/microsoft/exchange server/v15"
LIST = f"""\ufeff{A.upper()},15.1.2176.2,\\FrontEnd\\HttpProxy\\owa\\auth\\logon.aspx
{A},15.1.2176.2,FrontEnd\\HttpProxy\\owa\\auth\\version\\scripts\\a.aspx
{B},15.1.2176.2,\\ClientAccess\\ecp\\x.aspx
{A},15.1.2176.2,\\ClientAccess\\ecp\\x.aspx
not a hash,15.1.2176.2,x
"""


def held(tmp_path: Path, text: str = LIST) -> baseline.Baselines:
    folder = tmp_path / "lists"
    folder.mkdir()
    (folder / "baseline_15.1.2176.2.csv").write_text(text, encoding="utf-8")
    case = Case(tmp_path / "case")
    baseline.keep(case, str(folder))
    return baseline.Baselines(case)


def file(path: str, sha256: str = A) -> dict[str, Any]:
    extension = path.rpartition(".")[2]
    return {"path": path, "sha256": sha256, "extension": extension, "size": 1, "modified": None}


@pytest.mark.parametrize(
    ("path", "sha256", "state"),
    [
        (f"{ROOT}/frontend/httpproxy/owa/auth/logon.aspx", A, ""),
        (f"{ROOT}/frontend/httpproxy/owa/auth/logon.aspx", B, "altered"),
        (f"{ROOT}/frontend/httpproxy/owa/auth/logout.aspx", A, "unknown"),
        (f"{ROOT}/frontend/httpproxy/owa/auth/15.1.2176/scripts/a.aspx", A, ""),
        ("d:/exchange/frontend/httpproxy/owa/auth/logon.aspx", A, ""),
        (f"{ROOT}/clientaccess/ecp/x.aspx", B, ""),
        (f"{ROOT}/clientaccess/ecp/x.aspx", A, ""),
    ],
)
def test_a_file_is_the_product_s_or_it_is_not(tmp_path: Path, path: str, sha256: str, state: str) -> None:
    lists = held(tmp_path)
    assert lists.builds == ("15.1.2176.2",)
    compared, same, differ = lists.compare("15.1.2176.2", [file(path, sha256)])
    assert (compared, same, [row.state for row in differ]) == (1, int(not state), [state] if state else [])


def test_scripts_stand_first(tmp_path: Path) -> None:
    names = ("a.config", "b.aspx")
    _, _, differ = held(tmp_path).compare("15.1.2176.2", [file(f"{ROOT}/clientaccess/{n}") for n in names])
    assert [(row.path.rpartition("/")[2], row.script) for row in differ] == [
        ("b.aspx", True),
        ("a.config", False),
    ]


@pytest.mark.parametrize("text", ["", "x,y,z\n", "\x00\xff"])
def test_what_is_no_list_is_a_clear_error(tmp_path: Path, text: str) -> None:
    with pytest.raises(UsageError, match="no CSV file there lists"):
        held(tmp_path, text)


def test_a_case_without_lists_knows_no_build(tmp_path: Path) -> None:
    assert baseline.Baselines(Case(tmp_path)).builds == ()
