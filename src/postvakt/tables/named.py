"""Which servers the tables of a case name, and how often: SQL over the parts, in one thread and in a fixed order."""

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any, NamedTuple

import duckdb
import pyarrow as pa

from postvakt.model.clock import from_micros
from postvakt.model.inventory import Listed, Naming
from postvakt.tables.case import Case

MEMORY = "1GB"
MOST_NAMES = 20_000
"""Names that one question gives, the most frequent first: an attacker can write as many as he likes."""

MOST_LISTED = 200_000
MOST_ASKERS = 1000

NAME = r"[A-Za-z0-9_]([A-Za-z0-9_-]{0,62})(\.[A-Za-z0-9_]([A-Za-z0-9_-]{0,62})){0,10}\.?"
FORGED = r"(?i)ServerInfo~.*[/@?#\]:]"
"""An anchor by which CVE-2021-26855 sends a request: the target is then what an attacker typed."""

PLACED = "min(struct_pack(source := source, line := locator))"

COUNTED = f"""
    SELECT host, name, count(*), epoch_us(min(time)), epoch_us(max(time)),
           arg_max(build, time) FILTER (build != ''), {PLACED}, list(DISTINCT address ORDER BY address)[:8]
    FROM (
        SELECT owner.host, row.time, row.source, row.locator, rtrim({{name}}, '.') AS name,
               {{build}} AS build, {{address}} AS address
        FROM read_parquet($parts) AS row JOIN owners AS owner USING (evidence, source)
        WHERE {{where}}
    )
    WHERE regexp_full_match(name, $pattern) GROUP BY host, name ORDER BY count(*) DESC, host, name LIMIT $most
"""

BUILD = """concat_ws('.', "MajorVersion", "MinorVersion", "BuildVersion", "RevisionVersion")"""
TARGET_BUILD = r"""
    regexp_replace(regexp_replace(coalesce("TargetServerVersion", ''), '^Version ', ''), ' \(Build |\)', '.', 'g')
"""


class Question(NamedTuple):
    """Where a table names a server: the SQL of its name, and which rows count. `own`: the server that writes it."""

    table: str
    says: str
    name: str
    where: str = "true"
    build: str = "''"
    address: str = "NULL::VARCHAR"
    exchange: str = "yes"
    own: bool = False


QUESTIONS = (
    Question("http_proxy", "ServerHostName of HttpProxy logs", '"ServerHostName"', build=BUILD, own=True),
    Question(
        "http_proxy",
        "TargetServer of HttpProxy logs",
        '"TargetServer"',
        where=f"""NOT coalesce(regexp_matches("AnchorMailbox", '{FORGED}'), false)""",
        build=TARGET_BUILD,
        exchange="version",
    ),
    Question(
        "http_proxy",
        "back-end cookies in HttpProxy logs",
        r"""regexp_extract("BackEndCookie", '(?i)Server~([^~;,\s]+)~[0-9]{6,}', 1)""",
        where=f"""NOT coalesce(regexp_matches("AnchorMailbox", '{FORGED}'), false)""",
        exchange="likely",
    ),
    Question("ecp_server", "ServerName of ECP server logs", '"ServerName"', own=True),
    Question("ecp_activity", "ServerName of ECP activity logs", '"ServerName"', own=True),
    Question("ews", "ServerHostName of web services logs", '"ServerHostName"', own=True),
    Question("ews", "FrontEndServer of web services logs", '"FrontEndServer"'),
    Question("cmdlet_infra", "ServerHostName of cmdlet logs", '"ServerHostName"', own=True),
    Question("cmdlet_infra", "FrontEndServer of cmdlet logs", '"FrontEndServer"'),
    Question("mitigation_service", "ServerName of mitigation service logs", '"ServerName"', own=True),
    Question(
        "message_tracking",
        "servers that messages were delivered on in message tracking logs",
        '"server-hostname"',
        where="""upper("event-id") = 'DELIVER'""",
        address='"server-ip"',
    ),
    Question(
        "message_tracking",
        "servers of the organisation that messages were sent to in message tracking logs",
        '"server-hostname"',
        where="""lower("connector-id") LIKE 'intra-organization %' AND upper("event-id") IN ('SEND', 'HAREDIRECT')""",
        address='"server-ip"',
    ),
    Question(
        "message_tracking",
        "servers whose store driver handed messages over in message tracking logs",
        '"client-hostname"',
        # By SMTP the client names itself, whoever it is.
        where="""upper("message-source") = 'STOREDRIVER' AND upper("event-id") IN ('SUBMIT', 'DELIVER')""",
        address='"client-ip"',
        exchange="likely",
    ),
    Question(
        "message_tracking",
        "receive connectors in message tracking logs",
        r"""regexp_extract("connector-id", '^([^\\]+)\\', 1)""",
        where="""upper("event-id") = 'RECEIVE'""",
    ),
    Question(
        "event",
        "Computer of event logs",
        '"Computer"',
        where="contains(\"Computer\", '.')",
        exchange="unknown",
        own=True,
    ),
    Question(
        "event",
        "nodes of the cluster in event logs",
        """list_filter("EventData", lambda p: p.name = 'NodeName')[1].value""",
        where="\"Provider_Name\" = 'Microsoft-Windows-FailoverClustering'",
        exchange="unknown",
    ),
)  # fmt: skip
"""Whoever writes an Exchange log is an Exchange server; so is whom it sends requests to, where it knows its version."""

