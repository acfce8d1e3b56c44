"""What a shell offers when Tab is pressed: names of tables, columns, hunts and directives. It reads no case."""

import re
from collections.abc import Callable, Iterator

WORD = re.compile(r"[A-Za-z_][\w]*\Z")
CONCLUDED = ("matches", "gaps", "coverage", "findings", "questions", "tables")
KEYWORDS = ("select", "from", "where", "group by", "order by", "limit", "count(*)", "describe")


def sql(incomplete: str) -> Iterator[str]:
    """Yield the question with its last word finished: a table, a view, a word of SQL; columns once a table is named."""
    from postvakt.commands import readers
    from postvakt.tables import views

    found = WORD.search(incomplete)
    last = found[0].lower() if found else ""
    before = incomplete[: len(incomplete) - len(last)]
    named = [readers.TABLES[name] for name in re.findall(r"\w+", before) if name in readers.TABLES]
    columns = (column.name for spec in named for column in spec.columns)
    names = dict.fromkeys((*KEYWORDS, *readers.TABLES, *views.VIEWS, *CONCLUDED, *columns))
    yield from (f"{before}{name}" for name in names if name.lower().startswith(last))


def hunts(incomplete: str) -> Iterator[tuple[str, str]]:
    """Yield the saved questions, each with its title."""
    from postvakt import content

    yield from ((one.id, one.title) for one in content.load().hunts if one.id.startswith(incomplete))


def directives(incomplete: str) -> Iterator[tuple[str, str]]:
    """Yield the directives, each with its title."""
    from postvakt import content

    yield from ((one.id, one.title) for one in content.load().directives if one.id.startswith(incomplete))


def of(*words: str) -> Callable[[str], list[str]]:
    """Return what offers those of some words that go on as was begun."""

    def offered(incomplete: str) -> list[str]:
        return [word for word in words if word.startswith(incomplete)]

    return offered
