"""What antivirus would take away stands nowhere in plain."""

import base64
from pathlib import Path

import pytest

from postvakt.content import library
from postvakt.content.encoded import ENDING, FIRST_LINE, decode, encode
from tests.content.proofs import ROOT

HOUSE = Path(__file__).resolve().parent.parent.parent
SEARCHED = ("src", "tests", "docs", "bench")
WRITTEN = HOUSE / "bench" / "out"
"""What the benchmark writes: hand-ins with all that stands in one, on the machine that asked for it alone."""

QUOTE = '"'
EATEN = [
    "eval(" + "Request.Item[",
    "eval(" + "Request[" + QUOTE,
    "<%eval " + "request(",
    "http://f/<script " + "language=" + QUOTE + "JScript",
    "language=" + QUOTE + "JScript" + QUOTE + " runat=" + QUOTE + "server" + QUOTE + ">function Page_Load",
    "HttpPostedFile " + "thisFile",
    "X5O!P%@AP[4" + "\\PZX54(P^)7CC)7}",
    "DEAR" + "CRY!",
]


def kept():
    return sorted(path for path in Path(str(ROOT)).rglob(f"*{ENDING}"))


def plain():
    return [
        path
        for folder in SEARCHED
        for path in sorted((HOUSE / folder).rglob("*"))
        if WRITTEN not in path.parents and path.is_file() and path.suffix != ".pyc"
    ]


@pytest.mark.parametrize("text", EATEN)
def test_stands_nowhere_in_plain(text):
    assert [str(path) for path in plain() if text.encode() in path.read_bytes()] == []


def test_is_searched_where_it_could_stand():
    assert len(plain()) > 100
    assert Path(__file__) in plain()


@pytest.mark.parametrize("path", kept(), ids=lambda path: f"{path.parent.name}/{path.name}")
def test_opens_and_closes_again(path):
    assert encode(decode(path.read_bytes())) == path.read_bytes()


@pytest.mark.parametrize("data", [b"", b"x", bytes(range(256)) * 40], ids=["empty", "a letter", "all bytes"])
def test_round_trip(data):
    assert decode(encode(data)) == data


@pytest.mark.parametrize(
    ("kept", "why"),
    [
        (b"", "does not begin"),
        (b"postvakt-encoded-2\nAAAA\n", "does not begin"),
        (FIRST_LINE + b"\n*** \n", "is damaged"),
        (FIRST_LINE + b"\n" + base64.b64encode(b"no zlib") + b"\n", "is damaged"),
        (encode(b"x" * 10_000)[:-8] + b"\n", "is damaged|is cut short"),
        (encode(bytes(5 * 1024 * 1024)), "is cut short, or unfolds to more"),
    ],
)
def test_what_is_no_kept_form(kept, why):
    with pytest.raises(ValueError, match=why):
        decode(kept)


def test_beside_finds_either_form(tmp_path):
    (tmp_path / "a.txt").write_bytes(b"a")
    (tmp_path / "b.txt.enc").write_bytes(encode(b"b"))
    found = [library.beside(tmp_path, name) for name in ("a.txt", "b.txt", "c.txt")]
    assert [file and library.data(file, file.name) for file in found] == [b"a", b"b", None]
