"""3: an Exchange 2013 whose discovery was asked through the forged cookie, and no more."""

from datetime import timedelta

from tests.strangers import web
from tests.strangers.ground import HandIn, Server, at
from tests.strangers.rendering import hand_in
from tests.strangers.working import working

SERVER = Server(
    name="HV-EX13A",
    netbios="HEATH",
    dns="heath.corp.example",
    address="192.0.2.63",
    seed=63,
    begins=at("03-01 00:00"),
    ends=at("03-10 07:00"),
    builds=((at("01-01 00:00"), (15, 0, 1497, 2)),),
    iis="8.5",
    zone=("GMT Standard Time", 0),
)


def handed_in() -> HandIn:
    gathered = working(SERVER)
    for begun, client in ((at("03-04 01:12"), "198.51.100.8"), (at("03-06 17:33"), "203.0.113.180")):
        for number in range(5):
            when = begun + timedelta(seconds=4 * number)
            web.forged(
                gathered,
                when,
                "/ecp/x.js",
                "/autodiscover/autodiscover.xml?",
                client=client,
                agent="python-requests/2.19.1",
            )
            gathered.plant(
                "http_proxy",
                "AnchorMailbox ServerInfo~...:444/autodiscover/autodiscover.xml?#, HttpStatus 200",
                when,
            )
    when = at("03-08 10:10:10")
    web.visit(
        gathered,
        when,
        "/owa/auth/x.js",
        client="203.0.113.9",
        agent="Mozilla/5.0 (compatible; Nmap Scripting Engine)",
        status=500,
        anchor="ServerInfo~localhost/ecp/default.flt?",
    )
    gathered.plant("http_proxy", "the check of Microsoft's nmap script: ServerInfo~localhost/...", when)
    return hand_in(gathered, "attempted", "probed", bare=True)
