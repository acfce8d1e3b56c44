"""Lines of logs: HttpProxy, ECP server and IIS, known by their own fields even where their beginning is lost."""

import re
from collections.abc import Iterator
from datetime import UTC, datetime
from functools import lru_cache
from ipaddress import ip_address
from typing import Any

from postvakt.memory.carving.item import Item
from postvakt.memory.carving.stretch import Stretch
from postvakt.memory.carving.text import LINE, SHOWN, Text, around, is_cut, said, step_of
from postvakt.model.clock import micros
from postvakt.model.marks import Mark

PROXY_BEFORE = (
    "RequestId",
    "MajorVersion",
    "MinorVersion",
    "BuildVersion",
    "RevisionVersion",
    "ClientRequestId",
)
PROXY_AFTER = (
    "UrlHost", "UrlStem", "ProtocolAction", "AuthenticationType", "IsAuthenticated", "AuthenticatedUser",
    "Organization", "AnchorMailbox", "UserAgent", "ClientIpAddress", "ServerHostName", "HttpStatus", "BackEndStatus",
    "ErrorCode", "Method", "ProxyAction", "TargetServer", "TargetServerVersion", "RoutingType", "RoutingHint",
    "BackEndCookie",
)  # fmt: skip
"""The fields of a HttpProxy log on both sides of Protocol, as builds of 2016 and 2019 write them. Without the header,
which is a page of its own, the order is known only so far."""

NUMBERS = frozenset(
    ("MajorVersion", "MinorVersion", "BuildVersion", "RevisionVersion", "HttpStatus", "BackEndStatus")
)
STATUS_AT = PROXY_AFTER.index("HttpStatus")

_PROXY = re.compile(
    r"(?:(?P<time>\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z),(?P<before>[^,]*,\d*,\d*,\d*,\d*,[^,]*))?"
    r",(?P<protocol>Autodiscover|Eas|Ecp|Ews|Mapi|Oab|Owa|OwaCalendar|PowerShell|RpcHttp),"
    r"(?P<after>[^,/]{0,255},/.*)"
)
_ECP = re.compile(
    r"(?:(?P<time>\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z),(?P<server>[^,]{0,255}),(?P<event>ECP\.\w{1,40}),)?"
    r"(?P<data>\"?S:TIME=.*|\"?S:CMD=.*)"
)
_ECP_ITEM = re.compile(r"(?:^|;)S:(\w{2,8})=")
ECP_NAMES = frozenset(("SID", "CMD", "REQID", "URL", "REFERRER", "EX", "ACTID", "BLD", "USID"))
_IIS = re.compile(
    r"(?:(?P<time>\d{4}-\d\d-\d\d \d\d:\d\d:\d\d) (?:[^ ]{1,64} ){0,2}?(?P<server>[0-9a-fA-F.:%]{2,64}))?"
    r" (?P<method>[A-Z_]{3,16}) (?P<stem>/[^ ]*) (?P<query>[^ ]+) (?P<port>\d{1,5}) (?P<user>.{1,256}?)"
    r" (?P<client>[0-9a-fA-F.:%]{2,64})(?P<rest> .*)"
)
_TAIL = re.compile(r" (\d{3}) (\d{1,4}) (\d{1,10})((?: \d+)*)(?: |$)")


def http_proxy(stretch: Stretch, mark: Mark) -> Iterator[Item]:
    """Yield the HttpProxy line around a place, if it is one."""
    yield from _line(stretch, mark, "http_proxy", _proxy_fields)


def ecp_server(stretch: Stretch, mark: Mark) -> Iterator[Item]:
    """Yield the ECP server line around a place, if it is one."""
    yield from _line(stretch, mark, "ecp_server", _ecp_fields)


def iis(stretch: Stretch, mark: Mark) -> Iterator[Item]:
    """Yield the IIS line around a place, if it is one."""
    yield from _line(stretch, mark, "iis", _iis_fields)


def _line(stretch: Stretch, mark: Mark, kind: str, parse: Any) -> Iterator[Item]:
    """Yield a line over the edges of pages if it is a whole one so, otherwise what stands of it on its page."""
    step = step_of(stretch.data, mark.offset, mark.length)
    for across in (True, False):
        text = around(stretch, mark.offset, step, LINE, across=across)
        read = parse(text)
        if read is None:
            continue
        low, high, time, fields, complete = read
        if across and not complete and stretch.crosses(text.start, text.end):
            # What stands on the next page is not known to be of this line, and does not show it.
            continue
        kept = text.cut(low, high)
        plain = len(text.raw) <= SHOWN and text.raw.isascii() and text.raw.isprintable()
        yield Item(
            kind=kind,
            start=kept.start,
            end=kept.end,
            encoding=kept.encoding,
            text=kept.raw if plain else kept.said(),
            fragment=is_cut(stretch, kept, begun=time is not None, ended=False),
            time=time,
            fields=fields
            if plain
            else {
                name: said(value, step) if isinstance(value, str) else value for name, value in fields.items()
            },
        )
        return


