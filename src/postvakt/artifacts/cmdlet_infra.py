"""Cmdlet infrastructure logs: every cmdlet that ran over remote PowerShell or locally, and the requests behind them.

Several kinds of file fill one table (`log_type` tells them apart): Rps_Cmdlet and LocalPowerShell_Cmdlet have a row for
each cmdlet, Rps_Http one for each request to `/PowerShell`, Rps_AuthZ one for each session.
"""

from collections.abc import Iterator

import pyarrow as pa

from postvakt.artifacts.exchange_csv import amounts, build_columns, read, texts
from postvakt.artifacts.fitting import Fitted
from postvakt.model.artifact import Artifact
from postvakt.model.evidence import Source
from postvakt.model.table import Column, TableSpec
from postvakt.tables.rows import Read, Reader

CMDLET_INFRA = TableSpec(
    name="cmdlet_infra",
    title="Cmdlets run over remote PowerShell, and the requests behind them",
    locator="line",
    fields=(
        ("c-ip", "ClientIpAddress"),
        ("src_ip", "ClientIpAddress"),
        ("cs-uri-stem", "UrlStem"),
        ("cs-uri-query", "UrlQuery"),
        ("sc-status", "HttpStatus"),
        ("cs-username", "AuthenticatedUser"),
    ),
    columns=(
        Column("log_type", about="`#Log-type` of the file: Rps Cmdlet Logs, Rps Http Logs, ..."),
        *texts("StartTime RequestId ClientRequestId"),
        *build_columns(),
        Column("ServerHostName", kind="host", about="the server that writes the log"),
        *texts("ProcessId ProcessName ThreadId CultureInfo Organization"),
        Column("AuthenticatedUser", kind="account"),
        Column("ExecutingUserSid", kind="sid"),
        *texts("EffectiveOrganization UserServicePlan IsAdmin ClientApplication"),
        Column("Cmdlet"),
        Column("Parameters", kind="command_line"),
        *texts(
            "CmdletUniqueId UserBudgetOnStart ContributeToFailFast RunspaceSettingsCreationHint ADViewEntireForest"
            " ADRecipientViewRoot ADConfigurationDomainControllers ADPreferredGlobalCatalogs"
            " ADPreferredDomainControllers ADUserConfigurationDomainController ADUserPreferredGlobalCatalog"
            " ADuserPreferredDomainControllers ThrottlingInfo DelayInfo ThrottlingDelay IsOutputObjectRedacted"
            " CmdletProxyStage CmdletProxyRemoteServer CmdletProxyRemoteServerVersion CmdletProxyMethod"
            " ProxiedObjectCount CmdletProxyLatency OutputObjectCount ParameterBinding BeginProcessing"
            " ProcessRecord EndProcessing StopProcessing BizLogic PowerShellLatency UserInteractionLatency"
            " ProvisioningLayerLatency ActivityContextLifeTime"
        ),
        *amounts("TotalTime"),
        *texts("ErrorType ExecutionResult CacheHitCount CacheMissCount GenericLatency GenericInfo"),
        Column("GenericErrors", kind="message"),
        *texts("ObjectGuid ExternalDirectoryOrganizationId ExternalDirectoryObjectId NonPiiParameters"),
        Column("UrlHost", kind="host"),
        Column("UrlStem", kind="url_path"),
        Column("UrlQuery", kind="url_query"),
        *texts("AuthenticationType IsAuthenticated ManagedOrganization"),
        Column("ClientIpAddress", kind="ip"),
        Column("FrontEndServer", kind="host"),
        Column("HttpStatus", "int", low=0, high=999),
        *texts("SubStatus ErrorCode Action CommandId CommandName SessionId ShellId FailFast"),
        *amounts("RequestBytes", "bytes"),
        Column("ClientInfo", kind="user_agent"),
        *texts("CPU Memory"),
    ),
    split="log_type",
    host_column="ServerHostName",
    quiet_hours=24,
)

ARTIFACT = Artifact(
    name="cmdlet_infra",
    title="Exchange cmdlet infrastructure logs",
    tables=("cmdlet_infra",),
    where="%ExchangeInstallPath%\\Logging\\CmdletInfra\\*\\*\\*.LOG",
    paths=(
        r"/logging/cmdletinfra/.+\.log$",
        r"(^|[/_])(rps|localpowershell|psws)_(cmdlet|http|authz)_[^/]*\.log$",
    ),
    heads=(
        rb"(?im)^#Log-type:[ \t]*(Rps|Psws|LocalPowerShell|[\w ]*PowerShell)[ _]*(Cmdlet|Http|AuthZ)[ _]*Logs?",
        rb"(?i)\A\"?DateTime\"?,\"?StartTime\"?,\"?RequestId\"?,[^\n]*\b(Cmdlet\"?,\"?Parameters|FailFast)\b",
    ),
    rank=20,
)


def parse(source: Source) -> Iterator[Read]:
    """Yield the cmdlets or requests of one log, the builds it tells of, and what could not be read of it."""
    yield from read(source, CMDLET_INFRA, _make)


def _make(fitted: Fitted) -> None:
    log_type = fitted.header.directives.get("log-type")
    fitted.columns["log_type"] = pa.repeat(pa.scalar(log_type, pa.string()), len(fitted.lines))


READER = Reader(artifact=ARTIFACT, tables=(CMDLET_INFRA,), parse=parse)
