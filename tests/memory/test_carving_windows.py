"""What is carved does not depend on how memory is cut into windows, and every byte is gone through once."""

import itertools

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from postvakt.memory.carving import (
    CONTEXT,
    OVERLAP,
    PAGE,
    Keeper,
    Owner,
    by_mapping,
    by_reading,
    held,
    of_sorted,
    of_spaces,
    of_windows,
)
from postvakt.memory.carving.driver import MOST
from postvakt.memory.sweep import Region, Sweep
from tests.memory.carving import ECP, IIS, PROXY, REQUEST, at, found_by, kinds, one, rows, wide, windows
from tests.memory.test_carving_requests import SCRIPT
from tests.memory.test_carving_structures import event, hbin, node, program, record

THINGS = [
    PROXY.encode() + b"\r\n", wide(PROXY + "\r\n"), IIS.encode() + b"\n", ECP.encode() + b"\n", REQUEST.encode(),
    wide(REQUEST), SCRIPT.encode(), b"cmd.exe /c whoami", wide("powershell -enc AAAA"), b"http://203.0.113.9/a",
    event(), hbin(node(b"Run")), record("a.aspx", SCRIPT.encode()), program(), b"X-BEResource=a]@b/c;", b"x" * 9000,
    bytes(2 * PAGE), b"\0", b"\r\n", b"\xff\xfe\xfd" * 50,
]  # fmt: skip
MEMORY = st.lists(st.tuples(st.sampled_from(THINGS), st.integers(0, 5000)), min_size=1, max_size=40).map(
    lambda parts: b"".join(thing + b"\0" * gap for thing, gap in parts)
)


@settings(max_examples=40, deadline=None)
@given(MEMORY, st.integers(3 * PAGE, 40 * PAGE), st.integers(0, PAGE - 1), st.sampled_from([0, 16, PAGE]))
def test_windows_of_any_size_give_the_same_rows(data, size, overlap, start):
    whole = rows(data, size=1 << 30, overlap=0, start=start)
    assert rows(data, size=size, overlap=overlap, start=start) == whole


@settings(max_examples=20, deadline=None)
@given(MEMORY, st.integers(OVERLAP + 8 * PAGE, 80 * PAGE))
def test_windows_that_overlap_enough_too(data, size):
    assert rows(data, size=size, overlap=OVERLAP, start=0) == rows(data, size=1 << 30, overlap=0, start=0)


@settings(max_examples=30, deadline=None)
@given(
    st.integers(1, 70 * PAGE),
    st.integers(2 * PAGE, 50 * PAGE),
    st.integers(0, PAGE),
    st.integers(0, 3 * PAGE),
)
def test_every_byte_is_owned_once(size, window, overlap, start):
    data = b"\1" * size
    cut = windows(data, window, overlap, start)
    owned = [
        (stretch.physical(stretch.own[0]), stretch.own[1] - stretch.own[0], stretch)
        for stretch in of_windows(cut)
    ]
    assert owned[0][0] == start
    assert all(first + length == second for (first, length, _), (second, _, _) in itertools.pairwise(owned))
    assert sum(length for _, length, _ in owned) == size
    for first, _, stretch in owned[1:]:
        assert stretch.own[0] >= min(CONTEXT, first - start)


def test_a_hole_ends_what_stands_before_it():
    line = PROXY.encode() + b"\n"
    parts = [(0x10000, line[:300].rjust(PAGE, b"\0")), (0x40000, line[300:].ljust(PAGE, b"\0"))]
    found = [dict(row.values) for row in Sweep(found_by()).rows(of_windows(parts))]
    assert [(row["kind"], row["page_fragment"]) for row in found if row["kind"] == "http_proxy"] == [
        ("http_proxy", True)
    ]


def test_zero_pages_are_left_out_and_addresses_stay_right():
    data = bytes(50 * PAGE) + b"cmd.exe /c whoami".ljust(PAGE, b"\0") + bytes(50 * PAGE)
    sweep = Sweep(found_by())
    (row,) = list(sweep.rows(of_windows(windows(data, 40 * PAGE))))
    assert row.values["physical"] == 0x10000 + 50 * PAGE
    assert sweep.seen.as_neighbours < 10 * PAGE


W3WP, LSASS = Owner(4012, "w3wp.exe"), Owner(612, "lsass.exe")


def memory(*pages):
    """Return physical memory of these pages, and how it is read."""
    data = b"".join(page.ljust(PAGE, b"\0") for page in pages)
    return data, by_reading(lambda address, size: data[address : address + size])


def test_a_line_on_scattered_pages_is_whole_in_the_process():
    line = PROXY.encode() + b"\r\n"
    first, second = bytes(PAGE - 300) + line[:300], line[300:]
    data, gather = memory(second, b"x", first)
    whose = held([(W3WP, [(0x7000, 2 * PAGE), (0x8000, 0)])])
    sweep = Sweep(found_by(), whose, {4012: [Region(0x7000, 0x9000, "PAGE_READWRITE")]})
    (row,) = [
        row.values for row in sweep.rows(of_spaces(whose, gather)) if row.values["kind"] == "http_proxy"
    ]
    assert (row["HttpStatus"], row["page_fragment"]) == (200, False)
    assert (row["pid"], row["process"], row["region"], row["protection"]) == (
        4012,
        "w3wp.exe",
        "0x7000",
        "PAGE_READWRITE",
    )
    assert (row["virtual"], row["physical"]) == (0x7000 + PAGE - 300, 3 * PAGE - 300)
    assert sweep.seen.in_spaces == 2 * PAGE
    left = [row.values["process"] for row in sweep.rows(of_windows(windows(data, start=0), whose.pages))]
    assert left == []
    assert sweep.seen.as_neighbours == PAGE


