"""Transaction logs: the state that Windows would recover, in both formats."""

import struct
from collections.abc import Mapping

import pytest

from postvakt.artifacts.registry.replay import base_block, marvin32, replay
from tests.artifacts.hive_builder import K, dword, hive, log_entry, new_log, old_log, pages_between, summed
from tests.artifacts.hive_damage import before_and_after, with_sequences
from tests.artifacts.sources import Held

BEFORE, AFTER = before_and_after()
BINS = len(AFTER) - 4096
PAGES = pages_between(BEFORE, AFTER)
FIRST, REST = dict(list(PAGES.items())[:1]), dict(list(PAGES.items())[1:])
ALL = {start: AFTER[4096 + start : 4608 + start] for page in PAGES for start in range(page, page + 4096, 512)}
UNCLEAN = with_sequences(BEFORE, 3, 2)
GROWN = hive(*(K(f"key {n}", values={"n": dword(n)}) for n in range(60)), pages=6)
SMALL = with_sequences(hive(K("key 0"), pages=1), 3, 2)


def with_header(content: bytes, **fields: int) -> bytes:
    """Return a file with fields of its header changed and the checksum made right."""
    places = {"primary": (4, "<I"), "secondary": (8, "<I"), "written": (12, "<Q")}
    block = bytearray(content[:512])
    for name, value in fields.items():
        struct.pack_into(places[name][1], block, places[name][0], value)
    struct.pack_into("<I", block, 508, 0)
    return bytes(summed(block)) + content[512:]


def spoiled(content: bytes) -> bytes:
    """Return a hive whose header has a wrong checksum."""
    return content[:508] + b"INVL" + content[512:]


def recovered(files: Mapping[str, bytes], wanted: bytes) -> tuple[bool, int, str, bool]:
    """Return whether the hive became what is wanted, what was applied, what is lost, whether logs are missing."""
    image = bytearray(files["H"])
    base = base_block(image)
    assert base is not None
    result = replay(image, base, Held(files, "H"))
    return image[4096 : len(wanted)] == wanted[4096:], result.applied, result.lost, result.missing


NEW = new_log(UNCLEAN, [(2, PAGES)], BINS)
OLD = old_log(UNCLEAN, ALL, BINS)
CONTINUED = {"LOG1": new_log(UNCLEAN, [(3, REST)], BINS), "LOG2": new_log(UNCLEAN, [(2, FIRST)], BINS)}
STALE = NEW[512:]
DIRTY = "sequence numbers 3 and 2 differ"
LEFT_OUT = "entry 3 is in neither log, those from 4 on were not applied"


