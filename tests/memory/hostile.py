"""Hostile words about memory: JSON as of Volatility and lines as of MemProcFS's process, bent; and their reading."""

import contextlib
import io
import json
import os
import random
import threading
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any
from unittest import mock

import msgspec

from postvakt.memory import memprocfs, memprocfs_child
from postvakt.memory.readers import VOLATILITY_READER
from postvakt.model.gap import Gap
from postvakt.tables.rows import Rows
from tests.artifacts.sources import alone, pieces
from tests.memory import standin
from tests.memory.test_volatility import (
    DRIVER,
    FAR,
    HANDLE,
    INJECTED,
    LIBRARY,
    LINE,
    PORT,
    SERVICE,
    SHELL,
    WORKER,
)

OBJECTS = (WORKER, SHELL, LINE, LIBRARY, DRIVER, FAR, PORT, INJECTED, HANDLE, SERVICE)
DEEP, DIGITS, OPEN = "<deep>", "<digits>", "<open>"
"""Stand for nesting and numbers that no writer of JSON writes."""
ODD: tuple[Any, ...] = (
    None, True, False, 0, -1, 0.5, 1e999, -1e999, float("nan"), 1 << 31, (1 << 63) - 1, -(1 << 63), 1 << 63,
    -(1 << 63) - 1, (1 << 64) - 1, 1 << 64, 10**400, "", "-", "\ud800", "a\udc80b", "\0", "x" * 40_000, "é\u202e" * 99,
    "9999-12-31T23:59:59-14:00", "0001-01-01T00:00:00+14:00", "2021-03-02 02:00:00 UTC", "9999-12-31 23:59:60 UTC",
    "203.0.113.9", "fe80::1%\ud800", "::1%" + "x" * 5000, "::ffff:192.0.2.1", [], {}, [[]], [{}], [["a", "b"]],
    DEEP, DIGITS, OPEN,
)  # fmt: skip
TOKENS = (
    b"{", b"}", b"[", b"]", b'"', b"\\", b",", b":", b"\n", b"9", b"-", b"e9", b"\xff", b"\xed\xa0\x80", b"\0",
    b"\\ud800", b"NaN", b"\r\n", b"{}", b"\xef\xbb\xbf",
)  # fmt: skip


def astray(value: Any, chance: random.Random, rate: float) -> Any:
    """Return a value of like shape in which some are of another type, some gone and some too many."""
    if chance.random() < rate:
        return chance.choice(ODD)
    if isinstance(value, list):
        return [astray(one, chance, rate) for one in value]
    if not isinstance(value, dict):
        return value
    kept = {
        name: astray(one, chance, rate)
        for name, one in value.items()
        if chance.random() >= rate / 3 or name == "line"
    }
    if chance.random() < rate:
        kept[chance.choice(("", "\ud800", "__children", "more", "line", "PID"))] = chance.choice(ODD)
    return kept


def text_of(value: Any, chance: random.Random, indent: int | None = None) -> str:
    """Return a value as JSON, with what no writer of JSON writes."""
    text = json.dumps(value, indent=indent, sort_keys=indent is not None, ensure_ascii=chance.random() < 0.8)
    deep = chance.choice((10, 900, 1100, 40_000))
    pair = chance.choice((("[", "]"), ('{"a":', "0}"), ('{"__children":[', "]}")))
    for mark, instead in (
        (DEEP, pair[0] * deep + (pair[1] * deep).replace("0}", "}").replace("}", "0}", 1)),
        (OPEN, pair[0] * deep),
        (DIGITS, "9" * chance.choice((19, 20, 21, 4300, 4301, 50_000))),
    ):
        text = text.replace(f'"{mark}"', instead, 2)
    return text


