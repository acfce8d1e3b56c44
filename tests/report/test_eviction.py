"""The rows of eviction in the reports: in order, with what evidence names kept as text, and never more than fit."""

import pytest
from markdown_it import MarkdownIt

from postvakt import report
from postvakt.model.eviction import EvictionRow
from postvakt.model.report import Report
from tests.report import hostile, values

READ = MarkdownIt("commonmark").enable("table")
SHELL = EvictionRow(
    order=2, kind="persistence", what="c:/inetpub/wwwroot/x.aspx", do="Delete it", why="A script", sure="shown",
    findings=("f",),
)  # fmt: skip
KEY = EvictionRow(
    order=3, kind="key", what="krbtgt of the domain", do="Reset twice", why="NTDS", sure="within-reach"
)


def made(*rows: EvictionRow) -> Report:
    return values.report(values.host(eviction=rows))


def text(form: str, *rows: EvictionRow) -> str:
    return report.FORMATS[form].render(made(*rows)).decode()


def test_markdown_tells_them_in_order_with_what_and_why() -> None:
    told = text("md", SHELL, KEY)
    first = "- 2\\. **`c:/inetpub/wwwroot/x.aspx`** (persistence, shown): Delete it. A script"
    assert told.index(first) < told.index(
        "- 3\\. **krbtgt of the domain** (key, within reach): Reset twice. NTDS"
    )


def test_html_tells_them_in_order_with_what_and_why() -> None:
    told = text("html", SHELL, KEY)
    assert told.index("c:/inetpub/wwwroot/x.aspx</span>") < told.index("krbtgt of the domain</span>")
    assert "key, within reach" in told


@pytest.mark.parametrize("form", ["md", "html"])
def test_without_rows_there_is_no_such_part(form: str) -> None:
    assert "rotate, remove and rebuild" not in text(form)
    assert "rotate, remove and rebuild" in text(form, KEY)


@pytest.mark.parametrize("kind", ["persistence", "account"])
def test_what_evidence_names_makes_no_markup(kind: str) -> None:
    whole = hostile.filled(made(SHELL), hostile.ALL)
    plain = hostile.filled(made(SHELL), "x")
    kinds = [
        {token.type for block in READ.parse(report.FORMATS["md"].render(one).decode())
         for token in (block, *(block.children or ()))}
        for one in (whole, plain)
    ]  # fmt: skip
    assert not kinds[0] - kinds[1] - {"code_inline"}
    row = EvictionRow(order=1, kind=kind, what="<script>alert(1)</script>", do="d", why="w", sure="shown")  # type: ignore[arg-type]
    assert "<script>alert(1)" not in text("html", row)
    assert "\n<script>alert(1)" not in text("md", row)
