"""In through the control panel: discovery, identity, session, address, file (CVE-2021-26855, CVE-2021-27065)."""

from datetime import datetime, timedelta

from tests.strangers import events, logs, pages, web
from tests.strangers.ground import Gathered

CANARY = "Vq0xKx3pUkGm1P8rT0bJYw7xq2mO39gI5u-2Vw."


def into_the_panel(
    gathered: Gathered, begun: datetime, *, client: str, stem: str, agent: str, status: int = 200
) -> None:
    """From discovery to a session of the control panel."""
    steps = (
        (0, "/autodiscover/autodiscover.xml?", status, "ExchangeServicesClient/0.0.0.0"),
        (3, "/mapi/emsmdb/?", status, agent),
        (6, "/ecp/proxyLogon.ecp?", 241 if status == 200 else status, agent),
    )
    for seconds, target, answer, said in steps:
        when = begun + timedelta(seconds=seconds)
        web.forged(
            gathered, when, stem, target, client=client, agent=said, status=answer, reached=status == 200
        )
        gathered.plant("http_proxy", f"AnchorMailbox names {target} on port 444, HttpStatus {answer}", when)


def write_the_shell(
    gathered: Gathered,
    begun: datetime,
    *,
    client: str,
    stem: str,
    agent: str,
    path: str,
    key: str,
    quoted: str = "item",
) -> None:
    """Put a script into the address book's address, reset the directory into a page, put the address back."""
    server = gathered.server
    guid = gathered.guid()
    steps = (
        (0, "GetObject", "OABVirtualDirectory"),
        (4, "SetObject", "OABVirtualDirectory"),
        (9, "SetObject", "ResetOABVirtualDirectory"),
        (15, "SetObject", "OABVirtualDirectory"),
    )
    for seconds, verb, schema in steps:
        target = f"/ecp/DDI/DDIService.svc/{verb}?msExchEcpCanary={CANARY}&schema={schema}"
        when = begun + timedelta(seconds=seconds)
        web.forged(gathered, when, stem, target, client=client, agent=agent)
        gathered.plant("http_proxy", f"AnchorMailbox {verb} {schema}, HttpStatus 200", when)
        gathered.plant(
            "iis", f"back end: POST /ecp/DDI/DDIService.svc/{verb} schema={schema} by {server.machine}", when
        )
    url = pages.script(key)
    panel = f"/ecp/DDI/DDIService.svc/SetObject?msExchEcpCanary={CANARY}&schema=OABVirtualDirectory"
    told = (
        (0, "Get-OabVirtualDirectory"),
        (4, f"Set-OabVirtualDirectory.ExternalUrl='{url}'.Identity='{guid}'"),
        (9, f"Remove-OabVirtualDirectory.Force=$true.Identity='{guid}'"),
        (10, f"New-OabVirtualDirectory.WebSiteName='Default Web Site'.Server='{server.name}'"),
        (15, f"Set-OabVirtualDirectory.ExternalUrl=$null.Identity='{guid}'"),
    )
    for seconds, command in told:
        logs.panel(
            gathered,
            begun + timedelta(seconds=seconds, milliseconds=40),
            command,
            panel,
            user="Administrator",
            quoted=quoted,
        )
    gathered.plant(
        "ecp_server", "Set-OabVirtualDirectory with a script as ExternalUrl", begun + timedelta(seconds=4)
    )
    events.cmdlet(
        gathered,
        begun + timedelta(seconds=4),
        "Set-OabVirtualDirectory",
        f'-ExternalUrl "{url}" -Identity "{guid}"',
        user="Administrator",
        pool="w3wp#MSExchangeECPAppPool",
    )
    gathered.plant(
        "event",
        "MSExchange CmdletLogs 1: Set-OabVirtualDirectory -ExternalUrl <script>",
        begun + timedelta(seconds=4),
    )
    written = begun + timedelta(seconds=9)
    gathered.put(path, pages.address_book(server, url, guid, written), written)
    gathered.plant("file", f"{path}: an address book's directory written as a page, with a script", written)
