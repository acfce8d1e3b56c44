"""Which rows a Sigma log source means: channels and event ids as data, and the tables that say so themselves.

Source: the Sigma log source definitions (documentation/logsource-guides of SigmaHQ/sigma) and the event schemas
of Sysmon and Windows security auditing.
"""

from collections.abc import Iterable, Iterator

import msgspec

from postvakt.model.table import TableSpec

EVENT = "event"
SYSMON = "Microsoft-Windows-Sysmon/Operational"
SECURITY = "Security"
DEFENDER = "Microsoft-Windows-Windows Defender/Operational"
LINUX_SYSMON = "Linux-Sysmon/Operational"
POWERSHELL = ("Microsoft-Windows-PowerShell/Operational", "PowerShellCore/Operational")
CLASSIC = ("Windows PowerShell",)
DNS_CLIENT = ("Microsoft-Windows-DNS-Client/Operational", "Microsoft-Windows-DNS Client Events/Operational")
APPLOCKER = tuple(
    f"Microsoft-Windows-AppLocker/{part}"
    for part in ("EXE and DLL", "MSI and Script", "Packaged app-Deployment", "Packaged app-Execution")
)


class Told(msgspec.Struct, frozen=True):
    """Where a Sigma field's value stands in events that name it otherwise.

    Several `names` are joined by a backslash. `change` names a function of `fields.CHANGES`.
    """

    names: tuple[str, ...]
    change: str = ""


class View(msgspec.Struct, frozen=True):
    """A Sigma log source's share of a table: channels, ids (none: any), other names, a condition that goes along.

    A rule that speaks of one of the fields `without` is not asked of it: its rows have none of them.
    """

    name: str
    channels: tuple[str, ...]
    ids: tuple[int, ...] = ()
    told: tuple[tuple[str, Told], ...] = ()
    guard: tuple[str, tuple[str, ...]] | None = None
    without: frozenset[str] = frozenset()


