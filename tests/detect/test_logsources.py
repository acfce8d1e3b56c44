"""Which rows a log source means, and under which names the same fact stands in other events."""

from typing import Any

import pytest

from postvakt.detect.logsources import DEFENDER, NO_LOG, SYSMON

from .asking import Row, event, is_matched, plan_of, sigma

CHANNELS = {
    "Sysmon": SYSMON,
    "SYSMON": SYSMON.upper(),
    "Defender": DEFENDER,
    "PowerShell": "Microsoft-Windows-PowerShell/Operational",
    "Exchange": "MSExchange Management",
    "": None,
}
CMDLET = [(None, "Set-OabVirtualDirectory"), (None, "-ExternalUrl")]
D_ME = {"SubjectUserName": "me", "SubjectDomainName": "D"}
TWO_NAMES = [("SubjectDomainName", "D"), ("SubjectUserName", "me"), ("SubjectUserName", "you")]
OBJECT = {
    "ObjectName": "\\REGISTRY\\MACHINE\\SYSTEM\\ControlSet001\\x",
    "ObjectValueName": "v",
    "OperationType": "%%1905",
}


def run(kind: str) -> dict[str, str]:
    return {"EventType": kind, "TargetObject": "HKLM\\Run\\x"}


ROWS: list[tuple[str, str, str, Any, bool]] = [
    # (log source, detection, channel and id, event data, whether it matches)
    ("process_creation", "Image: x", "Sysmon 1", {"Image": "x"}, True),
    ("process_creation", "Image: x", "SYSMON 1", {"Image": "x"}, True),
    ("process_creation", "Image: x", "Sysmon 5", {"Image": "x"}, False),
    ("process_creation", "Image: x", "System 1", {"Image": "x"}, False),
    ("process_creation", "Image: x", " 1", {"Image": "x"}, False),
    ("process_creation", "Image: x", "Sysmon ", {"Image": "x"}, False),
    ("{category: process_creation}", "Image: x", "Sysmon 1", {"Image": "x"}, True),
    ("process_creation, service: sysmon", "Image: x", "Sysmon 1", {"Image": "x"}, True),
    ("process_creation, service: sysmon", "Image: x", "Security 4688", {"NewProcessName": "x"}, False),
    ("process_creation, service: security", "Image: x", "Security 4688", {"NewProcessName": "x"}, True),
    # Event 4688 tells the same as Sysmon's 1 under names of its own.
    ("process_creation", "Image: x", "Security 4688", {"NewProcessName": "x"}, True),
    ("process_creation", "Image: x", "Security 4688", {"Image": "x"}, False),
    ("process_creation", "Image: x", "Sysmon 1", {"NewProcessName": "x"}, False),
    ("process_creation", "ParentImage: x", "Security 4688", {"ParentProcessName": "x"}, True),
    ("process_creation", "CommandLine: x", "Security 4688", {"CommandLine": "x"}, True),
    ("process_creation", "ProcessId: 16", "Security 4688", {"NewProcessId": "0x10"}, True),
    ("process_creation", "ParentProcessId: 16", "Security 4688", {"ProcessId": "0x10"}, True),
    ("process_creation", "User: me", "Security 4688", D_ME, True),
    ("process_creation", r"User: 'D\me'", "Security 4688", D_ME, True),
    ("process_creation", r"User: 'D\me'", "Security 4688", {"SubjectUserName": "me"}, False),
    ("process_creation", "IntegrityLevel: System", "Security 4688", {"MandatoryLabel": "S-1-16-16384"}, True),
    ("process_creation", "IntegrityLevel: System", "Security 4688", {"MandatoryLabel": "S-1-16-8192"}, False),
    # Of a pair that stands twice the first is joined.
    ("process_creation", r"User: 'D\me'", "Security 4688", TWO_NAMES, True),
    ("process_creation", r"User: 'D\you'", "Security 4688", TWO_NAMES, False),
    # A hash among hashes.
    ("image_load", "sha256: AB", "Sysmon 7", {"Hashes": "MD5=CD,SHA256=ab"}, True),
    ("image_load", "Imphash: ab", "Sysmon 7", {"Hashes": "MD5=CD,IMPHASH=AB"}, True),
    ("image_load", "Hashes|contains: 'SHA256=AB'", "Sysmon 7", {"Hashes": "MD5=CD,SHA256=AB"}, True),
    # Registry: what was set, made, taken away.
    ("registry_set", "TargetObject|contains: Run", "Sysmon 13", run("SetValue"), True),
    ("registry_set", "TargetObject|contains: Run", "Sysmon 12", run("CreateKey"), False),
    ("registry_add", "TargetObject|contains: Run", "Sysmon 12", run("CreateKey"), True),
    ("registry_add", "TargetObject|contains: Run", "Sysmon 12", run("DeleteKey"), False),
    ("registry_delete", "TargetObject|contains: Run", "Sysmon 12", run("DeleteValue"), True),
    ("registry_event", "TargetObject|contains: Run", "Sysmon 14", run("RenameKey"), True),
    ("registry_set", r"TargetObject: 'HKLM\SYSTEM\CurrentControlSet\x\v'", "Security 4657", OBJECT, True),
    ("registry_set", "Details: 1", "Security 4657", {"NewValue": "1", "OperationType": "%%1904"}, True),
    ("registry_set", "Details: 1", "Security 4657", {"NewValue": "1", "OperationType": "%%1906"}, False),
    ("registry_set", "Details: 1", "Security 4657", {"NewValue": "1"}, False),
    # Connections and names.
    ("network_connection", "Initiated: true", "Security 5156", {"Direction": "%%14593"}, True),
    ("network_connection", "Initiated: true", "Security 5156", {"Direction": "%%14592"}, False),
    ("network_connection", r"Image: 'C:\x'", "Security 5156", {"Application": "\\device\\harddiskvolume3\\x"}, True),
    ("network_connection", "DestinationIp|cidr: 10.0.0.0/8", "Security 5156", {"DestAddress": "10.1.1.1"}, True),
    ("network_connection", "Protocol: tcp", "Security 5156", {"Protocol": "6"}, True),
    ("{category: dns}", "query: evil.example", "Sysmon 22", {"QueryName": "evil.example"}, True),
    ("{category: antivirus}", "Signature|contains: Chop", "Defender 1116", {"Threat Name": "ASP/Chopper"}, True),
    ("ps_script", "ScriptBlockText: x", "PowerShell 4104", {"ScriptBlockText": "x"}, True),
    ("ps_script", "ScriptBlockText: x", "PowerShellCore/Operational 4104", {"ScriptBlockText": "x"}, True),
    ("ps_script", "ScriptBlockText: x", "PowerShell 4103", {"ScriptBlockText": "x"}, False),
    # Files that were opened, where the system audits that.
    ("file_access", r"FileName: 'C:\x'", "Security 4663", {"ObjectName": "C:\\x", "ObjectType": "File"}, True),
    ("file_access", "Image: x", "Security 4663", {"ProcessName": "x", "ObjectType": "file"}, True),
    ("file_access", r"FileName: 'C:\x'", "Security 4663", {"ObjectName": "C:\\x", "ObjectType": "Key"}, False),
    ("file_access", r"FileName: 'C:\x'", "Security 4656", {"ObjectName": "C:\\x", "ObjectType": "File"}, False),
    # What is not of Windows, where an event log holds it all the same.
    ("{product: linux, category: process_creation}", "Image: /x", "Linux-Sysmon/Operational 1", {"Image": "/x"}, True),
    ("{product: linux, category: process_creation}", "Image: /x", "Sysmon 1", {"Image": "/x"}, False),
    ("{product: linux, category: file_event}", "f: x", "Linux-Sysmon/Operational 11", {"f": "x"}, True),
    ("{product: linux}", "f: x", "Linux-Sysmon/Operational 5", {"f": "x"}, True),
    ("{product: linux}", "f: x", "System 5", {"f": "x"}, False),
    ("{product: linux, service: sshd}", "f: x", "OpenSSH/Operational 4", {"f": "x"}, True),
    ("{service: apache}", "f: x", "Application 3299", {"f": "x"}, False),
    ("{category: database}", "f: x", "Application 33205", {"f": "x"}, True),
    ("{category: database}", "f: x", "Application 1", {"f": "x"}, False),
    # Services: a channel, any id.
    ("service security", "EventID: 4624", "Security 4624", (), True),
    ("service security", "EventID: 4624", "System 4624", (), False),
    ("service security", "EventID: [4624, 4625]", "Security 4625", (), True),
    ("service security", "EventID: 4624", "Security 4625", {"EventID": "4624"}, False),
    ("service system", "Provider_Name: SCM", "System 7045", (), True),
    ("service windefend", "EventID: 1116", "Defender 1116", (), True),
    ("{product: windows}", "EventID: 104", "Whatever 104", (), True),
    # Values without a name: for Exchange they decide.
    ("service msexchange-management", "Data: Set-OabVirtualDirectory", "Exchange 1", CMDLET, True),
    ("service msexchange-management", "Data|contains|all: [Oab, Url]", "Exchange 1", CMDLET, True),
    ("service msexchange-management", "Data|contains: Oab", "Exchange 1", {"Named": "Set-OabVirtualDirectory"}, False),
    ("service msexchange-management", "'|all': [Oab, Url]", "Exchange 1", CMDLET, True),
    ("service application", "Message|contains: cast", "Application 4999", [(None, "invalid cast")], True),
    ("service application", "Message|contains: cast", "Application 4999", [("x", "invalid cast")], True),
    ("service application", "kept: x", "Application 1", (), True),
]  # fmt: skip


