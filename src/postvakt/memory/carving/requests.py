"""Requests as they came over the wire, the cookies by which the front end was steered, paths and addresses."""

import re
from collections.abc import Iterator
from typing import Any

from postvakt.memory.carving.item import Item
from postvakt.memory.carving.stretch import Stretch
from postvakt.memory.carving.text import BLOCK, LINE, PLAIN, Text, around, is_cut, said, step_of
from postvakt.model.marks import Mark

METHODS = (
    "GET|POST|HEAD|PUT|OPTIONS|DELETE|DEBUG|TRACE|PATCH|CONNECT|RPC_IN_DATA|RPC_OUT_DATA|PROPFIND|PROPPATCH|SEARCH"
    "|MKCOL|MOVE|COPY|LOCK|UNLOCK|REPORT|SUBSCRIBE|POLL"
)
_LINE = r" (?P<target>[^ \r\n]{1,8192}) HTTP/1\.[01](?=[\r\n]|$)"
_REQUEST = re.compile(rf"(?P<method>{METHODS}){_LINE}")
_ODD_REQUEST = re.compile(rf"(?P<method>[A-Z][A-Z_]{{2,15}}){_LINE}")
"""Of any method. Letters that chance to stand before a known one are not of it."""
_HEADER = re.compile(r"\r?\n([A-Za-z][\w-]{1,60}):[ \t]*([^\r\n]*)")
HEADERS = {
    "host": "cs-host",
    "user-agent": "cs(User-Agent)",
    "cookie": "cs(Cookie)",
    "referer": "cs(Referer)",
}
_COOKIE = re.compile(
    r"(X-BEResource|X-AnonResource-Backend|X-AnonResource|X-Rps-CAT)=([^;\s\"'<>&,]{2,4096})", re.I
)
_PATH = re.compile(
    r"(?:/autodiscover)?/autodiscover\.json[^\s\"'<>]{0,2048}"
    r"|/(?:ecp/auth|owa/auth|ecp|owa)/[\w-]{1,24}\.(?:js|css|png|gif|ico|flt|aspx)\b[^\s\"'<>]{0,1024}"
    r"|/aspnet_client/[^\s\"'<>]{1,1024}",
    re.I,
)
_URL = re.compile(r"https?://[^\s\"'<>\\^`{}|\x00-\x20\x7f-\xff]{4,2048}", re.I)
_APP_WEB = re.compile(r"App_Web_[\w.]{4,120}", re.I)


def http_request(stretch: Stretch, mark: Mark) -> Iterator[Item]:
    """Yield the request line around a place with the headers after it, if it is one."""
    step = step_of(stretch.data, mark.offset, mark.length)
    line = around(stretch, mark.offset, step, LINE)
    found = _REQUEST.search(line.raw) or _ODD_REQUEST.search(line.raw)
    if found is None:
        return
    begin = line.start + found.start() * step
    rest = around(stretch, mark.offset, step, BLOCK)
    block = rest.cut((begin - rest.start) // step, len(rest.raw))
    if not block.raw.startswith(found[0]):
        # Something that does not print stands in the target; the line alone is shown.
        block = line.cut(found.start(), found.end())
    head, _, _ = block.raw.partition("\r\n\r\n")
    kept = block.cut(0, len(head))
    fields: dict[str, Any] = {"cs-method": found["method"]}
    stem, _, query = found["target"].partition("?")
    fields |= {"cs-uri-stem": said(stem, step), "cs-uri": said(found["target"], step)}
    if query:
        fields["cs-uri-query"] = said(query, step)
    for name, value in _HEADER.findall(head):
        column = HEADERS.get(name.lower())
        if column and value:
            fields[column] = said(value, step)
    ended = len(head) < len(block.raw)
    yield _item("http_request", stretch, kept, fields, begun=True, ended=ended)


def cookie(stretch: Stretch, mark: Mark) -> Iterator[Item]:
    """Yield the cookie that names a back end."""
    for text, found in _matched(stretch, mark, _COOKIE, 64):
        yield _item(
            "cookie",
            stretch,
            text,
            {"BackEndCookie": said(found[2], text.step), "name": found[1]},
            begun=True,
        )


def url_path(stretch: Stretch, mark: Mark) -> Iterator[Item]:
    """Yield a path of Exchange that attacks went through."""
    for text, found in _matched(stretch, mark, _PATH, 32):
        stem, _, query = said(found[0], text.step).partition("?")
        fields = {"path": stem} | ({"cs-uri-query": query} if query else {})
        yield _item("url_path", stretch, text, fields, begun=True)


def url(stretch: Stretch, mark: Mark) -> Iterator[Item]:
    """Yield an address."""
    for text, found in _matched(stretch, mark, _URL, 0):
        yield _item("url", stretch, text, {"address": said(found[0], text.step)}, begun=True)


def app_web(stretch: Stretch, mark: Mark) -> Iterator[Item]:
    """Yield the name of an assembly that ASP.NET made of a page."""
    for text, found in _matched(stretch, mark, _APP_WEB, 0):
        yield _item("app_web", stretch, text, {"name": said(found[0], text.step)}, begun=True)


def _matched(
    stretch: Stretch, mark: Mark, pattern: re.Pattern[str], before: int
) -> Iterator[tuple[Text, re.Match[str]]]:
    """Yield what a pattern matches over the place, looking at most so many letters before it."""
    step = step_of(stretch.data, mark.offset, mark.length)
    text = around(stretch, mark.offset, step, PLAIN)
    at = (mark.offset - text.start) // step
    for found in pattern.finditer(text.raw, max(0, at - before)):
        if found.start() > at:
            return
        if found.end() > at:
            yield text.cut(found.start(), found.end()), found
            return


def _item(
    kind: str,
    stretch: Stretch,
    text: Text,
    fields: dict[str, Any],
    *,
    begun: bool = False,
    ended: bool = False,
) -> Item:
    return Item(
        kind=kind,
        start=text.start,
        end=text.end,
        encoding=text.encoding,
        text=text.said(),
        fragment=is_cut(stretch, text, begun=begun, ended=ended),
        fields=fields,
    )
