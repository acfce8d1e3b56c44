"""Web traffic: one request leaves a row in HttpProxy, in the front end's IIS log and in the back end's."""

from datetime import datetime, timedelta

from tests.strangers.ground import Gathered

FRONT, BACK = 1, 2
EDGE = (
    "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) "
    "Chrome/88.0.4324.190 Safari/537.36"
)
PHONE = "Apple-iPhone12C1/1803.52"
OUTLOOK = "Microsoft Office/16.0 (Windows NT 10.0; Microsoft Outlook 16.0.13628; Pro)"
MAC = "MacOutlook/16.46.21021202 (Intelx64 Mac OS X Version 10.15.7 (Build 19H512))"
WINRM = "Microsoft WinRM Client"
PROTOCOL = {
    "owa": "Owa",
    "ecp": "Ecp",
    "ews": "Ews",
    "mapi": "Mapi",
    "autodiscover": "Autodiscover",
    "microsoft-server-activesync": "Eas",
    "powershell": "PowerShell",
    "oab": "Oab",
    "rpc": "RpcHttp",
}
SCHEME = {"Owa": "FBA", "Ecp": "FBA", "Eas": "Basic", "PowerShell": "Kerberos"}


def iis(gathered: Gathered, when: datetime, site: int, **given: object) -> None:
    """Add one IIS row; field names that are no identifiers: `_` for `-`, `agent`, `referer`, `cookie`."""
    server = gathered.server
    names = {
        "agent": "cs(User-Agent)",
        "referer": "cs(Referer)",
        "cookie": "cs(Cookie)",
        "forwarded": "X-Forwarded-For",
    }
    row: dict[str, object] = {
        "date": f"{when:%Y-%m-%d}",
        "time": f"{when:%H:%M:%S}",
        "s-sitename": f"W3SVC{site}",
        "s-computername": server.name,
        "s-ip": server.address,
        "s-port": 443 if site == FRONT else 444,
        "cs-version": "HTTP/1.1",
        "cs-host": f"mail.{server.dns}" if site == FRONT else f"{server.fqdn}:444",
        "sc-status": 200,
        "sc-substatus": 0,
        "sc-win32-status": 0,
        "sc-bytes": gathered.dice.randrange(300, 9000),
        "cs-bytes": gathered.dice.randrange(300, 3000),
        "time-taken": gathered.dice.randrange(1, 240),
    }
    row |= {names.get(name, name.replace("_", "-")): value for name, value in given.items()}
    gathered.iis[site].append((when, row))


def proxy(gathered: Gathered, when: datetime, protocol: str, **given: object) -> None:
    """Add one HttpProxy row; what is not given is as for a request that was proxied and answered."""
    server = gathered.server
    build = server.build(when)
    begun = when - timedelta(milliseconds=gathered.dice.randrange(5, 90))
    row: dict[str, object] = {
        "DateTime": stamp(when),
        "RequestId": gathered.guid(),
        "MajorVersion": build[0],
        "MinorVersion": build[1],
        "BuildVersion": build[2],
        "RevisionVersion": build[3],
        "Protocol": protocol,
        "ServerHostName": server.name.upper(),
        "HttpStatus": 200,
        "BackEndStatus": 200,
        "ProxyAction": "Proxy",
        "TargetServer": server.fqdn,
        "TargetServerVersion": f"{build[0]}.{build[1]:02}.{build[2]:04}.000",
        "RoutingType": "IntraForest",
        "RequestBytes": gathered.dice.randrange(0, 900),
        "ResponseBytes": gathered.dice.randrange(90, 9000),
        "TotalRequestTime": gathered.dice.randrange(4, 90),
        "GenericInfo": f"BeginRequest={stamp(begun)};CorrelationID=<empty>;ProxyState-Run=None;"
        f"EndRequest={stamp(when)};",
        "RoutingStatus": "CafeV1",
    }
    gathered.proxy[protocol].append((when, row | given))


def stamp(when: datetime) -> str:
    """Return a time as Exchange's logs write it."""
    return f"{when:%Y-%m-%dT%H:%M:%S}.{when.microsecond // 1000:03}Z"


