"""Hives that our writer makes, read by three readers that others wrote: regrs, dissect.regf and libregf."""

import io
import struct
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pyregf
import pytest
import regrs
from dissect.regf import RegistryHive

from postvakt.estate import regf_writer as w
from postvakt.estate.regf_writer import Key, Value, regf

AT = datetime(2021, 3, 1, 2, 17, 0, 123456, tzinfo=UTC)
BIG = bytes(range(256)) * 200
VALUES = (
    w.text("", "the default"),
    w.text("Latin é", "C:\\Program Files"),
    w.text("Кириллица", "привет"),
    w.text("Expanded", "%SystemRoot%\\x", w.EXPAND_SZ),
    w.text("Link", "\\Registry\\Machine", w.LINK),
    w.texts("Several", "RPCSS", "NTDS"),
    w.dword("Number", 0xFFFFFFFE),
    w.qword("Long", 2**40 + 7),
    w.binary("Nothing", b""),
    w.binary("Four", b"abcd"),
    w.binary("Eight", b"abcdefgh"),
    w.binary("Longest in one cell", BIG[:16344]),
    w.binary("Shortest in two", BIG[:16345]),
    w.binary("Four segments", BIG),
    Value("Big endian", w.DWORD_BE, b"\x00\x00\x00\x07"),
    Value("Any type", 0x20, b"12345678"),
)
ROOT = Key(
    name="ROOT",
    written=AT,
    keys=[
        Key(name="Values", written=AT + timedelta(days=1), values=VALUES),
        Key(name="Ключ", written=AT + timedelta(days=2), class_name="a1b2c3d4"),
        Key(name="Ünï", written=AT + timedelta(days=3), keys=[Key(name="deep", written=AT)]),
        Key(
            name="Many",
            written=AT,
            keys=[
                Key(name=f"k{n:04}", written=AT + timedelta(seconds=n), values=[w.dword("n", n)])
                for n in reversed(range(1200))
            ],
        ),
    ],
)

Told = tuple[str, datetime, str, tuple[tuple[str, int, bytes], ...]]


def written(key: Key, path: str = "") -> Iterator[Told]:
    """What was meant, in the order in which a hive keeps its subkeys."""
    values = tuple((value.name, value.type, value.content) for value in key.values)
    yield path + key.name, key.written, key.class_name, values
    for child in sorted(key.keys, key=lambda k: k.name.upper()):
        yield from written(child, f"{path}{key.name}\\")


@pytest.fixture(scope="module")
def path(tmp_path_factory: pytest.TempPathFactory) -> Path:
    made = tmp_path_factory.mktemp("regf") / "SYSTEM"
    made.write_bytes(regf(ROOT, file_name="\\SystemRoot\\System32\\Config\\SYSTEM", sequence=7))
    return made


def test_libregf_reads_every_key_value_and_time(path: Path) -> None:
    def walk(key: pyregf.key, above: str = "") -> Iterator[Told]:
        values = tuple((value.name or "", value.type, value.data or b"") for value in key.values)
        yield above + key.name, key.get_last_written_time().replace(tzinfo=UTC), key.class_name or "", values
        for child in key.sub_keys:
            yield from walk(child, f"{above}{key.name}\\")

    file = pyregf.open(str(path))
    assert not file.is_corrupted()
    assert list(walk(file.get_root_key())) == list(written(ROOT))


def test_libregf_finds_a_key_by_its_path(path: Path) -> None:
    file = pyregf.open(str(path))
    assert file.get_key_by_path("\\Many\\k0777").values[0].get_data_as_integer() == 777


def test_dissect_reads_every_key_value_and_time(path: Path) -> None:
    def walk(key: object, above: str = "") -> Iterator[Told]:
        values = tuple((v.name.replace("(Default)", ""), v.type, v.data) for v in key.values())  # type: ignore[attr-defined]
        stamp = round(key.timestamp.timestamp(), 4)  # type: ignore[attr-defined]  # it keeps times as floats
        yield above + key.name, stamp, key.class_name or "", values  # type: ignore[attr-defined,misc]
        for child in key.subkeys():  # type: ignore[attr-defined]
            yield from walk(child, f"{above}{key.name}\\")

    hive = RegistryHive(io.BytesIO(path.read_bytes()))
    expected = [(name, round(at.timestamp(), 4), c, values) for name, at, c, values in written(ROOT)]
    assert list(walk(hive.root())) == expected


def test_dissect_finds_a_key_by_its_hash(path: Path) -> None:
    hive = RegistryHive(io.BytesIO(path.read_bytes()))
    assert hive.open("Many\\k0778").value("n").value == 778


def test_regrs_reads_every_key_value_and_time(path: Path) -> None:
    """It gives a value's whole cell, reads past the end of segments and knows no Latin-1 name: all of that is left
    out of the comparison; the two other readers see it right."""

    def walk(key: regrs.RegistryKey, above: str = "") -> Iterator[tuple[str, int, list[bytes]]]:
        values = [bytes(value.raw_data()) for value in key.values()]
        yield above + key.name(), key.last_written_timestamp(), values
        for child in key.subkeys():
            yield from walk(child, f"{above}{key.name()}\\")

    found = list(walk(regrs.Hive.open(str(path)).root_key()))
    expected = list(written(ROOT))
    assert [stamp for _, stamp, _ in found] == [int(at.timestamp()) for _, at, _, _ in expected]
    assert [name for name, *_ in found if "\N{REPLACEMENT CHARACTER}" not in name] == [
        name for name, *_ in expected if "Ün" not in name
    ]
    assert [
        [content[: len(told)][:16344] for content, (_, _, told) in zip(contents, values, strict=True)]
        for (*_, contents), (*_, values) in zip(found, expected, strict=True)
    ] == [[told[:16344] for _, _, told in values] for *_, values in expected]


@pytest.mark.parametrize("size", range(5))
def test_what_fits_into_four_bytes_lies_in_the_value_itself(size: int) -> None:
    content = b"abcd"[:size]
    hive = regf(Key(name="R", written=AT, values=[w.binary("x", content)]), file_name="X")
    value = RegistryHive(io.BytesIO(hive)).root().value("x")
    assert value.data == content
    assert struct.pack("<I", size | 0x80000000) in hive


def test_every_cell_is_whole_and_lies_in_one_bin(path: Path) -> None:
    hive = path.read_bytes()
    bins = hive[4096:]
    assert struct.unpack_from("<I", hive, 40)[0] == len(bins)
    place = 0
    while place < len(bins):
        signature, start, size = struct.unpack_from("<4sII", bins, place)
        assert (signature, start, size % 4096) == (b"hbin", place, 0)
        cell, end = place + 32, place + size
        while cell < end:
            (length,) = struct.unpack_from("<i", bins, cell)
            assert length % 8 == 0
            assert length != 0
            cell += abs(length)
        assert cell == end
        place = end


def test_the_base_block_tells_sequence_name_and_checksum(path: Path) -> None:
    hive = path.read_bytes()
    checksum = 0
    for (word,) in struct.iter_unpack("<I", hive[:508]):
        checksum ^= word
    assert struct.unpack_from("<I", hive, 508)[0] == checksum
    assert struct.unpack_from("<II", hive, 4) == (7, 7)
    assert hive[48:112].decode("utf-16-le").rstrip("\0") == "SystemRoot\\System32\\Config\\SYSTEM"[-31:]
