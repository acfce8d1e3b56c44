"""The kinds of events that a synthetic server's logs hold, each with its provider's own fields in their order.

Source: the manifests of the providers named, as Windows Server 2016 and Sysmon 13 carry them.
"""

import uuid
from collections.abc import Iterable
from typing import Any

from postvakt.estate.binxml import (
    BINARY,
    GUID,
    HEX32,
    HEX64,
    SID,
    STRING,
    STRINGS,
    UINT32,
    Element,
    Slot,
)
from postvakt.estate.evtx_writer import Kind

AUDITING = "Microsoft-Windows-Security-Auditing"
AUDITING_GUID = uuid.UUID("54849625-5478-4994-a5ba-3e3b0328c30d")
AUDIT_SUCCESS = 0x8020000000000000
SYSMON_GUID = uuid.UUID("5770385f-c22a-43e0-bf4c-06f5698ffbd9")
DEFENDER_GUID = uuid.UUID("11cd958a-c507-4ef3-b3f2-5fd9dfbd2c78")
SERVICES_GUID = uuid.UUID("555908d1-a6d7-4695-8e1e-26931d2012f4")
UPDATES_GUID = uuid.UUID("945a8954-c147-4acd-923f-40c45405a658")
EVENTLOG_GUID = uuid.UUID("fc65ddd8-d6ef-4962-83d5-6e5cfe9ce148")
EVENTLOG_NAMESPACE = "http://manifests.microsoft.com/win/2004/08/windows/eventlog"
CLASSIC_KEYWORD = 0x80000000000000

Fields = Iterable[tuple[str, int]]


def named(provider: str, guid: uuid.UUID | None, event_id: int, fields: Fields, **of_kind: Any) -> Kind:
    """Return a kind whose values have names: `<Data Name="...">`."""
    given = tuple(fields)
    told = tuple(
        Element("Data", (("Name", name),), (Slot(index, kind),)) for index, (name, kind) in enumerate(given)
    )
    return Kind(
        provider=provider,
        guid=guid,
        event_id=event_id,
        payload=Element("EventData", (), told),
        kinds=tuple(kind for _, kind in given),
        **of_kind,
    )


def classic(provider: str, event_id: int, **of_kind: Any) -> Kind:
    """Return a kind of the old interface: an array of texts without names, and perhaps bytes."""
    array = Element("Data", (), (Slot(0, STRINGS),))
    return Kind(
        provider=provider,
        guid=None,
        event_id=event_id,
        payload=Element("EventData", (), (array, Element("Binary", (), (Slot(1, BINARY),), 1))),
        kinds=(STRINGS, BINARY),
        **{"version": None, "opcode": None, "keywords": CLASSIC_KEYWORD, "qualifiers": 0, **of_kind},
    )


def user(provider: str, guid: uuid.UUID, event_id: int, fields: Fields, **of_kind: Any) -> Kind:
    """Return a kind whose values stand in an element of its own under UserData: a log that was cleared."""
    given = tuple(fields)
    told = tuple(Element(name, (), (Slot(index, kind),)) for index, (name, kind) in enumerate(given))
    return Kind(
        provider=provider,
        guid=guid,
        event_id=event_id,
        payload=Element("UserData", (), (Element("LogFileCleared", (("xmlns", EVENTLOG_NAMESPACE),), told),)),
        kinds=tuple(kind for _, kind in given),
        **of_kind,
    )


def _texts(names: str) -> Fields:
    return [(name, STRING) for name in names.split()]


SUBJECT = (
    ("SubjectUserSid", SID),
    ("SubjectUserName", STRING),
    ("SubjectDomainName", STRING),
    ("SubjectLogonId", HEX64),
)
LOGON = named(
    AUDITING,
    AUDITING_GUID,
    4624,
    [
        *SUBJECT,
        ("TargetUserSid", SID),
        ("TargetUserName", STRING),
        ("TargetDomainName", STRING),
        ("TargetLogonId", HEX64),
        ("LogonType", UINT32),
        *_texts("LogonProcessName AuthenticationPackageName WorkstationName"),
        ("LogonGuid", GUID),
        *_texts("TransmittedServices LmPackageName"),
        ("KeyLength", UINT32),
        ("ProcessId", HEX64),
        *_texts("ProcessName IpAddress IpPort ImpersonationLevel RestrictedAdminMode"),
        *_texts("TargetOutboundUserName TargetOutboundDomainName VirtualAccount"),
        ("TargetLinkedLogonId", HEX64),
        ("ElevatedToken", STRING),
    ],
    version=2,
    level=0,
    task=12544,
    keywords=AUDIT_SUCCESS,
)
LOGOFF = named(
    AUDITING,
    AUDITING_GUID,
    4634,
    [
        ("TargetUserSid", SID),
        ("TargetUserName", STRING),
        ("TargetDomainName", STRING),
        ("TargetLogonId", HEX64),
        ("LogonType", UINT32),
    ],
    level=0,
    task=12545,
    keywords=AUDIT_SUCCESS,
)
PRIVILEGES = named(
    AUDITING,
    AUDITING_GUID,
    4672,
    [*SUBJECT, ("PrivilegeList", STRING)],
    level=0,
    task=12548,
    keywords=AUDIT_SUCCESS,
)
EXPLICIT_LOGON = named(
    AUDITING,
    AUDITING_GUID,
    4648,
    [
        *SUBJECT,
        ("LogonGuid", GUID),
        *_texts("TargetUserName TargetDomainName"),
        ("TargetLogonGuid", GUID),
        *_texts("TargetServerName TargetInfo"),
        ("ProcessId", HEX64),
        *_texts("ProcessName IpAddress IpPort"),
    ],
    level=0,
    task=12544,
    keywords=AUDIT_SUCCESS,
)
AUDITED_PROCESS = named(
    AUDITING,
    AUDITING_GUID,
    4688,
    [
        *SUBJECT,
        ("NewProcessId", HEX64),
        ("NewProcessName", STRING),
        ("TokenElevationType", STRING),
        ("ProcessId", HEX64),
        ("CommandLine", STRING),
        ("TargetUserSid", SID),
        ("TargetUserName", STRING),
        ("TargetDomainName", STRING),
        ("TargetLogonId", HEX64),
        ("ParentProcessName", STRING),
        ("MandatoryLabel", SID),
    ],
    version=2,
    level=0,
    task=13312,
    keywords=AUDIT_SUCCESS,
)
LOG_CLEARED = user(
    "Microsoft-Windows-Eventlog",
    EVENTLOG_GUID,
    1102,
    SUBJECT,
    task=104,
    keywords=0x4020000000000000,
)
OTHER_LOG_CLEARED = user(
    "Microsoft-Windows-Eventlog",
    EVENTLOG_GUID,
    104,
    _texts("SubjectUserName SubjectDomainName Channel BackupPath"),
    task=104,
)

