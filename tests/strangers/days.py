"""A working server's ordinary web days: people, phones, Outlook, probes, administrators, passers-by."""

from datetime import datetime, timedelta

from tests.strangers import web
from tests.strangers.ground import Gathered

PEOPLE = ("mberg", "lsvens", "kholm", "jnyqv", "tasker", "poulsen")
HEALTH = "HealthMailbox4c1e07b"
PASSERS = (
    ("/robots.txt", "Mozilla/5.0 (compatible; AhrefsBot/7.0; +http://ahrefs.com/robot/)", 404),
    ("/.env", "Go-http-client/1.1", 404),
    ("/favicon.ico", "Mozilla/5.0 zgrab/0.x", 404),
    ("/", "Mozilla/5.0 zgrab/0.x", 302),
)


def ordinary(gathered: Gathered, begins: datetime | None = None) -> None:
    """Add the traffic of every hour to every web log."""
    dice = gathered.server.dice("days")
    for hour in gathered.server.hours(begins):
        at = sorted(
            hour + timedelta(seconds=dice.randrange(3599), milliseconds=dice.randrange(1000))
            for _ in range(16)
        )
        at = [instant for instant in at if instant < gathered.server.ends]
        if len(at) < 16:
            return
        _probes(gathered, at[:6])
        _clients(gathered, at[6:12], dice.choice(PEOPLE))
        if 6 <= hour.hour <= 18 or hour.hour % 5 == 0:
            _browser(gathered, at[12:], dice.choice(PEOPLE), f"203.0.113.{dice.randrange(20, 60)}")
        if hour.hour % 6 == 1:
            stem, agent, status = dice.choice(PASSERS)
            web.direct(
                gathered,
                at[15],
                stem,
                client=f"198.51.100.{dice.randrange(100, 140)}",
                agent=agent,
                status=status,
            )


def _probes(gathered: Gathered, at: list[datetime]) -> None:
    server = gathered.server
    local = {"user": HEALTH, "client": "127.0.0.1"}
    probe = "AMProbe/Local/ClientAccess"
    web.visit(gathered, at[0], "/ews/", agent=probe, **local)
    web.visit(gathered, at[1], "/owa/", agent="AMProbe/Local/ClientAccess", **local)
    web.visit(gathered, at[2], "/ecp/", agent=probe, **local)
    web.visit(
        gathered,
        at[3],
        "/mapi/emsmdb/",
        agent="MapiHttpClient",
        method="POST",
        query=f"mailboxId={gathered.guid()}@{server.dns}",
        anchor=f"MailboxGuid~{gathered.guid()}",
        **local,
    )
    web.visit(
        gathered,
        at[4],
        "/powershell",
        agent=web.WINRM,
        method="POST",
        user=HEALTH,
        client=server.address,
        query="clientApplication=ActiveMonitor;PSVersion=5.1.14393.4169",
        anchor="ServerVersion~Version 15.1 (Build 0.0)",
    )
    web.visit(gathered, at[5], "/autodiscover/autodiscover.svc", agent=probe, **local)


def _clients(gathered: Gathered, at: list[datetime], user: str) -> None:
    server = gathered.server
    client = f"203.0.113.{60 + sum(user.encode()) % 60}"
    web.visit(
        gathered,
        at[0],
        "/Microsoft-Server-ActiveSync/default.eas",
        user=user,
        client=client,
        agent=web.PHONE,
        method="POST",
        query=f"Cmd=Ping&User={user}&DeviceId=J5V7T2HGQ51D{len(user)}B07&DeviceType=iPhone",
    )
    web.visit(gathered, at[1], "/EWS/Exchange.asmx", user=user, client=client, agent=web.MAC, method="POST")
    web.visit(
        gathered,
        at[2],
        "/mapi/emsmdb/",
        user=user,
        client=client,
        agent=web.OUTLOOK,
        method="POST",
        query=f"MailboxId={gathered.guid()}@{server.dns}",
        anchor=f"MailboxGuid~{gathered.guid()}",
    )
    web.visit(
        gathered,
        at[3],
        "/autodiscover/autodiscover.xml",
        client=client,
        agent=web.OUTLOOK,
        method="POST",
        status=401,
    )
    web.visit(
        gathered,
        at[4],
        "/autodiscover/autodiscover.xml",
        user=user,
        client=client,
        agent=web.OUTLOOK,
        method="POST",
        anchor=f"Smtp~{user}@{server.dns}",
    )
    web.visit(
        gathered, at[5], "/EWS/Exchange.asmx", user=user, client=client, agent=web.OUTLOOK, method="POST"
    )


def _browser(gathered: Gathered, at: list[datetime], user: str, client: str) -> None:
    build = "15.{1}.{2}".format(*gathered.server.build(at[0]))
    web.visit(gathered, at[0], "/owa/auth/logon.aspx", client=client, query="replaceCurrent=1", proxied=False)
    web.visit(
        gathered,
        at[0],
        f"/owa/auth/{build}/themes/resources/segoeui-regular.ttf",
        client=client,
        proxied=False,
    )
    web.visit(gathered, at[1], "/owa/auth.owa", client=client, method="POST", status=302)
    web.visit(gathered, at[2], "/owa/", user=user, client=client)
    web.visit(
        gathered,
        at[3],
        "/owa/service.svc",
        user=user,
        client=client,
        method="POST",
        query="action=FindConversation&ID=-17",
    )
