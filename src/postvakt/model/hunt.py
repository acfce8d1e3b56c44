"""A saved question for people: SQL over the tables of a case."""

import msgspec


class Hunt(msgspec.Struct, frozen=True, kw_only=True):
    """One hunt. `columns` are those of its answer, in order; `about` says what to look for in them."""

    id: str
    title: str
    about: str
    columns: tuple[str, ...]
    sql: str