PROCESS = named(
    "Microsoft-Windows-Sysmon",
    SYSMON_GUID,
    1,
    [
        *_texts("RuleName UtcTime"),
        ("ProcessGuid", GUID),
        ("ProcessId", UINT32),
        *_texts("Image FileVersion Description Product Company OriginalFileName CommandLine"),
        *_texts("CurrentDirectory User"),
        ("LogonGuid", GUID),
        ("LogonId", HEX64),
        ("TerminalSessionId", UINT32),
        *_texts("IntegrityLevel Hashes"),
        ("ParentProcessGuid", GUID),
        ("ParentProcessId", UINT32),
        *_texts("ParentImage ParentCommandLine"),
    ],
    version=5,
    task=1,
)
FILE_CREATED = named(
    "Microsoft-Windows-Sysmon",
    SYSMON_GUID,
    11,
    [
        *_texts("RuleName UtcTime"),
        ("ProcessGuid", GUID),
        ("ProcessId", UINT32),
        *_texts("Image TargetFilename CreationUtcTime"),
    ],
    version=2,
    task=11,
)

SERVICE_STATE = named(
    "Service Control Manager",
    SERVICES_GUID,
    7036,
    [*_texts("param1 param2"), ("Binary", BINARY)],
    keywords=0x8080000000000000,
    qualifiers=16384,
)
SERVICE_INSTALLED = named(
    "Service Control Manager",
    SERVICES_GUID,
    7045,
    _texts("ServiceName ImagePath ServiceType StartType AccountName"),
    keywords=0x8080000000000000,
    qualifiers=16384,
)
START_TYPE = named(
    "Service Control Manager",
    SERVICES_GUID,
    7040,
    _texts("param1 param2 param3 param4"),
    keywords=0x8080000000000000,
    qualifiers=16384,
)
UPDATE_INSTALLED = named(
    "Microsoft-Windows-WindowsUpdateClient",
    UPDATES_GUID,
    19,
    [("updateTitle", STRING), ("updateGuid", GUID), ("updateRevisionNumber", UINT32), ("serviceGuid", GUID)],
    version=1,
    task=1,
    opcode=13,
    keywords=0x8000000000000018,
)
UPTIME = classic("EventLog", 6013, qualifiers=32768)

CMDLET = classic("MSExchange CmdletLogs", 1, task=1, qualifiers=16388)
TOPOLOGY = classic("MSExchange ADAccess", 2080, task=3, qualifiers=16388)
UM_FAILED = classic("MSExchange Unified Messaging", 1082, level=2, task=6, qualifiers=49156)
EMERGENCY = {
    number: classic("MSExchange Mitigation Service", number, task=1, qualifiers=16388)
    for number in (1005, 1006)
}
EMERGENCY_FAILED = classic("MSExchange Mitigation Service", 1008, level=2, task=1, qualifiers=49156)
BACKED_UP = classic("ESE", 224, task=3)
SHADOW_COPIES_IDLE = classic("VSS", 8224)
ENGINE_STARTED = classic("PowerShell", 400, task=4)
ENGINE_STOPPED = classic("PowerShell", 403, task=4)

DEFENDER_HEALTHY = named(
    "Microsoft-Windows-Windows Defender",
    DEFENDER_GUID,
    1150,
    [
        (name, STRING)
        for name in ("Product Name", "Platform version", "Unused", "Engine version", "AV security intelligence version")
    ],
)  # fmt: skip
DEFENDER_FOUND = named(
    "Microsoft-Windows-Windows Defender",
    DEFENDER_GUID,
    1116,
    [
        (name, HEX32 if name == "Status Code" else STRING)
        for name in (
            "Product Name", "Product Version", "Detection ID", "Detection Time", "Unused", "Unused2",
            "Threat ID", "Threat Name", "Severity ID", "Severity Name", "Category ID", "Category Name",
            "FWLink", "Status Code", "Status Description", "State", "Source ID", "Source Name",
            "Process Name", "Detection User", "Unused3", "Path", "Origin ID", "Origin Name",
            "Execution ID", "Execution Name", "Type ID", "Type Name",
        )
    ],
    level=3,
)  # fmt: skip
