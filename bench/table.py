"""Rows of figures as Markdown, and a page in which the tables between their marks are renewed and all else is kept."""

import re
from collections.abc import Sequence

from bench.measure import Cost, Failed

Row = tuple[str, ...]
HEAD: Row = ("", "CPU s", "ratio", "wall s", "cores", "MiB", "MiB, all", "told")
BEGIN, END = "<!-- bench: {} -->", "<!-- bench: end -->"


def table(rows: Sequence[Row]) -> str:
    """Return rows as a Markdown table; the first is its head."""
    widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]))]
    lines = [
        "| " + " | ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)) + " |"
        for row in rows
    ]
    lines.insert(1, "|" + "|".join("-" * (width + 2) for width in widths) + "|")
    return "".join(f"{line}\n" for line in lines)


def ratio(one: float, other: float) -> str:
    """Return how many times the other a figure is, `-` where there is no telling."""
    return f"{one / other:.2f}" if other > 0 else "-"


def cost_row(
    name: str, found: Cost | Failed, base: Cost | Failed | None, *, work: bool = False, told: str = ""
) -> Row:
    """Return a row of HEAD: what something cost, how many times the base; what failed says why.

    `work` counts the work itself, without the start of the process.
    """
    if isinstance(found, Failed):
        return (name, "-", "-", "-", "-", "-", "-", str(found)[:120].replace("|", "/"))
    seconds = found.work if work else found.seconds
    against = base if isinstance(base, Cost) else None
    return (
        name,
        f"{seconds:.2f}",
        ratio(seconds, (against.work if work else against.seconds) if against else 0),
        f"{found.wall:.2f}",
        f"{found.seconds / found.wall:.1f}" if found.wall > 0 else "-",
        f"{found.mebibytes:.0f}",
        f"{found.together:.0f}",
        told or ", ".join(f"{name} {value:,}" for name, value in found.told.items() if name != "seconds"),
    )


def renewed(page: str, sections: dict[str, str]) -> str:
    """Return a page with the named sections in place of those between their marks; a new one is added at the end."""
    for name, text in sections.items():
        begin = BEGIN.format(name)
        block = f"{begin}\n{text.strip()}\n{END}"
        found = re.search(re.escape(begin) + r"\n.*?" + re.escape(END), page, re.DOTALL)
        before, after = (
            (page[: found.start()], page[found.end() :]) if found else (f"{page.rstrip()}\n\n", "\n")
        )
        page = before + block + after
    return page
