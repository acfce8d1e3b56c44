"""The way in as data: which request, command and cmdlet each step leaves, told once for all logs.

The values follow what Microsoft, CISA and the Norwegian responders published; addresses and names are for
documentation.
"""

from collections.abc import Callable, Iterator, Mapping

from postvakt.estate import culprits
from postvakt.estate.deeds import Cmdlet, MailRead, PanelRequest, ProxyStep, ShellRequest, acts
from postvakt.estate.people import USERS
from postvakt.estate.plans import DOMAIN, Actor, ServerPlan
from postvakt.estate.shells import shell
from postvakt.estate.stories import Step

AGENTS = ("ExchangeServicesClient/0.0.0.0", "python-requests/2.25.1")
LATER_AGENTS = ("Mozilla/5.0 (Windows NT 10.0; Win64; x64; rv:86.0) Gecko/20100101 Firefox/86.0",) * 2
SCAN_AGENT = "Mozilla/5.0 (compatible; Nmap Scripting Engine; https://nmap.org/book/nse.html)"
CHECK_AGENT = "Mozilla/5.0 (Windows NT 6.1; WOW64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/41.0.2227.0"
STATIC = ("/ecp/y.js", "/ecp/default.flt")
"""The file that each actor pretends to ask for; it need not be there."""

OAB_IDENTITY = "7ad1cb0f-2c1c-4f7e-9f5e-6b2f7f1e9a11"
CANARY = "aX9k2Lw0b1.RG_y2bQ8"
ANSWERED = (200, 241)
"""Statuses of requests that the back end answered; 241 is the sign-in's own."""

LISTENER = "c59f3k2q.oast.example"
"""The host of whoever checks for the flaw by making a server ask for it."""


def proxy_steps(server: ServerPlan) -> Iterator[ProxyStep]:
    """Yield the actors' requests to the front end; Exchange 2010 has none."""
    for actor in server.actors:
        for step in actor.steps:
            if step in FRONT:
                yield from FRONT[step](server, actor)


def _request(
    actor: Actor,
    step: Step,
    name: str,
    minute: float,
    anchor: str,
    says: str,
    *,
    method: str = "POST",
    url: str = "",
    status: int = 200,
    agent: str = "",
    protocol: str = "Ecp",
    received: int = 512,
) -> ProxyStep:
    """Only what the back end answered has a status of the back end."""
    return ProxyStep(
        actor=actor,
        step=step,
        name=name,
        minute=minute,
        says=says,
        method=method,
        url=url or STATIC[actor.number % len(STATIC)],
        anchor=anchor,
        status=status,
        backend_status=status if status in ANSWERED else None,
        agent=agent or _agents(actor)[1],
        protocol=protocol,
        received=received,
    )


def _agents(actor: Actor) -> tuple[str, ...]:
    return AGENTS if actor.number == 0 else LATER_AGENTS


def _anchor(host: str, path: str) -> str:
    return f"ServerInfo~a]@{host}:444{path}#"


def _probes(server: ServerPlan, actor: Actor, step: Step, minute: float) -> Iterator[ProxyStep]:
    """A scanner asks for a mailbox by the flaw, with a plain GET that no other step of an attack looks like."""
    yield _request(
        actor,
        step,
        "autodiscover",
        minute,
        _anchor(server.fqdn, "/autodiscover/autodiscover.xml?"),
        "A scanner asked through the flaw for a mailbox and was refused.",
        method="GET",
        url="/owa/auth/x.js",
        status=400,
        protocol="Owa",
        received=0,
    )


def _microsoft_scan(server: ServerPlan, actor: Actor) -> Iterator[ProxyStep]:
    """Microsoft's script for Nmap asks the server for two of its own public pages."""
    for minute, name, path in (
        (0, "resource", "/ecp/default.flt?"),
        (0.1, "page", "/owa/auth/logon.aspx?"),
    ):
        yield _request(
            actor,
            "microsoft-scan",
            name,
            minute,
            f"ServerInfo~localhost{path}",
            "Microsoft's own scan script asked whether the flaw is there.",
            method="GET",
            url="/owa/auth/x.js",
            status=500,
            agent=SCAN_AGENT,
            protocol="Owa",
            received=0,
        )