def _proxy_fields(text: Text) -> tuple[int, int, int | None, dict[str, Any], bool] | None:
    found = _PROXY.search(text.raw)
    if found is None:
        return None
    after = _values(found["after"])
    fields: dict[str, Any] = {"Protocol": found["protocol"]}
    # The last value of a line that ends early may be cut: half an address is another address.
    fields.update(_named(PROXY_AFTER, after if len(after) > len(PROXY_AFTER) else after[:-1]))
    if found["before"] is not None:
        fields.update(_named(PROXY_BEFORE, found["before"].split(",")))
    complete = len(after) > len(PROXY_AFTER) and isinstance(fields.get("HttpStatus"), int)
    if len(after) > STATUS_AT + 1 and not isinstance(fields.get("HttpStatus"), int):
        return None
    return (
        found.start(),
        len(text.raw),
        _instant(found["time"]),
        fields,
        complete and found["time"] is not None,
    )


def _values(text: str) -> list[str]:
    """Split at commas outside quotes; a quote that does not close is a letter like any other."""
    if '"' not in text:
        return text.split(",", len(PROXY_AFTER))
    values: list[str] = []
    at = 0
    while at <= len(text) and len(values) <= len(PROXY_AFTER):
        close = text.find('"', at + 1) if text.startswith('"', at) else -1
        while close >= 0 and text.startswith('""', close):
            close = text.find('"', close + 2)
        end = text.find(",", close + 1 if close >= 0 else at)
        end = len(text) if end < 0 else end
        value = text[at:end]
        values.append(value[1:-1].replace('""', '"') if close == end - 1 and close > at else value)
        at = end + 1
    return values


def _named(names: tuple[str, ...], values: list[str]) -> Iterator[tuple[str, Any]]:
    for name, value in zip(names, values, strict=False):
        if name in NUMBERS:
            if value.isascii() and value.isdigit() and len(value) < 6:
                yield name, int(value)
        elif value or name == "AuthenticatedUser":
            yield name, value


def _ecp_fields(text: Text) -> tuple[int, int, int | None, dict[str, Any], bool] | None:
    found = _ECP.search(text.raw)
    if found is None:
        return None
    data = found["data"]
    fields: dict[str, Any] = {"EventData": data}
    if found["server"]:
        fields |= {"ServerName": found["server"], "EventId": found["event"]}
    marks = list(_ECP_ITEM.finditer(data.lstrip('"')))
    bare = data.strip('"') if data.startswith('"') else data
    for mark, following in zip(marks, [*marks[1:], None], strict=True):
        if mark[1] in ECP_NAMES:
            value = bare[mark.end() : following.start() if following else len(bare)]
            if value:
                fields[mark[1]] = value
    if "CMD" not in fields and "URL" not in fields:
        return None
    complete = found["time"] is not None and "ACTID" in fields
    return found.start(), len(text.raw), _instant(found["time"]), fields, complete


def _iis_fields(text: Text) -> tuple[int, int, int | None, dict[str, Any], bool] | None:
    found = _IIS.search(text.raw)
    if found is None or not _is_address(found["client"]) or int(found["port"]) > 65535:
        return None
    stem, query = found["stem"], found["query"]
    fields: dict[str, Any] = {
        "cs-method": found["method"],
        "cs-uri-stem": stem,
        "cs-uri": stem if query == "-" else f"{stem}?{query}",
        "s-port": int(found["port"]),
        "c-ip": found["client"],
    }
    fields.update(_told(("cs-uri-query", query), ("cs-username", found["user"]), ("s-ip", found["server"])))
    tail = _TAIL.search(found["rest"])
    high = len(text.raw)
    if tail is not None:
        fields["sc-status"] = int(tail[1])
        named = [part for part in found["rest"][: tail.start()].split(" ") if part]
        if named and named[0].startswith("HTTP/"):
            named = named[1:]
        fields.update(_told(*zip(("cs(User-Agent)", "cs(Referer)"), named[:2], strict=False)))
        high = found.start("rest") + tail.end(4)
    return (
        found.start(),
        high,
        _instant(found["time"]),
        fields,
        tail is not None and found["time"] is not None,
    )


def _told(*pairs: tuple[str, str | None]) -> Iterator[tuple[str, str]]:
    yield from ((name, value) for name, value in pairs if value not in (None, "", "-"))


@lru_cache(maxsize=4096)
def _is_address(text: str) -> bool:
    try:
        ip_address(text.partition("%")[0])
    except ValueError:
        return False
    return True


def _instant(text: str | None) -> int | None:
    """Return the UTC microseconds of a stamp that a log wrote, None where there is none or it is absurd."""
    if text is None:
        return None
    try:
        return micros(datetime.fromisoformat(text.replace(" ", "T").rstrip("Z")).replace(tzinfo=UTC))
    except ValueError:
        return None