SERVICES: tuple[tuple[str, tuple[str, ...]], ...] = (
    ("application", ("Application",)),
    ("applocker", APPLOCKER),
    ("appmodel-runtime", ("Microsoft-Windows-AppModel-Runtime/Admin",)),
    (
        "appxdeployment-server",
        (
            "Microsoft-Windows-AppXDeploymentServer/Operational",
            "Microsoft-Windows-AppXDeploymentServer/Restricted",
        ),
    ),
    ("appxpackaging-om", ("Microsoft-Windows-AppxPackaging/Operational",)),
    ("audit-cve", ("Application",)),
    ("bits-client", ("Microsoft-Windows-Bits-Client/Operational",)),
    ("capi2", ("Microsoft-Windows-CAPI2/Operational",)),
    (
        "certificateservicesclient-lifecycle-system",
        ("Microsoft-Windows-CertificateServicesClient-Lifecycle-System/Operational",),
    ),
    (
        "certificateservicesclient-lifecycle-user",
        ("Microsoft-Windows-CertificateServicesClient-Lifecycle-User/Operational",),
    ),
    ("codeintegrity-operational", ("Microsoft-Windows-CodeIntegrity/Operational",)),
    ("dhcp", ("Microsoft-Windows-DHCP-Server/Operational",)),
    ("diagnosis-scripted", ("Microsoft-Windows-Diagnosis-Scripted/Operational",)),
    ("dns-client", DNS_CLIENT),
    ("dns-server", ("DNS Server",)),
    ("dns-server-analytic", ("Microsoft-Windows-DNS-Server/Analytical",)),
    ("dns-server-audit", ("Microsoft-Windows-DNS-Server/Audit",)),
    ("driver-framework", ("Microsoft-Windows-DriverFrameworks-UserMode/Operational",)),
    ("eventlog", ("System", "Security")),
    ("firewall-as", ("Microsoft-Windows-Windows Firewall With Advanced Security/Firewall",)),
    ("hyper-v-worker", ("Microsoft-Windows-Hyper-V-Worker-Admin", "Microsoft-Windows-Hyper-V-Worker")),
    ("iis-configuration", ("Microsoft-IIS-Configuration/Operational",)),
    (
        "kernel-event-tracing",
        ("Microsoft-Windows-Kernel-EventTracing/Admin", "Microsoft-Windows-Kernel-EventTracing"),
    ),
    (
        "kernel-shimengine",
        (
            "Microsoft-Windows-Kernel-ShimEngine/Operational",
            "Microsoft-Windows-Kernel-ShimEngine/Diagnostic",
        ),
    ),
    ("ldap", ("Microsoft-Windows-LDAP-Client/Debug",)),
    ("ldap_debug", ("Microsoft-Windows-LDAP-Client/Debug",)),
    ("lsa-server", ("Microsoft-Windows-LSA/Operational",)),
    (
        "microsoft-servicebus-client",
        (
            "Microsoft-ServiceBus-Client",
            "Microsoft-ServiceBus-Client/Admin",
            "Microsoft-ServiceBus-Client/Operational",
        ),
    ),
    ("msexchange-management", ("MSExchange Management",)),
    ("ntfs", ("Microsoft-Windows-Ntfs/Operational",)),
    ("ntlm", ("Microsoft-Windows-NTLM/Operational",)),
    ("openssh", ("OpenSSH/Operational",)),
    ("powershell", POWERSHELL),
    ("powershell-classic", CLASSIC),
    ("printservice-admin", ("Microsoft-Windows-PrintService/Admin",)),
    ("printservice-operational", ("Microsoft-Windows-PrintService/Operational",)),
    ("rdp", ("Microsoft-Windows-RemoteDesktopServices-RdpCoreTS/Operational",)),
    ("security", (SECURITY,)),
    (
        "security-mitigations",
        (
            "Microsoft-Windows-Security-Mitigations/KernelMode",
            "Microsoft-Windows-Security-Mitigations/Kernel Mode",
            "Microsoft-Windows-Security-Mitigations/UserMode",
            "Microsoft-Windows-Security-Mitigations/User Mode",
        ),
    ),
    ("sense", ("Microsoft-Windows-SENSE/Operational",)),
    ("shell-core", ("Microsoft-Windows-Shell-Core/Operational",)),
    ("smbclient-connectivity", ("Microsoft-Windows-SmbClient/Connectivity",)),
    ("smbclient-security", ("Microsoft-Windows-SmbClient/Security",)),
    ("smbserver-audit", ("Microsoft-Windows-SMBServer/Audit",)),
    ("smbserver-connectivity", ("Microsoft-Windows-SMBServer/Connectivity",)),
    ("smbserver-operational", ("Microsoft-Windows-SMBServer/Operational",)),
    ("smbserver-security", ("Microsoft-Windows-SMBServer/Security",)),
    ("sysmon", (SYSMON,)),
    ("system", ("System",)),
    ("taskscheduler", ("Microsoft-Windows-TaskScheduler/Operational",)),
    (
        "terminalservices-localsessionmanager",
        ("Microsoft-Windows-TerminalServices-LocalSessionManager/Operational",),
    ),
    (
        "terminalservices-remoteconnectionmanager",
        ("Microsoft-Windows-TerminalServices-RemoteConnectionManager/Operational",),
    ),
    ("vhdmp", ("Microsoft-Windows-VHDMP/Operational",)),
    ("windefend", (DEFENDER,)),
    ("winrm", ("Microsoft-Windows-WinRM/Operational",)),
    ("wmi", ("Microsoft-Windows-WMI-Activity/Operational",)),
)

PROCESS_4688 = (
    ("Image", Told(("NewProcessName",))),
    ("ParentImage", Told(("ParentProcessName",))),
    ("ProcessId", Told(("NewProcessId",))),
    ("ParentProcessId", Told(("ProcessId",))),
    ("LogonId", Told(("SubjectLogonId",))),
    ("User", Told(("SubjectUserName",))),
    ("User", Told(("SubjectDomainName", "SubjectUserName"))),
    ("IntegrityLevel", Told(("MandatoryLabel",), "integrity")),
)
CONNECTION_5156 = (
    ("Image", Told(("Application",), "device_path")),
    ("SourceIp", Told(("SourceAddress",))),
    ("SourcePort", Told(("SourcePort",))),
    ("DestinationIp", Told(("DestAddress",))),
    ("DestinationPort", Told(("DestPort",))),
    ("Protocol", Told(("Protocol",), "protocol")),
    ("Initiated", Told(("Direction",), "outbound")),
    ("ProcessId", Told(("ProcessID",))),
)
REGISTRY_4657 = (
    ("TargetObject", Told(("ObjectName", "ObjectValueName"), "registry")),
    ("Details", Told(("NewValue",))),
    ("Image", Told(("ProcessName",))),
    ("User", Told(("SubjectDomainName", "SubjectUserName"))),
    ("EventType", Told(("OperationType",), "operation")),
)
FILE_4663 = (
    ("FileName", Told(("ObjectName",), "device_path")),
    ("Image", Told(("ProcessName",), "device_path")),
    ("User", Told(("SubjectUserName",))),
    ("User", Told(("SubjectDomainName", "SubjectUserName"))),
)
FIREWALL = (
    ("src_ip", Told(("SourceAddress",))),
    ("src_port", Told(("SourcePort",))),
    ("dst_ip", Told(("DestAddress",))),
    ("dst_port", Told(("DestPort",))),
)
ANTIVIRUS = (("Signature", Told(("Threat Name",))), ("Filename", Told(("Path",))))
HASHES = tuple(
    (name, Told(("Hashes",), "hash"))
    for name in ("md5", "MD5", "sha1", "SHA1", "sha256", "SHA256", "Imphash", "imphash", "IMPHASH")
)

