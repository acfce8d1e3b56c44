"""What the people who run a synthetic server did on it: some of it looks like an attack and is none."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from itertools import islice

import msgspec

from postvakt.estate.plans import ACQUIRED, ServerPlan

SYSTEM = "C:\\Windows\\System32\\"
EXPLORER = "C:\\Windows\\explorer.exe"
JUMP_HOST = "10.20.30.9"
"""The machine from which administrators sign in."""

OAB_IDENTITY = "b8a1f0c4-63de-4d0f-8a41-0c9be2d7c5f3"
BACKUP = ("Example Backup Agent", '"C:\\Program Files\\Example Backup\\agent.exe" -service')
"""A service that an administrator installs, by name and program."""

RESPONDED_ON = datetime(2021, 3, 10, 9, 0, tzinfo=UTC)


class Administered(msgspec.Struct, frozen=True, kw_only=True):
    """One cmdlet of an administrator. `panel` is what the control panel logs of it, where it was used for it."""

    time: datetime
    cmdlet: str
    parameters: str
    panel: tuple[str, str] | None = None


class Started(msgspec.Struct, frozen=True):
    """One program that an administrator started from the desktop."""

    time: datetime
    image: str
    line: str


def working_days(server: ServerPlan) -> Iterator[datetime]:
    """Yield seven in the morning of each weekday that the server's logs span."""
    day = server.begins.replace(hour=7, minute=0)
    while day < ACQUIRED:
        if day.weekday() < 5:
            yield day
        day += timedelta(days=1)


def sign_ins(server: ServerPlan) -> Iterator[datetime]:
    """Yield when an administrator signed in over remote desktop."""
    dice = server.random("operator signs in")
    for day in working_days(server):
        yield day + timedelta(seconds=dice.randrange(0, 7200))


def cmdlets(server: ServerPlan) -> Iterator[Administered]:
    """Yield the cmdlets of administrators: an address set to where mail really is, a mailbox exported to a share."""
    dice = server.random("operator's cmdlets")
    for number, day in enumerate(working_days(server)):
        instant = day + timedelta(seconds=dice.randrange(7200, 14400))
        yield Administered(
            time=instant,
            cmdlet="Set-Mailbox",
            parameters=f'-Identity "ana" -ProhibitSendQuota "{2 + number % 3} GB"',
        )
        if number % 5 == 0:
            yield _address(instant + timedelta(minutes=20))
        if number % 5 == 1:
            yield Administered(
                time=instant + timedelta(minutes=40),
                cmdlet="New-MailboxExportRequest",
                parameters='-Mailbox "hugo" -FilePath "\\\\fs01\\pst\\hugo.pst" -Name "leaver"',
            )


def _address(instant: datetime) -> Administered:
    url = "https://mail.corp.example/OAB"
    asked = "/ecp/DDI/DDIService.svc/SetObject?schema=OABVirtualDirectory&msExchEcpCanary=kQ3v0w"
    return Administered(
        time=instant,
        cmdlet="Set-OabVirtualDirectory",
        parameters=f'-ExternalUrl "{url}" -Identity "{OAB_IDENTITY}"',
        panel=(f"'Set-OabVirtualDirectory.ExternalUrl=''{url}''.Identity=''{OAB_IDENTITY}'''", asked),
    )


def programs(server: ServerPlan) -> Iterator[Started]:
    """Yield what administrators started from the desktop, the responders' tools among it where they came."""
    dice = server.random("operator's programs")
    powershell = f"{SYSTEM}WindowsPowerShell\\v1.0\\powershell.exe"
    remote = f"{server.machine.install_path}bin\\RemoteExchange.ps1"
    shell = f'"{powershell}" -noexit -command ". \'{remote}\'; Connect-ExchangeServer -auto"'
    for day in working_days(server):
        instant = day + timedelta(seconds=dice.randrange(7200, 14400))
        yield Started(instant, powershell, shell)
        event_viewer = f'"{SYSTEM}mmc.exe" "{SYSTEM}eventvwr.msc" /s'
        yield Started(instant + timedelta(minutes=3), f"{SYSTEM}mmc.exe", event_viewer)
        yield Started(instant + timedelta(minutes=9), f"{SYSTEM}whoami.exe", "whoami /groups")
    if server.story.responders:
        yield from _responded(server, powershell)


def _responded(server: ServerPlan, powershell: str) -> Iterator[Started]:
    begun = responded(server)
    tools = "C:\\Tools\\"
    for minute, image, line in (
        (0, powershell, f'"{powershell}" -File {tools}Test-ProxyLogon.ps1 -OutPath C:\\Test-ProxyLogonLogs'),
        (6, powershell, f'"{powershell}" -ExecutionPolicy Bypass -File {tools}EOMT.ps1'),
        (9, f"{tools}msert.exe", f"{tools}msert.exe /F /N"),
        (50, f"{tools}CHIRP\\chirp.exe", f"{tools}CHIRP\\chirp.exe -o C:\\Tools\\CHIRP\\output"),
        (70, f"{tools}thor\\thor64-lite.exe", f"{tools}thor\\thor64-lite.exe --soft -e C:\\Tools\\thor"),
    ):
        yield Started(begun + timedelta(minutes=minute), image, line)


def responded(server: ServerPlan) -> datetime:
    """Return when the responders began, after the logs did."""
    return max(RESPONDED_ON, server.begins + timedelta(hours=9))


def services_installed(server: ServerPlan) -> Iterator[datetime]:
    """Yield when an administrator installed the agent of the backup: on the first day."""
    for day in islice(working_days(server), 1):
        yield day + timedelta(hours=3, minutes=11)
