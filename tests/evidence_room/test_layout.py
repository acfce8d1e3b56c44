"""Where a file lay on its server, in every collector's layout; which files are of one machine."""

import pytest

from postvakt.evidence.layout import Place, places

WINDOWS = "c:/windows/system32/config/system"
LOG = "c:/inetpub/logs/logfiles/w3svc1/u_ex210303.log"


@pytest.mark.parametrize(
    ("path", "windows_path", "root"),
    [
        # KAPE and plain copies
        ("C/Windows/System32/config/SYSTEM", WINDOWS, ""),
        ("c/windows/system32/CONFIG/system", WINDOWS, ""),
        ("EX01/C/Windows/System32/config/SYSTEM", WINDOWS, "EX01/"),
        ("out/20210312/EX01/C/inetpub/logs/LogFiles/W3SVC1/u_ex210303.log", LOG, "out/20210312/EX01/"),
        ("EX01/D/ExchangeLogs/HttpProxy/Ecp/x.log", "d:/exchangelogs/httpproxy/ecp/x.log", "EX01/"),
        ("C/root/shell.aspx", "c:/root/shell.aspx", ""),
        ("C_drive/root/shell.aspx", "c:/root/shell.aspx", ""),
        ("EX01/C$/inetpub/wwwroot/x.aspx", "c:/inetpub/wwwroot/x.aspx", "EX01/"),
        ("EX01/C:/root/x.aspx", "c:/root/x.aspx", "EX01/"),
        ("C/$Extend/$UsnJrnl", "c:/$extend/$usnjrnl", ""),
        # Velociraptor: accessors, percent-encoding, raw devices
        ("v.zip!/uploads/auto/C%3A/Windows/System32/config/SYSTEM", WINDOWS, "v.zip!/"),
        ("v.zip!/uploads/ntfs/%5C%5C.%5CC%3A/Windows/System32/config/SYSTEM", WINDOWS, "v.zip!/"),
        ("v.zip!/uploads/lazy_ntfs/%5C%5C.%5CD%3A/x%25y.log", "d:/x%y.log", "v.zip!/"),
        ("uploads/ntfs/%5C%5C.%5CC%3A/$Extend/$UsnJrnl%3A$J", "c:/$extend/$usnjrnl:$j", ""),
        ("EX01/C%3A/Windows/System32/config/SYSTEM", WINDOWS, "EX01/"),
        ("auto/C%3A/root/x.aspx", "c:/root/x.aspx", ""),
        (
            "uploads/auto/C%3A/Windows/System32/winevt/Logs/Microsoft-Windows-Sysmon%254Operational.evtx",
            "c:/windows/system32/winevt/logs/microsoft-windows-sysmon%4operational.evtx",
            "",
        ),
        (
            "C/Windows/System32/winevt/Logs/Microsoft-Windows-Sysmon%4Operational.evtx",
            "c:/windows/system32/winevt/logs/microsoft-windows-sysmon%4operational.evtx",
            "",
        ),
        # shadow copies
        ("EX01/VSS1/Windows/System32/config/SYSTEM", WINDOWS, "EX01/"),
        ("EX01/VSS1/C/Windows/System32/config/SYSTEM", WINDOWS, "EX01/"),
        ("EX01/C/VSS2/Windows/System32/config/SYSTEM", WINDOWS, "EX01/"),
        ("EX01/HarddiskVolumeShadowCopy3/Windows/System32/config/SYSTEM", WINDOWS, "EX01/"),
        (
            "uploads/ntfs/%5C%5C%3F%5CGLOBALROOT%5CDevice%5CHarddiskVolumeShadowCopy1/Windows/System32/config/SYSTEM",
            WINDOWS,
            "",
        ),
        # acquire
        ("fs/C:/Windows/System32/config/SYSTEM", WINDOWS, ""),
        ("EX01_20210312.tar!/fs/c:/Windows/System32/config/SYSTEM", WINDOWS, "EX01_20210312.tar!/"),
        ("a.tar!/fs/sysvol/Windows/System32/config/SYSTEM", WINDOWS, "a.tar!/"),
        # flattened into one name
        ("C_Windows_System32_config_SYSTEM", WINDOWS, ""),
        ("logs/C__inetpub_logs_LogFiles_W3SVC1_u_ex210303.log", LOG, "logs/"),
        ("E_ShadowCopy6_windows_system32_winevt_logs_A%4B.evtx", "e:/windows/system32/winevt/logs/a%4b.evtx", ""),
        ("C%3A_inetpub_wwwroot_aspnet_client_x.aspx", "c:/inetpub/wwwroot/aspnet_client/x.aspx", ""),
        # no drive, and known folders
        ("Windows/System32/config/SYSTEM", WINDOWS, ""),
        ("EX01/inetpub/logs/LogFiles/W3SVC1/u_ex210303.log", LOG, "EX01/"),
        (
            "Program Files/Microsoft/Exchange Server/V15/Logging/HttpProxy/Ecp/x.LOG",
            "c:/program files/microsoft/exchange server/v15/logging/httpproxy/ecp/x.log",
            "",
        ),
        ("Users/adm/NTUSER.DAT", "c:/users/adm/ntuser.dat", ""),
        # backslashes as a Linux unzip leaves them
        ("EX01/C:\\Windows\\System32\\config\\SYSTEM", WINDOWS, "EX01/"),
        ("C\\Windows\\System32\\config\\SYSTEM", WINDOWS, ""),
        # an archive on the server is a folder there; one with its own drive is another collection
        ("C/Backup/old.zip!/u_ex1.log", "c:/backup/old.zip/u_ex1.log", ""),
        ("C/Temp/kape.zip!/C/root/x.aspx", "c:/root/x.aspx", "C/Temp/kape.zip!/"),
        ("logs/all.7z!/EX02/C/root/x.aspx", "c:/root/x.aspx", "logs/all.7z!/EX02/"),
    ],
)  # fmt: skip
def test_a_path_tells_the_servers(path: str, windows_path: str, root: str) -> None:
    outer = path.rpartition("!/")[0]
    found = places([path, *([outer] if outer else [])], {outer: False} if outer else {})[path]
    assert (found.windows_path, found.root, found.rooted) == (windows_path, root, True)


