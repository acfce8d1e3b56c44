"""Which tests a text passes, for all tests of a field at once: one look at a text, however many rules ask it."""

from collections.abc import Iterable, Iterator
from functools import cached_property
from itertools import pairwise
from typing import Any

import ahocorasick_rs
import numpy as np
import pyarrow as pa

from postvakt.detect.fields import CHANGES, PIECES
from postvakt.detect.frame import Mask, Numbers, valid
from postvakt.detect.necessary import needed
from postvakt.detect.plan import Test
from postvakt.detect.values import SIGN_64, fold, number_of, says

CHUNK = 1 << 16
"""Characters searched at a time: a text in which everything is found must not fill the memory."""

SHORTEST = 4
"""Bytes from which on a whole text is searched for; shorter values are looked up one by one."""

MOST_LITERALS = 2000
MOST_LENGTHS = 6
"""Lengths of starts and ends that are cut off and looked up; more are searched for with everything else."""

WORTH_AN_AUTOMATON = 4096
COST_OF_A_LOOK = 64
"""Characters looked through one text after the other before an automaton is made that finds all of them at once; a look
costs as much as so many. Its making costs as much as those looks: a small log has few values of a field."""

MANY_VALUES = 1024
"""Values of a field after which it pays to make a search for all its literals."""

FEW_VALUES = 64
"""Values that are looked at one by one all the same."""

LONGEST_REMEMBERED = 4096
NOTHING = 0
"""The signature of texts that pass no test."""


def answers(test: Test) -> bool:
    """Tell whether a look at a text's literals decides a test, or tells where it need not be asked."""
    if test.op == "equals":
        return True
    return bool(test.text) if test.op in ("contains", "starts", "ends") else bool(needed(test))


class Literals:
    """The tests of one field that texts alone decide; each must be one that `answers`.

    A signature is a number for a set of tests passed: texts of one signature need not be told apart.
    `varied` are the columns in which most values seen last were distinct. `halves`: candidates are also looked for in
    what stands on either side of the question mark of a value, each by itself.
    """

    def __init__(self, tests: Iterable[tuple[int, Test]], *, halves: bool = False) -> None:
        self._tests = tuple(tests)
        self._halves = halves
        self._passed: list[tuple[int, ...]] = [()]
        self._numbered: dict[tuple[int, ...], int] = {(): NOTHING}
        self._known: dict[str, dict[str, int]] = {}
        self._searches: dict[str, Any] = {}
        self._dense = False
        self._seen = 0
        self.varied: set[str] = set()
        self.remembered = 0

    def forget(self) -> None:
        """Forget the texts seen; signatures given out before mean nothing any more."""
        self._known.clear()
        self._passed, self._numbered = [()], {(): NOTHING}
        self.remembered = 0

    def passed(self, signature: int) -> tuple[int, ...]:
        """Return the numbers of the tests that a signature stands for."""
        return self._passed[signature]

    def signatures(self, texts: Iterable[str], change: str) -> list[int]:
        """Return each text's signature; with a change, any of its renderings may pass a test."""
        known = self._known.setdefault(change, {})
        return [known[text] if text in known else self._signed(text, change, known) for text in texts]

    def _signed(self, text: str, change: str, known: dict[str, int]) -> int:
        renderings = CHANGES[change](text) if change else (text,)
        passed = tuple(sorted({test for rendering in renderings for test in self._look(rendering)}))
        signature = self._numbered.setdefault(passed, len(self._passed))
        if signature == len(self._passed):
            self._passed.append(passed)
        if len(text) <= LONGEST_REMEMBERED:
            known[text] = signature
            self.remembered += len(text) + 64
        return signature

    def _look(self, text: str) -> list[int]:
        found = self._folded.found(fold(text))
        if self._cased:
            found += self._cased.found(text)
        if text[:1] in "-0123456789" and self._by_number:
            found += self._by_number.get(number_of(text), ())
        doubtful = self._confirmed.intersection(found)
        failed = {number for number in doubtful if not says(self._asked[number])(text)}
        return [number for number in found if number not in failed] if failed else found

    @cached_property
    def _folded(self) -> "_Search":
        return _Search(entry for entry in self._tests if entry[0] not in self._by_case)

    @cached_property
    def _cased(self) -> "_Search":
        return _Search(entry for entry in self._tests if entry[0] in self._by_case)

    @cached_property
    def _by_case(self) -> frozenset[int]:
        """The tests to which case matters and that texts alone decide."""
        return frozenset(
            number for number, test in self._tests if "c" in test.flags and number not in self._confirmed
        )

    @cached_property
    def _by_number(self) -> dict[int | None, list[int]]:
        found: dict[int | None, list[int]] = {}
        for number, test in self._tests:
            amount = _number(test)
            if amount is not None:
                found.setdefault(amount, []).append(number)
        return found

    @cached_property
    def _confirmed(self) -> frozenset[int]:
        """The tests of which literals only tell that they may pass."""
        return frozenset(number for number, test in self._tests if needed(test))

    @cached_property
    def _asked(self) -> dict[int, Test]:
        return dict(self._tests)

    def candidates(self, values: pa.Array, change: str, *, few: bool = False) -> Mask | None:
        """Mark the values that can pass any test, nulls among them; None where looking ahead does not pay. `few`: look
        ahead however few they are.

        All values are searched as one run of bytes. A value that is not ASCII is a candidate unseen.
        """
        if self._dense or not pa.types.is_string(values.type) or (len(values) < FEW_VALUES and not few):
            return None
        self._seen += len(values)
        if self._seen < MANY_VALUES and not few:
            return None
        search = self._ahead(change)
        if search is None:
            return None
        offsets = np.frombuffer(values.buffers()[1], np.int32)[
            values.offset : values.offset + len(values) + 1
        ]
        held = values.buffers()[2]
        marked: Mask = np.zeros(len(values), bool)
        if self._brief:
            marked = (np.diff(offsets) < SHORTEST) | ~valid(values)
        if held is None or offsets[0] == offsets[-1]:
            return marked
        found = _Marks(offsets, marked)
        # However many finds there are, of few values they are few.
        self._dense = not found.search(search, held, PIECES[change], dense=few)
        return None if self._dense else marked

    @cached_property
    def _brief(self) -> bool:
        """Tell whether a value too short to be searched for, or none at all, can pass a test."""
        return any(
            len(form) < SHORTEST for _, test in self._tests if test.op == "equals" for form in _forms(test)
        )

    def _ahead(self, change: str) -> Any:
        """Return the search for any literal at all; None where there are too many, or it could miss one."""
        if change not in self._searches:
            self._searches[change] = self._search(change) if change in PIECES else None
        return self._searches[change]

    def _search(self, change: str) -> Any:
        # A piece of a value may be short where the value is not.
        shortest = 1 if change else SHORTEST
        if change and any(test.text == "" for _, test in self._tests):
            return None
        written = {t for _, test in self._tests for t in _written(test, shortest) if t.isascii()}
        if self._halves:
            written = {half for text in written for half in _halves(text)}
        wanted = sorted(written)
        if len(wanted) > MOST_LITERALS or "" in written:
            return None
        # Of leftmost finds it searches for several texts at once with vectors, where they are few.
        return ahocorasick_rs.BytesAhoCorasick(
            [text.encode() for text in wanted],
            matchkind=ahocorasick_rs.MatchKind.LeftmostFirst,
            implementation=ahocorasick_rs.Implementation.DFA,
        )


