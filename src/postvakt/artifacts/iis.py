"""Web logs of IIS in the W3C extended format: every request to both Exchange sites.

`cs-uri` is path and query as the client asked for them, made when it is asked for. Sigma's rules for web servers mean
it when they write `cs-uri-query` (`/owa/auth/x.js?a=b`), so that name is answered by the query, as IIS has it, and by
the whole.
"""

import re
from collections.abc import Iterator

import pyarrow as pa
import pyarrow.compute as pc

from postvakt.artifacts.delimited import segments
from postvakt.artifacts.fitting import Fitted, Fitting
from postvakt.artifacts.troubles import Troubles
from postvakt.artifacts.w3c import DayAndTime
from postvakt.model.artifact import Artifact
from postvakt.model.evidence import Source
from postvakt.model.table import Column, LogSource, TableSpec
from postvakt.tables.rows import Read, Reader

FORWARDED = "X-Forwarded-For"
FORWARDED_NAMES = frozenset(
    ("x-forwarded-for", "x_forwarded_for", "x-forwardedfor", "originalip", "x-original-for", "x-real-ip",
     "x-client-ip", "true-client-ip", "cf-connecting-ip", "clientip", "forwarded-for")
)  # fmt: skip
"""Names under which administrators log the address that a proxy handed on, without `cs(...)`."""

LARGEST = 2**32 - 1

IIS = TableSpec(
    name="iis",
    title="Requests to IIS web sites",
    locator="line",
    # A forward proxy's W3C log has the same fields; behind a reverse proxy IIS logs what that let through.
    logsources=(LogSource(category="webserver"), LogSource(category="proxy"), LogSource(service="iis")),
    fields=(
        ("cs-uri-query", "cs-uri"),
        ("c-uri", "cs-uri"),
        ("uri", "cs-uri"),
        ("url", "cs-uri"),
        ("request", "cs-uri"),
        ("c-uri-query", "cs-uri-query"),
        ("c-uri-stem", "cs-uri-stem"),
        ("cs-user-agent", "cs(User-Agent)"),
        ("c-useragent", "cs(User-Agent)"),
        ("c-user-agent", "cs(User-Agent)"),
        ("cs-useragent", "cs(User-Agent)"),
        ("useragent", "cs(User-Agent)"),
        ("user_agent", "cs(User-Agent)"),
        ("cs-referer", "cs(Referer)"),
        ("cs-referrer", "cs(Referer)"),
        ("referer", "cs(Referer)"),
        ("cs-cookie", "cs(Cookie)"),
        ("cs(Host)", "cs-host"),
        ("r-dns", "cs-host"),
        ("c-method", "cs-method"),
        ("method", "cs-method"),
        ("sc_status", "sc-status"),
        ("cs-status", "sc-status"),
        ("status", "sc-status"),
        ("src_ip", "c-ip"),
        ("c-ip", FORWARDED),
        ("src_ip", FORWARDED),
        ("dst_ip", "s-ip"),
        ("dst_port", "s-port"),
        ("c-username", "cs-username"),
        ("TimeTakenMS", "time-taken"),
    ),
    columns=(
        Column("site", about="W3SVC1 is the front end, W3SVC2 the back end; of s-sitename or the folder's name"),
        Column("s-sitename"),
        Column("s-computername", kind="host"),
        Column("s-ip", kind="ip"),
        Column("cs-method"),
        Column("cs-uri-stem", kind="url_path"),
        Column("cs-uri-query", kind="url_query"),
        Column(
            "cs-uri",
            about="stem and query as the client asked for them; where it was not logged, made of the two when asked",
            made_of=("cs-uri-stem", "cs-uri-query"),
        ),
        Column("s-port", "int", low=0, high=65535),
        Column("cs-username", kind="account"),
        Column("c-ip", kind="ip"),
        Column("cs-version"),
        Column("cs(User-Agent)", kind="user_agent", about="IIS writes a plus sign for a space"),
        Column("cs(Cookie)"),
        Column("cs(Referer)", kind="url"),
        Column("cs-host", kind="host"),
        Column("sc-status", "int", low=0, high=999),
        Column("sc-substatus", "int", low=0, high=LARGEST),
        Column("sc-win32-status", "int", low=0, high=2**63 - 1),
        Column("sc-bytes", "int", unit="bytes", low=0),
        Column("cs-bytes", "int", unit="bytes", low=0),
        Column("time-taken", "int", unit="ms", low=0),
        Column(FORWARDED, "strings", kind="ip", about="addresses that a proxy handed on, whatever the field's name"),
    ),
    split="site",
    host_column="s-computername",
    # An Exchange server asks itself on both sites every few minutes; six hours are a long update with reboots.
    quiet_hours=6,
)  # fmt: skip