def _check_scan(server: ServerPlan, actor: Actor) -> Iterator[ProxyStep]:
    """Two public checks: one makes the server call a listener, the other looks at the error that comes back."""
    for minute, name, protocol, url, anchor in (
        (0, "listener", "Owa", "/owa/auth/x.js", f"ServerInfo~{LISTENER}/ecp/default.flt?"),
        (3, "error", "Ecp", "/ecp/Kq3.js", "ServerInfo~localhost"),
    ):
        yield _request(
            actor,
            "check-scan",
            name,
            minute,
            anchor,
            "A public check asked whether the flaw is there and was refused.",
            method="GET",
            url=url,
            status=500,
            agent=CHECK_AGENT,
            protocol=protocol,
            received=0,
        )


def _session(server: ServerPlan, actor: Actor) -> Iterator[ProxyStep]:
    yield from _chain(actor, "session", server.fqdn, (200, 200, 241), "The server answered")


def _blocked(server: ServerPlan, actor: Actor) -> Iterator[ProxyStep]:
    """What the patched front end makes of the same requests."""
    yield from _chain(actor, "blocked", server.fqdn, (500, 500, 500), "The patched server refused")


def _guess(server: ServerPlan, actor: Actor) -> Iterator[ProxyStep]:
    """The actor does not know the server's own name: the front end finds no back end under the one it is told."""
    yield from _chain(actor, "guess", f"exchange.{DOMAIN}", (503, 503, 503), "The server did not reach")


def _chain(
    actor: Actor, step: Step, host: str, statuses: tuple[int, int, int], outcome: str
) -> Iterator[ProxyStep]:
    wanted = (
        (0, "autodiscover", "/autodiscover/autodiscover.xml?", 0),
        (2, "mapi", "/mapi/emsmdb/?", 1),
        (3, "sign-in", "/ecp/proxyLogon.ecp?", 1),
    )
    for (minute, name, path, agent), status in zip(wanted, statuses, strict=True):
        yield _request(
            actor,
            step,
            name,
            minute,
            _anchor(host, path),
            f"{outcome} a forged request for {path.rstrip('?')}.",
            status=status,
            agent=_agents(actor)[agent],
        )


def _write(server: ServerPlan, actor: Actor) -> Iterator[ProxyStep]:
    wanted = (
        ("read", "GetObject", "OABVirtualDirectory", "read the address book's virtual directory"),
        ("change", "SetObject", "OABVirtualDirectory", "put a script into the virtual directory's address"),
        ("reset", "SetObject", "ResetOABVirtualDirectory", "had the virtual directory written to a page"),
        ("clean", "SetObject", "OABVirtualDirectory", "took the script out of the address again"),
    )
    for position, (name, verb, schema, deed) in enumerate(wanted):
        path = f"/ecp/DDI/DDIService.svc/{verb}?msExchEcpCanary={CANARY}&schema={schema}"
        yield _request(
            actor,
            "write",
            name,
            round(6 + position * 0.4, 1),
            _anchor(server.fqdn, path),
            f"Through the flaw the intruder {deed}.",
            received=2310,
        )


MAIL = (
    ("folders", "FindFolder", "listed a mailbox's folders"),
    ("messages", "FindItem", "listed a mailbox's messages"),
    ("message", "GetItem", "read a message"),
)


def _mail(server: ServerPlan, actor: Actor) -> Iterator[ProxyStep]:
    for read in mail_reads(server):
        if read.actor == actor:
            anchor = _anchor(server.fqdn, "/EWS/Exchange.asmx?")
            yield _request(actor, "mail", read.name, read.minute, anchor, read.says, received=1480)


def mail_reads(server: ServerPlan) -> Iterator[MailRead]:
    """Yield what was asked of Exchange Web Services through the flaw, in the name of the server itself."""
    for actor in acts(server, "mail"):
        for number, (name, action, says) in enumerate(MAIL):
            yield MailRead(
                actor=actor,
                step="mail",
                name=name,
                minute=round(12 + number * 1.5, 1),
                says=f"Through the flaw the intruder {says} as its owner.",
                action=action,
                reader=f"{USERS[0].name}@{DOMAIN}",
            )


