"""2: mail read by forged requests to Exchange Web Services, from behind a load balancer; nothing was written."""

from datetime import timedelta

from tests.strangers import logs, web
from tests.strangers.ground import IIS_10, HandIn, Server, at
from tests.strangers.rendering import hand_in
from tests.strangers.working import working

SERVER = Server(
    name="EXC-N02",
    netbios="HARBOR",
    dns="harbor.corp.example",
    address="192.0.2.40",
    seed=40,
    begins=at("02-25 00:00"),
    ends=at("03-06 12:00"),
    builds=((at("01-01 00:00"), (15, 2, 721, 2)),),
    install="D/Exchange/V15",
    inetpub="E/inetpub",
    fields=f"{IIS_10} X-Forwarded-For",
    zone=("Eastern Standard Time", 300),
)
ACTOR = "203.0.113.144"
AGENT = (
    "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) "
    "Chrome/86.0.4240.75 Safari/537.36"
)
STEM = "/owa/auth/Current/themes/resources/logon.css"


def handed_in() -> HandIn:
    gathered = working(SERVER, audited=False)
    for night, begun in enumerate((at("02-28 03:20"), at("03-01 02:55"), at("03-02 03:41"))):
        for number, action in enumerate(("FindFolder", "FindItem", "GetItem", "GetItem", "GetAttachment")):
            when = begun + timedelta(seconds=21 * number + night)
            web.forged(
                gathered,
                when,
                STEM,
                "/EWS/Exchange.asmx?a=~1942062522;",
                client=ACTOR,
                agent=AGENT,
                hint="X-AnonResource-Backend-Cookie",
            )
            logs.ews(
                gathered,
                when,
                action,
                user=SERVER.machine,
                client=SERVER.address,
                agent=AGENT,
                ActAsUser=f"tasker@{SERVER.dns}",
            )
            gathered.plant(
                "http_proxy",
                f"POST {STEM}, AnchorMailbox ServerInfo~...:444/EWS/Exchange.asmx, HttpStatus 200",
                when,
            )
            gathered.plant("iis", f"back end: POST /EWS/Exchange.asmx by {SERVER.machine}", when)
            gathered.plant("ews", f"{action} by the machine account as tasker", when)
    return hand_in(gathered, "compromised", "access-gained")
