"""Values of binary XML as texts, a whole column at a time, as the EVTX reader writes them one by one."""

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import numpy as np
import pyarrow as pa

Array = np.ndarray[Any, Any]

NULL, STRING, BOOLEAN, BINARY, GUID, SIZE, FILETIME, SID, HEX32, HEX64 = (
    0x00, 0x01, 0x0D, 0x0E, 0x0F, 0x10, 0x11, 0x13, 0x14, 0x15,
)  # fmt: skip
UNSIGNED = {0x04: 1, 0x06: 2, 0x08: 4, 0x0A: 8}
SIGNED = {0x03: 1, 0x05: 2, 0x07: 4, 0x09: 8}
LITERAL = 0xFF
"""The kind of a value that is a text of its definition: `at` is its place in the literals."""

STRETCH = 64 * 1024
"""Letters that are looked at together, while they are in the cache."""

LAST_BYTE = np.uint16(0xFF)

EPOCH = 116_444_736_000_000_000
"""FILETIME of 1970."""

_NEVER = 253_402_300_800 * 1_000_000
"""Microseconds from 1970 to the year 10000, which no text has."""

_UPPER = np.frombuffer(b"0123456789ABCDEF", np.uint8)
_GUID_ORDER = np.array([3, 2, 1, 0, 5, 4, 7, 6, 8, 9, 10, 11, 12, 13, 14, 15])
_GUID_PLACES = np.array([*range(8), *range(9, 13), *range(14, 18), *range(19, 23), *range(24, 36)])


class Values(NamedTuple):
    """Values by where they lie: offset, bytes, kind of each."""

    at: Array
    size: Array
    kind: Array

    def of(self, chosen: Array) -> "Values":
        """Return the chosen ones."""
        return Values(self.at[chosen], self.size[chosen], self.kind[chosen])


class Bytes:
    """Bytes that are read at many places at once, numbers little-endian and at any offset.

    `planes` are all letters at even offsets, then all at odd ones, a byte each: a text of ASCII in UTF-16 is a run in
    one of them. What is no ASCII has a byte that is none.
    """

    def __init__(self, pieces: Sequence[bytes]) -> None:
        """`pieces` have an even number of bytes together; eight zeros are put behind them."""
        self.content = b"".join([*pieces, bytes(8)])
        self.size = len(self.content) - 8
        self.u8: Array = np.frombuffer(self.content, np.uint8)
        self.u16, self.u32, self.u64 = (
            np.ndarray((self.size,), kind, self.content, strides=(1,)) for kind in ("<u2", "<u4", "<u8")
        )
        self.half = len(self.content) // 2
        self._planes: Array = np.empty(3 * self.half, np.uint8)
        self.planes = self._planes[: 2 * self.half]
        for start in (0, 1):
            for first in range(0, self.half - start, STRETCH):
                count = min(STRETCH, self.half - start - first)
                begin = start + 2 * first
                # Shifted by a copy: numbers at odd addresses are slow.
                letters = np.frombuffer(self.content[begin : begin + 2 * count], "<u2")
                place = slice(start * self.half + first, start * self.half + first + count)
                np.minimum(letters, LAST_BYTE, out=self.planes[place], casting="unsafe")

    def with_texts(self, written: bytes | bytearray) -> Array:
        """Return the planes with texts behind them."""
        border, end = 2 * self.half, 2 * self.half + len(written)
        if end > len(self._planes):
            return np.concatenate([self.planes, np.frombuffer(written, np.uint8)])
        self._planes[border:end] = np.frombuffer(written, np.uint8)
        return self._planes[:end]

    def letters(self, at: Array) -> Array:
        """Return where in `planes` texts begin."""
        return (at >> 1) + (at & 1) * self.half

    def split(self, at: Array, size: Array) -> tuple[Array, Values, Array]:
        """Return the texts of arrays of texts, each ended by a zero, with the array of each, and which arrays are odd.

        An array of nothing is one empty text.
        """
        units = size >> 1
        behind = np.cumsum(units)
        first = behind - units
        odd = (size & 1) > 0
        some = np.flatnonzero(units)
        odd[some] |= self.u16[(at + size - 2)[some]] != 0
        letters, _ = Runs(self.letters(at[some]), units[some], self.half).of(self.planes)
        ends = np.flatnonzero(letters == 0)
        owner = np.searchsorted(behind, ends, "right")
        # A text begins behind the one before it, or where its array begins.
        begin = first[owner]
        again = np.flatnonzero(owner[1:] == owner[:-1]) + 1
        begin[again] = ends[again - 1] + 1
        bare = np.flatnonzero(np.bincount(owner, minlength=len(at)) == 0)
        owners = np.concatenate([owner, bare])
        order = np.argsort(owners, kind="stable")
        starts = np.concatenate([at[owner] + 2 * (begin - first[owner]), np.zeros(len(bare), np.int64)])
        sizes = np.concatenate([2 * (ends - begin), np.zeros(len(bare), np.int64)])
        kinds = np.repeat(np.array([STRING, NULL], np.uint8), (len(owner), len(bare)))
        return owners[order], Values(starts[order], sizes[order], kinds[order]), odd


