"""What an analyst had Volatility 3 write as JSON (`vol -r json -f IMAGE windows.pslist > pslist.json`), as our tables.

Nothing of Volatility is run or needed here. Which plugin wrote a file is told by its columns; where two have the same,
by the file's name. Rows point into the JSON, for the image itself may not be at hand.
"""

import codecs
import json
from collections.abc import Iterator, Mapping
from pathlib import PurePosixPath
from typing import Any

import msgspec

from postvakt.memory.readers import VOLATILITY_JSON
from postvakt.memory.tables import (
    MEM_HANDLE,
    MEM_MODULE,
    MEM_NETCONN,
    MEM_PROCESS,
    MEM_REGION,
    MEM_SERVICE,
)
from postvakt.memory.volatility_rows import MAKERS, MOST_NAMED, MOST_SAME, Named, Object, number, text
from postvakt.model.evidence import Source
from postvakt.model.gap import Gap
from postvakt.model.table import TableSpec
from postvakt.tables.rows import Read, batches

ARTIFACT = VOLATILITY_JSON.name
CHILDREN = "__children"
"""What Volatility adds to each row, in JSON and in JSON lines."""

MARKS = {codecs.BOM_UTF16_LE: "utf-16-le", codecs.BOM_UTF16_BE: "utf-16-be", codecs.BOM_UTF8: "utf-8"}
KEEPING = {"utf-8": "surrogateescape", "utf-16-le": "surrogatepass", "utf-16-be": "surrogatepass"}
"""How bytes that are no text are kept, so that every place in the text is known by its byte."""

LIMIT = 128 << 20
"""Bytes of a file that are read; JSON is held whole."""
MOST_ROWS = 1 << 21
MOST_FAULTS = 64
"""Places that are no JSON after which a file is given up."""


class Plugin(msgspec.Struct, frozen=True):
    """A plugin: columns that only it has (or those in `names` alike), what its rows are, how it finds them."""

    names: tuple[str, ...]
    columns: frozenset[str]
    kind: str
    spec: TableSpec


def _plugin(names: str, columns: str, kind: str, spec: TableSpec) -> Plugin:
    return Plugin(tuple(names.split()), frozenset(columns.split(",")), kind, spec)


PLUGINS: tuple[Plugin, ...] = (
    _plugin("pstree", "PID,PPID,ImageFileName,Cmd,Path", "process", MEM_PROCESS),
    _plugin("pslist psscan", "PID,PPID,ImageFileName,CreateTime", "process", MEM_PROCESS),
    _plugin("cmdline", "PID,Process,Args", "line", MEM_PROCESS),
    _plugin("dlllist", "PID,Process,Base,Size,Path", "module", MEM_MODULE),
    _plugin("modules modscan", "Offset,Base,Size,Name,Path", "driver", MEM_MODULE),
    _plugin("netscan netstat", "Proto,LocalAddr,ForeignAddr", "connection", MEM_NETCONN),
    _plugin("malfind vadinfo", "PID,Start VPN,End VPN,Protection,PrivateMemory", "region", MEM_REGION),
    _plugin("handles", "PID,HandleValue,Type,GrantedAccess,Name", "handle", MEM_HANDLE),
    _plugin("svcscan", "PID,Order,Start,State,Name,Display", "service", MEM_SERVICE),
)
"""The first whose columns are all there decides. Older and newer releases add columns; these stay."""

METHODS = {
    "pslist": "list", "pstree": "list", "psscan": "scan", "cmdline": "list", "dlllist": "list", "modules": "list",
    "modscan": "scan", "netscan": "scan", "netstat": "table", "malfind": "tree", "vadinfo": "tree", "handles": "table",
    "svcscan": "scan",
}  # fmt: skip


def parse(source: Source) -> Iterator[Read]:
    """Yield the rows of a file, then what of it could not be read. Raises OSError."""
    with source.open() as stream:
        content = stream.read(LIMIT + 1)
    if len(content) > LIMIT:
        yield _gap("limited", f"more than {LIMIT} bytes: what follows was not read", LIMIT)
    document = Document(content[:LIMIT])
    first = next(document.objects(), None)
    plugin = plugin_of(first.values) if first else None
    if plugin is not None:
        yield from batches(plugin.spec, _rows(plugin, source.member.path, document))
    elif first is not None:
        columns = ", ".join(sorted(map(str, first.values))[:12])[:300]
        yield _gap("unsupported", f"no plugin that is read has these columns: {columns}")
    elif document.is_empty:
        yield _gap("empty", "the plugin told nothing")
    elif not document.troubles:
        yield _gap("unsupported", "no JSON: have Volatility write it with `-r json`")
    yield from document.gaps()


def plugin_of(values: Mapping[str, Any]) -> Plugin | None:
    """Return the plugin that has such columns, None for one that is not read."""
    return next((one for one in PLUGINS if one.columns <= values.keys()), None)


