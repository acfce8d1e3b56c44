"""What runs on every Exchange server of the estate, with what looks like an attack in it and is none.

Numbers and command lines are those that the server's logs name where they name them.
"""

from collections.abc import Iterator, Mapping
from datetime import datetime, timedelta

from postvakt.estate import operators, programs
from postvakt.estate.intruder import WORKER
from postvakt.estate.memory import pe
from postvakt.estate.memory.description import Driver, Endpoint, Module, Process, Region
from postvakt.estate.people import NETBIOS
from postvakt.estate.plans import ServerPlan
from postvakt.estate.security_log import LSASS

SYSTEM32 = "C:\\Windows\\System32\\"
FRAMEWORK = "C:\\Windows\\Microsoft.NET\\Framework64\\v4.0.30319\\"
NATIVE = "C:\\Windows\\assembly\\NativeImages_v4.0.30319_64\\"
TEMPORARY = f"{FRAMEWORK}Temporary ASP.NET Files\\"
ANTIVIRUS = "C:\\Program Files\\Example Antivirus\\"
POOLS = (
    "MSExchangeOWAAppPool",
    "MSExchangeECPAppPool",
    "DefaultAppPool",
    "MSExchangeServicesAppPool",
    "MSExchangeAutodiscoverAppPool",
)
RAN = timedelta(hours=41)
"""How long a machine has run when its memory is taken."""

DOMAIN_CONTROLLER = "192.0.2.2"
SMSS, CSRSS, WININIT, CSRSS_1, WINLOGON, EXPLORER_ = 292, 412, 508, 520, 588, 6104
REGISTRY = 88
HAS_REGISTRY_PROCESS = 17763
PROLOGUE = bytes.fromhex("554157415641554154575653488d6c24c8")
"""How code that was made while running begins: registers saved, room on the stack."""

JUMPS = bytes.fromhex("ff2500000000") + bytes(8)
DRIVERS = (
    Driver("\\SystemRoot\\System32\\drivers\\tcpip.sys"),
    Driver("\\SystemRoot\\System32\\drivers\\http.sys"),
    Driver("\\??\\C:\\Program Files\\Example Antivirus\\exavflt.sys"),
)


def worker(pool: str) -> int:
    """Return the number of the web server's process for an application pool."""
    return programs.standing_process(programs.worker_line(pool))


def environment(server: ServerPlan, pool: str = "") -> Mapping[str, str]:
    """Return the variables of a service's process."""
    variables = {
        "COMPUTERNAME": server.name,
        "ExchangeInstallPath": server.machine.install_path,
        "PROCESSOR_ARCHITECTURE": "AMD64",
        "SystemRoot": "C:\\Windows",
        "USERDOMAIN": NETBIOS,
        "USERNAME": f"{server.name}$",
    }
    return {"APP_POOL_ID": pool, **variables} if pool else variables


def processes(server: ServerPlan, build: int, taken: datetime) -> list[Process]:
    """Return what runs on a server, the first of them System, parents before their children."""
    began = taken - RAN
    made = [Process(pid=4, parent=0, name="System", created=began)]
    if build >= HAS_REGISTRY_PROCESS:
        made.append(Process(pid=REGISTRY, parent=4, name="Registry", created=began))
    for number, row in enumerate((*_windows(), *_services(server))):
        pid, parent, path, line, modules = row
        name = path.rpartition("\\")[2]
        made.append(
            Process(
                pid=pid,
                parent=parent,
                name=name,
                path=path,
                line=line,
                environment=environment(server),
                created=began + timedelta(seconds=2 + 3 * number),
                modules=tuple(Module(path=module) for module in modules),
                session=1 if pid in (CSRSS_1, WINLOGON) else 0,
            )
        )
    made += (_worker(server, pool, began + timedelta(minutes=4)) for pool in POOLS)
    return [*made, *_desktop(server, taken)]


Row = tuple[int, int, str, str, tuple[str, ...]]


