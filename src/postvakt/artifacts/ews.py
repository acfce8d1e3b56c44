"""EWS logs: what was done in mailboxes over Exchange Web Services, by whom, acting as whom.

Mail that was read through CVE-2021-26855 shows here: a SOAP action by the server's own account or for another user.
"""

from collections.abc import Iterator

from postvakt.artifacts.exchange_csv import amounts, build_columns, read, texts
from postvakt.model.artifact import Artifact
from postvakt.model.evidence import Source
from postvakt.model.table import Column, TableSpec
from postvakt.tables.rows import Read, Reader

EWS = TableSpec(
    name="ews",
    title="Requests to Exchange Web Services",
    locator="line",
    fields=(
        ("c-ip", "ClientIpAddress"),
        ("src_ip", "ClientIpAddress"),
        ("cs-user-agent", "UserAgent"),
        ("c-useragent", "UserAgent"),
        ("sc-status", "HttpStatus"),
        ("cs-username", "AuthenticatedUser"),
    ),
    columns=(
        Column("RequestId"),
        *build_columns(),
        *texts("Ring ClientRequestId AuthenticationType IsAuthenticated"),
        Column("AuthenticatedUser", kind="account"),
        Column("Organization"),
        Column("UserAgent", kind="user_agent"),
        Column("VersionInfo"),
        Column("ClientIpAddress", kind="ip"),
        Column("ServerHostName", kind="host", about="the server that writes the log"),
        Column("FrontEndServer", kind="host"),
        Column("SoapAction", about="GetFolder, FindItem, GetItem, ..."),
        Column("HttpStatus", "int", low=0, high=999),
        *amounts("RequestSize ResponseSize", "bytes"),
        Column("ErrorCode"),
        *texts(
            "ImpersonatedUser ProxyAsUser ActAsUser",
            dict.fromkeys(("ImpersonatedUser", "ProxyAsUser", "ActAsUser"), "account"),
        ),
        *texts(
            "Cookie CorrelationGuid PrimaryOrProxyServer TaskType RemoteBackendCount LocalMailboxCount"
            " RemoteMailboxCount LocalIdCount RemoteIdCount BeginBudgetConnections EndBudgetConnections"
            " BeginBudgetHangingConnections EndBudgetHangingConnections BeginBudgetAD EndBudgetAD BeginBudgetCAS"
            " EndBudgetCAS BeginBudgetRPC EndBudgetRPC BeginBudgetFindCount EndBudgetFindCount"
            " BeginBudgetSubscriptions EndBudgetSubscriptions MDBResource MDBHealth MDBHistoricalLoad"
            " ThrottlingPolicy ThrottlingDelay ThrottlingRequestType TotalDCRequestCount TotalDCRequestLatency"
            " TotalMBXRequestCount TotalMBXRequestLatency RecipientLookupLatency ExchangePrincipalLatency"
            " HttpPipelineLatency CheckAccessCoreLatency AuthModuleLatency CallContextInitLatency"
            " PreExecutionLatency CoreExecutionLatency"
        ),
        *amounts("TotalRequestTime"),
        *texts("DetailedExchangePrincipalLatency ClientStatistics GenericInfo AuthenticationErrors"),
        Column("GenericErrors", kind="message"),
        *texts(
            "Puid StartTime ProcessId TimeInGC StartTotalMemory EndTotalMemory StartGCCounts EndGCCounts"
            " TokenBasedThrottlingPolicy BudgetKey CoinsCharged CoinsChargedMethod SidBudgetInfo AppBudgetInfo"
            " TenantBudgetInfo ResourceAccessed ResourceHealthBasedThreshold ThrottledBy BackoffHint"
            " WorkClassification"
        ),
    ),
    host_column="ServerHostName",
    quiet_hours=24,
)

ARTIFACT = Artifact(
    name="ews",
    title="Exchange Web Services logs",
    tables=("ews",),
    where="%ExchangeInstallPath%\\Logging\\Ews\\Ews_*.LOG",
    paths=(r"/logging/ews/[^/]+\.log$", r"(^|[/_])ews_\d{8,10}-\d+\.log$"),
    heads=(
        rb"(?im)^#Log-type:[ \t]*EWS Logs",
        rb"(?i)\A\"?DateTime\"?,\"?RequestId\"?,[^\n]*\bSoapAction\b",
    ),
    rank=20,
)


def parse(source: Source) -> Iterator[Read]:
    """Yield the requests of one log, the builds it tells of, and what could not be read of it."""
    yield from read(source, EWS)


READER = Reader(artifact=ARTIFACT, tables=(EWS,), parse=parse)
