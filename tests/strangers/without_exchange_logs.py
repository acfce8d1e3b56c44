"""7: a clean server whose collector took IIS and event logs only.

Which mailbox a request was sent on to, and what the address book's generator wrote, stand in Exchange's own logs alone;
no page was collected either. Nothing speaks of an attack, and nothing can exclude one.
"""

from tests.strangers.ground import HandIn, Server, at
from tests.strangers.rendering import hand_in
from tests.strangers.working import working

SERVER = Server(
    name="MAILB-4",
    netbios="FJELL",
    dns="fjell.corp.example",
    address="192.0.2.154",
    seed=154,
    begins=at("02-27 00:00"),
    ends=at("03-09 06:00"),
    builds=((at("01-01 00:00"), (15, 1, 1913, 5)),),
    inetpub="D/inetpub",
)


def handed_in() -> HandIn:
    gathered = working(SERVER, with_hives=False, with_pages=False, exchange_logs=False)
    return hand_in(gathered, "inconclusive", "")
