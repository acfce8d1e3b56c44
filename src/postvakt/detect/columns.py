"""Columns as rules ask them: each distinct value is looked at once, its rows follow."""

from collections.abc import Callable, Iterator, Mapping
from functools import cached_property
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from postvakt.detect.fields import CHANGES, text_of
from postvakt.detect.frame import Made, Mask, Numbers, Piece, small, taken
from postvakt.detect.literals import NOTHING, Literals
from postvakt.detect.plan import Test
from postvakt.detect.values import same, says

VARIED = 0.5
"""Share of distinct values from which on it pays to look for candidates before values are numbered."""

FEW = 0.125
FEW_TIMES = 8
"""Up to this share of a column's rows it is not worth while to number all its values, unless they are asked often."""

UNKNOWN, NO, YES = -1, 0, 1
Rows = Mapping[int, list[str | None]]
Ahead = Callable[[Piece | Made], Mask | None]


class Column:
    """A field's values in some rows of a batch. Rows are told by their numbers in the batch.

    `codings` are the batch's whole columns that were numbered before, for any field. `ahead` marks the values that can
    pass any test of this field, and others'; None where it cannot tell.
    """

    def __init__(
        self,
        pieces: list[Piece | Made],
        literals: Literals,
        height: int,
        codings: dict[str, "Coding"],
        ahead: Ahead,
    ) -> None:
        self._pieces = pieces
        self._codings = codings
        self._literals = literals
        self._height = height
        self._ahead = ahead
        self._numbered: dict[int, Coding] = {}
        self._asked = 0

    @cached_property
    def given(self) -> Mask:
        """The rows in which the field is there, be it without a value."""
        return self._rows_of([piece.rows for piece in self._pieces])

    @cached_property
    def known(self) -> Mask:
        """The rows in which the field has a value."""
        return self._rows_of([piece.known for piece in self._pieces])

    def _rows_of(self, rows: list[Numbers]) -> Mask:
        mask = np.zeros(self._height, bool)
        for some in rows:
            mask[some] = True
        return mask

    @cached_property
    def hits(self) -> dict[int, list[Numbers]]:
        """The literal tests that passed, each with the rows in which it did."""
        found = [self._signed(piece) for piece in self._pieces]
        rows = np.concatenate([np.empty(0, np.int64), *(rows for rows, _ in found)])
        signatures = np.concatenate([np.empty(0, np.int64), *(signed for _, signed in found)])
        counts = np.bincount(signatures)
        rows = rows[np.argsort(small(signatures, len(counts)), kind="stable")]
        ends = np.cumsum(counts)
        hits: dict[int, list[Numbers]] = {}
        for signature in np.flatnonzero(counts).tolist():
            end = int(ends[signature])
            for test in self._literals.passed(signature):
                hits.setdefault(test, []).append(rows[end - int(counts[signature]) : end])
        return hits

    def _signed(self, piece: Piece | Made) -> tuple[Numbers, Numbers]:
        """Return the rows of a piece whose values pass any test, with the values' signatures."""
        varied = len(piece.rows) > 2 * self._height or piece.column in self._literals.varied
        if varied or isinstance(piece, Made):
            # Mostly distinct: better to look for candidates before the values are numbered, or made.
            marked = self._ahead(piece)
            if marked is None:
                marked = self._literals.candidates(piece.values, piece.change)
            if marked is not None:
                piece = piece.where(marked)
        coding = self._coding(piece)
        signatures = coding.signatures(self._literals, piece.change, piece.column)
        if not signatures.any():
            return piece.rows[:0], signatures[:0]
        signed = signatures[coding.codes]
        passing = np.flatnonzero(signed != NOTHING)
        return piece.rows[passing], signed[passing]

    def _coding(self, piece: Piece | Made) -> "Coding":
        if piece.column not in self._codings:
            coding = Coding(piece.values)
            if not piece.column:
                return coding
            self._codings[piece.column] = coding
        return self._codings[piece.column]

    def passing(self, tests: frozenset[int]) -> Mask | None:
        """Mark the rows in which any of some literal tests passes; None where none does anywhere."""
        passed = tests.intersection(self.hits)
        if not passed:
            return None
        return self._rows_of([rows for test in passed for rows in self.hits[test]])

    def says(self, number: int, test: Test, rows: Numbers) -> Mask:
        """Tell in which of the rows a test passes that each value has to be asked."""
        passed = np.zeros(self._height, bool)
        for piece, coding, places in self._coded(rows):
            codes = coding.codes[places]
            verdicts = coding.verdicts(number, test, codes, piece.change)
            passed[piece.rows[places[verdicts[codes] == YES]]] = True
        return passed[rows]

    def values(self, rows: Numbers) -> Rows:
        """Return the values of rows as rules see them, all renderings of each; None is a pair without a value."""
        found: dict[int, list[str | None]] = {row: [] for row in rows.tolist()}
        for piece, coding, places in self._coded(rows):
            pairs = zip(piece.rows[places].tolist(), coding.codes[places].tolist(), strict=True)
            for row, code in pairs:
                found[row] += (None,) if code == coding.empty else coding.renderings(code, piece.change)
        return found

    def _coded(self, rows: Numbers) -> Iterator[tuple[Piece | Made, "Coding", Numbers]]:
        """Yield numbered values, with the places among them of those that stand in some rows."""
        wanted = np.zeros(self._height, bool)
        wanted[rows] = True
        self._asked += 1
        for number, piece in enumerate(self._pieces):
            places = np.flatnonzero(wanted[piece.rows])
            coding = self._numbered.get(number) or self._codings.get(piece.column)
            if coding is None and self._asked <= FEW_TIMES and len(places) <= FEW * len(piece.rows):
                piece = piece.at(places)
                yield piece, Coding(piece.values), np.arange(len(places))
                continue
            self._numbered[number] = coding or self._coding(piece)
            yield piece, self._numbered[number], places