VALUE_SET = ("EventType", ("SetValue",))
ADDED = ("EventType", ("CreateKey", "CreateValue", "AddKey", "AddValue"))
DELETED = ("EventType", ("DeleteKey", "DeleteValue"))


def _sysmon(category: str, *ids: int, guard: tuple[str, tuple[str, ...]] | None = None) -> View:
    return View(f"{category}/sysmon", (SYSMON,), ids, HASHES, guard)


CATEGORIES: tuple[tuple[str, tuple[View, ...]], ...] = (
    (
        "antivirus",
        (View("antivirus/defender", (DEFENDER,), (1006, 1007, 1015, 1116, 1117, 1118, 1119), ANTIVIRUS),),
    ),
    ("clipboard_capture", (_sysmon("clipboard_capture", 24),)),
    ("create_remote_thread", (_sysmon("create_remote_thread", 8),)),
    ("create_stream_hash", (_sysmon("create_stream_hash", 15),)),
    (
        "dns",
        (
            View("dns/sysmon", (SYSMON,), (22,), (("query", Told(("QueryName",))),)),
            View("dns/client", DNS_CLIENT, (3006, 3008, 3020), (("query", Told(("QueryName",))),)),
        ),
    ),
    ("dns_query", (_sysmon("dns_query", 22),)),
    ("driver_load", (_sysmon("driver_load", 6),)),
    (
        "file_access",
        (View("file_access/security", (SECURITY,), (4663,), FILE_4663, ("ObjectType", ("File",))),),
    ),
    ("file_block_executable", (_sysmon("file_block_executable", 27),)),
    ("file_block_shredding", (_sysmon("file_block_shredding", 28),)),
    ("file_change", (_sysmon("file_change", 2),)),
    ("file_delete", (_sysmon("file_delete", 23, 26),)),
    ("file_delete_detected", (_sysmon("file_delete_detected", 26),)),
    ("file_event", (_sysmon("file_event", 11),)),
    ("file_executable_detected", (_sysmon("file_executable_detected", 29),)),
    ("firewall", (View("firewall/security", (SECURITY,), (5152, 5154, 5156, 5157), FIREWALL),)),
    ("image_load", (_sysmon("image_load", 7),)),
    (
        "network_connection",
        (
            _sysmon("network_connection", 3),
            View("network_connection/security", (SECURITY,), (5156,), CONNECTION_5156),
        ),
    ),
    ("pipe_created", (_sysmon("pipe_created", 17, 18),)),
    ("process_access", (_sysmon("process_access", 10),)),
    (
        "process_creation",
        (
            _sysmon("process_creation", 1),
            View("process_creation/security", (SECURITY,), (4688,), PROCESS_4688),
        ),
    ),
    ("process_tampering", (_sysmon("process_tampering", 25),)),
    ("process_termination", (_sysmon("process_termination", 5),)),
    ("ps_classic_provider_start", (View("ps_classic_provider_start", CLASSIC, (600,)),)),
    ("ps_classic_script", (View("ps_classic_script", CLASSIC, (800,)),)),
    ("ps_classic_start", (View("ps_classic_start", CLASSIC, (400,)),)),
    ("ps_module", (View("ps_module", POWERSHELL, (4103,)),)),
    ("ps_script", (View("ps_script", POWERSHELL, (4104,)),)),
    ("raw_access_thread", (_sysmon("raw_access_thread", 9),)),
    ("registry_add", (_sysmon("registry_add", 12, guard=ADDED),)),
    (
        "registry_delete",
        (
            _sysmon("registry_delete", 12, guard=DELETED),
            View("registry_delete/security", (SECURITY,), (4657,), REGISTRY_4657, DELETED),
        ),
    ),
    (
        "registry_event",
        (
            _sysmon("registry_event", 12, 13, 14),
            View("registry_event/security", (SECURITY,), (4657,), REGISTRY_4657),
        ),
    ),
    ("registry_rename", (_sysmon("registry_rename", 14),)),
    (
        "registry_set",
        (
            _sysmon("registry_set", 13),
            View("registry_set/security", (SECURITY,), (4657,), REGISTRY_4657, VALUE_SET),
        ),
    ),
    ("sysmon_error", (_sysmon("sysmon_error", 255),)),
    ("sysmon_status", (_sysmon("sysmon_status", 4, 16),)),
    ("wmi_event", (_sysmon("wmi_event", 19, 20, 21),)),
)

