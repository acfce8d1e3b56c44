"""6: the logs of several days are deleted and the Security log cleared; whatever was there has left no file."""

from datetime import datetime

from postvakt.estate import event_kinds
from postvakt.estate.evtx_writer import Event
from tests.strangers import events
from tests.strangers.ground import HandIn, Server, at
from tests.strangers.rendering import hand_in
from tests.strangers.working import working

SERVER = Server(
    name="LND-EXM-3",
    netbios="THAMES",
    dns="thames.corp.example",
    address="192.0.2.33",
    seed=33,
    begins=at("02-26 00:00"),
    ends=at("03-11 10:00"),
    builds=((at("01-01 00:00"), (15, 1, 2044, 4)),),
    zone=("GMT Standard Time", 0),
)
GONE_FROM, GONE_TO = at("03-02 00:00"), at("03-06 00:00")
CLEARED = at("03-05 22:14:37")


def handed_in() -> HandIn:
    gathered = working(SERVER, with_hives=False)
    for kept in (gathered.iis, gathered.proxy, gathered.text):
        for log, rows in kept.items():
            kept[log] = [row for row in rows if not _gone(row[0])]  # type: ignore[index]
    gathered.events[events.SECURITY] = [one for one in gathered.events[events.SECURITY] if one.time > CLEARED]
    who = (f"{SERVER.domain_sid}-500", "Administrator", SERVER.netbios, 0x1F3A77)
    gathered.events[events.SECURITY].append(Event(CLEARED, event_kinds.LOG_CLEARED, who))
    gathered.plant("event", "1102: the Security log was cleared", CLEARED)
    gathered.plant("http_proxy", "no file of 2 to 5 March", GONE_FROM)
    return hand_in(gathered, "inconclusive", "")


def _gone(when: datetime) -> bool:
    return GONE_FROM <= when < GONE_TO