def bent(content: bytes, chance: random.Random) -> bytes:
    """Return text with bytes of JSON's own put in or taken out, or its end cut."""
    made = bytearray(content)
    for _ in range(chance.choice((0, 0, 0, 1, 3, 20))):
        at = chance.randrange(len(made) + 1)
        made[at : at + chance.choice((0, 1, 2, 40))] = chance.choice(TOKENS)
    if chance.random() < 0.2:
        del made[chance.randrange(len(made) + 1) :]
    return bytes(made)


def grown(kinds: tuple[Any, ...], chance: random.Random, depth: int = 0) -> Any:
    """Return an object with others below it, at times."""
    below = range(chance.randint(0, 3)) if depth < 4 and chance.random() < 0.3 else ()
    return {**chance.choice(kinds), "__children": [grown(kinds, chance, depth + 1) for _ in below]}


def volatility(chance: random.Random) -> bytes:
    """Return a file of Volatility's as nobody should write one: one plugin's rows or several, an array or lines."""
    kinds = chance.choice((*((kind,) for kind in OBJECTS), (WORKER, SHELL), OBJECTS))
    many = chance.random() < 0.03
    rate = 0.0 if many else chance.choice((0.0, 0.01, 0.05, 0.3))
    objects = [astray(grown(kinds, chance), chance, rate) for _ in range(chance.randint(0, 12))]
    if many:
        objects *= 150
    form = chance.choice(("array", "array", "lines", "lines", "both", "loose"))
    parts = []
    if form in ("array", "both"):
        parts.append(text_of(objects, chance, chance.choice((None, 2))))
    if form in ("lines", "both"):
        parts.append("\n".join(text_of(one, chance) for one in objects))
    if form == "loose":
        parts.append(chance.choice(("", ",", ";;")).join(text_of(one, chance, 2) for one in objects))
    if chance.random() < 0.1:
        parts.insert(0, "Volatility 3 Framework 2.28.2")
    encoding = chance.choice(("utf-8", "utf-8", "utf-8", "utf-8-sig", "utf-16"))
    return bent("\n".join(parts).encode(encoding, "surrogatepass"), chance)


def read_volatility(content: bytes, name: str = "answer.json") -> None:
    """Read a file; raise AssertionError where nothing is told of it, or a place is none of the file's."""
    rows, gaps, clues = pieces(VOLATILITY_READER, alone(content, name))
    told = [row for some in rows.values() for row in some]
    assert told or gaps
    assert not clues
    assert all(0 <= row["locator"] < len(content) for row in told)
    assert all(gap.locator is None or 0 <= gap.locator <= len(content) for gap in gaps)
    for gap in gaps:
        msgspec.json.encode(gap)


class Fed:
    """Stands in for the child's process: what it writes is given."""

    content = b""

    def __init__(self, *_: object, **__: object) -> None:
        out, self._into = os.pipe()
        self.stdout = os.fdopen(out, "rb")
        self._writer = threading.Thread(target=self._write, args=(self.content,))
        self._writer.start()

    def _write(self, content: bytes) -> None:
        with contextlib.suppress(BrokenPipeError), os.fdopen(self._into, "wb", buffering=0) as into:
            while content:
                content = content[into.write(content) :]

    def kill(self) -> None:
        """End it: whatever was not read is lost."""
        self.stdout.close()

    def wait(self, _: float | None = None) -> int:
        """Return how it ended."""
        self._writer.join()
        return 0

    def poll(self) -> int:
        """Return how it ended."""
        return 0