def _halves(text: str) -> Iterator[str]:
    """Yield texts of which the path or the query must hold one, if both with a question mark between hold a text."""
    if "?" not in text:
        yield text
    for at, letter in enumerate(text):
        if letter == "?":
            yield max(text[:at], text[at + 1 :], key=len)


def _number(test: Test) -> int | None:
    return number_of(test.text) if test.op == "equals" and "c" not in test.flags else None


def _written(test: Test, shortest: int) -> Iterator[str]:
    """Yield the texts of which a folded value of so many bytes must hold one to pass a test."""
    if test.op != "equals":
        yield from needed(test) or (fold(test.text),)
        return
    amount = _number(test)
    if amount is not None and amount >= 0:
        # The same number in hexadecimal, with zeros before it or without.
        yield from (f"x{amount:x}", f"0{amount:x}")
    yield from (form for form in _forms(test) if len(form) >= shortest)


def _forms(test: Test) -> list[str]:
    """Return the folded texts that pass a test of equality, but for numbers that a value writes as `0x`."""
    amount = _number(test)
    return [fold(test.text), *(() if amount is None else (str(amount), f"-{SIGN_64 - amount}"))]


class _Marks:
    """Values lying end to end in a buffer, of which some are marked."""

    STRETCH = 1 << 18
    """Bytes searched at a time. A value longer than that is marked unseen: it could be nothing but literals."""

    def __init__(self, offsets: Any, marked: Mask) -> None:
        self._offsets = offsets
        self._marked = marked

    def _mark_foreign(self, text: bytes, start: int) -> None:
        """Mark values that are not ASCII, of those whose bytes these are."""
        if not text.isascii():
            foreign = np.flatnonzero(np.frombuffer(text, np.uint8) >= 0x80) + start
            self._marked[self._values_at(foreign)] = True

    def _values_at(self, places: Numbers) -> Numbers:
        """Return which values hold these bytes of the buffer."""
        return np.searchsorted(self._offsets, places, "right") - 1

    def search(self, literals: Any, held: pa.Buffer, put: tuple[str, str] | None, *, dense: bool) -> bool:
        """Mark values that touch a literal; tell whether few enough do to make the search worth while, or `dense` ones
        are wanted as well.

        `put` are two letters of which the second may stand for the first.
        """
        start, end = int(self._offsets[0]), int(self._offsets[-1])
        cuts = [
            *np.searchsorted(self._offsets, range(start, end, self.STRETCH)).tolist(),
            len(self._offsets) - 1,
        ]
        for first, last in pairwise(cuts):
            low, high = int(self._offsets[first]), int(self._offsets[last])
            if high - low > 2 * self.STRETCH:
                self._marked[first:last] = True
                continue
            text = held.slice(low, high - low).to_pybytes().lower()
            self._mark_foreign(text, low)
            found = literals.find_matches_as_indexes(text)
            if put is not None:
                old, new = (letter.encode() for letter in put)
                found += literals.find_matches_as_indexes(text.replace(old, new))
            if len(found) > 2 * (last - first) and not dense:
                return False
            self._mark(found, low)
        return True

    def _mark(self, found: list[tuple[int, int, int]], low: int) -> None:
        # A find across the border of values is none, but may hide one in each: all of them are looked at.
        starts = np.fromiter((start for _, start, _ in found), np.int64, len(found))
        ends = np.fromiter((end for _, _, end in found), np.int64, len(found))
        first, last = self._values_at(low + starts), self._values_at(low + ends - 1)
        self._marked[first] = self._marked[last] = True
        wide = np.flatnonzero(last - first > 1)
        for begin, end in set(zip(first[wide].tolist(), last[wide].tolist(), strict=True)):
            self._marked[begin:end] = True