def source_of(said: str) -> str:
    """Windows categories and services are named alone."""
    if said.startswith("{"):
        return said
    kind, _, name = said.rpartition("service ")
    return (
        f"{{product: windows, service: {name}}}"
        if kind + name != said
        else f"{{product: windows, category: {said}}}"
    )


@pytest.mark.parametrize(
    ("source", "detection", "place", "data", "said"), ROWS, ids=[f"{r[0]}: {r[1]} of {r[2]}" for r in ROWS]
)
def test_rows_of_a_log_source(source: str, detection: str, place: str, data: Any, said: bool) -> None:
    plan = plan_of(sigma(f"s: {{{detection}}}\ncondition: s", source_of(source)))
    channel, _, number = place.rpartition(" ")
    row = event(
        CHANNELS.get(channel, channel),
        int(number) if number else None,
        data,
        Provider_Name="scm",
        unmapped=[{"name": "kept", "value": "x"}],
    )
    assert plan.not_asked == ()
    assert is_matched(plan, "event", row) == [said]


LOGS: list[tuple[str, str, str, Row, bool]] = [
    ("{category: webserver}", "cs-uri-stem|endswith: .aspx", "iis", {"cs-uri-stem": "/x.ASPX"}, True),
    ("{category: webserver}", "c-useragent|contains: 'a b'", "iis", {"cs(User-Agent)": "x+a+b"}, True),
    ("{category: webserver}", "c-useragent|contains: 'a+b'", "iis", {"cs(User-Agent)": "x+a+b"}, True),
    ("{category: webserver}", "sc-status: 200", "iis", {"sc-status": 200}, True),
    ("{category: webserver}", "cs-host: x", "iis", {"unmapped": [{"name": "cs-host", "value": "X"}]}, True),
    ("{category: webserver}", "'': [evil]", "iis", {"cs-uri-query": "q=EVIL"}, True),
    ("{category: webserver, product: windows}", "cs-uri-stem: /x", "iis", {"cs-uri-stem": "/x"}, True),
    ("{product: windows, service: iis}", "cs-uri-stem: /x", "iis", {"cs-uri-stem": "/x"}, True),
    ("{product: exchange, service: http_proxy}", "HttpStatus: 200", "http_proxy", {"HttpStatus": 200}, True),
    ("{product: exchange, service: registry_value}", "name: v", "registry_value", {"name": "V"}, True),
    ("{product: windows, service: file}", r"path|endswith: '\x.aspx'", "file", {"path": "c:/inetpub/x.aspx"}, True),
    ("{product: windows, service: file}", "path|endswith: '/x.aspx'", "file", {"path": "c:/inetpub/x.aspx"}, True),
    ("{product: windows, service: file}", "links: b", "file", {"links": ["a", "B"]}, True),
    ("{product: windows, service: file}", "modified|startswith: '2021-03-03T'", "file", {"modified": None}, False),
]  # fmt: skip


