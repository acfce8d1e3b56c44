"""Columns as rules ask them: each distinct value is looked at once, its rows follow."""

from collections.abc import Callable, Mapping
from functools import cached_property
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from postvakt.detect.fields import CHANGES, text_of
from postvakt.detect.frame import Mask, Numbers, Piece, small, taken, valid
from postvakt.detect.literals import NOTHING, Literals
from postvakt.detect.plan import Test
from postvakt.detect.values import same, says

VARIED = 0.5
"""Share of distinct values from which on it pays to look for candidates before values are numbered."""

UNKNOWN, NO, YES = -1, 0, 1
Rows = Mapping[int, list[str | None]]
Ahead = Callable[[Piece], Mask | None]


class Column:
    """A field's values in some rows of a batch. Rows are told by their numbers in the batch.

    `codings` are the batch's whole columns that were numbered before, for any field. `ahead` marks the values that can
    pass any test of this field, and others'; None where it cannot tell.
    """

    def __init__(
        self,
        pieces: list[Piece],
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

    @cached_property
    def given(self) -> Mask:
        """The rows in which the field is there, be it without a value."""
        return self._rows_of([piece.rows for piece in self._pieces])

    @cached_property
    def known(self) -> Mask:
        """The rows in which the field has a value."""
        return self._rows_of([piece.rows[valid(piece.values)] for piece in self._pieces])

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
        distinct, codes = np.unique(signatures, return_inverse=True)
        order = np.argsort(small(codes, len(distinct)), kind="stable")
        rows = rows[order]
        ends = np.cumsum(np.bincount(codes, minlength=len(distinct))).tolist()
        hits: dict[int, list[Numbers]] = {}
        start = 0
        for signature, end in zip(distinct.tolist(), ends, strict=True):
            for test in self._literals.passed(signature):
                hits.setdefault(test, []).append(rows[start:end])
            start = end
        return hits

    def _signed(self, piece: Piece) -> tuple[Numbers, Numbers]:
        """Return the rows of a piece whose values pass any test, with the values' signatures."""
        if len(piece.values) > 2 * self._height or piece.column in self._literals.varied:
            # Mostly distinct: better to look for candidates before the values are numbered.
            marked = self._ahead(piece)
            if marked is None:
                marked = self._literals.candidates(piece.values, piece.change)
            if marked is not None:
                places = np.flatnonzero(marked)
                piece = Piece(piece.rows[places], taken(piece.values, places), piece.change)
        coding = self._coding(piece)
        signatures = coding.signatures(self._literals, piece.change, piece.column)[coding.codes]
        passing = np.flatnonzero(signatures != NOTHING)
        return piece.rows[passing], signatures[passing]

    def _coding(self, piece: Piece) -> "Coding":
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
        wanted = np.zeros(self._height, bool)
        wanted[rows] = True
        passed = np.zeros(self._height, bool)
        for piece, coding in self._coded:
            places = np.flatnonzero(wanted[piece.rows])
            codes = coding.codes[places]
            verdicts = coding.verdicts(number, test, codes, piece.change)
            passed[piece.rows[places[verdicts[codes] == YES]]] = True
        return passed[rows]

    def values(self, rows: Numbers) -> Rows:
        """Return the values of rows as rules see them, all renderings of each; None is a pair without a value."""
        wanted = np.zeros(self._height, bool)
        wanted[rows] = True
        found: dict[int, list[str | None]] = {row: [] for row in rows.tolist()}
        for piece, coding in self._coded:
            places = np.flatnonzero(wanted[piece.rows])
            pairs = zip(piece.rows[places].tolist(), coding.codes[places].tolist(), strict=True)
            for row, code in pairs:
                found[row] += (None,) if code == coding.empty else coding.renderings(code, piece.change)
        return found

    @cached_property
    def _coded(self) -> list[tuple[Piece, "Coding"]]:
        return [(piece, self._coding(piece)) for piece in self._pieces]


class Coding:
    """Values, each distinct one numbered. `empty` is the number of pairs without a value."""

    def __init__(self, values: pa.Array) -> None:
        encoded = values.dictionary_encode()
        self.empty = len(encoded.dictionary)
        self._nulls = encoded.indices.null_count
        self.codes: Numbers = (
            pc.fill_null(encoded.indices, self.empty) if self._nulls else encoded.indices
        ).to_numpy()
        self._values = encoded.dictionary
        self._verdicts: dict[tuple[int, str], Numbers] = {}

    @cached_property
    def _texts(self) -> list[str]:
        return _texts(self._values)

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
        marked = literals.candidates(self._values, change)
        if marked is None:
            signatures[: self.empty] = literals.signatures(self._texts, change)
        else:
            if self.empty > VARIED * len(self.codes):
                literals.varied.add(column)
            else:
                literals.varied.discard(column)
            places = np.flatnonzero(marked)
            signatures[places] = literals.signatures(_texts(taken(self._values, places)), change)
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
