"""One file per artifact: its table, its fields, its parse(). A new one is a line here."""

from collections.abc import Mapping

from postvakt.artifacts import (
    certificate,
    cmdlet_infra,
    directory_export,
    ecp_activity,
    ecp_server,
    event_json,
    evtx,
    ews,
    exchange_log,
    exchange_setup,
    files,
    health_checker,
    http_proxy,
    httperr,
    iis,
    iis_config,
    message_tracking,
    mitigation_service,
    msert,
    nmap,
    oab_generator,
    powershell_history,
    prefetch,
    registry,
    scheduled_task,
    test_proxylogon,
    transport_agents,
)
from postvakt.artifacts.ntfs import mft, usn
from postvakt.model.table import TableSpec
from postvakt.tables.rows import Reader

READERS: tuple[Reader, ...] = (
    certificate.READER,
    cmdlet_infra.READER,
    directory_export.READER,
    ecp_activity.READER,
    ecp_server.READER,
    event_json.READER,
    evtx.READER,
    ews.READER,
    exchange_log.READER,
    exchange_setup.READER,
    health_checker.READER,
    http_proxy.READER,
    httperr.READER,
    iis.READER,
    iis_config.READER,
    message_tracking.READER,
    mft.READER,
    mitigation_service.READER,
    msert.READER,
    nmap.READER,
    oab_generator.READER,
    powershell_history.READER,
    prefetch.READER,
    registry.READER,
    scheduled_task.READER,
    test_proxylogon.READER,
    transport_agents.READER,
    usn.READER,
)

BY_NAME: Mapping[str, Reader] = {reader.artifact.name: reader for reader in READERS}

TABLES: Mapping[str, TableSpec] = {
    spec.name: spec
    for spec in sorted((files.FILE, *(s for r in READERS for s in r.tables)), key=lambda spec: spec.name)
}
