"""Rows of a hive in which nothing is wrong, made column by column: the same that `reader` makes row by row."""

from collections.abc import Iterator
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from postvakt.artifacts.registry import sound
from postvakt.artifacts.registry.regf import LATIN, SEGMENT, Hive, Marks, Value, text
from postvakt.artifacts.registry.replay import BASE
from postvakt.artifacts.registry.sound import Array, Sound, Values
from postvakt.artifacts.registry.text import (
    DEFAULT,
    DWORD,
    GUARDED,
    LISTS,
    MOST_HEX,
    NUMBERS,
    PASSWORDS,
    TEXTS,
    WITHHELD,
    is_secret,
    is_secret_class,
    most_bytes,
    render,
    type_name,
)
from postvakt.artifacts.registry.trace import LAST
from postvakt.artifacts.registry.walk import MOST_PATH
from postvakt.model.clock import FILETIME_OF_1970
from postvakt.tables.rows import PAIRS

_TIME = pa.timestamp("us", tz="UTC")
_NEVER = FILETIME_OF_1970 + LAST * 10
_NAME_IN_KEY, _NAME_IN_VALUE = BASE + 80, BASE + 24
_LATIN_VALUE = 1
_TEXTS = np.array([*TEXTS], np.int64)
_NOT_BYTES = np.array([*TEXTS, *LISTS, *NUMBERS], np.int64)
_DIGITS = np.array([int.from_bytes(b"%02x" % byte, "little") for byte in range(256)], "<u2")


def rows_of(hive: Hive, kind: str, root_path: str, most: int) -> "SoundRows | None":
    """Return the rows of a hive, None where they are to be made one by one: something is wrong with it, its values are
    judged by more than their names, or what they show may have more than `most` characters."""
    if kind in GUARDED or kind == "other":
        return None
    whole = sound.found(hive)
    if whole is None:
        return None
    # A byte of text that is none is shown as an escape: at most three characters for each.
    shown = 3 * np.minimum(whole.values.size, sound.most_bytes(whole.values.type)) + 32
    names = texts(
        whole.view, whole.keys.offset + _NAME_IN_KEY, whole.keys.name_length, whole.keys.flags & LATIN != 0
    ).to_pylist()
    paths = _paths(root_path, whole.parent.tolist(), names)
    if int(shown.sum()) > most or paths is None:
        return None
    return SoundRows(hive, kind, whole, names, paths)


def _paths(root_path: str, parents: list[int], names: list[str]) -> list[str] | None:
    paths = [root_path]
    for parent, name in zip(parents[1:], names[1:], strict=True):
        path = f"{paths[parent]}\\{name}"
        if len(path) > MOST_PATH:
            return None
        paths.append(path)
    return paths