ASKED = """
    SELECT host, address, count(*) FROM (
        SELECT owner.host, row."ClientIpAddress" AS address
        FROM read_parquet($parts) AS row JOIN owners AS owner USING (evidence, source)
    ) WHERE address IS NOT NULL GROUP BY host, address
    QUALIFY row_number() OVER (PARTITION BY host ORDER BY count(*) DESC, address) <= $most
    ORDER BY host, count(*) DESC, address
"""

LISTED: Mapping[str, tuple[tuple[str, ...], str]] = {
    "directory_object": (
        ("dn", "objectClass", "cn", "serialNumber", "networkAddress", "msExchExternalHostName", "unmapped"),
        """list_has_any("objectClass", ['msExchExchangeServer', 'serviceConnectionPoint'])
           OR "msExchExternalHostName" IS NOT NULL
           OR (list_contains("objectClass", 'group') AND contains(lower("cn"), 'exchange'))
           OR (list_contains("objectClass", 'computer') AND (
               len(list_filter("unmapped", lambda p: contains(lower(p.value), 'exchange'))) > 0
               OR lower("cn") IN (SELECT lower("cn") FROM read_parquet($parts)
                                  WHERE list_contains("objectClass", 'msExchExchangeServer'))))""",
    ),
    "exchange_object": (
        ("object", "kind", "server", "property", "value"),
        r"""(server IS NOT NULL OR kind = 'FileVersionInfo') AND value IS NOT NULL AND regexp_full_match(property,
            '(HealthCheckerExchangeServer/)?(ExchangeInformation/)?((BuildInformation/(ExchangeSetup/FileVersion'
            '|ExchangeSetup/FailedGetExSetup|VersionInformation/BuildVersion|BuildNumber|ServerRole))'
            '|(Get(Exchange|Mailbox)Server/)?(Fqdn|Name|Site|ServerRole|AdminDisplayVersion|DatabaseAvailabilityGroup)'
            '|FileVersion|OriginalFilename|ServerName|MachineName|GenerationTime|BuildVersion|ExternalUrl|Online)')""",
    ),
    "nmap": (
        ("address", "names", "computer", "port", "state", "product", "title", "certificate_names", "build"),
        "state = 'open'",
    ),
    "certificate": (
        ("common_name", "names", "addresses", "self_signed", "sha1"),
        "common_name IS NOT NULL OR len(names) > 0",
    ),
}
"""Rows of other sources that tell of servers, a row each, for whoever knows what their fields mean."""


