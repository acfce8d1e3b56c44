"""10: Exchange 2010, without HttpProxy: Unified Messaging failed on what it was given, and commands ran below it."""

from datetime import timedelta

from postvakt.estate.evtx_writer import Event
from tests.strangers import events, web
from tests.strangers.ground import IIS_7, Gathered, HandIn, Server, at
from tests.strangers.rendering import hand_in
from tests.strangers.working import working

SERVER = Server(
    name="OLD-CAS-1",
    netbios="QUARRY",
    dns="quarry.corp.example",
    address="192.0.2.9",
    seed=9,
    begins=at("02-28 00:00"),
    ends=at("03-09 22:00"),
    builds=((at("01-01 00:00"), (14, 3, 509, 0)),),
    iis="7.5",
    fields=IIS_7,
    install="C/Program Files/Microsoft/Exchange Server/V14",
    zone=("Tokyo Standard Time", -540 % 2**32),
)
UM = "C:\\Program Files\\Microsoft\\Exchange Server\\V14\\Bin\\UMWorkerProcess.exe"
CALL = at("03-04 18:22:41")
FAILED = (
    "The Unified Messaging server encountered an error while processing the message with header file "
    '"C:\\Program Files\\Microsoft\\Exchange Server\\V14\\UnifiedMessaging\\voicemail\\3f1c7d58.txt". Error details: '
    "\"System.InvalidCastException: Unable to cast object of type 'System.Collections.Hashtable' to type "
    "'Microsoft.Exchange.UM.UMCore.ContactInfo'.\r\n   at "
    'Microsoft.Exchange.UM.UMCore.PipelineContext.FromHeaderFile(String headerFile)"'
)


def handed_in() -> HandIn:
    gathered = working(SERVER, audited=False, sysmon=True, with_pages=False, exchange_logs=False)
    _as_2010(gathered)
    for number in range(2):
        when = CALL + timedelta(seconds=40 * number)
        gathered.events[events.APPLICATION].append(Event(when, events.UM_FAILED, ((FAILED,), None)))
        gathered.plant("event", "MSExchange Unified Messaging, error: System.InvalidCastException", when)
    shell = "C:\\Windows\\System32\\cmd.exe"
    lines = (
        (41, shell, "cmd.exe /c whoami & ipconfig /all", UM, f'"{UM}" -port:5065'),
        (42, "C:\\Windows\\System32\\whoami.exe", "whoami", shell, "cmd.exe /c whoami & ipconfig /all"),
        (95, shell, "cmd.exe /c net user /domain > C:\\Windows\\Temp\\u.txt", UM, f'"{UM}" -port:5065'),
    )
    for seconds, image, line, parent, above in lines:
        when = CALL + timedelta(seconds=seconds)
        events.process(gathered, when, image, line, parent, parent_line=above, audited=False, sysmon=True)
        gathered.plant("event", f"Sysmon 1: {parent.rsplit(chr(92), 1)[1]} starts {line}", when)
    return hand_in(gathered, "compromised", "shell-used")


def _as_2010(gathered: Gathered) -> None:
    """One web site, and no identifiers of a front end in its queries."""
    del gathered.iis[web.BACK]
    for _, row in gathered.iis[web.FRONT]:
        query = str(row.get("cs-uri-query", "-")).partition("&CorrelationID")[0]
        row["cs-uri-query"] = query or "-"
        row["cs-uri-stem"] = str(row["cs-uri-stem"]).replace("/mapi/emsmdb/", "/rpc/rpcproxy.dll")
