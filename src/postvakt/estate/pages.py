"""Loose files of a synthetic server: those of its installation and of its administrators, and what intruders left."""

from collections.abc import Iterator

from postvakt.estate import installed, intruder, responders, upkeep
from postvakt.estate.deeds import acts
from postvakt.estate.placed import Made, Placed
from postvakt.estate.plans import INSTALLED_AT, ServerPlan
from postvakt.estate.traces import Absent

TASK = (
    '<?xml version="1.0" encoding="UTF-16"?>\r\n'
    '<Task version="1.2" xmlns="http://schemas.microsoft.com/windows/2004/02/mit/task">\r\n'
    "<RegistrationInfo><Author>CORP\\adm-kim</Author><URI>\\Nightly backup</URI></RegistrationInfo>\r\n"
    "<Triggers><CalendarTrigger><StartBoundary>2020-09-18T02:00:00</StartBoundary><Enabled>true</Enabled>"
    "<ScheduleByDay><DaysInterval>1</DaysInterval></ScheduleByDay></CalendarTrigger></Triggers>\r\n"
    '<Principals><Principal id="Author"><UserId>S-1-5-18</UserId></Principal></Principals>\r\n'
    '<Actions Context="Author"><Exec><Command>C:\\Windows\\System32\\wbadmin.exe</Command>'
    "<Arguments>start backup -backupTarget:\\\\fs01\\backup -include:C: -quiet</Arguments></Exec></Actions>\r\n"
    "</Task>\r\n"
)
HISTORY = (
    "Get-MailboxDatabase | ft name,server\r\n"
    "Get-Queue\r\n"
    "New-MailboxExportRequest -Mailbox hugo -FilePath \\\\fs01\\pst\\hugo.pst\r\n"
    "Test-ServiceHealth\r\n"
)
REPORT = "C/ProgramData/Microsoft/Windows/WER/ReportArchive/Critical_w3wp.exe_5d1e_cab_0f1c/Report.wer"


def pages(server: ServerPlan) -> Iterator[Made]:
    """Yield the loose files, in no order, and the traces of those that were taken away again."""
    yield from installed.installed(server)
    yield Placed("C/Windows/System32/Tasks/Nightly backup", TASK.encode("utf-16"), INSTALLED_AT)
    history = "AppData/Roaming/Microsoft/Windows/PowerShell/PSReadLine/ConsoleHost_history.txt"
    if server.machine.release.year > 2013:
        yield Placed(f"{server.machine.profile}/{history}", HISTORY.encode(), INSTALLED_AT)
    yield from upkeep.files(server)
    if server.story.responders:
        yield from responders.left(server)
    for left in intruder.left_files(server):
        trace = left.trace("file")
        if left.removed:
            yield Absent(trace, "the attacker deleted the file")
        else:
            yield Placed(left.path, left.content, left.time, (trace,))
    yield from _crashed(server)


def _crashed(server: ServerPlan) -> Iterator[Placed]:
    """Yield the report of the crash that an attempt on a patched server can leave."""
    for actor in acts(server, "blocked"):
        crash = actor.at(3.2)
        says = "The control panel's process crashed at the attempt, as happens on patched servers."
        trace = intruder.deed(actor, "blocked", "crash", crash, says).trace("file")
        text = (
            "Version=1\r\nEventType=E12\r\nAppPath=c:\\windows\\system32\\inetsrv\\w3wp.exe\r\n"
            "Sig[4].Name=AppName\r\nSig[4].Value=w3wp#MSExchangeECPAppPool\r\n"
        )
        yield Placed(REPORT, text.encode("utf-16"), crash, (trace,))
