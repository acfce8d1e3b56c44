"""Small tables that detection is tested on: no parser is needed to say what a row holds."""

from postvakt.model.table import Column, LogSource, TableSpec

EVENT = TableSpec(
    name="event",
    title="Windows events",
    locator="offset",
    split="Channel",
    fields=(("ComputerName", "Computer"),),
    columns=(
        Column("Channel"),
        Column("EventID", "int"),
        Column("Provider_Name"),
        Column("Computer", kind="host"),
        Column("Level", "int"),
        Column("UserID", kind="sid"),
        Column("EventData", "pairs"),
    ),
)
WEB = TableSpec(
    name="iis",
    title="a web server's log",
    locator="line",
    logsources=(LogSource(category="webserver"), LogSource(product="windows", service="iis")),
    fields=(("c-useragent", "cs(User-Agent)"), ("c-uri", "cs-uri"), ("cs-uri-query", "cs-uri")),
    columns=(
        Column("c-ip", kind="ip"),
        Column("cs-uri-stem", kind="url_path"),
        Column("cs-uri-query", kind="url_query"),
        Column("cs-uri", made_of=("cs-uri-stem", "cs-uri-query")),
        Column("cs(User-Agent)", kind="user_agent"),
        Column("cs(Referer)", kind="url"),
        Column("cs-username", kind="account"),
        Column("sc-status", "int"),
    ),
)
PROXY = TableSpec(
    name="http_proxy",
    title="a front end's log",
    locator="line",
    columns=(
        Column("ClientIpAddress", kind="ip"),
        Column("UrlHost", kind="host"),
        Column("AuthenticatedUser", kind="account"),
        Column("AnchorMailbox"),
        Column("HttpStatus", "int"),
        Column("IsAuthenticated", "bool"),
        Column("Took", "float"),
    ),
)
FILE = TableSpec(
    name="file",
    title="files of the evidence",
    locator="path",
    logsources=(LogSource(product="windows", service="file"),),
    columns=(
        Column("path", kind="file_path"),
        Column("name", kind="file_name"),
        Column("sha256", kind="hash"),
        Column("modified", "time"),
        Column("links", "strings", kind="domain"),
    ),
)
KEY = TableSpec(
    name="registry_value",
    title="registry values",
    locator="offset",
    columns=(
        Column("key", kind="registry_key"),
        Column("name", kind="registry_value"),
        Column("mail", kind="email"),
    ),
)
TABLES = [EVENT, WEB, PROXY, FILE, KEY]
BY_NAME = {spec.name: spec for spec in TABLES}
