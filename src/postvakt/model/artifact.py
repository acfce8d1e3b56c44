"""An artifact: a kind of trace, where it lies, what it holds. Its parser stands beside it in `artifacts/`."""

import msgspec


class Artifact(msgspec.Struct, frozen=True, kw_only=True):
    """How a kind of trace is found, by place and by content.

    `paths` are regular expressions, searched in a member's lower-case path with `/` (the server's path where
    the layout tells it, the stored path otherwise). `starts` are the first bytes that decide without the
    name; `heads` are regular expressions (bytes) searched in the first 4096 bytes, after UTF-16 is turned into
    UTF-8. Content decides before the name; where content contradicts the name the member is a Gap, not
    silence. `needs_content`: the name alone is not enough; `binary`: what is text all through is none of it, whatever
    its name. `rank` orders artifacts that both fit, higher first.
    """

    name: str
    title: str
    tables: tuple[str, ...]
    where: str
    paths: tuple[str, ...] = ()
    starts: tuple[bytes, ...] = ()
    heads: tuple[bytes, ...] = ()
    needs_content: bool = False
    binary: bool = False
    rank: int = 0
    version: int = 1
