"""Writes docs/samples.md: single attack techniques in public event logs, and the rules that found them.

`python -m docs.samples FOLDER` reads FOLDER/evtx/attack-samples and FOLDER/evtx/to-mitre with our rules. EXPECTED
and UNFOUND are what the test marked `shared` holds it to: a sample stands in one of them.
"""

import sys
import tempfile
from collections import Counter
from pathlib import Path

import msgspec

from postvakt import content, detect, evidence
from postvakt.artifacts import evtx
from postvakt.commands import readers
from postvakt.model.evidence import Source
from postvakt.tables.rows import Rows

PAGE = Path(__file__).resolve().parent / "samples.md"
FOLDERS = ("evtx/attack-samples", "evtx/to-mitre")
HEAD = """# Techniques in public samples

Event logs of single techniques that other people recorded (EVTX-ATTACK-SAMPLES, EVTX-to-MITRE-Attack; none of them is
part of this repository), and the rules of ours that found them. Most were recorded on workstations and without
Exchange; what lies outside of what an intruder does on an Exchange server is said so. Written by
`python -m docs.samples FOLDER`; `tests/content/test_samples.py` holds the rules to it.
"""


class Sample(msgspec.Struct, frozen=True):
    """One log: what was done in it, and the rules that have to find it; or none, and why."""

    file: str
    technique: str
    rules: tuple[str, ...] = ()
    why: str = ""


EXPECTED = (
    Sample("4794_DSRM_password_change_t1098.evtx", "T1098", ("restore-password-set",)),
    Sample("CA_DCSync_4662.evtx", "T1003.006", ("directory-replicated",)),
    Sample("CA_Mimikatz_Memssp_Default_Logs_Sysmon_11.evtx", "T1547.005", ("ssp-password-log-written",)),
    Sample("CA_hashdump_4663_4656_lsass_access.evtx", "T1003.001", ("lsass-handle-audited",)),
    Sample("CA_protectedstorage_5145_rpc_masterkey.evtx", "T1555", ("remote-control-pipe",)),
    Sample("CA_sysmon_hashdump_cmd_meterpreter.evtx", "T1003.002", ("lsass-thread-planted",)),
    Sample("LsassSilentProcessExit_process_exit_monitor_3001_lsass.evtx", "T1003.001", ("lsass-exit-dumped",)),
    Sample("Powershell_4104_MiniDumpWriteDump_Lsass.evtx", "T1003.001", ("credential-tool-in-powershell",)),
    Sample("babyshark_mimikatz_powershell.evtx", "T1003.001", ("lsass-opened-by-script",)),
    Sample("dc_applog_ntdsutil_dfir_325_326_327.evtx", "T1003.003", ("directory-database-attached",)),
    Sample(
        "discovery_sysmon_1_iis_pwd_and_config_discovery_appcmd.evtx",
        "T1552.001",
        ("web-server-started-shell", "iis-passwords-listed"),
    ),
    Sample(
        "ppl_bypass_ppldump_knowdll_hijack_sysmon_security.evtx",
        "T1003.001",
        ("lsass-dump-written", "lsass-memory-read"),
    ),
    Sample(
        "remote_pwd_reset_rpc_mimikatz_postzerologon_target_DC.evtx",
        "T1098",
        ("machine-password-reset", "security-log-cleared"),
    ),
    Sample("remote_sam_registry_access_via_backup_operator_priv.evtx", "T1003.002", ("remote-control-pipe",)),
    Sample("sysmon_10_11_lsass_memdump.evtx", "T1003.001", ("lsass-dump-written", "lsass-memory-read")),
    Sample(
        "sysmon_10_11_outlfank_dumpert_and_andrewspecial_memdump.evtx",
        "T1003.001",
        ("lsass-dump-written", "lsass-memory-read"),
    ),
    Sample("sysmon_10_1_memdump_comsvcs_minidump.evtx", "T1003.001", ("lsass-dump-command",)),
    Sample("sysmon_10_lsass_mimikatz_sekurlsa_logonpasswords.evtx", "T1003.001", ("lsass-opened-by-script",)),
    Sample(
        "sysmon_2x10_lsass_with_different_pid_RtlCreateProcessReflection.evtx",
        "T1003.001",
        ("lsass-memory-read",),
    ),
    Sample("sysmon_3_10_Invoke-Mimikatz_hosted_Github.evtx", "T1003.001", ("lsass-opened-by-script",)),
    Sample("sysmon_rdrleakdiag_lsass_dump.evtx", "T1003.001", ("full-dump-by-windows-tool",)),
    Sample("DE_104_system_log_cleared.evtx", "T1070.001", ("event-log-cleared",)),
    Sample("DE_1102_security_log_cleared.evtx", "T1070.001", ("security-log-cleared",)),
    Sample("LM_Remote_Service01_5145_svcctl.evtx", "T1021.002", ("remote-control-pipe",)),
    Sample("LM_Remote_Service02_7045.evtx", "T1543.003", ("service-runs-interpreter",)),
    Sample("LM_WMIC_4648_rpcss.evtx", "T1047", ("explicit-credentials", "security-log-cleared")),
    Sample("LM_sysmon_1_12_13_3_tsclient_SharpRdp.evtx", "T1021.001", ("program-from-rdp-client",)),
    Sample("LM_sysmon_psexec_smb_meterpreter.evtx", "T1569.002", ("service-of-remote-tool-set",)),
    Sample("LM_typical_IIS_webshell_sysmon_1_10_traces.evtx", "T1505.003", ("web-server-started-shell",)),
    Sample("ID4688-User creation via commandline.evtx", "T1136", ("account-made-by-command", "account-made")),
    Sample("ID472, 4728 Hidden user creation.evtx", "T1136", ("account-hidden-by-name", "privileged-group-joined")),
    Sample("ID4720-4726 Fast created-deleted user.evtx", "T1136", ("account-made",)),
    Sample("ID4720-Admin like user created.evtx", "T1136", ("account-made",)),
    Sample("ID4720-Fake computer account created.evtx", "T1136", ("account-hidden-by-name",)),
    Sample("ID4720-Local user created.evtx", "T1136", ("account-made",)),
    Sample("ID4722-Guest account activated.evtx", "T1078.001", ("guest-enabled",)),
    Sample("ID4741-Computer account created with privileges.evtx", "T1136.002", ("computer-made-by-user",)),
    Sample("ID13-New service for Mimikatz.evtx", "T1543.003", ("service-of-mimikatz-set",)),
    Sample(
        "ID4688-4697 RDP hijack via service creation.evtx",
        "T1563.002",
        ("rdp-session-taken", "service-runs-interpreter"),
    ),
    Sample("ID4688-Command SC to create service on remote host.evtx", "T1543.003", ("service-made-by-command",)),
    Sample("ID4688-Service abuse with Failure Command.evtx", "T1543.003", ("service-taken-over-by-command",)),
    Sample("ID4688-Service abuse with malicious path.evtx", "T1543.003", ("service-taken-over-by-command",)),
    Sample("ID4688-Service created (command).evtx", "T1543.003", ("service-made-by-command",)),
    Sample("ID4688-Service permissions modified (registry).evtx", "T1543.003", ("service-taken-over-by-command",)),
    Sample("ID4688-Service permissions modified (sc).evtx", "T1543.003", ("service-taken-over-by-command",)),
    Sample("ID4697-MSF payload deployed via service.evtx", "T1543.003", ("service-of-remote-tool",)),
    Sample("ID4697-New service for Mimikatz.evtx", "T1543.003", ("service-of-mimikatz",)),
    Sample("ID7045-4697-SMBexec service registration.evtx", "T1543.003", ("service-of-remote-tool",)),
    Sample("ID7045-7036 PSexec service installation.evtx", "T1569.002", ("service-of-psexec",)),
    Sample("ID7045-New service for Mimikatz +npcap.evtx", "T1543.003", ("service-of-mimikatz",)),
    Sample("ID7045-Random service installation.evtx", "T1543.003", ("service-without-folder",)),
    Sample("ID800-4103-4104-Service abuse with Failure Command.evtx", "T1543.003", ("service-taken-over-by-script",)),
    Sample("ID800-4103-4104-Service abuse with malicious path.evtx", "T1543.003", ("service-taken-over-by-script",)),
    Sample("ID800-4103-4104-Service creation (PowerShell).evtx", "T1543.003", ("service-made-by-script",)),
)  # fmt: skip

