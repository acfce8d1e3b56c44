"""The tables of what is found by going through memory: what was carved, as text with the fields of the log it is a line
of, and what YARA matched; each with where it stands."""

from postvakt.model.table import Column, LogSource, TableSpec

KINDS = (
    "http_proxy", "iis", "ecp_server", "http_request", "cookie", "url_path", "url", "script", "command_line",
    "app_web", "evtx_record", "registry_key", "registry_value", "mft_record", "program",
)  # fmt: skip

PLACE = (
    Column(
        "pid", "int", about="of the process whose memory it is; none: no process is known to have the page"
    ),
    Column("process", kind="file_name", about="that process's program, `unattributed` where there is none"),
    Column("region", about="address at which the region begins"),
    Column("protection", about="the region's, as Windows tells it"),
    Column("virtual", "int", about="address in the process", unit="bytes"),
    Column("physical", "int", about="address in memory", unit="bytes"),
    Column("shared", "bool", about="other processes have the page too"),
)
"""Where a row stands; tables of matches of content have the same."""

MEM_CARVED = TableSpec(
    name="mem_carved",
    title="What was carved out of memory",
    locator="offset",
    logsources=(
        LogSource(product="windows", service="mem_carved"),
        LogSource(category="webserver", view="carved/iis"),
        LogSource(category="webserver", view="carved/http_request"),
        LogSource(service="iis", view="carved/iis"),
        LogSource(product="exchange", service="http_proxy", view="carved/http_proxy"),
        LogSource(product="exchange", service="ecp_server", view="carved/ecp_server"),
    ),
    # A carved line is asked like a line of its log; only names that rules for web servers use lead to other columns.
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
        ("cs-referer", "cs(Referer)"),
        ("cs-referrer", "cs(Referer)"),
        ("cs-cookie", "cs(Cookie)"),
        ("cs(Host)", "cs-host"),
        ("c-method", "cs-method"),
        ("method", "cs-method"),
        ("sc_status", "sc-status"),
        ("status", "sc-status"),
        ("src_ip", "c-ip"),
    ),
    columns=(
        Column("kind", about=", ".join(KINDS)),
        Column("encoding", about="ascii, utf-16le or binary"),
        Column(
            "text", kind="message", about="what stands there, bounded; bytes that are no text are escaped"
        ),
        Column(
            "size", "int", unit="bytes", about="that it takes in memory; of a program, that it says it takes"
        ),
        Column("page_fragment", "bool", about="it is cut at, or crosses, an edge that it may not go on over"),
        *PLACE,
        Column("CommandLine", kind="command_line"),
        Column("decoded", kind="command_line", about="what -EncodedCommand holds"),
        Column("name", kind="file_name", about="of a file, key, value, cookie or assembly"),
        Column("value", kind="message", about="of a registry value; content that stands in a file record"),
        Column("path", kind="url_path"),
        Column("address", kind="url"),
        Column("record_id", "int", about="of an event record"),
        Column("created", "time", about="of a file, as its record tells"),
        Column("modified", "time"),
        Column("compiled", "time", about="of a program, as its header says; anybody can write it"),
        Column("detail"),
        # Lines of IIS, and requests as they came.
        Column("cs-method"),
        Column("cs-uri-stem", kind="url_path"),
        Column("cs-uri-query", kind="url_query"),
        Column("cs-uri", kind="url"),
        Column("s-ip", kind="ip"),
        Column("s-port", "int", low=0, high=65535),
        Column("cs-username", kind="account"),
        Column("c-ip", kind="ip"),
        Column("cs-host", kind="host"),
        Column("cs(User-Agent)", kind="user_agent"),
        Column("cs(Referer)", kind="url"),
        Column("cs(Cookie)"),
        Column("sc-status", "int", low=0, high=999),
        # Lines of HttpProxy logs.
        Column("RequestId"),
        *(Column(f"{name}Version", "int") for name in ("Major", "Minor", "Build", "Revision")),
        Column("ClientRequestId"),
        Column("Protocol"),
        Column("UrlHost", kind="host"),
        Column("UrlStem", kind="url_path"),
        *(Column(name) for name in ("ProtocolAction", "AuthenticationType", "IsAuthenticated")),
        Column("AuthenticatedUser", kind="account"),
        Column("Organization"),
        Column("AnchorMailbox"),
        Column("UserAgent", kind="user_agent"),
        Column("ClientIpAddress", kind="ip"),
        Column("ServerHostName", kind="host"),
        Column("HttpStatus", "int", low=0, high=999),
        Column("BackEndStatus", "int", low=0, high=999),
        *(Column(name) for name in ("ErrorCode", "Method", "ProxyAction")),
        Column("TargetServer", kind="host"),
        *(Column(name) for name in ("TargetServerVersion", "RoutingType", "RoutingHint", "BackEndCookie")),
        # Lines of the control panel's server log.
        Column("ServerName", kind="host"),
        Column("EventId"),
        Column("EventData", kind="message"),
        Column("CMD", kind="command_line"),
        Column("URL", kind="url"),
        Column("REFERRER", kind="url"),
        Column("EX", kind="message"),
        *(Column(name) for name in ("SID", "REQID", "ACTID", "BLD", "USID")),
    ),
    split="kind",
)

MEM_YARA = TableSpec(
    name="mem_yara",
    title="What YARA found in memory",
    locator="offset",
    logsources=(),
    columns=(
        Column("rule", about="the rule's id"),
        Column("pattern", about="the pattern of the rule that occurs least often there"),
        Column("text", kind="message", about="the bytes that matched, bounded"),
        Column("size", "int", unit="bytes"),
        Column("also", about="the rule's other patterns that occur in the same memory"),
        Column("told", about="what the rule saw, in a sentence"),
        *PLACE,
    ),
    split="process",
    told_by=("rule", "told"),
)
