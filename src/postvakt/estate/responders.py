"""What the tools of responders leave on a server where there was nothing to find."""

import base64
from collections.abc import Iterator
from datetime import timedelta

from postvakt.estate import upkeep
from postvakt.estate.operators import responded
from postvakt.estate.placed import Placed
from postvakt.estate.plans import ServerPlan

PATTERN = base64.b64decode("ZXZhbChSZXF1ZXN0WyI=").decode()
"""What a rule for web shells looks for, and so holds."""


def left(server: ServerPlan) -> Iterator[Placed]:
    """Yield the files of the checks, of the mitigation and of the scanners, in no order."""
    begun = responded(server)
    for minutes, path, text in (
        (0, "C/Tools/Test-ProxyLogon.ps1", _script()),
        (4, f"C/Test-ProxyLogonLogs/{server.name}-LogAgeDays.csv", upkeep.log_ages(server, begun)),
        (6, upkeep.SITE, upkeep.rewrite_rules()),
        (7, "C/EOMTSummary.txt", "Microsoft Exchange mitigation: complete. Nothing was found.\r\n"),
        (45, upkeep.SCANNED, upkeep.safety_scan(server, begun + timedelta(minutes=9), "Full")),
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


def truths(server: ServerPlan) -> Iterator[upkeep.MitigationTruth]:
    """Yield what responders did that counts as a mitigation or a scan."""
    if server.story.responders:
        since = responded(server) + timedelta(minutes=6)
        yield upkeep.MitigationTruth(id="cookie-rules", state="on", since=since, source=upkeep.SITE)
        yield upkeep.MitigationTruth(id="msert-full", state="ran", source=upkeep.SCANNED)
        ages = f"C/Test-ProxyLogonLogs/{server.name}-LogAgeDays.csv"
        yield upkeep.MitigationTruth(id="test-proxylogon", state="ran", source=ages)
