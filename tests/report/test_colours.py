"""Every pair of colours that text or a drawing stands in can be read: WCAG 2.2, 1.4.3 and 1.4.11, computed."""

import re

import pytest

from postvakt.report import html_form

CSS = html_form._asset("page.css")
BLOCK = re.compile(r":root \{(.*?)\}", re.DOTALL)
COLOUR = re.compile(r"--([a-z0-9-]+): (#[0-9a-f]{3,6});")

LIGHT, DARK, PRINT = (dict(COLOUR.findall(block)) for block in BLOCK.findall(CSS))
THEMES = {"light": LIGHT, "dark": {**LIGHT, **DARK}, "print": {**LIGHT, **PRINT}}
TONES = ("red", "amber", "violet", "slate", "teal", "green")

TEXT = [
    *((ink, paper) for ink in ("ink", "soft", "link") for paper in ("back", "paper", "sunk")),
    *((tone, paper) for tone in TONES for paper in ("back", "paper", f"{tone}-back")),
    ("mark-ink", "mark-back"),
    ("soft", "slate-back"),
    ("ink", "slate-back"),
]
DRAWN = [
    *((tone, paper) for tone in TONES for paper in ("back", "paper")),
    *((ink, paper) for ink in ("focus", "s3", "s4", "hole-line") for paper in ("back", "paper")),
]


def luminance(colour: str) -> float:
    digits = colour[1:] if len(colour) == 7 else "".join(digit * 2 for digit in colour[1:])
    shares = [int(digits[place : place + 2], 16) / 255 for place in (0, 2, 4)]
    red, green, blue = (
        share / 12.92 if share <= 0.04045 else ((share + 0.055) / 1.055) ** 2.4 for share in shares
    )
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


def contrast(one: str, other: str) -> float:
    lighter, darker = sorted((luminance(one), luminance(other)), reverse=True)
    return (lighter + 0.05) / (darker + 0.05)


def test_contrast_is_computed_rightly() -> None:
    assert contrast("#000", "#ffffff") == 21
    assert round(contrast("#767676", "#fff"), 2) == 4.54


@pytest.mark.parametrize("theme", THEMES)
@pytest.mark.parametrize(("ink", "paper"), TEXT)
def test_text(theme: str, ink: str, paper: str) -> None:
    assert contrast(THEMES[theme][ink], THEMES[theme][paper]) >= 4.5


@pytest.mark.parametrize("theme", THEMES)
@pytest.mark.parametrize(("ink", "paper"), DRAWN)
def test_drawings(theme: str, ink: str, paper: str) -> None:
    assert contrast(THEMES[theme][ink], THEMES[theme][paper]) >= 3


@pytest.mark.parametrize("mark", re.findall(r"\.tlp-[a-z-]+ \{ color: (#[0-9a-f]{6})", CSS))
def test_tlp_marks(mark: str) -> None:
    assert contrast(mark, "#000000") >= 4.5


def test_dark_names_every_colour() -> None:
    assert set(LIGHT) == set(DARK)


def test_paper_is_white_and_its_colours_are_named() -> None:
    assert THEMES["print"]["back"] == THEMES["print"]["paper"] == "#fff"
    assert set(LIGHT) - set(PRINT) == {"focus"}


def test_no_colour_is_used_that_has_no_name() -> None:
    assert set(re.findall(r"var\(--([a-z0-9-]+)", CSS)) <= {*LIGHT, "tone", "tint", "cut"}
