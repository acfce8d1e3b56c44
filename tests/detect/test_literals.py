"""The short cuts one by one, where random rules seldom lead."""

import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from postvakt.detect import literals
from postvakt.detect import plan as plans
from postvakt.detect.literals import Literals
from postvakt.detect.necessary import needed
from postvakt.detect.values import compile_regex, fold

from .asking import event, is_matched, plan_of, sigma


def ask(op: plans.Op, text: str, regex: str = "") -> plans.Test:
    return plans.Test("f", op, text, regex)


def asked(*tests: plans.Test) -> Literals:
    return Literals(enumerate(tests))


def marked(found: Literals, values: list[str | None], change: str = "") -> list[bool] | None:
    mask = found.candidates(pa.array(values, pa.string()), change)
    return None if mask is None else mask.tolist()


@pytest.fixture(autouse=True)
def _every_batch_is_large(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(literals, "MANY_VALUES", 0)
    monkeypatch.setattr(literals, "FEW_VALUES", 0)
    monkeypatch.setattr(literals, "WORTH_AN_AUTOMATON", 0)


BORDER = [ask("contains", "abcd"), ask("contains", "cdef")]
AROUND = [ask("contains", "cdef"), ask("contains", "abcdefgh")]
WITHIN = [ask("contains", "aabb"), ask("contains", "bbcc")]
AHEAD: list[tuple[str, list[plans.Test], str, list[str | None], list[bool]]] = [
    ("a text inside", [ask("contains", "evil")], "", ["xEVILx", "good", "evi", "other text"], [1, 0, 0, 0]),
    ("a short text", [ask("equals", "evi")], "", ["EVI", "good", "x", None, "other text"], [1, 0, 1, 1, 0]),
    ("a number in hex", [ask("equals", "4688")], "", ["0x1250", "0X1250", "4688", "12345"], [1, 1, 1, 0]),
    ("a number in hex with zeros", [ask("equals", "4688")], "", ["0x00001250", "0x31250", "0x9999"], [1, 0, 0]),
    ("a negative number", [ask("equals", "18446744073709551615")], "", ["-1", "-12345"], [1, 0]),
    ("its own bits as a number", [ask("equals", str(2**64 - 2**40))], "", [f"-{2**40}", "99999"], [1, 0]),
    ("what is not ASCII", [ask("equals", "k" * 5)], "", ["\u212a" * 5, "ä" * 5, "a" * 5], [1, 1, 0]),
    ("nothing, and next to nothing", [ask("equals", "")], "", ["", None, "abc", "abcd"], [1, 1, 1, 0]),
    ("a find across a border", BORDER, "", ["xxab", "cdefx", "none"], [1, 1, 0]),
    ("a find across a whole value", AROUND, "", ["xab", "cdef", "ghx", "ijkl"], [1, 1, 1, 0]),
    ("a find that begins inside another", WITHIN, "", ["xaa", "bbccx", "xxxxx"], [1, 1, 0]),
    ("a path with the other slash", [ask("contains", "\\x\\y")], "path", ["c:/x/y", "c:\\x\\y", "c:/x-y"], [1, 1, 0]),
    ("an agent with plus signs", [ask("contains", "a b")], "agent", ["xa+b", "xa b", "xa-b"], [1, 1, 0]),
    ("a short piece of a longer value", [ask("equals", "::1")], "ip", ["[::1]:80", "[::2]:80"], [1, 0]),
]  # fmt: skip


@pytest.mark.parametrize(
    ("tests", "change", "values", "said"), [c[1:] for c in AHEAD], ids=[c[0] for c in AHEAD]
)
def test_looking_ahead_leaves_no_value_out(
    tests: list[plans.Test], change: str, values: list[str | None], said: list[int]
) -> None:
    assert marked(asked(*tests), values, change) == [bool(value) for value in said]


GIVEN_UP: list[tuple[str, list[plans.Test], str, list[str | None]]] = [
    (
        "a rendering that is no piece of the value",
        [ask("contains", "hklm")],
        "registry",
        ["HKEY_LOCAL_MACHINE"],
    ),
    ("a piece may be empty", [ask("equals", "")], "ip", [":80", "long value"]),
    ("everything is a candidate", [ask("contains", "a")], "", ["aaaaaaaaaa", "aaaaaaaaaa"]),
]


@pytest.mark.parametrize(
    ("tests", "change", "values"), [c[1:] for c in GIVEN_UP], ids=[c[0] for c in GIVEN_UP]
)
def test_where_it_cannot_be_told_all_are_looked_at(
    tests: list[plans.Test], change: str, values: list[str | None]
) -> None:
    assert marked(asked(*tests), values, change) is None


def test_a_slice_is_searched_at_its_own_place() -> None:
    values = pa.array(["evil one", "good one", "evil two", "good two"]).slice(1, 2)
    mask = asked(ask("contains", "evil")).candidates(values, "")
    assert mask is not None
    assert mask.tolist() == [False, True]


def test_a_text_found_where_two_chunks_meet(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(literals, "CHUNK", 8)
    found = asked(ask("contains", "needle"))
    texts = ["x" * at + "needle" + "x" * 9 for at in range(12)]
    assert [found.passed(signature) for signature in found.signatures(texts, "")] == [(0,)] * 12
    assert found.passed(found.signatures(["x" * 7 + "needl" + "x" * 9], "")[0]) == ()


@pytest.mark.parametrize("worth", [0, 200, 1 << 20])
def test_few_texts_and_many_are_told_the_same(monkeypatch: pytest.MonkeyPatch, worth: int) -> None:
    """Looked through one by one, found by an automaton, and first the one and then the other."""
    monkeypatch.setattr(literals, "WORTH_AN_AUTOMATON", worth)
    starts = [ask("starts", "s" * n) for n in range(1, 9)]
    found = asked(ask("contains", "abc"), ask("contains", "bc"), ask("contains", "bcd"), *starts)
    texts = ["xABCDx", "bcbcd", "ab", "", "sss", "xsss", "ssabc"] * 2
    said = [found.passed(signature) for signature in found.signatures(texts, "")]
    three, two = (3, 4, 5), (0, 1, 3, 4)
    assert said == [(0, 1, 2), (1, 2), (), (), three, (), two] * 2


def test_of_many_starts_and_ends_none_is_taken_for_another() -> None:
    starts = [f"{'s' * n}-" for n in range(1, 10)]
    ends = [f"-{'e' * n}" for n in range(1, 10)]
    found = asked(*(ask("starts", text) for text in starts), *(ask("ends", text) for text in ends))
    (signature,) = found.signatures(["sss-x-eeee"], "")
    assert found.passed(signature) == (2, 9 + 3)
    (signature,) = found.signatures(["xsss-eeeex"], "")
    assert found.passed(signature) == ()


def test_of_pairs_that_stand_twice_the_first_is_joined() -> None:
    plan = plan_of(
        sigma("s: {User: 'D\\me'}\ncondition: s", "{product: windows, category: process_creation}")
    )
    twice = [("SubjectDomainName", "D"), ("SubjectUserName", "me"), ("SubjectUserName", "you")]
    assert is_matched(
        plan, "event", event("Security", 4688, twice), event("Security", 4688, twice[::-1])
    ) == [True, False]


NEEDED: list[tuple[str, tuple[str, ...]]] = [
    ("abc", ("abc",)),
    ("ABC.def1", ("def1",)),
    ("^abc$", ("abc",)),
    (r"\.exe", (".exe",)),
    (r"a\\bc", ("a\\bc",)),
    ("abcd?ef", ("abc",)),
    ("abcd*", ("abc",)),
    ("abcd+e", ("abcd",)),
    ("abcd{2}", ("abcd",)),
    ("abcd{0,2}", ("abc",)),
    ("abc|defg", ("abc", "defg")),
    ("abc|d", ()),
    ("(abc|def)", ("abc", "def")),
    ("(abc)?", ()),
    ("(abc){1,2}", ("abc",)),
    ("(?i)AbC", ("abc",)),
    ("(?i:AbC)x", ("abc",)),
    ("(?P<n>abc)", ("abc",)),
    ("[abc]def", ("def",)),
    ("[]a]bcd", ("bcd",)),
    ("[^]a]bcd", ("bcd",)),
    (r"\d+abc", ("abc",)),
    ("ab", ()),
    (".*", ()),
    ("", ()),
    ("straße", ("stra",)),
    (r"\Qa.b\E", ()),
    (r"\x41bc", ()),
    (r"\pLabc", ()),
    ("[[:alpha:]]abc", ()),
    ("abc{x}", ()),
]


@pytest.mark.parametrize(("pattern", "said"), NEEDED)
def test_what_an_expression_needs(pattern: str, said: tuple[str, ...]) -> None:
    assert needed(ask("regex", pattern, pattern)) == said


PIECES = (
    "abc", "ABC", "de", "\\.", "\\d", ".", "x?", "y*", "z+", "[a-c]", "[^a]", "(?:ab|cde)", "(fgh)?", "(?i:JKL)",
    "w{2}", "|", "^", "$",
)  # fmt: skip
TEXTS = ("abc", "ABC", "de", ".", "1", "x", "zz", "fgh", "jKl", "ww", "cde", "\u212a")


@settings(max_examples=300, deadline=None, derandomize=True, database=None)
@given(
    pattern=st.lists(st.sampled_from(PIECES), max_size=6).map("".join),
    text=st.lists(st.sampled_from(TEXTS), max_size=8).map("".join),
)  # fmt: skip
def test_what_matches_an_expression_holds_what_it_needs(pattern: str, text: str) -> None:
    texts = needed(ask("regex", pattern, pattern))
    try:
        found = compile_regex(pattern).search(text)
    except ValueError:
        return
    assert found is None or not texts or any(held in fold(text) for held in texts)