class SoundRows:
    """Rows of a sound hive. Each batch is a list of columns: time, locator, and those behind `hive` and `user`."""

    def __init__(self, hive: Hive, kind: str, whole: Sound, names: list[str], paths: list[str]) -> None:
        self._hive = hive
        self._kind = kind
        self._whole = whole
        self._names = names
        self._paths = paths
        self._arrow_paths = pa.array(paths, pa.string())
        written = whole.keys.written
        self._said = (written > 0) & (written < _NEVER)
        micros = (written.astype(np.int64) - FILETIME_OF_1970) // 10
        self._times = pa.array(micros, pa.int64(), mask=~self._said).view(_TIME)
        self._hidden = np.zeros(len(whole.values.key), bool)
        self.characters = 0
        """Characters of values shown so far, with what stands behind their ends."""

    def keys(self, most_rows: int, most_characters: int) -> Iterator[list[Any]]:
        """Yield the keys in batches of so many rows and characters at most."""
        for start, stop in _batches(self._lengths() + 64, most_rows, most_characters):
            yield self._of_keys(start, stop)

    def values(self, most_rows: int, most_characters: int) -> Iterator[list[Any]]:
        """Yield the values in batches of so many rows and characters at most."""
        values = self._whole.values
        shown = 2 * np.minimum(values.size, sound.most_bytes(values.type))
        weights = 2 * self._lengths()[values.key] + shown + values.name_length + 64
        for start, stop in _batches(weights, most_rows, most_characters):
            yield self._of_values(start, stop)

    def _lengths(self) -> Array:
        return np.fromiter(map(len, self._paths), np.int64, len(self._paths))

    def mark(self, marks: Marks) -> None:
        """Mark every cell that was met, the bytes of withheld values not. Call it once all values are made."""
        sound.mark(self._whole, ~self._hidden, marks)

    def _of_keys(self, start: int, stop: int) -> list[Any]:
        keys, chosen = self._whole.keys, slice(start, stop)
        never = pa.repeat(pa.scalar(False), stop - start)
        return [
            self._times[chosen],
            pa.array(keys.offset[chosen]),
            self._arrow_paths[chosen],
            pa.array(keys.subkeys[chosen]),
            pa.array(keys.values[chosen]),
            pa.array(self._classes(start, stop), pa.string()),
            never,
            never,
            self._odd_times(start, stop),
        ]

    def _odd_times(self, start: int, stop: int) -> pa.Array:
        written = self._whole.keys.written[start:stop]
        odd = np.flatnonzero(~self._said[start:stop] & (written > 0)).tolist()
        return _pairs(stop - start, {row: ("last write", f"0x{int(written[row]):016x}") for row in odd})

    def _classes(self, start: int, stop: int) -> list[str | None]:
        told: list[str | None] = [None] * (stop - start)
        for row in (np.flatnonzero(self._whole.keys.class_length[start:stop]) + start).tolist():
            key = self._hive.key(int(self._whole.keys.offset[row]))
            named = self._hive.class_of(key) if key else ""
            if named and is_secret_class(self._names[row]):
                named = WITHHELD
            told[row - start] = named or None
        return told

    def _of_values(self, start: int, stop: int) -> list[Any]:
        values, chosen = self._whole.values, slice(start, stop)
        latin = values.flags[chosen] & _LATIN_VALUE != 0
        names = texts(
            self._whole.view, values.offset[chosen] + _NAME_IN_VALUE, values.name_length[chosen], latin
        )
        keys = pa.array(values.key[chosen])
        paths = self._arrow_paths.take(keys)
        named = pc.if_else(pc.equal(names, ""), pa.scalar(DEFAULT), names)
        shown, behind = self._shown(start, stop, names)
        never = pa.repeat(pa.scalar(False), stop - start)
        return [
            self._times.take(keys),
            pa.array(values.offset[chosen]),
            paths,
            names,
            pc.binary_join_element_wise(paths, named, "\\"),
            _type_names(values.type[chosen]),
            shown,
            pa.array(values.size[chosen]),
            never,
            never,
            behind,
        ]

    def _shown(self, start: int, stop: int, names: pa.Array) -> tuple[pa.Array, pa.Array]:
        """Return the values as people read them, and what stands behind the ends of texts."""
        values, chosen = self._whole.values, slice(start, stop)
        kind, size, inline = values.type[chosen], values.size[chosen], values.inline[chosen]
        secret = self._secret(chosen, names)
        self._hidden[chosen] = secret
        numbers = inline & (kind == DWORD) & (size == 4) & ~secret
        apart = ~inline & ~secret & (size > 0) & (size <= SEGMENT)
        plain, told = _texts(self._whole.view, values, np.flatnonzero(apart & np.isin(kind, _TEXTS)) + start)
        bytes_alone = apart & (size <= MOST_HEX) & ~np.isin(kind, _NOT_BYTES)
        ways = [
            (np.flatnonzero(numbers), pa.array(values.data[chosen][numbers]).cast(pa.string())),
            (np.flatnonzero(secret), pa.repeat(pa.scalar(WITHHELD), int(secret.sum()))),
            (plain - start, told),
            (
                np.flatnonzero(bytes_alone),
                _hex(self._whole.view, values, np.flatnonzero(bytes_alone) + start),
            ),
        ]
        left = np.ones(stop - start, bool)
        for rows, _ in ways:
            left[rows] = False
        others = np.flatnonzero(left)
        rendered, behind = self._rendered(others + start)
        ways.append((others, rendered))
        self.characters += sum(pc.sum(pc.utf8_length(way)).as_py() or 0 for _, way in ways[2:])
        self.characters += sum(len(rest) for _, rest in behind.values())
        places = np.empty(stop - start, np.int64)
        places[np.concatenate([rows for rows, _ in ways])] = np.arange(stop - start)
        shown = pa.concat_arrays([way for _, way in ways]).take(pa.array(places))
        return shown, _pairs(stop - start, {row - start: rest for row, rest in behind.items()})

    def _secret(self, chosen: slice, names: pa.Array) -> Array:
        """Tell which values are withheld by their names; `_told` shows nothing of them."""
        named = pc.is_in(pc.utf8_lower(names), value_set=pa.array(sorted(PASSWORDS)))
        secret: Array = named.to_numpy(zero_copy_only=False).copy()
        # Folding the case of other letters may give the ones that are looked for.
        odd = np.flatnonzero(~pc.string_is_ascii(names).to_numpy(zero_copy_only=False))
        for row in odd.tolist():
            secret[row] = is_secret(self._kind, "", names[row].as_py(), 0)
        return secret & (self._whole.values.size[chosen] > 0)

    def _rendered(self, rows: Array) -> tuple[pa.Array, dict[int, tuple[str, str]]]:
        """Return values as `render` tells each, and of those with something behind their ends what it is."""
        values = self._whole.values
        told: list[str] = []
        behind: dict[int, tuple[str, str]] = {}
        columns = (values.type, values.size, values.data, values.inline)
        for row, kind, size, data, inline in zip(
            rows.tolist(), *(column[rows].tolist() for column in columns), strict=True
        ):
            raw = self._hive.bytes_of(Value(0, "", kind, size, data, inline), most_bytes(kind))
            shown, rest = render(kind, raw, size)
            told.append(shown)
            if rest:
                behind[row] = ("behind the end", rest)
        return pa.array(told, pa.string()), behind