def _windows() -> Iterator[Row]:
    """The processes of Windows itself."""
    yield SMSS, 4, f"{SYSTEM32}smss.exe", "\\SystemRoot\\System32\\smss.exe", ()
    csrss = "%SystemRoot%\\system32\\csrss.exe ObjectDirectory=\\Windows SharedSection=1024,20480,768"
    yield CSRSS, 404, f"{SYSTEM32}csrss.exe", csrss, ()
    yield WININIT, 404, f"{SYSTEM32}wininit.exe", "wininit.exe", ()
    yield CSRSS_1, 512, f"{SYSTEM32}csrss.exe", csrss, ()
    yield WINLOGON, 512, f"{SYSTEM32}winlogon.exe", "winlogon.exe", ()
    services = programs.standing_process(programs.STARTER[1])
    yield services, WININIT, f"{SYSTEM32}services.exe", programs.STARTER[1], ()
    packages = ("lsasrv.dll", "msv1_0.dll", "kerberos.dll", "wdigest.dll", "scecli.dll")
    yield (
        LSASS,
        WININIT,
        f"{SYSTEM32}lsass.exe",
        f"{SYSTEM32}lsass.exe",
        (*(SYSTEM32 + name for name in packages), f"{ANTIVIRUS}exav64.dll"),
    )
    for image, line in (programs.TASKS, programs.DCOM, programs.WEB):
        yield programs.standing_process(line), services, image, line, (f"{SYSTEM32}sechost.dll",)


def _services(server: ServerPlan) -> Iterator[Row]:
    """The services of Exchange and of others, and what they start."""
    services = programs.standing_process(programs.STARTER[1])
    exchange = programs.exchange_bin(server)
    search = f"{exchange}Search\\Ceres\\"
    runtime = f"{search}Runtime\\1.0\\noderunner.exe"
    host = f"{exchange}MSExchangeHMHost.exe"
    health = programs.health_worker(server)
    number = programs.standing_process
    for line in (
        f'"{ANTIVIRUS}exavsvc.exe"',
        operators.BACKUP[1],
        f'"{exchange}Microsoft.Exchange.Store.Service.exe"',
        f'"{search}HostController\\hostcontrollerservice.exe"',
        f'"{host}"',
        f'"{exchange}MSExchangeTransport.exe"',
        *((f'"{exchange}UMService.exe"',) if server.machine.release.unified_messaging else ()),
    ):
        image = line.split('"')[1]
        yield number(line), services, image, line, (f"{ANTIVIRUS}exav64.dll",)
    for image, line, parent in (
        (f"{exchange}Microsoft.Exchange.Store.Worker.exe", "-id:7d2c61ab -p:3", "Microsoft.Exchange.Store.Service.exe"),
        (runtime, '--noderoot "Nodes\\Fsis\\IndexNode1" --nodename "IndexNode1"',
         "Search\\Ceres\\HostController\\hostcontrollerservice.exe"),
        (health, "-pipe:1184 -stopkey:Global\\x", "MSExchangeHMHost.exe"),
        (f"{exchange}EdgeTransport.exe", "-pipe:1320 -stopkey:Global\\y", "MSExchangeTransport.exe"),
        *(
            ((f"{exchange}UMWorkerProcess.exe", "-startupMode:Single -port:5065", "UMService.exe"),)
            if server.machine.release.unified_messaging
            else ()
        ),
    ):  # fmt: skip
        told = f'"{image}" {line}'
        clr = (f"{FRAMEWORK}clr.dll", f"{ANTIVIRUS}exav64.dll")
        yield number(told), number(f'"{exchange}{parent}"'), image, told, clr
    tasks = number(programs.TASKS[1])
    rotate = f"{SYSTEM32}cmd.exe /c C:\\Scripts\\rotate-logs.cmd"
    yield number(rotate), tasks, f"{SYSTEM32}cmd.exe", rotate, (f"{ANTIVIRUS}exav64.dll",)


def _worker(server: ServerPlan, pool: str, created: datetime) -> Process:
    line = programs.worker_line(pool)
    site = {"MSExchangeOWAAppPool": "owa", "MSExchangeECPAppPool": "ecp"}.get(pool)
    compiled = (f"{TEMPORARY}{site}\\8e05b027\\e164d61b\\App_Web_w1dnwbtt.dll",) if site else ()
    paths = (
        f"{SYSTEM32}inetsrv\\iiscore.dll",
        f"{FRAMEWORK}clr.dll",
        f"{FRAMEWORK}clrjit.dll",
        f"{FRAMEWORK}webengine4.dll",
        f"{NATIVE}System.Web\\3f1c5a9e2b7d40618c2e9f0a1b3c5d7e\\System.Web.ni.dll",
        f"{programs.exchange_bin(server)}Microsoft.Exchange.Common.dll",
        f"{ANTIVIRUS}exav64.dll",
        *compiled,
    )
    return Process(
        pid=worker(pool),
        parent=programs.standing_process(programs.WEB[1]),
        name="w3wp.exe",
        path=WORKER,
        line=line,
        environment=environment(server, pool),
        created=created,
        modules=tuple(Module(path=path) for path in paths),
        regions=made_by_dotnet(server, pool),
    )


