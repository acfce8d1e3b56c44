"""Markdown: evidence makes no link, no image, no markup and no HTML."""

from collections import Counter

import pytest
from markdown_it import MarkdownIt
from markdown_it.token import Token

from postvakt import report
from postvakt.model.report import Report
from postvakt.report.markdown_form import code, prose
from tests.report import hostile, values

READ = MarkdownIt("commonmark").enable("table")
MADE_BY_US = {
    "heading_open", "heading_close", "paragraph_open", "paragraph_close", "bullet_list_open", "bullet_list_close",
    "list_item_open", "list_item_close", "inline", "text", "code_inline", "strong_open", "strong_close",
    "table_open", "table_close", "thead_open", "thead_close", "tbody_open", "tbody_close", "tr_open", "tr_close",
    "th_open", "th_close", "td_open", "td_close",
}  # fmt: skip


def tokens(made: Report) -> list[Token]:
    blocks = READ.parse(report.FORMATS["md"].render(made).decode())
    return [inner for block in blocks for inner in (block, *(block.children or ()))]


@pytest.mark.parametrize(
    "made", [values.ONE, values.EVERY_OUTCOME, hostile.HOSTILE, values.report(hostile.HOST)]
)
def test_only_what_we_write_is_markup(made: Report) -> None:
    assert {token.type for token in tokens(made)} <= MADE_BY_US


def test_blocks_are_the_same_whatever_the_text() -> None:
    plain = Counter(token.type for token in tokens(hostile.filled(values.ONE, "x")) if token.block)
    assert Counter(token.type for token in tokens(hostile.HOSTILE) if token.block) == plain


def test_table_keeps_its_columns() -> None:
    made = values.report(values.host("a|b"), values.host("c`|`d"), values.CLEAR)
    (rows,) = [
        [token.content for token in tokens(made) if token.type == "inline" and token.level == 4][place::5][1:]
        for place in (0,)
    ]
    assert rows == ["`a|b`", "``c`|`d``", "`EX03`"]


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("plain words", "plain words"),
        ("*b* _i_ <b> [x](y)", "\\*b\\* \\_i\\_ \\<b\\> \\[x\\](y)"),
        ("see http://x.example/ now", "see `http://x.example/` now"),
        ("a@b.example", "`a@b.example`"),
        ("@everyone", "`@everyone`"),
        ("www.example.com", "`www.example.com`"),
        ("- item", "\\- item"),
        ("1. item", "1\\. item"),
        ("12) item", "12\\) item"),
        ("=== x", "\\=== x"),
        ("2021-03-02", "2021-03-02"),
        ("a\n# b", "a⏎\\# b"),
        ("&lt;", "\\&lt;"),
        ("\u202ex", "\\[U+202E\\]x"),
        ("A" * 601, "A" * 600 + " …"),
    ],
)
def test_prose(text: str, told: str) -> None:
    assert prose(text) == told


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("x", "`x`"),
        ("", "` `"),
        ("a`b", "``a`b``"),
        ("`", "`` ` ``"),
        ("a|b", "`a|b`"),
        (" x", "`  x `"),
        ("a\nb", "`a⏎b`"),
        ("A" * 301, "`" + "A" * 300 + "` …"),
    ],
)
def test_code(text: str, told: str) -> None:
    assert code(text) == told


def test_more_hosts_than_are_told_are_counted() -> None:
    told = report.FORMATS["md"].render(values.fleet(25, findings=1)).decode()
    assert told.count("\n## ") == 21
    assert "5 more hosts: see the HTML report." in told