OTHERS: tuple[tuple[tuple[str | None, str | None, str | None], View], ...] = (
    # Sysmon for Linux writes the events of Sysmon; collectors forward them as they do those of Windows.
    (("process_creation", "linux", None), View("process_creation/linux", (LINUX_SYSMON,), (1,))),
    (("network_connection", "linux", None), View("network_connection/linux", (LINUX_SYSMON,), (3,))),
    (("file_event", "linux", None), View("file_event/linux", (LINUX_SYSMON,), (11,))),
    (("file_delete", "linux", None), View("file_delete/linux", (LINUX_SYSMON,), (23, 26))),
    ((None, "linux", None), View("linux", (LINUX_SYSMON,))),
    # The server of OpenSSH writes the same messages on Windows as on Linux.
    ((None, "linux", "sshd"), View("sshd/openssh", ("OpenSSH/Operational",))),
    # What these programs write into the log of Windows beside, or instead of, files of their own.
    (
        (None, None, "apache"),
        View("apache/application", ("Application",), guard=("Provider_Name", ("Apache Service",))),
    ),
    (("database", None, None), View("database/audit", ("Application", "Security"), (33205,))),
)
"""Log sources (category, product, service) that are not of Windows, and where its event logs hold the same."""

NO_LOG = (("file_rename", "Windows keeps it in no event log (ETW Microsoft-Windows-Kernel-File only)"),)
"""Categories that no Windows event log holds, with what does."""

EVERY_EVENT = View("", ())
ANSWERS = frozenset(
    ("sc-status", "sc_status", "status", "sc-substatus", "sc-win32-status", "sc-bytes", "time-taken")
)
"""Fields of a web server's log that tell how it answered: a request by itself has none of them."""
CARVED = (
    *(View(f"carved/{kind}", (), guard=("kind", (kind,))) for kind in ("iis", "http_proxy", "ecp_server")),
    View("carved/http_request", (), guard=("kind", ("http_request",)), without=ANSWERS),
)
"""Pieces of memory that are lines of a log, or requests, each asked like the log that it would stand in."""
_SERVICES = dict(SERVICES)
_CATEGORIES = dict(CATEGORIES)
_OTHERS = dict(OTHERS)
VIEWS: dict[str, View] = {
    "": EVERY_EVENT,
    **{f"service/{name}": View(f"service/{name}", channels) for name, channels in SERVICES},
    **{view.name: view for _, views in CATEGORIES for view in views},
    **{view.name: view for view in CARVED},
    **{view.name: view for _, view in OTHERS},
}
"""Every view by its name. The empty name means all rows of a table."""


def places(
    category: str | None, product: str | None, service: str | None, tables: Iterable[TableSpec]
) -> Iterator[tuple[str, View]]:
    """Yield the tables, with the view of each, that serve a Sigma log source."""
    for spec in tables:
        if spec.name == EVENT:
            for view in _event_views(category, product, service):
                yield EVENT, view
        else:
            for name in dict.fromkeys(_views(spec, category, product, service)):
                yield spec.name, VIEWS[name]


def unserved(category: str | None, product: str | None, service: str | None) -> str:
    """Say why no table serves a log source."""
    named = (("product", product), ("category", category), ("service", service))
    said = ", ".join(f"{part} {value}" for part, value in named if value) or "no log source at all"
    reason = dict(NO_LOG).get(category or "") if product in (None, "windows") else None
    return f"no table holds its log source ({said}){': ' + reason if reason else ''}"


def _event_views(category: str | None, product: str | None, service: str | None) -> tuple[View, ...]:
    if (category, product, service) in _OTHERS:
        return (_OTHERS[category, product, service],)
    if product not in (None, "windows"):
        return ()
    if category is not None:
        views = _CATEGORIES.get(category, ())
        channels = _SERVICES.get(service or "", ())
        if service is None:
            return views
        return tuple(view for view in views if set(view.channels) & set(channels))
    if service is not None:
        return (VIEWS[f"service/{service}"],) if service in _SERVICES else ()
    return (EVERY_EVENT,) if product == "windows" else ()


def _views(spec: TableSpec, category: str | None, product: str | None, service: str | None) -> Iterator[str]:
    """Yield the views of a table that serve a log source; the empty name for all of it."""
    if category is None and product == "exchange" and service == spec.name:
        yield ""
    asked = (category, product, service)
    for source in spec.logsources:
        parts = (source.category, source.product, source.service)
        if any(parts) and all(has is None or has == want for has, want in zip(parts, asked, strict=True)):
            yield source.view