class Engine(standin.Vmm):
    """A stand-in whose registry holds what no registry holds."""

    def __init__(self, chance: random.Random) -> None:
        with contextlib.redirect_stdout(io.StringIO()):
            super().__init__(["-disable-symbolserver", "-disable-yara"])
        self._chance = chance
        self.reg_key = self._key

    def _key(self, path: str) -> Any:
        if self._chance.random() < 0.3:
            raise self._chance.choice((RuntimeError, ValueError))("Vmm.reg_key(): Failed.")
        below = [SimpleNamespace(name=self._odd("evil")) for _ in range(self._chance.randint(0, 3))]
        told = [self._value() for _ in range(self._chance.randint(0, 3))]
        return SimpleNamespace(
            values=lambda: told, subkeys=lambda: below, time_int=self._odd(132591312000000000)
        )

    def _value(self) -> Any:
        kind = self._odd(self._chance.randint(0, 12))
        data = self._odd(self._chance.randbytes(self._chance.choice((0, 1, 4, 7, 8, 600))))
        name = self._odd(self._chance.choice(("ImagePath", "(Default)", "Current", "")))
        if self._chance.random() < 0.1:
            return standin.Fails()
        return SimpleNamespace(name=name, type=kind, value=data)

    def _odd(self, value: Any) -> Any:
        return (
            self._chance.choice((None, -1, 1 << 70, "x", "\ud800")) if self._chance.random() < 0.03 else value
        )


def lines(engine: Any) -> Iterator[bytes]:
    """Yield what the child tells of an engine until it is done or dies of it."""
    with contextlib.suppress(Exception):
        for line in memprocfs_child.told(engine, None):
            yield msgspec.json.encode(line)


def told_lines(chance: random.Random) -> list[Any]:
    """Return what the child tells, in an order and a number in which it does not."""
    told = [json.loads(line) for line in lines(Engine(chance))]
    if chance.random() < 0.3:
        first, last = sorted(chance.randrange(len(told) + 1) for _ in range(2))
        part = told[first:last]
        chance.shuffle(part)
        told[first:last] = part
    failed = {"line": "failed", "part": "handles", "why": "do not tell", "count": 2, "first": "w3wp.exe (8)"}
    told.insert(chance.randrange(len(told) + 1), failed)
    for _ in range(chance.choice((0, 0, 2, 6))):
        told.insert(chance.randrange(len(told) + 1), chance.choice(told))
    if chance.random() < 0.03:
        at = chance.randrange(len(told))
        told[at : at + 1] = [told[at]] * 1500
    rate = chance.choice((0.0, 0.001, 0.01, 0.1))
    return [astray(line, chance, rate) for line in told]


def memprocfs_told(chance: random.Random) -> bytes:
    """Return lines as no child should tell them."""
    told = [text_of(line, chance).encode("utf-8", "surrogatepass") for line in told_lines(chance)]
    if chance.random() < 0.01:
        told.insert(chance.randrange(len(told) + 1), b'{"line":"failed","part":"' + b"x" * (5 << 20))
    if chance.random() < 0.05:
        told.insert(
            chance.randrange(len(told) + 1),
            chance.choice((b"", b"\xff", b"null", b"[]", b"the engine talks")),
        )
    content = b"\n".join(told) + b"\n"
    return content if chance.random() < 0.5 else bent(content, chance)


def read_memprocfs(content: bytes, image: Path, chance: random.Random) -> None:
    """Read lines as of a child; raise AssertionError where nothing is told, or an end that is missing is not."""
    pids, build = chance.choice((((4, 8, 12), 17763), ((4, 8, 12), 0), ((), 0)))
    rows, gaps = 0, []
    feeding = type("Feeding", (Fed,), {"content": content})
    with (
        mock.patch.object(memprocfs.subprocess, "Popen", feeding),
        mock.patch.object(memprocfs, "PACKAGE", "json"),
    ):
        for piece in memprocfs.read(
            image, pids=frozenset(pids), build=build, offset=lambda place: place if place < 1 << 40 else None
        ):
            if isinstance(piece, Rows):
                piece.batch.validate(full=True)
                rows += piece.batch.num_rows
            else:
                assert isinstance(piece, Gap)
                msgspec.json.encode(piece)
                gaps.append(piece)
    assert rows or gaps
    assert gaps or b"ended" in content
    assert len(gaps) < 2000
    assert all(len(gap.detail) < 10_000 for gap in gaps)