class _Search:
    """Tests by the text that they look for."""

    def __init__(self, tests: Iterable[tuple[int, Test]]) -> None:
        self._whole: dict[str, list[int]] = {}
        self._last: dict[str, list[int]] = {}
        inside: dict[str, list[int]] = {}
        starts: dict[str, list[int]] = {}
        ends: dict[str, list[int]] = {}
        tables = {"equals": self._whole, "starts": starts, "ends": ends}
        for number, test in tests:
            if test.op == "ends" and test.text.rfind("\\") == 0:
                self._last.setdefault(test.text, []).append(number)
            elif test.op in tables:
                tables[test.op].setdefault(test.text, []).append(number)
            else:
                for held in needed(test) or (test.text,):
                    inside.setdefault(held, []).append(number)
        self._starts, self._ends = _by_length(starts, 1), _by_length(ends, -1)
        texts = dict.fromkeys(inside)
        if len(self._starts) + len(self._ends) > MOST_LENGTHS:
            self._starts, self._ends = [], []
            texts |= dict.fromkeys((*starts, *ends))
        self._texts = tuple(texts)
        self._searched = (inside, starts, ends)
        self._longest = max(map(len, texts), default=0)
        self._automaton: Any = None
        self._looked = 0

    def __bool__(self) -> bool:
        return bool(self._whole or self._last or self._starts or self._ends or self._texts)

    def found(self, text: str) -> list[int]:
        """Return the tests whose text stands where they want it, some more than once."""
        found = [*self._whole.get(text, ())]
        if self._last and (at := text.rfind("\\")) >= 0:
            found += self._last.get(text[at:], ())
        for length, table in self._starts:
            if text[:length] in table:
                found += table[text[:length]]
        for length, table in self._ends:
            if text[length:] in table:
                found += table[text[length:]]
        inside, starts, ends = self._searched
        for place in self._places(text) if self._texts else ():
            held = self._texts[place]
            found += inside.get(held, ())
            if held in starts and text.startswith(held):
                found += starts[held]
            if held in ends and text.endswith(held):
                found += ends[held]
        return found

    def _places(self, text: str) -> Iterable[int]:
        if self._automaton is None:
            self._looked += COST_OF_A_LOOK + len(text)
            if self._looked <= WORTH_AN_AUTOMATON:
                return [place for place, held in enumerate(self._texts) if held in text]
            self._automaton = ahocorasick_rs.AhoCorasick(self._texts, store_patterns=False)
        if len(text) <= CHUNK:
            return {place for place, _, _ in self._automaton.find_matches_as_indexes(text, overlapping=True)}
        found: set[int] = set()
        for start in range(0, len(text), CHUNK):
            chunk = text[start : start + CHUNK + self._longest - 1]
            found.update(
                place for place, _, _ in self._automaton.find_matches_as_indexes(chunk, overlapping=True)
            )
        return found


def _by_length(tests: dict[str, list[int]], sign: int) -> list[tuple[int, dict[str, list[int]]]]:
    """Return tests by the length of their text, to be cut off a value's start or, with a minus, its end."""
    tables: dict[int, dict[str, list[int]]] = {}
    for text, numbers in tests.items():
        tables.setdefault(sign * len(text), {})[text] = numbers
    return sorted(tables.items())