@pytest.mark.parametrize(
    ("source", "detection", "table", "row", "said"), LOGS, ids=[f"{r[1]} in {r[0]}" for r in LOGS]
)
def test_rows_of_other_tables(source: str, detection: str, table: str, row: Row, said: bool) -> None:
    selection = f"s: {detection[4:]}" if detection.startswith("''") else f"s: {{{detection}}}"
    plan = plan_of(sigma(f"{selection}\ncondition: s", source))
    assert is_matched(plan, table, row) == [said]


def test_what_apache_writes_into_the_log_of_windows() -> None:
    plan = plan_of(sigma("s: {f: x}\ncondition: s", "{service: apache}"))
    named = [
        event("Application", 3299, {"f": "x"}, Provider_Name=name) for name in ("Apache Service", "ESENT")
    ]
    assert is_matched(plan, "event", *named) == [True, False]


UNSERVED: list[tuple[str, str]] = [
    ("{product: macos, category: process_creation}", "product macos, category process_creation"),
    ("{product: linux, service: auditd}", "product linux, service auditd"),
    ("{product: windows, service: nosuch}", "product windows, service nosuch"),
    ("{category: appliance}", "category appliance"),
    ("{product: apache, service: access}", "product apache, service access"),
    (
        "{product: windows, category: process_creation, service: system}",
        "category process_creation, service system",
    ),
    ("{product: exchange, service: nosuch}", "product exchange, service nosuch"),
    *((f"{{product: windows, category: {category}}}", why) for category, why in NO_LOG),
]


@pytest.mark.parametrize(("source", "said"), UNSERVED)
def test_a_log_source_that_no_table_serves_is_told(source: str, said: str) -> None:
    plan = plan_of(sigma("s: {f: x}\ncondition: s", source))
    assert plan.asked == ()
    (told,) = plan.not_asked
    assert "no table holds its log source" in told.reason
    assert said in told.reason
