"""Hives read column by column: the rows, gaps and clues are those of reading cell by cell, whatever is in the hive."""

import random
import re
from datetime import UTC, datetime

import pytest
from bench import hive_inputs

from postvakt.artifacts.registry import columns, reader, sound, walk
from postvakt.artifacts.registry.hives import place_of
from postvakt.artifacts.registry.regf import Hive
from postvakt.artifacts.registry.replay import base_block
from postvakt.artifacts.troubles import Troubles
from tests.artifacts.hive_builder import K, at, binary, dword, expand, hive, multi, qword, sz
from tests.artifacts.hive_exhibits import files
from tests.artifacts.hive_sources import read
from tests.artifacts.sources import Held
from tests.artifacts.test_registry import HIVES, SOUND, damaged_by

EXHIBITS = files()
CONFIG = "Windows/System32/config"
NT = r"Microsoft\Windows NT\CurrentVersion"


def odd() -> bytes:
    """A SOFTWARE hive without a fault that holds every kind of value, name and list that a hive may."""
    return hive(
        at(
            "Microsoft\\Texts",
            values={
                "": sz("default"),
                "Größe": sz("Übergröße"),
                "Имя": sz("Иван"),
                "no end": (1, "open".encode("utf-16-le")),
                "odd": (1, b"a\0b\0c"),
                "one": (1, b"a"),
                "short": (1, b"a\0"),
                "behind": (2, "shown\0hidden\0".encode("utf-16-le")),
                "only an end": sz(""),
                "two ends": (1, b"a\0\0\0\0\0"),
                "half a pair": (1, b"\x00\xd8\0\0"),
                "nothing": (1, b""),
                "device text": (0xFFFF0012, "PCI device\0".encode("utf-16-le")),
                "long": sz("x" * 9000),
                "longer": sz("y" * 40_000),
                "expand": expand("%SystemRoot%\\a.exe"),
            },
        ),
        at(
            "Microsoft\\Numbers",
            values={
                "dword": dword(0xFFFFFFFF),
                "short dword": (4, b"\1\2"),
                "big dword": (4, b"\1\2\3\4\5\6"),
                "big endian": (5, b"\1\2\3\4"),
                "qword": qword(2**63),
                "multi": multi("one", "two"),
                "empty multi": multi(),
                "none": (0, b""),
                "small": binary(b"\xff"),
                "binary": binary(bytes(range(256))),
                "large": binary(bytes(300)),
                "segments": binary(random.Random(1).randbytes(50_000)),
                "unknown": (77, b"seven-and-seventy"),
            },
        ),
        at(f"{NT}\\Winlogon", values={"DefaultPassword": sz("kept to itself"), "Shell": sz("explorer.exe")}),
        at(f"{NT}\\Winlogon", values={"altdefaultpaſſword": sz("folded")}),
        K("Schlüssel", K("Ключ", values={"a": dword(1)}), class_name="class"),
        K("Many", *(K(f"Key{n:04}", values={"n": dword(n)}) for n in range(300)), listed="ri"),
        K("Plain", *(K(f"Key{n:04}") for n in range(5)), listed="li"),
        at("Jd", values={"v": binary(b"abc")}),
        K("never", written=datetime(1601, 1, 1, tzinfo=UTC)),
        K("Classes"),
    )


def found(name: str, contents: dict[str, bytes], monkeypatch: pytest.MonkeyPatch) -> tuple[object, object]:
    """Return what is read of a hive by columns, and what cell by cell."""
    by_columns = read(Held(contents, name))
    monkeypatch.setattr(reader, "rows_of", lambda *_: None)
    monkeypatch.setattr(walk, "loose_cells", lambda *_: None)
    cell_by_cell = read(Held(contents, name))
    monkeypatch.undo()
    return by_columns, cell_by_cell


def is_by_columns(content: bytes, name: str) -> bool:
    """Tell whether a hive is read by columns."""
    image = bytearray(content)
    base = base_block(image)
    assert base is not None
    one = Hive(image, base, Troubles("registry"))
    place = place_of(one, Held({name: content}, name).member)
    return columns.rows_of(one, place.kind, place.root, reader.FREELY) is not None


def test_every_kind_of_value_and_name(monkeypatch: pytest.MonkeyPatch) -> None:
    name = f"{CONFIG}/SOFTWARE"
    assert is_by_columns(odd(), name)
    by_columns, cell_by_cell = found(name, {name: odd()}, monkeypatch)
    assert by_columns == cell_by_cell


def test_small_batches_are_the_same_rows(monkeypatch: pytest.MonkeyPatch) -> None:
    name = f"{CONFIG}/SOFTWARE"
    whole = read(Held({name: odd()}, name))
    monkeypatch.setattr(reader, "ROWS_AT_ONCE", 7)
    assert read(Held({name: odd()}, name)) == whole
    monkeypatch.setattr(reader, "MOST_CHARACTERS", 200)
    assert read(Held({name: odd()}, name)) == whole


