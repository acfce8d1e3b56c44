"""8: a shell among the product's pages, used by POSTs and deleted; HttpProxy does not reach back to its writing."""

from datetime import timedelta

from tests.strangers import pages, web
from tests.strangers.ground import Gathered, HandIn, Server, at
from tests.strangers.rendering import hand_in
from tests.strangers.working import working

SERVER = Server(
    name="HAM-EX-02",
    netbios="ELBE",
    dns="elbe.corp.example",
    address="192.0.2.182",
    seed=182,
    begins=at("02-24 00:00"),
    ends=at("03-12 08:00"),
    builds=((at("01-01 00:00"), (15, 2, 659, 4)),),
    install="F/Program Files/Microsoft/Exchange Server/V15",
)
ROLLED = at("03-06 00:00")
ACTOR = "203.0.113.216"
SHELL = "/owa/auth/OutlookDK.aspx"
FIRST = at("02-28 03:12:08")


def handed_in() -> HandIn:
    gathered = working(SERVER, audited=False)
    for kept in (gathered.proxy, gathered.text):
        for log, rows in kept.items():
            kept[log] = [row for row in rows if row[0] >= ROLLED]  # type: ignore[index]
    _asked(gathered, 0, "GET")
    for minutes in (1, 4, 9, 1450, 1462, 2905, 5790):
        _asked(gathered, minutes, "POST")
    folder = (
        f"{SERVER.windows}/Microsoft.NET/Framework64/v4.0.30319/Temporary ASP.NET Files/owa/8e05b027/e164d61b"
    )
    gathered.put(
        f"{folder}/outlookdk.aspx.f5dba9b9.compiled", pages.compiled(SHELL, "App_Web_x1k3v9qw"), FIRST
    )
    library = "~/auth/OutlookDK.aspx\0App_Web_x1k3v9qw.dll\0get_Request\0JScriptEvaluate\0".encode(
        "utf-16-le"
    )
    gathered.put(
        f"{folder}/App_Web_x1k3v9qw.dll", b"MZ\x90\x00" + bytes(508) + library.ljust(8192, b"\0"), FIRST
    )
    gathered.plant(
        "file", f"a .compiled file names {SHELL}, which is no page of the product and is not there", FIRST
    )
    return hand_in(gathered, "compromised", "shell-used")


def _asked(gathered: Gathered, minutes: int, method: str) -> None:
    when = FIRST + timedelta(minutes=minutes)
    query = f"&CorrelationID=<empty>;&cafeReqId={gathered.guid()};"
    web.direct(gathered, when, SHELL, client=ACTOR, method=method, query=query)
    gathered.plant("iis", f"{method} {SHELL} 200: no page of the product has this name", when)
