"""The MSExchange Management log of a synthetic server: the cmdlets that succeeded, with their parameters."""

from collections.abc import Iterator
from datetime import datetime, timedelta

from postvakt.estate import attack, event_kinds
from postvakt.estate.evtx_writer import Event
from postvakt.estate.people import ADMINISTRATOR, HEALTH_MAILBOX, Account
from postvakt.estate.plans import DOMAIN, ServerPlan

PROBED = (
    ("Get-Mailbox", '-Identity "{mailbox}"'),
    ("Get-ServerComponentState", '-Identity "{server}"'),
    ("Get-HealthReport", '-Identity "{server}"'),
    ("Get-MailboxDatabaseCopyStatus", '-Server "{server}"'),
)
"""What the health mailboxes ask, with its parameters."""

CMDLETS_AN_HOUR = 2


def events(server: ServerPlan, hours: list[datetime]) -> Iterator[Event]:
    """Yield the log's events, in no order. `hours` are the full hours that the log covers."""
    dice = server.random("cmdlets")
    for hour in hours:
        for _ in range(CMDLETS_AN_HOUR):
            name, parameters = dice.choice(PROBED)
            told = parameters.format(mailbox=f"{HEALTH_MAILBOX.name}@{DOMAIN}", server=server.name)
            instant = hour + timedelta(seconds=dice.randrange(0, 3600))
            yield _cmdlet(instant, name, told, HEALTH_MAILBOX, "MSExchangePowerShellAppPool")
    for minute, name, parameters in attack.cmdlets(server):
        yield _cmdlet(server.at(minute), name, parameters, ADMINISTRATOR, "MSExchangeECPAppPool")


def _cmdlet(instant: datetime, name: str, parameters: str, account: Account, pool: str) -> Event:
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
    return Event(instant, event_kinds.CMDLET, (texts, None), process=0, thread=0)
