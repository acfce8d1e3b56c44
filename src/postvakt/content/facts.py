"""The published signs of the attack and of what follows it, which rules name as what they show.

A rule lists in `facts` the signs that it shows, so that a sign without a rule is seen. Sections: 1.6 the alert
AA21-062A, 2.x the flaws, 4.x the groups, 6 credential theft and persistence.
"""

import msgspec

SECTIONS = {
    "1.6": "Alert AA21-062A",
    "2.2": "Microsoft's conditions for each flaw (Test-ProxyLogon)",
    "2.3": "What the first checkers missed",
    "2.6": "Hunting conditions of Microsoft and of responders",
    "2.7": "What belongs in the folders of the sign-in pages",
    "4.1": "What HAFNIUM is known to use",
    "4.2": "Published indicators and commands",
    "4.4": "Marks of groups, miners and ransomware",
    "4.5": "The separate campaign by updates of SolarWinds Orion",
    "6": "Credential theft and persistence on an Exchange server",
}


class Fact(msgspec.Struct, frozen=True):
    """One published sign. `unseen` says why no rule shows it; it is empty where one has to."""

    id: str
    sign: str
    unseen: str = ""

    @property
    def section(self) -> str:
        """Return the section's number: what stands before the last point."""
        return self.id.rpartition(".")[0]