def test_pages_that_do_not_follow_are_not_joined():
    line = PROXY.encode() + b"\r\n"
    _, gather = memory(bytes(PAGE - 200) + line[:200], line[200:])
    whose = held([(W3WP, [(0x7000, 0), (0x9000, PAGE)])])
    found = [row.values for row in Sweep(found_by(), whose).rows(of_spaces(whose, gather))]
    assert [(row["kind"], row.get("HttpStatus"), row["page_fragment"]) for row in found][:1] == [
        ("http_proxy", None, True)
    ]


def test_shared_pages_are_gone_through_once_and_told():
    _, gather = memory(b"cmd.exe /c whoami")
    whose = held([(W3WP, [(0x7000, 0), (0x9000, 0)]), (LSASS, [(0x5000, 0)])])
    (row,) = [row.values for row in Sweep(found_by(), whose).rows(of_spaces(whose, gather))]
    assert (row["pid"], row["shared"]) == (4012, True)
    alone = held([(W3WP, [(0x7000, 0), (0x9000, 0)])])
    assert not alone.is_shared(0)


def test_memory_of_two_processes_is_never_joined():
    _, gather = memory(bytes(PAGE - 8) + b"cmd.exe ", b"/c whoami")
    whose = held([(W3WP, [(0x7000, 0)]), (LSASS, [(0x8000, PAGE)])])
    assert list(Sweep(found_by(), whose).rows(of_spaces(whose, gather))) == []


def test_parts_together_are_the_whole():
    pages = [f"cmd.exe /c echo {number}".encode() for number in range(5000)]
    _, gather = memory(*pages)
    whose = held([(W3WP, [(number * PAGE, (number * 7 % 5000) * PAGE) for number in range(5000)])])
    told = [
        row.values["text"]
        for part in range(3)
        for row in Sweep(found_by(), whose).rows(of_spaces(whose, gather, (part, 3)))
    ]
    assert sorted(told) == sorted(f"cmd.exe /c echo {number}" for number in range(5000))


def test_what_cannot_be_read_is_zeros():
    gather = by_reading(lambda address, size: None)
    whose = held([(W3WP, [(0x7000, 0)])])
    assert list(of_spaces(whose, gather)) == []


def test_no_spaces():
    assert list(of_spaces(held([]), by_reading(lambda address, size: None))) == []


def test_rows_of_a_kind_are_bounded_and_the_rest_is_counted():
    keeper = Keeper({**dict.fromkeys(("url", "iis"), 2)})
    data = at(b"\0".join(b"http://203.0.113.9/%d" % number for number in range(9)))
    assert kinds(data, keeper=keeper) == ["url", "url"]
    (gap,) = keeper.gaps()
    assert (gap.why, gap.count) == ("limited", 7)


def test_lines_are_counted_when_there_are_too_many():
    keeper = Keeper({**MOST, "iis": 2})
    data = at("".join(f"{IIS}{number}\n" for number in range(5)).encode())
    assert kinds(data, keeper=keeper) == ["iis", "iis"]
    assert [gap.count for gap in keeper.gaps()] == [3]


def test_a_program_s_own_dump_has_virtual_addresses():
    row = one("command_line", at(b"cmd.exe /c whoami", PAGE - 9), sure=True)
    assert (row["text"], row["page_fragment"]) == ("cmd.exe /c whoami", False)


def test_owners_of_sorted_pages():
    pages, virtual, owners = (
        np.array([1, 2, 2, 5], np.uint32),
        np.array([9, 8, 7, 6], np.uint64),
        np.array([1, 1, 0, 0]),
    )
    whose = of_sorted(pages, virtual, owners, (W3WP, LSASS))
    assert whose.pages.tolist() == [1, 2, 5]
    assert [whose.names[owner].pid for owner in whose.owners] == [612, 612, 4012]
    assert [whose.is_shared(page * PAGE) for page in (1, 2, 5, 9)] == [False, True, False, False]
    assert of_sorted(pages[:0], virtual[:0], owners[:0], ()).pages.tolist() == []


def test_pages_are_gathered_the_same_by_mapping(tmp_path):
    data = np.random.default_rng(3).bytes(40 * PAGE)
    path = tmp_path / "image.raw"
    path.write_bytes(b"head" + data)
    runs = [(0x10000, 10 * PAGE, 4), (0x80000, 30 * PAGE, 4 + 10 * PAGE)]

    def read(address, size):
        return next(
            (data[o - 4 + address - s :][:size] for s, n, o in runs if s <= address <= s + n - size), None
        )

    with path.open("rb") as file:
        gather = by_mapping(file.fileno(), runs, read)
        for pages in ([0x80000, 0x10000, 0x83000], [0x12000], [0x10000, 0x70000], []):
            addresses = np.array(pages, np.int64)
            assert gather(addresses) == by_reading(read)(addresses)


def test_a_path_in_a_line_is_the_lines_own_and_beside_it_one_of_its_own():
    data = at(f"{IIS}1\n/aspnet_client/shell.aspx\0".encode())
    assert kinds(data) == ["iis", "url_path"]
