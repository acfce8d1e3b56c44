"""What the tools of responders leave on a server where there was nothing to find."""

import base64
from collections.abc import Iterator
from datetime import timedelta

from postvakt.estate.installed import rewrite_rules
from postvakt.estate.operators import responded
from postvakt.estate.placed import Placed
from postvakt.estate.plans import ServerPlan

PATTERN = base64.b64decode("ZXZhbChSZXF1ZXN0WyI=").decode()
"""What a rule for web shells looks for, and so holds."""

AGES = ("OabGen", "Ecp", "EcpProxy", "OwaProxy", "EwsProxy")
"""The logs whose age Microsoft's check tells, of the dozen that it knows."""


def left(server: ServerPlan) -> Iterator[Placed]:
    """Yield the files of the checks, of the mitigation and of the scanners, in no order."""
    begun = responded(server)
    for minutes, path, text in (
        (0, "C/Tools/Test-ProxyLogon.ps1", _script()),
        (4, f"C/Test-ProxyLogonLogs/{server.name}-LogAgeDays.csv", _ages(server)),
        (6, "C/inetpub/wwwroot/web.config", rewrite_rules()),
        (7, "C/EOMTSummary.txt", "Microsoft Exchange mitigation: complete. Nothing was found.\r\n"),
        (45, "C/Windows/debug/msert.log", _safety_scanner(server)),
        (50, "C/Tools/CHIRP/indicators/AA21-062A.yaml", _indicators()),
        (50, "C/Tools/CHIRP/indicators/shells.yar", _rule()),
        (60, "C/Tools/CHIRP/output/files.json", '{"files": []}\r\n'),
        (68, "C/Tools/thor/custom-signatures/readme.txt", "Rules for web shells go here.\r\n"),
        (95, f"C/Tools/thor/{server.name}_thor_2021-03-10.txt", _thor(server)),
    ):
        yield Placed(path, text.encode(), begun + timedelta(minutes=minutes))


def _script() -> str:
    return (
        "# Stand-in for the script that looks for the flaws' traces.\r\n"
        "$paths = Get-ChildItem -Recurse \"$exchange\\Logging\\HttpProxy\" -Filter '*.log'\r\n"
        "$paths | Select-String 'ServerInfo~'\r\n"
    )


def _ages(server: ServerPlan) -> str:
    days = (responded(server) - server.begins).days
    head = ",".join(f'"{name}"' for name in AGES)
    return f"{head}\r\n" + ",".join(f'"{days}.0"' for _ in AGES) + "\r\n"


def _safety_scanner(server: ServerPlan) -> str:
    begun = responded(server) - timedelta(minutes=server.machine.language.bias - 9)
    ended = begun + timedelta(minutes=36)
    dashes = "-" * 87
    return (
        f"{dashes}\r\nMicrosoft Safety Scanner v1.333, (build 1.333.160.0)\r\n"
        f"Started On {begun:%a %b %d %H:%M:%S %Y}\r\n"
        "\r\nEngine: 1.1.17900.7\r\nSignatures: 1.333.160.0\r\nMpGear: 1.1.16330.1\r\nRun Mode: Full Scan\r\n"
        "\r\nFull Scan Results:\r\n----------------\r\n\r\nResults Summary:\r\n----------------\r\n"
        "No infection found.\r\n"
        f"Microsoft Safety Scanner Finished On {ended:%a %b %d %H:%M:%S %Y}\r\n\r\n\r\nReturn code: 0 (0x0)\r\n"
    )


def _indicators() -> str:
    return (
        "name: example\r\nindicator:\r\n"
        "  - path: 'C:\\inetpub\\wwwroot\\aspnet_client\\discover.aspx'\r\n"
        "  - path: 'C:\\inetpub\\wwwroot\\aspnet_client\\supp0rt.aspx'\r\n"
        "  - file: lsass.dmp\r\n"
    )


def _rule() -> str:
    return (
        f'rule example {{ strings: $a = "{PATTERN.replace(chr(34), chr(92) + chr(34))}" condition: $a }}\r\n'
    )


def _thor(server: ServerPlan) -> str:
    stamp = f"{responded(server):%b %d %H:%M:%S}"
    return (
        f"{stamp} {server.name} THOR: Info: MODULE: Init MESSAGE: scan started\r\n"
        f"{stamp} {server.name} THOR: Info: MODULE: Filescan MESSAGE: looking for discover.aspx, shell.aspx\r\n"
        f"{stamp} {server.name} THOR: Info: MODULE: Report MESSAGE: 0 alerts, 0 warnings\r\n"
    )