_ALERT = (
    Fact("1.6.static-post", "POST to static files of OWA and ECP"),
    Fact("1.6.oab-command", "Set-OabVirtualDirectory with ExternalUrl in the ECP server log"),
    Fact("1.6.shell-paths", "Pages under aspnet_client, owa/auth and ecp/auth"),
    Fact("1.6.agents", "User agents seen with web shells and with forged requests"),
    Fact("1.6.addresses", "Addresses and hashes", "asked as indicators, each with its source, not as rules"),
    Fact("1.6.shell-content", "Content of the shells: SIMPLESEESHARP, SPORTSBALL, reGeorg, China Chopper"),
)
_FLAWS = (
    Fact("2.2.26855", "CVE-2021-26855: AnchorMailbox ServerInfo~ in HttpProxy logs"),
    Fact("2.2.26857", "CVE-2021-26857: InvalidCastException of Unified Messaging"),
    Fact("2.2.26858", "CVE-2021-26858: an address book written outside its folder"),
    Fact("2.2.27065", "CVE-2021-27065: script in a virtual directory's address"),
    Fact("2.2.27065-reset", "CVE-2021-27065: reset of a virtual directory through a forged request"),
    Fact("2.2.files", "Dumps of LSASS and archives beside an exploit"),
    Fact("2.3.dumps", "Dumps are looked for without an exploit being found first"),
    Fact("2.3.key-only", "An address that holds a key and no script"),
    Fact("2.3.autodiscover", "Forged requests that only asked autodiscover"),
    Fact("2.3.authorised-scan", "Microsoft's own scan script"),
    Fact("2.3.log-age", "Logs younger than the window", "told as coverage of each question, not by a rule"),
    Fact("2.3.mail-only", "Mail read through the flaw without any web shell"),
    Fact("2.3.scanners", "Others that look for a known shell: only an answer of 200 says that it was there"),
    Fact("2.3.wer", "Error reports of the control panel's pool: an attempt on a patched server"),
    Fact("2.3.compiled", "Compiled pages, and compiled shells by their content"),
    Fact("2.3.recon-cab", "A cabinet with hive copies and notes about the network"),
    Fact("2.6.back-end-query", "Queries that begin with t= at the back end"),
    Fact("2.6.ddi-by-machine", "The control panel's DDIService asked by a machine account"),
    Fact("2.6.um-writes", "Unified Messaging writes a script"),
    Fact("2.6.um-starts", "Unified Messaging starts a program"),
    Fact("2.6.w3wp-starts", "w3wp.exe starts a shell or a tool"),
    Fact("2.6.w3wp-writes", "w3wp.exe writes a script or a program"),
    Fact("2.6.owner", "Pages owned by SYSTEM", "collectors keep no owner of a file; the file table has none"),
    Fact("2.6.log-strings", "ServerInfo~ with short names of scripts, and /rpc/ without signing in"),
    Fact("2.6.clean-up", "Commands that hide or delete shells"),
    Fact("2.6.defender", "Names that Defender gives to what the campaign leaves"),
    Fact("2.6.iis-errors", "IIS-W3SVC-WP 2303, IIS-APPHOSTSVC 9009", "nobody showed that they tell of an attack"),
    Fact("2.6.network", "Snort and ClamAV signatures", "network traffic is not read; files are scanned with our YARA"),
    Fact("2.6.mail-theft", "Exchange snap-ins, exports, EWS in the name of a machine account"),
    Fact("2.6.proxyshell", "ProxyShell: autodiscover.json with another path behind an @"),
    Fact("2.6.proxyshell-writes", "Exports and certificate requests into a file that the web server runs"),
    Fact("2.7.auth-folders", "Pages in owa/auth and ecp/auth that no build has"),
    Fact("2.7.aspnet-client", "Any page under aspnet_client"),
)  # fmt: skip
_GROUPS = (
    Fact("4.1.tools", "Nishang, PowerCat and other shells over a socket"),
    Fact("4.2.paths", "Published paths of shells and of their output"),
    Fact("4.2.tasks", "Tasks VSPerfMon and Winnet"),
    Fact("4.2.opera", "opera_browser.exe in a public profile"),
    Fact("4.2.shadows", "Shadow copies listed or made, output in Temp\\__output"),
    Fact("4.2.makecab", "makecab of pages and dumps"),
    Fact("4.2.loot", "7-Zip into ProgramData"),
    Fact("4.2.comsvcs", "comsvcs MiniDump into a web folder"),
    Fact("4.2.batch", "xx.bat, cw.exe, WwanSvcdcs"),
    Fact("4.2.console", "China Chopper's echo [S], cd, echo [E]"),
    Fact("4.2.admin-removed", "net group ... administrator /del"),
    Fact("4.4.iis-module", "BadIIS and IIS-Raid: native modules and where they keep what they took"),
    Fact("4.4.dearcry", "DearCry: service msupdate, .CRYPT, its header"),
    Fact("4.4.black-kingdom", "Black Kingdom: its note"),
    Fact("4.4.miners", "Lemon Duck, DLTMiner and other miners"),
    Fact("4.5.orion", "The service of SolarWinds Orion starts a shell"),
)
_AFTER = (
    Fact("6.wdigest", "WDigest keeps passwords in clear text"),
    Fact("6.lsa-protection", "LSA protection is switched off"),
    Fact(
        "6.credential-guard",
        "Credential Guard",
        "Exchange does not support it: that it is off is no sign, and to switch it on is no advice",
    ),
    Fact("6.lsa-packages", "Foreign security, authentication and notification packages"),
    Fact("6.silent-exit", "Silent process exit of LSASS, and its flag"),
    Fact("6.local-dumps", "Error reporting keeps dumps of LSASS"),
    Fact("6.lsass-extension", "DirectoryServiceExtPt, LsaDbExtPt"),
    Fact("6.sysinternals", "Licences of Sysinternals tools accepted by SYSTEM"),
    Fact("6.dump-file", "Dumps of LSASS by name and by content"),
    Fact("6.comsvcs", "Dumps by comsvcs, ProcDump and their like"),
    Fact("6.lsass-handle", "LSASS opened for reading"),
    Fact("6.memory", "LSASS and w3wp.exe in an image of memory"),
    Fact("6.hives", "Copies of SAM, SECURITY and SYSTEM"),
    Fact("6.ntds", "Copies of the directory's database"),
    Fact("6.dcsync", "Directory replication by somebody who is no domain controller, and rights to it"),
    Fact("6.accounts", "Accounts made, enabled or given another password"),
    Fact("6.groups", "Members added to groups"),
    Fact("6.roles", "Roles that read mail"),
    Fact("6.mail-rules", "Inbox rules, forwarding, rights to a mailbox"),
    Fact("6.mail-export", "Mailboxes exported and searched, and requests removed"),
    Fact("6.logons", "Logons to and from other systems"),
    Fact("6.services", "Services"),
    Fact("6.tasks", "Tasks, hidden ones too"),
    Fact("6.autostarts", "Run keys, image file execution options, AppInit, Winlogon, AppCert, netsh helpers"),
    Fact("6.wmi", "WMI subscriptions"),
    Fact("6.logs", "Logs cleared, logging switched off"),
    Fact("6.defender-off", "Defender switched off, or told to look away"),
    Fact("6.process", "Shells and tools started by the web server and by Exchange's services"),
    Fact("6.iis-modules", "Native modules, handlers and directories of IIS"),
    Fact("6.transport-agents", "Transport agents"),
    Fact("6.changed-files", "Altered pages of Exchange"),
    Fact("6.machine-key", "View state that fails its check"),
    Fact("6.vdir", "Script or a host of one letter in a virtual directory's address"),
    Fact("6.hybrid", "Keys of the hybrid trust", "they stand in the tenant, of which nothing is read"),
    Fact("6.cached-secrets", "Secrets of services on the server", "hives are shown without them"),
)  # fmt: skip
FACTS: dict[str, Fact] = {fact.id: fact for fact in (*_ALERT, *_FLAWS, *_GROUPS, *_AFTER)}
"""Every published sign by its id, in the order of the sections."""
