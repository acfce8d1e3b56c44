"""The MSExchange Management log of a synthetic server: the cmdlets that succeeded, with their parameters."""

from collections.abc import Iterator
from datetime import datetime, timedelta

from postvakt.estate import attack, event_kinds, operators
from postvakt.estate.evtx_writer import Event
from postvakt.estate.people import HEALTH_MAILBOX, OPERATOR, Account, administrator
from postvakt.estate.plans import DOMAIN, ServerPlan
from postvakt.estate.traces import Trace

PROBED = (
    ("Get-Mailbox", '-Identity "{mailbox}"'),
    ("Get-ServerComponentState", '-Identity "{server}"'),
    ("Get-HealthReport", '-Identity "{server}"'),
    ("Get-MailboxDatabaseCopyStatus", '-Server "{server}"'),
)
"""What the health mailboxes ask, with its parameters."""

CMDLETS_AN_HOUR = 2
PANEL_POOL, SHELL_POOL = "MSExchangeECPAppPool", "MSExchangePowerShellAppPool"


def events(server: ServerPlan, hours: list[datetime]) -> Iterator[Event]:
    """Yield the log's events, in no order. `hours` are the full hours that the log covers."""
    dice = server.random("cmdlets")
    for hour in hours:
        for _ in range(CMDLETS_AN_HOUR):
            name, parameters = dice.choice(PROBED)
            told = parameters.format(mailbox=f"{HEALTH_MAILBOX.name}@{DOMAIN}", server=server.name)
            instant = hour + timedelta(seconds=dice.randrange(0, 3600))
            yield _cmdlet(instant, name, told, HEALTH_MAILBOX, SHELL_POOL)
    for one in operators.cmdlets(server):
        pool = SHELL_POOL if one.panel is None else PANEL_POOL
        yield _cmdlet(one.time, one.cmdlet, one.parameters, OPERATOR, pool)
    for deed in attack.cmdlets(server):
        yield _cmdlet(
            deed.time, deed.cmdlet, deed.parameters, administrator(server), PANEL_POOL, deed.trace("event")
        )


def _cmdlet(
    instant: datetime, name: str, parameters: str, account: Account, pool: str, trace: Trace | None = None
) -> Event:
    texts = (
        name,
        parameters,
        f"{DOMAIN}/Users/{account.name}",
        account.sid,
        account.sid,
        "Remote-ManagementShell-Unknown",
        f"7344 w3wp#{pool}",
        "",
        "23",
        "00:00:00.1406250",
        "View Entire Forest: 'True', Configuration Domain Controller: 'dc01.corp.example'",
        "",
        "",
        "",
    )
    return Event(instant, event_kinds.CMDLET, (texts, None), process=0, thread=0, trace=trace)