OUTSIDE = "outside of what is looked for on a server: passwords of browsers, password safes and desktops"
COUNTING = "one such event is everyday; only many of them tell, and our rules ask events one by one"
UNFOUND = (
    Sample("ACL_ForcePwd_SPNAdd_User_Computer_Accounts.evtx", "T1098", why=(
        "permissions and service names written on single accounts (5136): administrators write them every day. "
        "That the security log was cleared before is found"
    )),
    Sample("CA_4624_4625_LogonType2_LogonProc_chrome.evtx", "T1555.003", why=OUTSIDE),
    Sample("CA_chrome_firefox_opera_4663.evtx", "T1555.003", why=f"{OUTSIDE}. That the log was cleared is found"),
    Sample("CA_keefarce_keepass_credump.evtx", "T1555.005", why=OUTSIDE),
    Sample("CA_keepass_KeeThief_Get-KeePassDatabaseKey.evtx", "T1555.005", why=OUTSIDE),
    Sample("CA_teamviewer-dumper_sysmon_10.evtx", "T1003", why=OUTSIDE),
    Sample("MSSQL_multiple_failed_logon_EventID_18456.evtx", "T1110", why=f"no SQL Server is looked at; {COUNTING}"),
    Sample("Sysmon13_MachineAccount_Password_Hash_Changed_via_LsarSetSecret.evtx", "T1098", why=(
        "LSASS writes the same values each time a machine changes its own password"
    )),
    Sample("Sysmon_13_Local_Admin_Password_Changed.evtx", "T1098", why=(
        "LSASS writes the same value when an administrator changes his password as he should"
    )),
    Sample("Zerologon_CVE-2020-1472_DFIR_System_NetLogon_Error_EventID_5805.evtx", "T1210", why=(
        "a session that NETLOGON refused: machines that lost their trust leave the same. The cleared log is found"
    )),
    Sample("Zerologon_VoidSec_CVE-2020-1472_4626_LT3_Anonym_follwedby_4742_DC_Anony_DC.evtx", "T1210", why=(
        "event 4742 by ANONYMOUS LOGON also stands where a machine changes its own password. The cleared log is found"
    )),
    Sample("etw_rpc_zerologon.evtx", "T1210", why="a trace of RPC calls that no server keeps"),
    Sample("kerberos_pwd_spray_4771.evtx", "T1110.003", why=f"{COUNTING}. That the log was cleared is found"),
    Sample("phish_windows_credentials_powershell_scriptblockLog_4104.evtx", "T1056.002", why=OUTSIDE),
    Sample("sysmon17_18_kekeo_tsssp_default_np.evtx", "T1558", why="pipes of one tool; no Exchange intrusion named it"),
    Sample("sysmon_13_keylogger_directx.evtx", "T1056.001", why=OUTSIDE),
    Sample("tutto_malseclogon.evtx", "T1003.001", why=(
        "LSASS is opened through a handle that the service seclogon holds; no event of the log names LSASS"
    )),
    Sample("LM_WMI_4624_4688_TargetHost.evtx", "T1047", why=(
        "the parent of the process is not in this form of event 4688, and calc.exe is no tool of intruders"
    )),
    Sample("LM_sysmon_3_12_13_1_SharpRDP.evtx", "T1021.001", why=(
        "a program typed into the Run box of a remote desktop: everyday without what it starts, here Notepad"
    )),
    Sample("LM_sysmon_3_DCOM_ShellBrowserWindow_ShellWindows.evtx", "T1021.003", why=(
        "connections of explorer.exe on high ports; nothing tells them from its everyday ones"
    )),
    Sample("LM_sysmon_remote_task_src_powershell.evtx", "T1053.005", why=(
        "the side that gives the order: a library loaded and a connection to port 135. The other side has 4698"
    )),
    Sample("ID33205-SQL Server Disabled SA user activated.evtx", "T1136", why="no SQL Server is looked at"),
    Sample("ID33205-SQL Server local user created.evtx", "T1136", why="no SQL Server is looked at"),
    Sample("ID4742-4743-Fast created & deleted computer account.evtx", "T1136.002", why=COUNTING),
)  # fmt: skip


