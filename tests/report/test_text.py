"""Text as people see it: nothing unseen, nothing that moves what stands beside it."""

import pytest
from markupsafe import Markup

from postvakt.report.text import attribute, coded, encodable, finalize, shown, spelled


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("plain ümläut 漢字 🦊", "plain ümläut 漢字 🦊"),
        ("a\r\nb\nc\td", "a⏎b⏎c⇥d"),
        ("\x1b[31m", "[U+001B][31m"),
        ("\x9b31m", "[U+009B]31m"),
        ("\u202ecod.exe", "[U+202E]cod.exe"),
        ("\u2066\u2069", "[U+2066][U+2069]"),
        ("a\u200bb\u00adc\ufeff", "a[U+200B]b[U+00AD]c[U+FEFF]"),
        ("\u3164\u115f", "[U+3164][U+115F]"),
        ("\U000e0041", "[U+E0041]"),
        ("\ud83d", "[U+D83D]"),
        ("\0\0\0\0", "[U+0000 ×4]"),
        ("e\u0301", "e\u0301"),
        ("e" + "\u0301" * 5, "e\u0301\u0301\u0301[U+0301][U+0301]"),
    ],
)
def test_spelled(text: str, told: str) -> None:
    assert spelled(text) == told


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("<b>&\"'", "&lt;b&gt;&amp;&#34;&#39;"),
        ("a\r\nb\tc", "a\nb\tc"),
        ("\u202e<", '<span class="cp">U+202E</span>&lt;'),
        ("\0" * 1000, '<span class="cp">U+0000 ×1,000</span>'),
        ("A" * 2005, "A" * 2000 + '<span class="more"> … 5 more characters</span>'),
    ],
)
def test_shown(text: str, told: str) -> None:
    assert shown(text) == Markup(told)


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("is `x<y`", 'is <code class="ev">x&lt;y</code>'),
        ("a ` b", "a ` b"),
        ("``", "``"),
        ("`a` `b", '<code class="ev">a</code> `b'),
    ],
)
def test_coded(text: str, told: str) -> None:
    assert coded(text) == Markup(told)


@pytest.mark.parametrize(
    ("text", "told"), [('"><x>', "&#34;&gt;&lt;x&gt;"), ("a\nb", "a⏎b"), ("A" * 201, "A" * 200 + " …")]
)
def test_attribute(text: str, told: str) -> None:
    assert attribute(text) == Markup(told)


def test_encodable() -> None:
    assert encodable("a\ud83d\0") == "a\\ud83d\0"


@pytest.mark.parametrize(("value", "told"), [("<", Markup("&lt;")), (Markup("<b>"), Markup("<b>")), (7, 7)])
def test_finalize(value: object, told: object) -> None:
    assert finalize(value) == told
