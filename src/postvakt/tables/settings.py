"""Settings and acts that show a mitigation or a scan, read from the tables of one host."""

from collections.abc import Iterator, Mapping, Sequence

from postvakt.model.clock import from_micros
from postvakt.model.mitigation import Observed
from postvakt.tables.measures import Measures, Piece

MOST_ROWS = 20_000
"""Rows of a table that are taken, the latest where they have a time: the last word counts. Where there are more, none
of the sources counts as read whole, so that nothing is said to be off for want of a row that was left."""

ASKED: Mapping[str, str] = {
    "iis_config": """
        SELECT kind, coalesce(name, ''), concat_ws(' ', value, type,
                   list_filter(attributes, lambda p: p.name = 'autoStart')[1].value),
               coalesce(enabled, try_cast(list_filter(attributes, lambda p: p.name = 'autoStart')[1].value AS BOOLEAN),
                        NOT try_cast(list_filter(attributes, lambda p: p.name = 'negate')[1].value AS BOOLEAN)),
               coalesce(within, ''), NULL::BIGINT, NULL::BIGINT, evidence, source, locator, coalesce(location, '')
        FROM read_parquet($parts)
        WHERE {mine}
        QUALIFY kind LIKE 'rewrite%' OR kind IN ('app_pool', 'global_module', 'site')
             OR row_number() OVER (PARTITION BY evidence, source ORDER BY locator) = 1
        ORDER BY evidence, source, locator LIMIT $most
    """,
    "registry_trace": """
        SELECT 'service', name, coalesce(list_filter(detail, lambda p: p.name = 'start')[1].value, ''),
               list_filter(detail, lambda p: p.name = 'start')[1].value != 'disabled', '', NULL::BIGINT,
               epoch_us(time), evidence, source, locator
        FROM read_parquet($parts)
        WHERE {mine} AND trace = 'service' AND name ILIKE 'MSExchange%'
        ORDER BY evidence, source, locator LIMIT $most
    """,
    "event": """
        SELECT CASE WHEN "EventID" = 7040 THEN 'start_type' ELSE 'emergency' END, "EventID"::VARCHAR,
               array_to_string(list_transform("EventData", lambda p: p.value), ' | '), NULL::BOOLEAN, '',
               NULL::BIGINT, epoch_us(time), evidence, source, locator
        FROM read_parquet($parts)
        WHERE {mine} AND (("EventID" = 7040 AND "Channel" = 'System')
           OR ("EventID" IN (1005, 1006, 1008) AND "Provider_Name" = 'MSExchange Mitigation Service'))
        ORDER BY time DESC, evidence, source, locator LIMIT $most
    """,
    "mitigation_service": """
        SELECT 'emergency', coalesce("LogLevel", ''), coalesce("Message", "EventData", ''), NULL::BOOLEAN, '',
               NULL::BIGINT, epoch_us(time), evidence, source, locator
        FROM read_parquet($parts) WHERE {mine} ORDER BY time DESC, evidence, source, locator LIMIT $most
    """,
    "msert": """
        SELECT coalesce(phase, ''), coalesce(name, ''), coalesce(threat, result, ''), NULL::BOOLEAN,
               coalesce(result, ''), run, NULL::BIGINT, evidence, source, locator
        FROM read_parquet($parts)
        WHERE {mine} AND phase IN ('begun', 'started', 'signatures', 'mode', 'results', 'finding', 'finished', 'code')
        ORDER BY locator DESC, evidence, source LIMIT $most
    """,
    "test_proxylogon": """
        SELECT 'list', coalesce(report, ''), count(*)::VARCHAR, NULL::BOOLEAN, '', NULL::BIGINT, NULL::BIGINT,
               evidence, source, min(locator)
        FROM read_parquet($parts) WHERE {mine} GROUP BY report, evidence, source
        ORDER BY evidence, source, report LIMIT $most
    """,
}
"""What is asked of each table: kind, name, value, enabled, within, run, time, where it stands, and of configuration
what it is bound to. The first element of each configuration file stands for the file: it was read, whatever it
holds."""

LATEST_FIRST = ("event", "mitigation_service", "msert")


def observed(measures: Measures, parts: Mapping[str, Sequence[Piece]]) -> Iterator[Observed]:
    """Yield what a host's parts tell, table by table, in the order in which it stands."""
    for table, sql in ASKED.items():
        rows = measures.rows(sql, parts.get(table, ()), most=MOST_ROWS + 1)
        whole, rows = len(rows) <= MOST_ROWS, rows[:MOST_ROWS]
        for row in rows if table not in LATEST_FIRST else reversed(rows):
            kind, name, value, enabled, within, run, time, evidence, source, locator, *bound = row
            yield Observed(
                table=table,
                kind=kind,
                name=name,
                value=value or "",
                enabled=enabled,
                within=within,
                run=run,
                time=None if time is None else from_micros(time),
                evidence=evidence,
                source=source,
                locator=locator,
                location=bound[0] if bound else "",
                whole=whole,
            )