def _texts(view: memoryview, values: Values, rows: Array) -> tuple[Array, pa.Array]:
    """Return those of the rows whose text is ASCII with one NUL at its end, and the texts without it."""
    rows = rows[(values.size[rows] & 1) == 0]
    counts = values.size[rows] >> 1
    units = _pieces(
        np.frombuffer(view, "<u2", count=len(view) >> 1), (BASE + 4 + values.data[rows]) >> 1, counts
    )
    ends = np.cumsum(counts)
    # A NUL is what is less than one: it becomes the largest of units.
    odd = np.concatenate(([0], np.cumsum(units - np.uint16(1) > 0x7E, dtype=np.int64)))
    plain = (odd[ends] - odd[ends - counts] == 1) & (units[ends - 1] == 0)
    kept = np.repeat(plain, counts)
    kept[ends - 1] = False
    return rows[plain], _array(units[kept].astype(np.uint8), counts[plain] - 1)


def _hex(view: memoryview, values: Values, rows: Array) -> pa.Array:
    """Return bytes in hexadecimal."""
    counts = values.size[rows]
    raw = _pieces(np.frombuffer(view, np.uint8), BASE + 4 + values.data[rows], counts)
    return _array(_DIGITS[raw].view(np.uint8), counts * 2)


def _pieces(units: Array, starts: Array, counts: Array) -> Array:
    """Return what lies from each start on, so many units of it, one piece behind the other."""
    places = np.repeat(starts - (np.cumsum(counts) - counts), counts)
    places += np.arange(len(places))
    return units[places]


def _batches(weights: Array, most_rows: int, most_weight: int) -> Iterator[tuple[int, int]]:
    """Yield from which row to which so many rows at most, or so much weight, go together; one row always goes."""
    reached = np.cumsum(weights)
    start = 0
    while start < len(weights):
        before = int(reached[start - 1]) if start else 0
        stop = int(np.searchsorted(reached, before + most_weight, "right"))
        stop = min(max(stop, start + 1), start + most_rows)
        yield start, stop
        start = stop


def _pairs(count: int, told: dict[int, tuple[str, str]]) -> pa.Array:
    """Return a column of pairs with one pair in the rows that have any."""
    if not told:
        return pa.nulls(count, PAIRS)
    return pa.array(([told[row]] if row in told else None for row in range(count)), PAIRS)


def _type_names(types: Array) -> pa.Array:
    known, codes = np.unique(types, return_inverse=True)
    return pa.array([type_name(kind) for kind in known.tolist()], pa.string()).take(pa.array(codes))


def texts(view: memoryview, starts: Array, lengths: Array, latin: Array) -> pa.Array:
    """Return the names that lie at these places of an image: `latin` of one byte a character, else UTF-16."""
    raw = _pieces(np.frombuffer(view, np.uint8), starts, lengths)
    odd = ~latin & (lengths > 0)
    beyond = np.flatnonzero(raw > 0x7F)
    if len(beyond):
        odd[np.searchsorted(np.cumsum(lengths), beyond, "right")] = True
    if not odd.any():
        return _array(raw, lengths)
    plain = _array(raw[np.repeat(~odd, lengths)], np.where(odd, 0, lengths)).to_pylist()
    for row in np.flatnonzero(odd).tolist():
        piece = bytes(view[starts[row] : starts[row] + lengths[row]])
        plain[row] = piece.decode("latin-1") if latin[row] else text(piece)
    return pa.array(plain, pa.string())


def _array(raw: Array, lengths: Array) -> pa.Array:
    offsets = np.zeros(len(lengths) + 1, np.int32)
    np.cumsum(lengths, out=offsets[1:])
    return pa.Array.from_buffers(pa.string(), len(lengths), [None, pa.py_buffer(offsets), pa.py_buffer(raw)])