def joined(parts: Sequence[Values]) -> Values:
    """Return values one after another."""
    return Values(*(np.concatenate(each) for each in zip(*parts, strict=True)))


class OverlapError(Exception):
    """Values that lie partly in each other."""


class Runs:
    """Runs of bytes somewhere in others, each with its number in `offsets`: between two runs lies what is not taken.

    Raises OverlapError where two runs share some bytes and not all.
    """

    def __init__(self, at: Array, size: Array, border: int) -> None:
        """Runs before the border are nearly in order, and so are those behind it; none is empty."""
        behind = at >= border
        parts = [np.flatnonzero(~behind), np.flatnonzero(behind)]
        order = np.concatenate([some[np.argsort(at[some], kind="stable")] for some in parts])
        starts, ends = at[order], (at + size)[order]
        fresh = np.ones(len(order), bool)
        fresh[1:] = starts[1:] != starts[:-1]
        group = np.cumsum(fresh) - 1
        begins, finish = starts[fresh], ends[fresh]
        if (begins[1:] < finish[:-1]).any() or (ends != finish[group]).any():
            raise OverlapError
        self.offsets = np.empty(2 * len(begins), np.int32)
        self.offsets[0::2], self.offsets[1::2] = begins, finish
        self.number = np.empty(len(at), np.int64)
        self.number[order] = 2 * group

    def of(self, held: Array) -> tuple[Array, Array]:
        """Return the bytes of the runs, end to end, and where each begins, with the end of the last."""
        taken = (
            _texts(self.offsets, held).take(pa.array(self.number)) if len(self.number) else _texts([0], held)
        )
        offsets = np.frombuffer(taken.buffers()[1], np.int32, len(taken) + 1)
        return np.frombuffer(taken.buffers()[2] or b"", np.uint8, int(offsets[-1])), offsets


def _texts(offsets: Any, held: Array) -> pa.Array:
    return _array(pa.string(), offsets, held)


def _foreign(texts: pa.Array) -> Array:
    """Return the places of texts that are not ASCII, or hold a zero."""
    offsets = np.frombuffer(texts.buffers()[1], np.int32, len(texts) + 1)
    held = np.frombuffer(texts.buffers()[2] or b"", np.int8, int(offsets[-1]))
    if not len(held) or held.min() > 0:
        return np.zeros(0, np.int64)
    return np.unique(np.searchsorted(offsets, np.flatnonzero(held <= 0), "right") - 1)


def _array(kind: pa.DataType, offsets: Any, held: Array) -> pa.Array:
    buffers = [None, pa.py_buffer(np.asarray(offsets, np.int32)), pa.py_buffer(held)]
    return pa.Array.from_buffers(kind, len(offsets) - 1, buffers)


class _Pool:
    """Texts that were made, each with its number."""

    EMPTY = 0
    """The number of the empty text."""

    def __init__(self) -> None:
        self.written = bytearray()
        self.lengths: list[Array] = [np.zeros(1, np.int64)]
        self.count = 1

    def add(self, written: bytes, lengths: Array) -> int:
        """Add texts that lie end to end, and return the number of the first."""
        first = self.count
        self.written += written
        self.lengths.append(lengths)
        self.count += len(lengths)
        return first

    def add_each(self, texts: Sequence[bytes]) -> int:
        """Add texts, and return the number of the first."""
        return self.add(b"".join(texts), np.array([len(text) for text in texts], np.int64))


