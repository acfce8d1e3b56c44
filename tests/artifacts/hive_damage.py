"""Hives that were left dirty, with their logs, hives that lost something, and hives that lie."""

import struct
from datetime import timedelta

from tests.artifacts.hive_builder import (
    WRITTEN,
    Builder,
    K,
    at,
    binary,
    dword,
    hive,
    new_log,
    old_log,
    pages_between,
    summed,
    sz,
)

EARLIER = WRITTEN - timedelta(days=400)


def deleted() -> bytes:
    """A key with a value, one of it, and a value of a living key: all freed."""
    builder = Builder()
    keeper = K("Keeper", values={"kept": sz("stays"), "dropped": sz("was here")})
    gone = K("Gone", values={"run": sz(r"C:\Temp\gone.exe")})
    root = builder.key(K("ROOT", keeper, gone), 0xFFFFFFFF, root=True)
    nodes = {m: builder.bins.find(m.encode()) for m in ("Gone", "Keeper", "run", "dropped", "kept")}
    root_list = builder.bins.find(b"lf\2\0")
    struct.pack_into("<H", builder.bins, root_list + 2, 1)
    struct.pack_into("<I", builder.bins, root + 4 + 20, 1)
    struct.pack_into("<I", builder.bins, nodes["Keeper"] - 76 + 36, 1)
    for name, width in (("Gone", 76), ("run", 20), ("dropped", 20)):
        builder.free(nodes[name] - width - 4)
    for content in (r"C:\Temp\gone.exe", "was here"):
        builder.free(builder.bins.find(content.encode("utf-16-le")) - 4)
    return builder.finish(root)


def before_and_after() -> tuple[bytes, bytes]:
    """One hive before and after a service was added, of equal length."""

    def made(*more: K) -> bytes:
        return hive(
            at("Select", values={"Current": dword(1)}),
            at(r"ControlSet001\Services\Dhcp", values={"Start": dword(2), "x": binary(bytes(4200))}, written=EARLIER),
            *more, name="SYSTEM", pages=3,
        )  # fmt: skip

    bad = at(
        r"ControlSet001\Services\msupdate",
        values={"ImagePath": sz(r"C:\ProgramData\m.exe"), "Start": dword(2)},
    )
    return made(), made(bad)


def with_sequences(primary: bytes, first: int, second: int) -> bytes:
    """Return a hive whose header says that a write was begun and not ended."""
    block = bytearray(primary[:512])
    struct.pack_into("<II", block, 4, first, second)
    struct.pack_into("<I", block, 508, 0)
    return bytes(summed(block)) + primary[512:]


def dirty() -> dict[str, bytes]:
    """Dirty hives with their logs, in both formats, split over two logs, damaged, missing, with a header spoiled."""
    before, after = before_and_after()
    bins = len(after) - 4096
    pages = pages_between(before, after)
    unclean = with_sequences(before, 3, 2)
    halves = [dict(list(pages.items())[:1]), dict(list(pages.items())[1:])]
    noise = {0: bytes(4096)}
    stale = new_log(unclean, [(9, noise)], bins)[512:]
    both = new_log(unclean, [(2, halves[0])], bins, tail=stale), new_log(unclean, [(3, halves[1])], bins)
    spoiled = bytearray(unclean)
    spoiled[40:44] = bytes(4)
    damaged = bytearray(new_log(unclean, [(2, halves[0]), (3, pages)], bins))
    damaged[-600] ^= 1
    old_pages = pages_between(before, after, 512)
    whole_pages = {
        start: after[4096 + start : 4608 + start] for page in pages for start in range(page, page + 4096, 512)
    }
    assert old_pages.keys() <= whole_pages.keys()
    return {
        "dirty/new-two-logs/SYSTEM": unclean,
        "dirty/new-two-logs/SYSTEM.LOG1": both[1],
        "dirty/new-two-logs/SYSTEM.LOG2": both[0],
        "dirty/new-header-spoiled/SYSTEM": bytes(spoiled),
        "dirty/new-header-spoiled/SYSTEM.LOG1": new_log(unclean, [(2, pages)], bins),
        "dirty/new-log-damaged/SYSTEM": unclean,
        "dirty/new-log-damaged/SYSTEM.LOG1": bytes(damaged),
        "dirty/old/SYSTEM": unclean,
        "dirty/old/SYSTEM.LOG1": old_log(unclean, whole_pages, bins),
        "dirty/old/SYSTEM.LOG2": b"",
        "dirty/without-logs/SYSTEM": unclean,
        "dirty/clean-with-newer-log/SYSTEM": before,
        "dirty/clean-with-newer-log/SYSTEM.LOG1": new_log(before, [(2, pages)], bins),
        "dirty/log-alone/SYSTEM.LOG1": new_log(unclean, [(2, pages)], bins),
    }


def damaged() -> dict[str, bytes]:
    """Hives that lie: lists that lead back up, cut short, out of the file; a root that is not there; cut files."""
    whole = hive(
        K("a", K("b", K("c", values={"v": sz("deep")}))), K("d", values={"x": dword(1), "y": dword(2)})
    )
    builder = Builder()
    root = builder.key(K("ROOT", K("a", K("b", K("c")))), 0xFFFFFFFF, root=True)
    circle = bytearray(builder.finish(root))
    last = circle.find(b"nk", circle.find(b"c\0\0\0\0\0\0\0") - 80)
    struct.pack_into("<I", circle, last + 20, 1)
    struct.pack_into("<I", circle, last + 28, circle.find(b"lf") - 4096 - 4)
    lying = bytearray(whole)
    at_d = lying.find(b"nk", lying.find(b"d\0\0\0") - 80)
    struct.pack_into("<I", lying, at_d + 36, 500_000)
    rootless = bytearray(whole)
    struct.pack_into("<I", rootless, 36, 0x7FFFFFF8)
    struct.pack_into("<I", rootless, 508, 0)
    rootless[:512] = summed(bytearray(rootless[:512]))
    return {
        "damaged/circle": bytes(circle),
        "damaged/value-count-lies": bytes(lying),
        "damaged/root-elsewhere": bytes(rootless),
        "damaged/cut": hive(K("a", *(K(f"key {n:03}") for n in range(60))))[: 4096 + 4000],
        "damaged/header-only": whole[:4096],
        "damaged/few-bytes": b"regf\1\0\0\0",
        "damaged/zeros": b"regf" + bytes(8188),
        "damaged/NTUSER.DAT": b"",
    }