def visit(
    gathered: Gathered,
    when: datetime,
    stem: str,
    *,
    user: str = "",
    client: str,
    agent: str = EDGE,
    method: str = "GET",
    query: str = "",
    status: int = 200,
    anchor: str = "",
    proxied: bool = True,
    **extra: object,
) -> None:
    """One request of a client through the front end. `proxied` is False where the front end answers by itself."""
    server = gathered.server
    protocol = PROTOCOL.get(stem.strip("/").split("/")[0].lower(), "")
    account = f"{server.netbios}\\{user}" if user else ""
    told = (
        f"{query.lstrip('?')}&CorrelationID=<empty>;&cafeReqId={gathered.guid()};"
        if protocol
        else query or "-"
    )
    forwarded = {"forwarded": client} if "X-Forwarded-For" in server.fields else {}
    iis(
        gathered,
        when,
        FRONT,
        cs_method=method,
        cs_uri_stem=stem,
        cs_uri_query=told,
        cs_username=account or "-",
        c_ip="192.0.2.1" if forwarded else client,
        agent=agent,
        sc_status=status,
        **forwarded,
        **extra,
    )
    if not protocol:
        return
    shared = {
        "AuthenticationType": SCHEME.get(protocol, "Negotiate"),
        "IsAuthenticated": "true" if user else "false",
        "AuthenticatedUser": account,
        "UserAgent": agent,
        "ClientIpAddress": client,
        "UrlHost": f"mail.{server.dns}",
        "UrlStem": stem,
        "UrlQuery": f"?{query}" if query else "",
        "Method": method,
        "HttpStatus": status,
    }
    if not proxied or status in (302, 401, 404):
        unset = dict.fromkeys(
            ("BackEndStatus", "ProxyAction", "TargetServer", "TargetServerVersion", "RoutingType"), ""
        )
        proxy(gathered, when, protocol, **shared, **unset)
        return
    hint = "WindowsIdentity" if user else "Url-Cookie"
    proxy(
        gathered,
        when,
        protocol,
        **shared,
        BackEndStatus=status,
        RoutingHint=hint,
        AnchorMailbox=anchor
        or (f"Sid~{server.domain_sid}-{1500 + sum(user.encode()) % 400}" if user else ""),
    )
    iis(
        gathered,
        when,
        BACK,
        cs_method=method,
        cs_uri_stem=stem,
        cs_uri_query=query or "-",
        cs_username=account or "-",
        c_ip=server.address,
        agent=agent,
        sc_status=status,
    )


def forged(
    gathered: Gathered,
    when: datetime,
    stem: str,
    target: str,
    *,
    client: str,
    agent: str,
    status: int = 200,
    hint: str = "X-BEResource-Cookie",
    prefix: str = "a]@",
    reached: bool = True,
) -> str:
    """A request whose cookie names the back end (CVE-2021-26855). Returns the anchor that was logged.

    `target` is path and query asked of port 444. Where `reached`, the back end answers the server itself.
    """
    server = gathered.server
    anchor = f"ServerInfo~{prefix}{server.fqdn}:444{target}#"
    protocol = PROTOCOL[stem.strip("/").split("/")[0].lower()]
    cookie = (
        f"X-BEResource={prefix}{server.fqdn}:444{target}#~1942062522"
        if hint == "X-BEResource-Cookie"
        else "-"
    )
    forwarded = {"forwarded": client} if "X-Forwarded-For" in server.fields else {}
    iis(
        gathered,
        when,
        FRONT,
        cs_method="POST",
        cs_uri_stem=stem,
        cs_uri_query=f"&CorrelationID=<empty>;&cafeReqId={gathered.guid()};",
        c_ip="192.0.2.1" if forwarded else client,
        agent=agent,
        cookie=cookie,
        sc_status=status,
        **forwarded,
    )
    proxy(
        gathered,
        when,
        protocol,
        UrlHost=server.address,
        UrlStem=stem,
        AuthenticationType="FBA",
        IsAuthenticated="false",
        AnchorMailbox=anchor,
        UserAgent=agent,
        ClientIpAddress=client,
        Method="POST",
        HttpStatus=status,
        BackEndStatus=status if reached else "",
        RoutingHint=hint,
    )
    if reached:
        path, _, query = target.partition("?")
        iis(
            gathered,
            when,
            BACK,
            cs_method="POST",
            cs_uri_stem=path,
            cs_uri_query=query or "-",
            cs_username=server.machine,
            c_ip=server.address,
            agent=agent,
            sc_status=status,
        )
    return anchor


def direct(
    gathered: Gathered,
    when: datetime,
    stem: str,
    *,
    client: str,
    method: str = "GET",
    query: str = "-",
    agent: str = EDGE,
    status: int = 200,
    substatus: int = 0,
    **extra: object,
) -> None:
    """A request that IIS of the front end answers itself: a page or file outside Exchange's proxy."""
    forwarded = {"forwarded": client} if "X-Forwarded-For" in gathered.server.fields else {}
    iis(
        gathered,
        when,
        FRONT,
        cs_method=method,
        cs_uri_stem=stem,
        cs_uri_query=query,
        c_ip="192.0.2.1" if forwarded else client,
        agent=agent,
        sc_status=status,
        sc_substatus=substatus,
        **forwarded,
        **extra,
    )