def named(plugin: Plugin, path: str) -> str:
    """Return a plugin's name: of several with the same columns the one that the file's name holds."""
    file = PurePosixPath(path.replace("\\", "/")).name.lower()
    return next((name for name in plugin.names if name in file), " or ".join(plugin.names))


def _rows(plugin: Plugin, path: str, document: "Document") -> Iterator[Mapping[str, Any]]:
    """Yield a row for each object; one that lacks the columns is counted and passed over."""
    name, make, known = named(plugin, path), MAKERS[plugin.kind], Named()
    crowded: list[int] = []
    if plugin.kind == "process":
        crowded += [told.offset for told in document.objects() if not known.add(told)]
    for told in document.objects():
        if not plugin.columns <= told.values.keys():
            document.note("unparsed", "objects without the columns of their plugin", told.offset)
            continue
        yield {
            "time": None,
            "locator": told.offset,
            **make(told, known),
            "method": METHODS.get(name),
            "tier": f"volatility3 {name}",
            "confidence": "medium",
            "physical": number(told.values.get("Offset(P)")),
        }
    for offset in crowded:
        document.note(
            "limited",
            f"not asked as parents: more than {MOST_SAME} processes of one id, or {MOST_NAMED} ids",
            offset,
        )


class Document:
    """The objects of a file, in its order, those below others after them; and what in it is no JSON, as of the last
    time that they were gone through."""

    def __init__(self, content: bytes) -> None:
        self.troubles: dict[tuple[str, str], tuple[int, int]] = {}
        # PowerShell's `>` writes UTF-16.
        mark = next((mark for mark in MARKS if content.startswith(mark)), b"")
        self._encoding, self._begins = MARKS.get(mark, "utf-8"), len(mark)
        self._keeping = KEEPING[self._encoding]
        end = len(content) - (len(content) % 2 if len(mark) == 2 else 0)
        self._text = content[len(mark) : end].decode(self._encoding, self._keeping)
        self._decoder = json.JSONDecoder(parse_int=_integer, parse_constant=lambda _: None)

    def objects(self) -> Iterator[Object]:
        """Yield each object with the byte at which it begins; one below another stands a little after that."""
        whole, at, offset, faults, told = self._text, 0, self._begins, 0, 0
        self.troubles = {}
        while (start := whole.find("{", at)) >= 0:
            offset += self._size(at, start)
            at = start
            try:
                value, end = self._decoder.raw_decode(whole, start)
            except (ValueError, RecursionError) as why:
                cut = isinstance(why, json.JSONDecodeError) and _is_cut(why, len(whole))
                self.note(
                    "truncated" if cut else "unparsed",
                    "the last object has no end" if cut else "no JSON",
                    offset,
                )
                faults += 1
                line = whole.find("\n", start)
                if cut or line < 0 or faults >= MOST_FAULTS:
                    return
                offset += self._size(start, line)
                at = line
                continue
            for below, one in enumerate(_with_children(value)):
                if told >= MOST_ROWS:
                    self.note("limited", f"more than {MOST_ROWS} objects: the rest was not read", offset)
                    return
                told += 1
                yield Object(offset + below, one)
            offset += self._size(start, end)
            at = end

    @property
    def is_empty(self) -> bool:
        """Tell whether it is the list of nothing."""
        return "".join(self._text[:64].split()) == "[]"

    def _size(self, first: int, last: int) -> int:
        """Return the bytes of a part of the text."""
        return len(self._text[first:last].encode(self._encoding, self._keeping))

    def note(self, why: str, detail: str, offset: int) -> None:
        """Count what could not be read, with the place of its first."""
        first, count = self.troubles.get((why, detail), (offset, 0))
        self.troubles[why, detail] = (first, count + 1)

    def gaps(self) -> Iterator[Gap]:
        """Yield a Gap for each kind of trouble."""
        for (why, detail), (offset, count) in self.troubles.items():
            yield _gap(why, detail, offset, count)


def _is_cut(why: json.JSONDecodeError, size: int) -> bool:
    """Tell whether an object could not be read because the text ends: within a string, or within a word."""
    return why.msg.startswith("Unterminated string") or why.pos >= size - len("false")


def _with_children(value: Any) -> Iterator[dict[str, Any]]:
    """Yield an object and those below it, as they are written; what is no object is passed over."""
    waiting = [value]
    while waiting:
        one = waiting.pop()
        if isinstance(one, dict):
            yield one
            below = one.get(CHILDREN)
            if isinstance(below, list):
                waiting += reversed(below)


def _integer(digits: str) -> int | None:
    """Return a number as far as a column can hold it: longer ones are no addresses."""
    return int(digits) if len(digits) <= 20 else None


def _gap(why: str, detail: str, offset: int | None = None, count: int = 1) -> Gap:
    told = {"artifact": ARTIFACT, "why": why, "detail": text(detail), "locator": offset, "count": count}
    return msgspec.convert(told, Gap)