class Named:
    """The servers that the parts of one case name. Use as a context manager.

    `parts` are the paths of parts by table; `owners` are (evidence, source, host) of every source in them (a host
    that is empty: nobody's). `limited` tells the tables of which more rows name servers than were taken, with how
    many were.
    """

    def __init__(
        self, case: Case, parts: Mapping[str, Iterable[str]], owners: Sequence[tuple[str, str, str]]
    ) -> None:
        self._parts = {
            table: sorted(str(case.path(path)) for path in given) for table, given in parts.items()
        }
        evidence, sources, hosts = zip(*owners, strict=True) if owners else ((), (), ())
        self._owners = pa.table(
            {
                "evidence": pa.array(evidence, pa.string()),
                "source": pa.array(sources, pa.string()),
                "host": pa.array(hosts, pa.string()),
            }
        )
        self.limited: dict[str, int] = {}
        self._sql = duckdb.connect(":memory:", config={"threads": 1, "memory_limit": MEMORY})
        self._sql.execute("SET enable_progress_bar = false; SET TimeZone = 'UTC'")
        self._sql.register("owners", self._owners)

    def __enter__(self) -> "Named":
        return self

    def __exit__(self, *raised: object) -> None:
        self._sql.close()

    def logs(self) -> list[Naming]:
        """Return what logs say, question by question."""
        return [naming for question in QUESTIONS for naming in self._named(question)]

    def _named(self, question: Question) -> list[Naming]:
        sql = COUNTED.format(
            name=question.name, build=question.build, address=question.address, where=question.where
        )
        rows = self._rows(question.table, sql, pattern=NAME, most=MOST_NAMES)
        return [_naming(question, row) for row in rows]

    def askers(self) -> dict[str, tuple[str, ...]]:
        """Return, by host, the addresses whose requests its front end passed on, the busiest first."""
        found: dict[str, list[str]] = {}
        for host, address, _ in self._rows("http_proxy", ASKED, most=MOST_ASKERS):
            found.setdefault(host, []).append(address)
        return {host: tuple(addresses) for host, addresses in found.items()}

    def listed(self) -> list[Listed]:
        """Return the rows of directory exports, exported objects, scans and certificates that may tell of servers."""
        return [row for table in LISTED for row in self._listed(table)]

    def _listed(self, table: str) -> list[Listed]:
        columns, where = LISTED[table]
        chosen = ", ".join(f'row."{name}"' for name in columns)
        sql = f"""
            SELECT owner.host, row.source, row.locator, epoch_us(row.time), {chosen}
            FROM read_parquet($parts) AS row JOIN owners AS owner USING (evidence, source)
            WHERE {where} ORDER BY row.evidence, row.source, row.locator LIMIT $most
        """
        return [
            Listed(
                table=table,
                by=host,
                place=_place(source, locator),
                time=_instant(time),
                fields=_fields(columns, values),
            )
            for host, source, locator, time, *values in self._rows(table, sql, most=MOST_LISTED)
        ]

    def _rows(self, table: str, sql: str, **more: Any) -> list[tuple[Any, ...]]:
        parts = self._parts.get(table, ())
        if not parts:
            return []
        found = self._sql.execute(sql, {"parts": parts, **more}).fetchall()
        if len(found) >= more.get("most", 0) > MOST_ASKERS:
            self.limited[table] = more["most"]
        return found


def _naming(question: Question, row: tuple[Any, ...]) -> Naming:
    host, name, count, first, last, build, place, addresses = row
    build = _build(build or "")
    exchange: Any = question.exchange
    if exchange == "version":
        # A front end knows the version of what it takes for a back end; where it knows none, anybody may be meant.
        exchange = "yes" if build else "likely"
    return Naming(
        kind="log",
        says=f"{question.says} of {host}" if host and not question.own else question.says,
        names=(name,),
        addresses=tuple(address for address in addresses or () if address),
        count=count,
        first=_instant(first),
        last=_instant(last),
        build=build,
        exchange=exchange,
        by=host,
        own=question.own,
        places=(_place(place["source"], place["line"]),),
    )


def _build(text: str) -> str:
    """Return a build as numbers; three of them where the last is 0, which a front end writes for what it knows not."""
    parts = [part for part in text.strip(".").split(".") if part.isascii() and part.isdigit()]
    if len(parts) not in (3, 4):
        return ""
    numbers = [str(int(part)) for part in parts]
    return ".".join(numbers[:3] if numbers[-1] == "0" else numbers)


def _place(source: str, locator: int | None) -> str:
    return source if locator is None else f"{source}, {locator}"


def _fields(columns: Sequence[str], values: Sequence[Any]) -> dict[str, str | tuple[str, ...]]:
    """Return a row's fields as text; what stands in `unmapped` under its own names."""
    told: dict[str, str | tuple[str, ...]] = {}
    for name, value in zip(columns, values, strict=True):
        if name == "unmapped":
            told |= {pair["name"]: pair["value"] or "" for pair in value or () if pair["name"] not in told}
        elif isinstance(value, list):
            told[name] = tuple(str(one) for one in value)
        elif value is not None:
            told[name] = str(value)
    return told


def _instant(micros: int | None) -> datetime | None:
    return None if micros is None else from_micros(micros)