ARTIFACT = Artifact(
    name="iis",
    title="IIS web logs",
    tables=("iis",),
    where="%SystemDrive%\\inetpub\\logs\\LogFiles\\W3SVC*\\*.log, or where applicationHost.config says",
    paths=(r"(^|/)w3svc\d+/[^/]*\.log$", r"(^|[/_])u_(ex|extend)\d+(_x)?\.log$"),
    heads=(
        # The fields of a web server, and none that only an FTP server, CloudFront or http.sys' own errors have;
        # nor another maker's name.
        rb"(?im)\A(?![\s\S]*^#Fields:.*(x-session|x-fullpath|x-edge-|s-reason|s-queuename))"
        rb"(?![\s\S]*^#Software:[ \t]*(?!Microsoft|IIS)\S)"
        rb"[\s\S]*^#Fields:.*\b(cs-uri|cs-method|cs\(user-agent\)|sc-status)",
        rb"(?im)\A(?![\s\S]*^#Fields:)[\s\S]*^#Software: Microsoft Internet Information Serv",
    ),
    rank=20,
)

SITE = re.compile(r"(?:^|[/_])((?:w3svc|ftpsvc|smtpsvc)\d+)(?=[/_])")


def parse(source: Source) -> Iterator[Read]:
    """Yield the requests of one log, what could not be read of it, and the server's name where a field has it."""
    member = source.member
    found = SITE.search((member.windows_path or member.path).lower())
    site = found[1].upper() if found else None
    troubles = Troubles("iis")
    fitting = Fitting(IIS, DayAndTime(), troubles, ALSO)
    for segment in segments(source, troubles, fitting.wanted):
        fitted = fitting.fit(segment)
        _make(fitted, site)
        yield from fitted.rows()
    yield from troubles.gaps()


ALSO = {"cs(host)": "cs-host", "cs(referrer)": "cs(Referer)", "timetakenms": "time-taken"}


def _make(fitted: Fitted, site: str | None) -> None:
    """Fill the columns that are made of others."""
    columns = fitted.columns
    own = pa.scalar(site, pa.string())
    named = fitted.texts("s-sitename")
    columns["site"] = pa.repeat(own, len(fitted.lines)) if named is None else pc.coalesce(named, own)
    for position, (name, texts) in enumerate(fitted.extras):
        if name is not None and _plain(name) in FORWARDED_NAMES and FORWARDED not in columns:
            columns[FORWARDED] = _addresses(texts)
            if name == FORWARDED:
                del fitted.extras[position]
            return


def _plain(name: str) -> str:
    bare = name.lower()
    return bare[3:-1] if bare.startswith("cs(") and bare.endswith(")") else bare


def _addresses(texts: pa.Array) -> pa.Array:
    """Return the addresses of `client,+proxy1,+proxy2`."""
    parts = pc.split_pattern(pc.replace_substring(texts, "+", ""), ",")
    return pc.if_else(pc.is_null(texts), pa.scalar(None, parts.type), parts).cast(pa.list_(pa.string()))


READER = Reader(artifact=ARTIFACT, tables=(IIS,), parse=parse)
