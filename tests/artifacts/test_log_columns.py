"""Columns read as codes, numbers and times, beside the same columns read as texts: the rows are to be the same."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from postvakt import artifacts
from postvakt.artifacts import fitting, log_columns, log_lines
from postvakt.artifacts.iis import READER as IIS
from tests.artifacts.exhibits import EVIDENCE, exhibits
from tests.artifacts.sources import alone, pieces

DELIMITED = (
    "cmdlet_infra",
    "ecp_activity",
    "ecp_server",
    "ews",
    "exchange_log",
    "http_proxy",
    "httperr",
    "iis",
    "message_tracking",
    "mitigation_service",
    "oab_generator",
)
LOGS = [
    pytest.param(artifact, path, id=path.relative_to(EVIDENCE).as_posix())
    for artifact, path in exhibits()
    if artifact in DELIMITED
]
BLOCK = 600
HEADER = b"#Software: Microsoft Internet Information Services 10.0\n#Fields: "
NAMES = ("date", "time", "cs-method", "s-port", "sc-status", "time-taken", "x-own")


@contextmanager
def blocks_of(size: int, *, learning: bool) -> Iterator[None]:
    """Read logs in blocks of so many bytes. `learning`: all texts become codes from the second block on; without it,
    all is read as text."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(log_lines, "BLOCK_BYTES", size)
        if learning:
            patch.setattr(log_columns, "ENOUGH_ROWS", 1)
            patch.setattr(log_columns, "repeats", lambda _: True)
        else:
            patch.setattr(fitting.Fitting, "wanted", log_columns.Wanted())
            patch.setattr(log_columns, "_stamped", lambda *_: False)
        yield


@pytest.mark.parametrize(("artifact", "path"), LOGS)
def test_a_log_says_the_same_however_its_columns_are_read(artifact: str, path: Path) -> None:
    reader = artifacts.BY_NAME[artifact]
    log = alone(path.read_bytes() * 3, path.name)
    with blocks_of(BLOCK, learning=False):
        plain = pieces(reader, log)
    with blocks_of(BLOCK, learning=True):
        assert pieces(reader, log) == plain
    assert plain[0]


def request(values: dict[str, str]) -> bytes:
    usual = dict(zip(NAMES, ["2021-03-01", "10:00:00", "GET", "443", "200", "15", "-"], strict=True))
    return " ".join((usual | values).values()).encode()


def log_of(lines: list[bytes], names: tuple[str, ...] = NAMES, *, end: bytes = b"\r\n") -> bytes:
    return HEADER + " ".join(names).encode() + end + b"".join(line + end for line in lines)


ODD = {
    "date": [
        "-",
        "2021-3-001",
        "1980-01-01",
        "2100-01-01",
        "2021-02-30",
        "20210301",
        "0000-00-00",
        "2021-03-1",
    ],
    "time": [
        "-",
        "10:00",
        "24:00:00",
        "23:59:60",
        "1:00:00",
        "10:00:0a",
        "10:00:00.5",
        "-1:00:00",
        "+1:00:00",
    ],
    "s-port": ["-", "0443", "+443", "4 43", "\t443", "70000", "-1", "0x1bb", "443\t"],
    "sc-status": ["-", "007", "1000", "abc", "2e2", ""],
    "time-taken": ["9223372036854775807", "9223372036854775808", "-5", "00", "1_000"],
    "cs-method": ["POST", "po st", "", "ä", '"GET"'],
    "x-own": ["a", "b c", "1"],
}
VALUES = st.one_of(*(st.tuples(st.just(name), st.sampled_from(told)) for name, told in ODD.items()))
LINES = st.lists(st.lists(VALUES, max_size=2).map(dict).map(request), min_size=1, max_size=40)


@given(LINES, st.sampled_from([60, 200, 1 << 20]), st.sampled_from([b"\n", b"\r\n"]))
@settings(max_examples=300, deadline=None)
@example([request({}), request({"s-port": "443\t"})], 1 << 20, b"\n")
@example([request({}), request({"date": "-", "cs-method": "abcde:f"})], 200, b"\n")
@example([request({"time": "-", "cs-method": "a:b:c"})], 60, b"\n")
@example([request({}), request({"date": "1980-01-01", "time": "09:00:00"})], 60, b"\n")
@example([request({}), request({"s-port": "0443"}), request({"sc-status": "007"})], 60, b"\n")
def test_what_is_no_number_or_time_stays_as_it_is_written(lines: list[bytes], size: int, end: bytes) -> None:
    log = alone(log_of(lines, end=end), "u_ex210301.log")
    with blocks_of(size, learning=False):
        plain = pieces(IIS, log)
    with blocks_of(size, learning=True):
        assert pieces(IIS, log) == plain


@pytest.mark.parametrize(
    "names",
    [
        ("date", "time", "time-taken", "TimeTakenMS"),
        ("date", "time", "s-port", "s-port"),
        ("date", "time", "date", "time"),
        ("time", "date", "s-port", "cs-host"),
        ("date", "time", "x-date", "cs-host"),
    ],
)
def test_a_field_that_comes_twice_is_kept_as_text(names: tuple[str, ...]) -> None:
    values = {"date": "2021-03-01", "time": "10:00:00", "cs-host": "mail"}
    lines = [" ".join(values.get(name, f"00{row}") for name in names).encode() for row in range(9)]
    log = alone(log_of(lines, names), "u_ex210301.log")
    with blocks_of(90, learning=False):
        plain = pieces(IIS, log)
    with blocks_of(90, learning=True):
        assert pieces(IIS, log) == plain


@pytest.mark.parametrize("time", ["10:00:00", "10:00", "-"])
def test_local_times_are_kept_as_they_are_written(time: str) -> None:
    lines = [request({"time": time, "cs-method": "GE"})] * 9
    log = alone(b"#GMT-Offset: +0100\n" + log_of(lines), "u_ex210301.log")
    with blocks_of(90, learning=True):
        rows = pieces(IIS, log)[0]["iis"]
    told = {"date": "2021-03-01", "time": time} if time != "-" else {"date": "2021-03-01"}
    assert {row["time"] for row in rows} == {None}
    assert [{pair["name"]: pair["value"] for pair in row["unmapped"]} for row in rows] == [told] * 9