def scanned(root: Path) -> dict[str, Counter[str]]:
    """Return, for each log of FOLDERS, the rules that match its events, by their folders' names, with the counts."""
    own = content.load()
    texts = [detect.RuleText(text.path, text.text, "own") for text in own.rules]
    plan = detect.compile_plan(texts, [], [], list(readers.TABLES.values()))
    matcher = detect.Matcher(plan, list(readers.TABLES.values()))
    slugs = {rule.id: rule.path.split("/")[1] for rule in plan.rules}
    made: dict[str, Counter[str]] = {}
    with tempfile.TemporaryDirectory() as scratch:
        for folder in FOLDERS:
            place = str(root / folder)
            for member in evidence.take_in(place, [evtx.ARTIFACT], scratch=Path(scratch)).members:
                if member.path.endswith(".evtx"):
                    source = evidence.source(place, member, scratch=Path(scratch))
                    made[member.path.rpartition("/")[2]] = _matched(source, matcher, slugs)
    return made


def _matched(source: Source, matcher: detect.Matcher, slugs: dict[str, str]) -> Counter[str]:
    counted: Counter[str] = Counter()
    for piece in evtx.READER.parse(source):
        if isinstance(piece, Rows):
            counted.update(slugs[hit.rule] for hit in matcher.match(piece.spec.name, piece.batch))
    return counted


def page(root: Path) -> str:
    """Return the page for a folder of samples."""
    told = scanned(root)
    lines = [HEAD, f"\n{len(EXPECTED)} of {len(told)} logs are found by what was done in them.\n"]
    lines += [
        "\n## Found\n\n| log | technique | rules that have to match | all that matched |\n",
        "|---|---|---|---|\n",
    ]
    for sample in EXPECTED:
        rules = ", ".join(f"`{rule}`" for rule in sample.rules)
        lines.append(
            f"| {_cell(sample.file)} | {sample.technique} | {rules} | {_counts(told[sample.file])} |\n"
        )
    lines += ["\n## Not found\n\n| log | technique | why | what matched else |\n|---|---|---|---|\n"]
    for sample in UNFOUND:
        lines.append(
            f"| {_cell(sample.file)} | {sample.technique} | {sample.why} | {_counts(told[sample.file])} |\n"
        )
    return "".join(lines)


def _counts(found: Counter[str]) -> str:
    return ", ".join(f"`{rule}` {count}" for rule, count in sorted(found.items())) or "-"


def _cell(text: str) -> str:
    return text.replace("|", "\\|").replace("_", "\\_")


def main() -> int:
    """Write the page for the folder that is named."""
    PAGE.write_text(page(Path(sys.argv[1])), encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
