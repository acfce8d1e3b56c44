"""What a row of each table can be joined by."""

from typing import Any

import pytest

from postvakt.model.table import TableSpec
from postvakt.reason import joining

GUID = "8f2c1d7a-0f7e-4c1c-9d5e-2b7f7f1e9a11"


def told(table: str, **row: Any) -> dict[str, str]:
    """What is not empty of the trace of a row."""
    spec = TableSpec(name=table, title="", locator="line", columns=())
    pairs = [{"name": name, "value": value} for name, value in row.pop("data", ())]
    whole = {**row, "EventData": pairs} if pairs else row
    made = joining.trace_of("r", spec, whole, evidence="e", source="s", locator=1, says="")
    names = (
        "address",
        "forwarded",
        "path",
        "request",
        "process",
        "parent",
        "account",
        "mailbox",
        "verb",
        "target",
    )
    return {name: value for name in names if (value := getattr(made, name))}


@pytest.mark.parametrize(
    ("row", "expected"),
    [
        (
            {"c-ip": "192.0.2.5", "X-Forwarded-For": ["203.0.113.7:51234", "192.0.2.9"],
             "cs-uri-stem": "/ecp/Y.js", "cs-uri-query": f"&cafeReqId={GUID.upper()};", "cs-username": "-"},
            {"address": "192.0.2.5", "forwarded": "203.0.113.7", "path": "/ecp/y.js", "request": GUID},
        ),
        (
            {"ClientIpAddress": "::ffff:203.0.113.7", "RequestId": GUID, "UrlStem": "/ecp/y.js",
             "AnchorMailbox": "ServerInfo~a]@ex01.corp.example:444/mapi/emsmdb?MailboxId=ana@corp.example",
             "Method": "POST"},
            {"address": "203.0.113.7", "request": GUID, "path": "/ecp/y.js", "mailbox": "ana@corp.example",
             "verb": "POST"},
        ),
        (
            {"data": [("ProcessGuid", f"{{{GUID.upper()}}}"), ("ParentProcessGuid", "{B}"),
                      ("TargetFilename", r"C:\inetpub\wwwroot\X.aspx"), ("User", r"NT AUTHORITY\SYSTEM")]},
            {"process": GUID, "parent": "b", "path": "c:/inetpub/wwwroot/x.aspx", "account": r"NT AUTHORITY\SYSTEM"},
        ),
        (
            {"data": [(None, "New-MailboxExportRequest"), (None, '-Mailbox "ana" -FilePath "\\\\fs\\a.pst"')]},
            {"mailbox": "ana", "verb": "New-MailboxExportRequest"},
        ),
        (
            {"data": [(None, "Set-OabVirtualDirectory"), (None, f'-Identity "{GUID}" -ExternalUrl "http://f/"')]},
            {"verb": "Set-OabVirtualDirectory"},
        ),
        (
            {"data": [("Path", r"file:_C:\inetpub\wwwroot\x.aspx; containerfile:_C:\y")]},
            {"path": "c:/inetpub/wwwroot/x.aspx"},
        ),
        ({"data": [("CommandLine", "wmic /node:dc01 process call create x")]}, {"target": "dc01"}),
        ({"data": [("CommandLine", r"net use \\dc01.corp.example\c$ /user:x")]}, {"target": "dc01.corp.example"}),
        ({"data": [("CommandLine", r"psexec \\localhost -s cmd")]}, {}),
        ({"data": [("TargetServerName", "dc01")]}, {"target": "dc01"}),
        (
            {"Channel": "MSExchange Management",
             "data": [(None, "Get-Mailbox"), (None, ""), (None, "corp.example/Users/adm")]},
            {"account": "corp.example/Users/adm", "verb": "Get-Mailbox"},
        ),
        ({"c-ip": "not an address"}, {}),
        ({"c-ip": "fe80::1%4"}, {"address": "fe80::1"}),
        ({"ClientIpAddress": "[2001:db8::7]:443"}, {"address": "2001:db8::7"}),
    ],
)  # fmt: skip
def test_what_a_row_can_be_joined_by(row: dict[str, Any], expected: dict[str, str]) -> None:
    assert told("any", **row) == expected
