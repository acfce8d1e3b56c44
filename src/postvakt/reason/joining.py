"""What a matched row can be joined by: the client's address, the page or file, the request, the process, the account.

Each table says these things under names of its own; they are gathered here, so that a story needs to know no table.
"""

import re
from collections.abc import Mapping
from datetime import datetime
from ipaddress import ip_address
from typing import Any

from postvakt.model.story import Trace
from postvakt.model.table import TableSpec

Fields = Mapping[str, str]

ADDRESS = ("ClientIpAddress", "c-ip", "SourceIp", "IpAddress", "ClientAddress", "SourceNetworkAddress")
FORWARDED = ("X-Forwarded-For",)
PATH = (
    "TargetFilename", "path", "Path", "TemporaryFile", "cs-uri-stem", "UrlStem", "URL", "ObjectName", "command",
    "name",
)  # fmt: skip
REQUEST = ("RequestId", "CorrelationGuid", "ACTID", "ActivityId")
PROCESS = ("ProcessGuid", "SourceProcessGUID", "SourceProcessGuid")
PARENT = ("ParentProcessGuid",)
ACCOUNT = (
    "AuthenticatedUser", "cs-username", "ActAsUser", "SubjectUserName", "User", "TargetUserName", "Author", "UserId",
)  # fmt: skip
MAILBOX = ("PSA", "ImpersonatedUser", "ProxyAsUser", "ActAsUser")
VERB = ("Cmdlet", "SoapAction", "Data[0]", "ProtocolAction", "Method", "cs-method")
PAIRS = frozenset(("EventData", "unmapped"))

_CAFE = re.compile(r"cafeReqId=([0-9a-f-]{36})", re.IGNORECASE)
"""The front end hands the id of its own request on to IIS's log and to the back end."""

_REMOTE = re.compile(r"(?:/node:|/s\s+)[\"']?([\w.-]{1,255})|\\\\([\w.-]{1,255})", re.IGNORECASE)
"""A system that is named in a command: `/node:dc01`, `/s dc01`, `\\\\dc01`."""

_SMTP = re.compile(r"[\w.+'-]{1,64}@[\w-]{1,63}(?:\.[\w-]{1,63})+")
_MAILBOX_OF = re.compile(r"-Mailbox\s+\"?'?([^\"'\s;,]{1,256})", re.IGNORECASE)
_IDENTITY_OF = re.compile(r"-Identity\s+\"?'?([^\"'\s;,]{1,256})", re.IGNORECASE)
SITES = (
    ("/inetpub/wwwroot/", ""),
    ("/frontend/httpproxy/", ""),
    ("/clientaccess/", ""),
)
"""Folders below which a path is that of the URL, and what comes before it there."""

_BEFORE_PATH = re.compile(r"^(?:https?://[^/]*|(?:container)?file:_(?=[a-z]:))")
"""What stands before a path: a URL's host, or what a virus scanner writes before a file."""

_DRIVE = re.compile(r"[a-z]:/")
_NOTHING = ("", "-", "~")


def trace_of(
    rule: str, spec: TableSpec, row: Mapping[str, Any], *, evidence: str, source: str, locator: int, says: str
) -> Trace:
    """Return what one matched row tells. `row` has the table's columns, its pairs as lists of name and value."""
    told = fields(row)
    time = row.get("time")
    return Trace(
        rule=rule,
        table=spec.name,
        evidence=evidence,
        source=source,
        locator=locator,
        time=time if isinstance(time, datetime) else None,
        address=address(_first(told, ADDRESS)),
        forwarded=address(_first(told, FORWARDED)),
        path=page(_first(told, PATH)),
        request=_request(told),
        process=_first(told, PROCESS).strip("{}").lower(),
        parent=_first(told, PARENT).strip("{}").lower(),
        account=_first(told, ACCOUNT) or _caller(told),
        mailbox=_mailbox(told),
        verb=_first(told, VERB),
        target=_target(told),
        says=says,
    )


def fields(row: Mapping[str, Any]) -> dict[str, str]:
    """Return a row's values as text, those of its pairs under their names; the first of a name counts."""
    told: dict[str, str] = {}
    for name, value in row.items():
        if name in PAIRS and isinstance(value, list):
            for place, pair in enumerate(value):
                told.setdefault(pair["name"] or f"Data[{place}]", pair["value"] or "")
        elif isinstance(value, list):
            told.setdefault(name, ", ".join(str(entry) for entry in value))
        elif isinstance(value, str):
            told.setdefault(name, value)
    return told


def address(text: str) -> str:
    """Return an IP address in its usual form, the first of a list, without port or zone; empty for what is none."""
    first = text.split(",")[0].split(";")[0].strip().strip("[]").split("%")[0]
    for candidate in (first, first.rsplit(":", 1)[0].strip("[]")):
        try:
            found = ip_address(candidate)
        except ValueError:
            continue
        mapped = getattr(found, "ipv4_mapped", None)
        return str(mapped or found)
    return ""


def page(text: str) -> str:
    """Return a path in lower case with forward slashes, without query and host of a URL."""
    path = text.split(";")[0].strip().strip('"').replace("\\", "/").lower().split("?")[0]
    return _BEFORE_PATH.sub("", path)


def url_of(path: str) -> str:
    """Return the path of the URL under which a file on disk is asked for, the path itself where it is one already.

    Empty where the file lies in no folder that a site of Exchange hands out.
    """
    for folder, root in SITES:
        _, found, below = path.partition(folder)
        if found:
            return f"{root}/{below}"
    return "" if _DRIVE.match(path) else path


def name_of(path: str) -> str:
    """Return the last part of a path."""
    return path.rstrip("/").rpartition("/")[2]


def _first(told: Fields, names: tuple[str, ...]) -> str:
    return next((told[name] for name in names if told.get(name, "") not in _NOTHING), "")


def _caller(told: Fields) -> str:
    """Return who ran a cmdlet, as Exchange's log of cmdlets has it: the third of its values, which have no names."""
    return told.get("Data[2]", "") if told.get("Channel") == "MSExchange Management" else ""


def _target(told: Fields) -> str:
    """Return the other system that a command or a sign-in reaches for; empty where it stays on this one."""
    named = told.get("TargetServerName", "")
    found = _REMOTE.search(told.get("CommandLine", ""))
    name = named if named not in _NOTHING else (found[1] or found[2]) if found else ""
    return "" if name.lower().split(".")[0] in ("localhost", "127", "") else name


def _request(told: Fields) -> str:
    handed_on = _CAFE.search(told.get("cs-uri-query", ""))
    found = handed_on[1] if handed_on else _first(told, REQUEST)
    return found.strip("{}").lower()


def _mailbox(told: Fields) -> str:
    """Return the mailbox that a row is about: named outright, in a cmdlet's parameters, or as a routing hint."""
    by_name = "mailbox" in _first(told, VERB).lower()
    for text in (told.get("Parameters", ""), *(v for n, v in told.items() if n.startswith("Data["))):
        if found := _MAILBOX_OF.search(text) or (_IDENTITY_OF.search(text) if by_name else None):
            return found[1]
    if found := _SMTP.search(told.get("AnchorMailbox", "")):
        return found[0].lower()
    return _first(told, MAILBOX)