class Coding:
    """Values, each distinct one numbered. `empty` is the number of pairs without a value."""

    def __init__(self, values: pa.Array) -> None:
        encoded = values.dictionary_encode()
        self.empty = len(encoded.dictionary)
        self._nulls = encoded.indices.null_count
        self.codes: Numbers = (
            pc.fill_null(encoded.indices, self.empty) if self._nulls else encoded.indices
        ).to_numpy()
        self.distinct = encoded.dictionary
        self._verdicts: dict[tuple[int, str], Numbers] = {}

    @cached_property
    def _texts(self) -> list[str]:
        return _texts(self.distinct)

    def renderings(self, code: int, change: str) -> tuple[str, ...]:
        """Return what a value reads as; a pair without one reads as the empty text."""
        if code == self.empty:
            return ("",)
        return CHANGES[change](self._texts[code]) if change else (self._texts[code],)

    def signatures(self, literals: Literals, change: str, column: str) -> Numbers:
        """Return the signature of each code; `column` is whose values these are."""
        signatures = np.full(self.empty + 1, NOTHING)
        if self._nulls:
            signatures[self.empty] = literals.signatures(("",), "")[0]
        marked = literals.candidates(self.distinct, change)
        if marked is None:
            signatures[: self.empty] = literals.signatures(self._texts, change)
        else:
            if self.empty > VARIED * len(self.codes):
                literals.varied.add(column)
            else:
                literals.varied.discard(column)
            places = np.flatnonzero(marked)
            signatures[places] = literals.signatures(_texts(taken(self.distinct, places)), change)
        return signatures

    def verdicts(self, number: int, test: Test, codes: Numbers, change: str) -> Numbers:
        """Return what a test says of each code, UNKNOWN of those that neither these codes nor earlier ones hold."""
        key = (number, change)
        if key not in self._verdicts:
            self._verdicts[key] = np.full(self.empty + 1, UNKNOWN, np.int8)
        verdicts = self._verdicts[key]
        asked = np.zeros(self.empty + 1, bool)
        asked[codes] = True
        passes = says(test)
        for code in np.flatnonzero(asked & (verdicts == UNKNOWN)).tolist():
            verdicts[code] = YES if any(passes(text) for text in self.renderings(code, change)) else NO
        return verdicts


def _texts(values: pa.Array) -> list[str]:
    found: list[Any] = values.to_pylist()
    return found if pa.types.is_string(values.type) else [text_of(value) for value in found]


def same_in(test: Test, column: Column, other: Column, rows: Numbers) -> Mask:
    """Tell in which of the rows a field's value equals another field's."""
    ours, theirs = column.values(rows), other.values(rows)
    known: dict[tuple[tuple[str | None, ...], tuple[str | None, ...]], bool] = {}
    passed = np.zeros(len(rows), bool)
    for place, row in enumerate(rows.tolist()):
        pair = (tuple(ours[row]), tuple(theirs[row]))
        if pair not in known:
            known[pair] = same(test, ours[row], theirs[row])
        passed[place] = known[pair]
    return passed
