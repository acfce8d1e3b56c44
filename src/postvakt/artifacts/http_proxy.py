"""HttpProxy logs: every request that the front end passed on to a back end, and where it sent it.

`AnchorMailbox` is where CVE-2021-26855 shows: what the client made the front end believe to be its target.
"""

from collections.abc import Iterator

from postvakt.artifacts.exchange_csv import amounts, build_columns, read, texts
from postvakt.model.artifact import Artifact
from postvakt.model.evidence import Source
from postvakt.model.table import Column, TableSpec
from postvakt.tables.rows import Read, Reader

HTTP_PROXY = TableSpec(
    name="http_proxy",
    title="Requests that the Exchange front end passed on",
    locator="line",
    fields=(
        ("c-ip", "ClientIpAddress"),
        ("src_ip", "ClientIpAddress"),
        ("cs-method", "Method"),
        ("sc-status", "HttpStatus"),
        ("cs-uri-stem", "UrlStem"),
        ("cs-uri-query", "UrlQuery"),
        ("cs-user-agent", "UserAgent"),
        ("c-useragent", "UserAgent"),
        ("cs-host", "UrlHost"),
        ("cs-username", "AuthenticatedUser"),
    ),
    columns=(
        Column("RequestId"),
        *build_columns(),
        Column("ClientRequestId"),
        Column(
            "Protocol", about="Autodiscover, Eas, Ecp, Ews, Mapi, Oab, Owa, OwaCalendar, PowerShell, RpcHttp"
        ),
        Column("UrlHost", kind="host"),
        Column("UrlStem", kind="url_path"),
        *texts("ProtocolAction AuthenticationType IsAuthenticated"),
        Column("AuthenticatedUser", kind="account"),
        *texts("Organization AnchorMailbox"),
        Column("UserAgent", kind="user_agent", about="commas are written as spaces"),
        Column("ClientIpAddress", kind="ip"),
        Column("ServerHostName", kind="host", about="the server that writes the log"),
        Column("HttpStatus", "int", low=0, high=999),
        Column("BackEndStatus", "int", low=0, high=999),
        *texts("ErrorCode Method ProxyAction"),
        Column("TargetServer", kind="host"),
        *texts("TargetServerVersion RoutingType RoutingHint BackEndCookie ServerLocatorHost"),
        *amounts("ServerLocatorLatency"),
        *amounts("RequestBytes ResponseBytes", "bytes"),
        *amounts("TargetOutstandingRequests", ""),
        *texts("AuthModulePerfContext"),
        *amounts("HttpPipelineLatency CalculateTargetBackEndLatency"),
        *texts("GlsLatencyBreakup"),
        *amounts("TotalGlsLatency"),
        *texts("AccountForestLatencyBreakup"),
        *amounts("TotalAccountForestLatency"),
        *texts("ResourceForestLatencyBreakup"),
        *amounts("TotalResourceForestLatency ADLatency"),
        *texts("SharedCacheLatencyBreakup"),
        *amounts(
            "TotalSharedCacheLatency ActivityContextLifeTime ModuleToHandlerSwitchingLatency"
            " ClientReqStreamLatency BackendReqInitLatency BackendReqStreamLatency BackendProcessingLatency"
            " BackendRespInitLatency BackendRespStreamLatency ClientRespStreamLatency KerberosAuthHeaderLatency"
            " HandlerCompletionLatency RequestHandlerLatency HandlerToModuleSwitchingLatency ProxyTime CoreLatency"
            " RoutingLatency HttpProxyOverhead TotalRequestTime RouteRefresherLatency"
        ),
        Column("UrlQuery", kind="url_query"),
        *texts("BackEndGenericInfo GenericInfo"),
        Column("GenericErrors", kind="message"),
        *texts("EdgeTraceId DatabaseGuid UserADObjectGuid PartitionEndpointLookupLatency RoutingStatus"),
    ),
    split="Protocol",
    host_column="ServerHostName",
    # Its own health probes pass every few minutes; six hours are a long update with reboots.
    quiet_hours=6,
)

ARTIFACT = Artifact(
    name="http_proxy",
    title="Exchange HttpProxy logs",
    tables=("http_proxy",),
    where="%ExchangeInstallPath%\\Logging\\HttpProxy\\*\\HttpProxy_*.LOG",
    paths=(r"/logging/httpproxy/[^/]+/[^/]+\.log$", r"(^|[/_])httpproxy_\d{8,10}-\d+\.log$"),
    heads=(
        rb"(?im)^#Log-type:[ \t]*HttpProxy Logs",
        rb"(?i)\A\"?DateTime\"?,\"?RequestId\"?,[^\n]*\bAnchorMailbox\b",
    ),
    rank=20,
)


def parse(source: Source) -> Iterator[Read]:
    """Yield the requests of one log, the builds it tells of, and what could not be read of it."""
    yield from read(source, HTTP_PROXY)


READER = Reader(artifact=ARTIFACT, tables=(HTTP_PROXY,), parse=parse)