class Texts:
    """Makes texts of values. `literals` are the texts that LITERAL names."""

    def __init__(self, held: Bytes, literals: Sequence[str]) -> None:
        self._held = held
        self._pool = _Pool()
        self._literals = self._pool.add_each([text.encode() for text in literals])

    def texts(self, values: Values, empty_is_null: Array) -> tuple[pa.Array, Array]:
        """Return the texts, null where empty and `empty_is_null`, and which values only the reader can tell.

        Raises OverlapError.
        """
        count = len(values.at)
        number, odd = np.zeros(count, np.int64), np.zeros(count, bool)
        kinds = np.flatnonzero(np.bincount(values.kind, minlength=1)).tolist()
        for kind in kinds:
            if kind in (NULL, STRING):
                continue
            places = np.flatnonzero(values.kind == kind)
            if kind in _WRITERS:
                write = _WRITERS[kind]
                number[places], odd[places] = write(self, values.at[places], values.size[places], kind)
            else:
                odd[places] = True
        places, runs = self._strings(values)
        border = len(runs.offsets)
        number += border
        number[places] = runs.number
        odd |= (values.kind == STRING) & ((values.size & 1) > 0)
        number[odd] = border + _Pool.EMPTY
        array = self._taken(runs.offsets, number)
        foreign = _foreign(array)
        foreign = foreign[number[foreign] < border]
        if len(foreign):
            number[foreign], odd[foreign] = self._decoded(values.of(foreign))
            number[foreign] += border
            array = self._taken(runs.offsets, number)
        if not empty_is_null.any():
            return array, odd
        lengths = np.diff(np.frombuffer(array.buffers()[1], np.int32, count + 1))
        mask = np.packbits((lengths > 0) | ~empty_is_null, bitorder="little")
        return pa.Array.from_buffers(pa.string(), count, [pa.py_buffer(mask), *array.buffers()[1:]]), odd

    def _taken(self, offsets: Array, number: Array) -> pa.Array:
        """Return texts by their numbers: first come the runs in the planes that `offsets` tell, then what was made."""
        lengths = np.concatenate(self._pool.lengths)
        border = len(self._held.planes)
        made = np.empty(len(lengths) + 1, np.int32)
        made[0] = border
        made[1:] = border + np.cumsum(lengths)
        held = self._held.with_texts(self._pool.written)
        return _texts(np.concatenate([offsets, made]), held).take(pa.array(number))

    def _strings(self, values: Values) -> tuple[Array, Runs]:
        """Return which values are runs in the planes, and these."""
        places = np.flatnonzero((values.kind == STRING) & (values.size > 1))
        at, units = values.at[places], values.size[places] >> 1
        # Some providers count the zero at the end; one anywhere else is found among what is foreign.
        ended = self._held.u16[at + 2 * units - 2] == 0
        units -= ended
        some = units > 0
        if not some.all():
            places, at, units = places[some], at[some], units[some]
        return places, Runs(self._held.letters(at), units, self._held.half)

    def _decoded(self, values: Values) -> "_Told":
        """Decode texts one by one, each up to its first zero."""
        told, odd = [], np.zeros(len(values.at), bool)
        for place, (start, size) in enumerate(zip(values.at.tolist(), values.size.tolist(), strict=True)):
            text = self._held.content[start : start + size].decode("utf-16-le", "surrogatepass")
            try:
                told.append(text.partition("\0")[0].encode())
            except UnicodeEncodeError:
                odd[place] = True
                told.append(b"")
        return self._pool.add_each(told) + np.arange(len(told)), odd

    def _literal(self, at: Array, _: Array, __: int) -> "_Told":
        return self._literals + at, np.zeros(len(at), bool)

    def _integers(self, at: Array, size: Array, kind: int) -> "_Told":
        wide = UNSIGNED.get(kind) or SIGNED[kind]
        numbers = {1: self._held.u8, 2: self._held.u16, 4: self._held.u32, 8: self._held.u64}[wide][at]
        if kind in SIGNED:
            numbers = numbers.view(f"<i{wide}")
        return self._distinct(numbers, lambda some: some.cast(pa.string())), size != wide

    def _distinct(self, numbers: Array, write: Callable[[pa.Array], pa.Array]) -> Array:
        """Return the numbers of the texts of numbers, each distinct one written once."""
        coded = pa.array(numbers).dictionary_encode()
        texts = write(coded.dictionary)
        offsets = np.frombuffer(texts.buffers()[1], np.int32, len(texts) + 1)
        written = (texts.buffers()[2] or b"")[: int(offsets[-1])]
        first = self._pool.add(bytes(written), np.diff(offsets).astype(np.int64))
        return coded.indices.to_numpy() + np.int64(first)

    def _booleans(self, at: Array, size: Array, _: int) -> "_Told":
        first = self._pool.add_each([b"true", b"false"])
        told = self._held.u32[at]
        return first + (told == 0), (size != 4) | (told > 1)

    def _hex(self, at: Array, size: Array, kind: int) -> "_Told":
        wide = {HEX32: 4, HEX64: 8}.get(kind)
        odd = size != wide if wide else (size != 4) & (size != 8)
        numbers = self._held.u64[at]
        numbers[size == 4] &= np.uint64(0xFFFF_FFFF)
        return self._distinct(numbers, _in_hex), odd

    def _guids(self, at: Array, size: Array, _: int) -> "_Told":
        read = self._held.u8[np.minimum(at, self._held.size - 16)[:, None] + _GUID_ORDER]
        written = np.full((len(at), 36), ord("-"), np.uint8)
        digits = np.empty((len(at), 32), np.uint8)
        digits[:, 0::2], digits[:, 1::2] = _UPPER[read >> 4], _UPPER[read & 15]
        written[:, _GUID_PLACES] = digits
        first = self._pool.add(written.tobytes(), np.full(len(at), 36))
        return first + np.arange(len(at)), size != 16

    def _instants(self, at: Array, size: Array, _: int) -> "_Told":
        # Whole microseconds, cut off towards the past.
        micros = (self._held.u64[at] // np.uint64(10)).astype(np.int64) - EPOCH // 10
        odd = (size != 8) | (micros >= _NEVER)
        return self._distinct(np.where(odd, 0, micros), _in_iso), odd

    def _each(self, at: Array, size: Array, kind: int) -> "_Told":
        """Values that are written one by one, each distinct one once. Raises OverlapError."""
        write = _sid if kind == SID else _upper
        number = np.full(len(at), _Pool.EMPTY)
        some = np.flatnonzero(size)
        held, offsets = Runs(at[some], size[some], self._held.size).of(self._held.u8)
        coded = _array(pa.binary(), offsets, held).dictionary_encode()
        first = self._pool.add_each([write(value) for value in coded.dictionary.to_pylist()])
        number[some] = coded.indices.to_numpy() + np.int64(first)
        # The reader goes by the count that stands in it.
        odd = (
            size != 8 + 4 * self._held.u8[at + 1].astype(np.int64) if kind == SID else np.zeros(len(at), bool)
        )
        return number, odd


_Told = tuple[Array, Array]


def _in_hex(numbers: pa.Array) -> pa.Array:
    return pa.array([f"{number:#x}" for number in numbers.to_pylist()], pa.string())


def _in_iso(micros: pa.Array) -> pa.Array:
    written = np.datetime_as_string(micros.to_numpy().view("datetime64[us]"))
    return pa.array([f"{text}Z" for text in written.tolist()], pa.string())


def _sid(value: bytes) -> bytes:
    if len(value) < 8:
        return b""
    parts = [int.from_bytes(value[at : at + 4], "little") for at in range(8, len(value) - 3, 4)][: value[1]]
    told = [value[0], int.from_bytes(value[2:8], "big"), *parts]
    return ("S-" + "-".join(map(str, told))).encode()


def _upper(value: bytes) -> bytes:
    return value.hex().upper().encode()


_WRITERS: dict[int, Callable[[Texts, Array, Array, int], _Told]] = {
    BOOLEAN: Texts._booleans,
    BINARY: Texts._each,
    GUID: Texts._guids,
    SIZE: Texts._hex,
    FILETIME: Texts._instants,
    SID: Texts._each,
    HEX32: Texts._hex,
    HEX64: Texts._hex,
    LITERAL: Texts._literal,
    **dict.fromkeys((*UNSIGNED, *SIGNED), Texts._integers),
}
