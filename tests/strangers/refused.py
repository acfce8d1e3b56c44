"""4: patched on 4 March, tried on 5 March, refused."""

from datetime import timedelta

from tests.strangers import chain, web
from tests.strangers.ground import IIS_ALL, HandIn, Server, at
from tests.strangers.rendering import hand_in
from tests.strangers.working import looked_for, working

SERVER = Server(
    name="CBX-11",
    netbios="PRAIRIE",
    dns="prairie.corp.example",
    address="192.0.2.91",
    seed=91,
    begins=at("02-26 00:00"),
    ends=at("03-09 15:00"),
    builds=((at("01-01 00:00"), (15, 2, 792, 3)), (at("03-04 05:00"), (15, 2, 792, 10))),
    fields=IIS_ALL,
    zone=("Central Standard Time", 360),
)
ACTOR = "198.51.100.205"
REPORT = """Version=1
EventType=CLR20r3
EventTime=132593851034000000
ReportType=2
Consent=1
ReportIdentifier=5d0c6e7a-7d55-11eb-80c6-000c29f4a1b2
Sig[0].Name=Problem Signature 01
Sig[0].Value=w3wp#MSExchangeECPAppPool
Sig[1].Name=Problem Signature 02
Sig[1].Value=15.2.792.10
AppPath=c:\\windows\\system32\\inetsrv\\w3wp.exe
"""


def handed_in() -> HandIn:
    gathered = working(SERVER)
    begun = at("03-05 08:31:04")
    for attempt in range(3):
        chain.into_the_panel(
            gathered,
            begun + timedelta(seconds=60 * attempt),
            client=ACTOR,
            stem="/ecp/y.js",
            agent="python-requests/2.25.1",
            status=500,
        )
    when = begun + timedelta(seconds=62)
    folder = f"{SERVER.windows[0]}/ProgramData/Microsoft/Windows/WER/ReportArchive"
    path = f"{folder}/Critical_w3wp#MSExchangeEC_7d1be2c0de9c1b0f_00000000_cab_1a2b/Report.wer"
    gathered.put(path, REPORT.replace("\n", "\r\n").encode("utf-16"), when)
    gathered.plant("file", "a WER report of the control panel's pool: an attempt on a patched server", when)
    web.direct(gathered, begun + timedelta(seconds=200), "/aspnet_client/y.aspx", client=ACTOR, status=404)
    looked_for(gathered, at("03-08 22:41"), "203.0.113.201")
    return hand_in(gathered, "attempted", "attempt-failed")
