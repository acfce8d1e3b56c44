"""What a table is: its columns with type and kind, where its rows come from, which Sigma log source it serves.

No Arrow here; `postvakt.tables` turns a TableSpec into an Arrow schema.
"""

from typing import Literal

import msgspec

Type = Literal["string", "int", "float", "bool", "time", "pairs", "strings"]
"""`time` is UTC in microseconds; `pairs` a list of (name, value) texts in order, the name null where
the source gives none; `strings` a list of texts."""

Kind = Literal[
    "", "ip", "host", "url_path", "url_query", "url", "domain", "file_path", "file_name", "account",
    "sid", "user_agent", "hash", "command_line", "registry_key", "registry_value", "message", "email",
]  # fmt: skip
"""What a column means, so that an indicator reaches every column of its kind, today's and tomorrow's."""

Locator = Literal["line", "record", "offset", "cell", "path"]


class Column(msgspec.Struct, frozen=True):
    """One column under the source's own field name.

    `unit` is said where a number has one (`bytes`, `ms`). `low` and `high` bound a number; what lies
    outside, or is no number at all, is kept as text in `unmapped`. `made_of` names the columns of a path and of a
    query: where a source has no such field of its own, the value is the two with a question mark between. It is made
    when it is asked for, and kept in no part.
    """

    name: str
    type: Type = "string"
    kind: Kind = ""
    unit: str = ""
    about: str = ""
    low: int | None = None
    high: int | None = None
    made_of: tuple[str, str] | None = None


class LogSource(msgspec.Struct, frozen=True):
    """A Sigma log source that a table serves; None stands for any value of that part. `view` names which of its rows,
    where it is not all of them."""

    category: str | None = None
    product: str | None = None
    service: str | None = None
    view: str = ""


class Facet(msgspec.Struct, frozen=True):
    """Rows whose coverage is counted apart, beside the split: those for which all of one of `any_of` holds.

    Each is a tuple of (column, value). That an event log is there does not say that it was told to write of processes.
    """

    name: str
    any_of: tuple[tuple[tuple[str, str | int], ...], ...]


class TableSpec(msgspec.Struct, frozen=True, kw_only=True):
    """One table that people and rules query by name.

    Every table also has `time`, `evidence`, `source`, `locator` and `unmapped`; they are not listed in
    `columns`. `fields` maps other names that Sigma rules use to columns (`c-useragent` -> `cs(User-Agent)`).
    `split` names the column by whose values coverage is counted apart (an event log's Channel).
    `facets` are counted apart too. `sequence` names a column of numbers without gaps (EventRecordID). `host_column`
    holds a server's own name, believed with `host_weight`. `quiet_hours` is the longest
    silence that is normal for this source on a running server; None: silence proves nothing. `told_by`
    names the columns that hold the rule which found the row and what it saw, where rules found it first.
    """

    name: str
    title: str
    columns: tuple[Column, ...]
    locator: Locator
    logsources: tuple[LogSource, ...] = ()
    fields: tuple[tuple[str, str], ...] = ()
    split: str | None = None
    facets: tuple[Facet, ...] = ()
    sequence: str | None = None
    host_column: str | None = None
    host_weight: int = 60
    quiet_hours: int | None = None
    told_by: tuple[str, str] | None = None

    def column(self, name: str) -> Column | None:
        """Return the column of that name, or None."""
        return next((c for c in self.columns if c.name == name), None)

    def of_kind(self, *kinds: str) -> tuple[str, ...]:
        """Return the names of the columns of these kinds, in the table's order."""
        return tuple(c.name for c in self.columns if c.kind in kinds)