def made_by_dotnet(server: ServerPlan, pool: str) -> tuple[Region, ...]:
    """Return the regions that every worker of .NET has: code that it makes while running, which this .NET lets be
    written too, and an assembly that it read into memory, which cannot run as it lies there."""
    dice = server.random(f"code of {pool}")
    code = (PROLOGUE + dice.randbytes(200)).ljust(256, b"\xcc") * 8
    loaded = pe.header(size=0x3000, base=0x10000000, stamp=0x5E4D1B20, dll=True)
    return (
        Region(name="code", pages=(bytes(64) + code, code), size=0x10000, protection="rwx"),
        Region(name="code made final", pages=(code,), size=0x4000, protection="rx", residence="transition"),
        Region(name="stubs of the antivirus", pages=(JUMPS * 32,), protection="rx"),
        Region(name="assembly read as bytes", pages=(loaded, dice.randbytes(900)), protection="rw"),
        Region(name="objects", pages=(dice.randbytes(512),), size=0x100000, protection="rw"),
        Region(name="objects not in memory", pages=(b"", b""), protection="rw", residence="paged-out"),
        Region(
            name="locale",
            pages=(bytes(64),),
            protection="r",
            file=f"{SYSTEM32}locale.nls",
            residence="by-region",
        ),
    )


def _desktop(server: ServerPlan, taken: datetime) -> Iterator[Process]:
    """An administrator who is signed in, with the shell of Exchange open where one was opened before."""
    variables = {**environment(server), "USERNAME": "adm-kim"}
    number = programs.standing_process(operators.EXPLORER)
    begun = taken - timedelta(hours=30)
    yield Process(
        pid=number,
        parent=EXPLORER_,
        name="explorer.exe",
        path=operators.EXPLORER,
        line=operators.EXPLORER,
        environment=variables,
        created=begun,
        session=2,
    )
    opened = [
        run
        for run in programs.administrators(server)
        if begun < run.time < taken and "RemoteExchange" in run.line
    ]
    for run in opened[-1:]:
        yield Process(
            pid=run.process,
            parent=number,
            name="powershell.exe",
            path=run.image,
            line=run.line,
            environment=variables,
            created=run.time,
            session=2,
            modules=(Module(path=f"{FRAMEWORK}clr.dll"), Module(path=f"{ANTIVIRUS}exav64.dll")),
            regions=made_by_dotnet(server, "powershell"),
        )


def endpoints(server: ServerPlan, taken: datetime) -> Iterator[Endpoint]:
    """Yield the ports that are listened on, visitors' connections, and those to the domain controller."""
    dice = server.random("connections")
    began = taken - RAN + timedelta(minutes=3)
    for port in (443, 444, 80):
        yield Endpoint(pid=4, local="0.0.0.0", port=port, transport="tcp-listener", created=began)
    for _ in range(4):
        yield Endpoint(
            pid=4,
            local=server.address,
            port=443,
            remote=f"198.51.100.{dice.randrange(1, 200)}",
            remote_port=dice.randrange(49152, 65536),
            created=taken - timedelta(seconds=dice.randrange(5, 600)),
        )
    for pool in POOLS[:2]:
        yield Endpoint(
            pid=worker(pool),
            local=server.address,
            port=dice.randrange(49152, 65536),
            remote=DOMAIN_CONTROLLER,
            remote_port=389,
            created=taken - timedelta(seconds=dice.randrange(600, 6000)),
        )
    web = programs.standing_process(programs.WEB[1])
    yield Endpoint(pid=web, local="0.0.0.0", port=5355, transport="udp", created=began)
    yield Endpoint(pid=LSASS, local="::1", port=49664, transport="tcp-listener", created=began)