@pytest.mark.parametrize(
    ("primary", "logs", "wanted", "applied", "lost"),
    [
        pytest.param(UNCLEAN, {"LOG1": NEW}, AFTER, 1, "", id="one log"),
        pytest.param(UNCLEAN, {"LOG2": NEW}, AFTER, 1, "", id="the second log alone"),
        pytest.param(UNCLEAN, {"LOG": NEW}, AFTER, 1, "", id="the log without a number"),
        pytest.param(UNCLEAN, CONTINUED, AFTER, 2, "", id="the second log has the earlier entries"),
        pytest.param(
            UNCLEAN,
            {"LOG1": new_log(UNCLEAN, [(2, FIRST), (3, REST)], BINS, tail=STALE)},
            AFTER, 2, "", id="older entries lie behind",
        ),
        pytest.param(
            UNCLEAN, {"LOG1": new_log(UNCLEAN, [(7, PAGES)], BINS)}, AFTER, 1, "",
            id="the first entry is later than the hive: it was written in part",
        ),
        pytest.param(
            UNCLEAN, {"LOG1": new_log(UNCLEAN, [(1, PAGES)], BINS)}, BEFORE, 0,
            f"{DIRTY}, and no log entry continues the hive", id="the log is older than the hive",
        ),
        pytest.param(
            UNCLEAN,
            {"LOG1": new_log(UNCLEAN, [(2, FIRST)], BINS), "LOG2": new_log(UNCLEAN, [(4, REST)], BINS)},
            BEFORE[: 4096] + AFTER[4096:8192], 1, LEFT_OUT, id="an entry between the logs is missing",
        ),
        pytest.param(SMALL, {"LOG1": new_log(SMALL, [(2, pages_between(SMALL, GROWN))], len(GROWN) - 4096)},
                     GROWN, 1, "", id="the hive grows"),
        pytest.param(spoiled(UNCLEAN), {"LOG1": NEW}, AFTER, 1, "", id="the header comes from the log"),
        pytest.param(
            spoiled(UNCLEAN),
            {"LOG1": new_log(UNCLEAN, [(1, {0: bytes(4096)})], BINS), "LOG2": NEW},
            AFTER, 1, "", id="a wrong header: the newest log alone",
        ),
        pytest.param(BEFORE, {"LOG1": NEW}, BEFORE, 0, "", id="a clean hive stays, whatever the log holds"),
        pytest.param(UNCLEAN, {"LOG1": OLD}, AFTER, 2 * 8, "", id="old format"),
        pytest.param(spoiled(UNCLEAN), {"LOG1": OLD}, AFTER, 2 * 8, "", id="old format, header from the log"),
        pytest.param(UNCLEAN, {"LOG1": b"", "LOG2": OLD}, AFTER, 2 * 8, "", id="old format, the second log"),
        pytest.param(
            UNCLEAN, {"LOG1": with_header(OLD, primary=3)}, BEFORE, 0,
            f"{DIRTY}, and no log beside it belongs to this state", id="old format, a log half written",
        ),
        pytest.param(
            UNCLEAN, {"LOG1": with_header(OLD, written=1)}, BEFORE, 0,
            f"{DIRTY}, and no log beside it belongs to this state", id="old format, a log of another time",
        ),
        pytest.param(
            UNCLEAN, {"LOG1": with_header(OLD, written=1), "LOG2": with_header(OLD, written=1 << 62)}, AFTER,
            2 * 8, "", id="old format, a second log that went on",
        ),
        pytest.param(
            UNCLEAN, {"LOG1": OLD[:-700]}, b"", 14, "the log ends after 14 of its pages", id="old format, cut",
        ),
    ],
)  # fmt: skip
def test_what_windows_would_recover(
    primary: bytes, logs: dict[str, bytes], wanted: bytes, applied: int, lost: str
) -> None:
    files = {"H": primary, **{f"H.{suffix}": log for suffix, log in logs.items()}}
    assert recovered(files, wanted) == (True, applied, lost, False)


def test_a_dirty_hive_without_logs_says_so() -> None:
    assert recovered({"H": UNCLEAN}, BEFORE) == (True, 0, DIRTY, True)


@pytest.mark.parametrize("place", [8, 12, 16, 24, 32, 40, 60, 4000])
def test_a_damaged_entry_ends_the_replay(place: int) -> None:
    log = bytearray(NEW)
    log[512 + place] ^= 0x40
    changed, applied, lost, _ = recovered({"H": UNCLEAN, "H.LOG1": bytes(log)}, BEFORE)
    assert (changed, applied) == (True, 0)
    assert lost.startswith(("log entry 2 is damaged", DIRTY))


@pytest.mark.parametrize(
    ("content", "checksum"),
    [
        (b"", 0xB39EFCA403966E08),
        (b"\0", 0x2D45A72C3C214958),
        (b"HvLE", 0x914527932CF336DD),
        (bytes(range(32)), 0xC64FEEE425C2E24C),
    ],
)
def test_marvin32(content: bytes, checksum: int) -> None:
    assert marvin32(content) == checksum


def test_entry_sizes_are_multiples_of_a_sector() -> None:
    assert len(log_entry(1, 4096, {0: bytes(4096)})) == 4608
