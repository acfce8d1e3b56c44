"""What is looked for before a pattern: never anything that a match could do without."""

import re

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from postvakt.artifacts import READERS
from postvakt.evidence.heads import needed, of_path

HEADS = sorted({head for reader in READERS for head in reader.artifact.heads})

NEEDED: list[tuple[bytes, bytes]] = [
    (rb"(?im)^#Log-type:[ \t]*EWS Logs", b"#log-type:"),
    (rb"(?m)^-----BEGIN (?:X509 )?CERTIFICATE-----", b"certificate-----"),
    (rb"\A(?![\s\S]*^#Fields:)[\s\S]*^#Software: M", b"#software: m"),
    (rb"<a\.b>", b"<a.b>"),
    (rb"abcd?ef", b"abc"),
    (rb"abcd*", b"abc"),
    (rb"abcd+e", b"abcd"),
    (rb"abcd{2}", b"abc"),
    (rb"abcd{0,2}?e", b"abc"),
    (rb"\x41bc", b"bc"),
    (rb"[]a]bcd", b"bcd"),
    (rb"[^]\]a]bcd", b"bcd"),
    (rb"(?:a(?:b)|[)])cd", b"cd"),
    (rb"(ab|cd)", b""),
    (rb"abc|d", b""),
    (rb"(?x) a b c", b""),
    (rb"(a)\1bc", b""),
    (rb"ab{x}c", b""),
    (rb".*", b""),
    (b"", b""),
]


@pytest.mark.parametrize(("pattern", "said"), NEEDED)
def test_what_a_pattern_needs(pattern: bytes, said: bytes) -> None:
    assert needed(pattern) == said


PIECES = (
    b"abc", b"ABC", b"de", b"\\.", b"\\d", b".", b"x?", b"y*", b"z+", b"[a-c]", b"[^a]", b"(?:ab|cde)", b"(fgh)?",
    b"(?=ab)", b"(?!cd)", b"w{2}", b"|", b"^", b"$", b"\\x41", b"\\A", b"[\\s\\S]*",
)  # fmt: skip
TEXTS = (b"abc", b"ABC", b"de", b".", b"1", b"x", b"zz", b"fgh", b"jKl", b"ww", b"cde", b"A", b"\n")


@settings(max_examples=500, deadline=None, derandomize=True, database=None)
@given(
    flags=st.sampled_from((b"", b"(?i)", b"(?im)", b"(?s)")),
    pattern=st.lists(st.sampled_from(PIECES), max_size=6).map(b"".join),
    text=st.lists(st.sampled_from(TEXTS), max_size=8).map(b"".join),
)
def test_what_a_pattern_is_found_in_holds_what_it_needs(flags: bytes, pattern: bytes, text: bytes) -> None:
    found = re.search(flags + pattern, text)
    assert found is None or needed(flags + pattern) in text.lower()


@pytest.mark.parametrize(
    ("pattern", "path"),
    [
        (r"\.log$", "/a.log"),
        (r"(?i)\.LoG$", "/a.log"),
        (r"(?i)s\.log$", "/\u017f.log"),
        (r"\u00df+\.x", "/\u00df.x"),
    ],
)
def test_a_path_is_found_in_any_letters(pattern: str, path: str) -> None:
    assert of_path(pattern).found(path, path.lower())
    assert not of_path(pattern).found("/b", "/b")


def test_few_patterns_are_asked_of_every_beginning() -> None:
    """The point of it: of all our patterns hardly one has to be asked without a look."""
    assert [head for head in HEADS if not needed(head)] == [
        rb"(?s)\A\x30[\x81-\x83].{1,3}?\x30[\x81-\x83].{1,3}?\xa0\x03\x02\x01[\x00-\x02]\x02"
    ]