@pytest.mark.parametrize(
    "path",
    [
        "web.config",
        "logs/u_ex210303.log",
        "rules/windows/process_creation/x.yml",
        "Windows/Amcache/Win10/Amcache.hve",
        "a/b/x.aspx",
        "src/v1/x.aspx",
        "vss1/readme.txt",
        "C_readme.txt",
        "users/list.csv",
    ],
)
def test_a_path_that_tells_nothing_is_not_guessed(path: str) -> None:
    assert places([path], {})[path] == Place()


def test_the_drives_of_one_machine_share_its_root() -> None:
    paths = ["h/EX01/c/Windows/System32/x", "h/EX01/e/Logs/x.log", "h/EX02/C/x"]
    assert [places(paths, {})[path].root for path in paths] == ["h/EX01/", "h/EX01/", "h/EX02/"]


def test_accessors_and_shadow_copies_share_the_root_of_the_live_volume() -> None:
    paths = [
        "uploads/auto/C%3A/x",
        "uploads/ntfs/%5C%5C.%5CD%3A/x",
        "uploads/ntfs/%5C%5C%3F%5CGLOBALROOT%5CDevice%5CHarddiskVolumeShadowCopy1/x",
    ]
    found = places(paths, {})
    assert {found[path].root for path in paths} == {""}
    assert [found[path].shadow for path in paths] == [False, False, True]


def test_what_lies_beside_the_only_machine_of_an_archive_is_its_own() -> None:
    paths = ["v.zip", "v.zip!/results/x.json", "v.zip!/uploads/auto/C%3A/x"]
    found = places(paths, {"v.zip": False})
    assert [(found[path].root, found[path].rooted) for path in paths] == [("v.zip!/", True)] * 3


def test_what_lies_beside_two_machines_is_neithers() -> None:
    paths = ["a.zip!/notes.txt", "a.zip!/EX01/C/x", "a.zip!/EX02/C/x"]
    assert places(paths, {"a.zip": False})["a.zip!/notes.txt"] == Place()