Requests = Callable[[ServerPlan, Actor], Iterator[ProxyStep]]
FRONT: Mapping[Step, Requests] = {
    "probe": lambda server, actor: _probes(server, actor, "probe", 0),
    "probe-again": lambda server, actor: _probes(server, actor, "probe-again", 611),
    "microsoft-scan": _microsoft_scan,
    "check-scan": _check_scan,
    "blocked": _blocked,
    "guess": _guess,
    "session": _session,
    "mail": _mail,
    "write": _write,
}
"""The requests of each step that goes through the front end."""

SHELL_MINUTES: Mapping[Step, tuple[float, ...]] = {
    "use": (31.0, 31.6),
    "dump": (33.2, 40.5),
    "spread": (52.0, 53.5, 56.0),
    "ransom": (2.0,),
}
"""When each step that needs a web shell posts to it."""


def shell_requests(server: ServerPlan) -> Iterator[ShellRequest]:
    """Yield the requests to web shells. Ransom is asked for through the shell that another had left."""
    for actor in server.actors:
        for step in actor.steps:
            owner = server.actors[0] if step == "ransom" else actor
            for number, minute in enumerate(SHELL_MINUTES.get(step, ())):
                yield ShellRequest(
                    actor=actor,
                    step=step,
                    name=f"post-{number + 1}",
                    minute=minute,
                    says="The intruder posted a command to the web shell, which answered.",
                    path=shell(server, owner).url_path,
                    agent=_agents(actor)[1],
                )
            if step == "as-opportunist":
                yield from culprits.looked_for(actor)


def control_panel_requests(server: ServerPlan) -> Iterator[PanelRequest]:
    """Yield what the control panel logs of a write."""
    identity = f"''{OAB_IDENTITY}''"
    base = "/ecp/DDI/DDIService.svc/SetObject?schema="
    change = f"{base}OABVirtualDirectory&msExchEcpCanary={CANARY}"
    reset = f"{base}ResetOABVirtualDirectory&msExchEcpCanary={CANARY}"
    for actor in acts(server, "write"):
        url = shell(server, actor).external_url
        for name, minute, command, asked, deed in (
            ("change", 6.4, f"'Set-OabVirtualDirectory.ExternalUrl=''{url}''.Identity={identity}'", change,
             "put a script into the virtual directory's address"),
            ("reset", 6.8, f"'Remove-OABVirtualDirectory.Force=$true.Identity={identity}'", reset,
             "removed the virtual directory, which wrote it to a page"),
            ("clean", 7.2, f"'Set-OabVirtualDirectory.ExternalUrl=$null.Identity={identity}'", change,
             "took the script out of the address again"),
        ):  # fmt: skip
            yield PanelRequest(
                actor=actor,
                step="write",
                name=name,
                minute=minute,
                says=f"By the control panel the intruder {deed}.",
                command=command,
                url=asked,
            )


def cmdlets(server: ServerPlan) -> Iterator[Cmdlet]:
    """Yield the cmdlets that the control panel ran for a write."""
    for actor in acts(server, "write"):
        url = shell(server, actor).external_url
        for name, minute, cmdlet, parameters in (
            ("change", 6.4, "Set-OabVirtualDirectory", f'-ExternalUrl "{url}" -Identity "{OAB_IDENTITY}"'),
            ("remove", 6.8, "Remove-OabVirtualDirectory", f'-Force "True" -Identity "{OAB_IDENTITY}"'),
            ("make", 6.9, "New-OabVirtualDirectory",
             f'-WebSiteName "Default Web Site" -Server "{server.name}"'),
            ("clean", 7.2, "Set-OabVirtualDirectory", f'-ExternalUrl "" -Identity "{OAB_IDENTITY}"'),
        ):  # fmt: skip
            yield Cmdlet(
                actor=actor,
                step="write",
                name=name,
                minute=minute,
                says=f"{cmdlet} ran for the intruder's change of the virtual directory.",
                cmdlet=cmdlet,
                parameters=parameters,
            )