def test_more_than_columns_hold_is_read_cell_by_cell(monkeypatch: pytest.MonkeyPatch) -> None:
    name = f"{CONFIG}/SOFTWARE"
    whole = read(Held({name: odd()}, name))
    monkeypatch.setattr(sound, "MOST_VALUES", 10)
    assert not is_by_columns(odd(), name)
    monkeypatch.setattr(sound, "MOST_VALUES", 10**6)
    monkeypatch.setattr(sound, "MOST_KEYS", 10)
    assert not is_by_columns(odd(), name)
    assert read(Held({name: odd()}, name)) == whole


@pytest.mark.parametrize("name", [n for n in SOUND if not n.endswith(("SAM", "SECURITY"))])
def test_sound_exhibits_are_read_by_columns(name: str) -> None:
    kinds = ("SYSTEM", "SOFTWARE", "NTUSER.DAT", "UsrClass.dat", "Amcache.hve")
    assert is_by_columns(EXHIBITS[name], name) or not name.endswith(kinds)


@pytest.mark.parametrize("seed", range(25))
@pytest.mark.parametrize("name", [n for n in HIVES if EXHIBITS[n]])
def test_damaged_hives_give_the_same(name: str, seed: int, monkeypatch: pytest.MonkeyPatch) -> None:
    dice = random.Random(f"columns{name}{seed}")
    contents = {other: data for other, data in EXHIBITS.items() if other.startswith(name)}
    if seed:
        contents[name] = damaged_by(dice, contents[name])
    by_columns, cell_by_cell = found(name, contents, monkeypatch)
    assert by_columns == cell_by_cell


def cells(content: bytes) -> list[int]:
    """Return where the cells of a hive of one bin lie in it."""
    found, at = [], 4096 + 32
    while at < len(content):
        found.append(at)
        at += abs(int.from_bytes(content[at : at + 4], "little", signed=True))
    return found


@pytest.mark.parametrize("seed", range(80))
def test_cells_that_are_free_too_small_or_too_large_give_the_same(
    seed: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    name = f"{CONFIG}/SOFTWARE"
    content = bytearray(odd())
    dice = random.Random(f"cells{seed}")
    # Behind the first ones lie many that are alike.
    at = dice.choice(cells(content)[: 160 if seed % 2 else None])
    size = int.from_bytes(content[at : at + 4], "little", signed=True)
    changed = dice.choice((-size, -8, -16, -24, size * 2, size - 8, 0, size + 4))
    content[at : at + 4] = changed.to_bytes(4, "little", signed=True)
    by_columns, cell_by_cell = found(name, {name: bytes(content)}, monkeypatch)
    assert by_columns == cell_by_cell


@pytest.mark.parametrize("seed", range(40))
def test_damaged_cells_of_many_bins_give_the_same(seed: int, monkeypatch: pytest.MonkeyPatch) -> None:
    name = f"{CONFIG}/SOFTWARE"
    content = bytearray(hive_inputs.software(2_000, 7))
    assert content.count(b"hbin") > sound.FEW_BINS
    dice = random.Random(f"bins{seed}")
    places = [match.start() - 4 for match in re.finditer(rb"[nv]k", content) if match.start() % 8 == 4]
    for _ in range(seed % 3):
        # Values and keys that are freed or that nothing leads to, and sizes that are wrong.
        at = dice.choice(places)
        size = int.from_bytes(content[at : at + 4], "little", signed=True)
        changed = dice.choice((-size, size * 2, size + 4, -4096, 8192))
        content[at : at + 4] = changed.to_bytes(4, "little", signed=True)
    if seed > 20:
        # A list that is empty all of a sudden: its values are orphans.
        at = dice.choice([match.start() for match in re.finditer(rb"nk", content) if match.start() % 8 == 4])
        content[at + 36 : at + 40] = bytes(4)
    by_columns, cell_by_cell = found(name, {name: bytes(content)}, monkeypatch)
    assert by_columns == cell_by_cell


@pytest.mark.parametrize("seed", range(60))
def test_a_damaged_hive_of_every_kind_gives_the_same(seed: int, monkeypatch: pytest.MonkeyPatch) -> None:
    name = f"{CONFIG}/SOFTWARE"
    content = bytearray(odd())
    dice = random.Random(seed)
    for _ in range(dice.choice((1, 2, 3))):
        # Small cells that nodes and lists lie in, so that damage meets something.
        content[4096 + dice.randrange(len(content) - 4096)] = dice.choice((0, 1, 0x20, 0xFF))
    by_columns, cell_by_cell = found(name, {name: bytes(content)}, monkeypatch)
    assert by_columns == cell_by_cell
