"""What the registry exhibits are made of: `python -m tests.artifacts.hive_exhibits` writes them anew."""

import codecs
import struct
from datetime import UTC, datetime, timedelta
from pathlib import Path
from uuid import UUID

from tests.artifacts.hive_builder import (
    WRITTEN,
    K,
    at,
    binary,
    dword,
    expand,
    filetime,
    hive,
    multi,
    qword,
    sz,
)
from tests.artifacts.hive_damage import damaged, deleted, dirty

FOLDER = Path(__file__).resolve().parent.parent / "evidence" / "registry"
EARLIER = WRITTEN - timedelta(days=400)
NT_HASH = bytes.fromhex("c0ffee00c0ffee00c0ffee00c0ffee00")
"""Stands for a secret: it may appear in no expected output."""

CONFIG = "Windows/System32/config"


def shimcache() -> bytes:
    """A cache of Windows 10 with two entries."""
    cache = bytearray(struct.pack("<I", 0x34) + bytes(0x30))
    for path, day in ((r"C:\Windows\System32\svchost.exe", 1), (r"C:\Windows\Temp\mtest.exe", 2)):
        raw = path.encode("utf-16-le")
        entry = struct.pack("<H", len(raw)) + raw
        entry += struct.pack("<QI", filetime(datetime(2021, 3, day, tzinfo=UTC)), 0)
        cache += b"10ts" + struct.pack("<II", 0, len(entry)) + entry
    return bytes(cache)


def system() -> bytes:
    """An Exchange server's SYSTEM: name, zone, services, one of them strange, ShimCache, BAM, logs moved."""
    ran = struct.pack("<QQQ", filetime(datetime(2021, 3, 3, 9, tzinfo=UTC)), 0, 1)
    one = "ControlSet001"
    return hive(
        at("Select", values={"Current": dword(1), "Default": dword(1), "LastKnownGood": dword(1)}),
        at(rf"{one}\Control\ComputerName\ComputerName", values={"ComputerName": sz("EX01")}),
        at(
            rf"{one}\Control\TimeZoneInformation",
            values={"TimeZoneKeyName": sz("W. Europe Standard Time\0left over"), "Bias": dword(0xFFFFFFC4)},
        ),
        at(rf"{one}\Control\ProductOptions", values={"ProductType": sz("ServerNT")}),
        at(rf"{one}\Control\SecurityProviders\WDigest", values={"UseLogonCredential": dword(1)}),
        at(rf"{one}\Control\Lsa", values={"Security Packages": multi("kerberos", "mimilib")}),
        at(rf"{one}\Control\Lsa", K("JD", class_name="0a1b2c3d"), K("Data", class_name="4e5f6071")),
        at(rf"{one}\Control\Session Manager\AppCompatCache", values={"AppCompatCache": binary(shimcache())}),
        at(rf"{one}\Services\Tcpip\Parameters", values={"Domain": sz("corp.example"), "Hostname": sz("EX01")}),
        at(
            rf"{one}\Services\MSExchangeIS",
            values={"ImagePath": expand(r'"D:\Exchange\Bin\store.exe"'), "Start": dword(2), "Type": dword(16),
                    "ObjectName": sz("LocalSystem"), "DisplayName": sz("Microsoft Exchange Information Store")},
        ),
        at(
            rf"{one}\Services\msupdate",
            values={"ImagePath": expand(r"%SystemRoot%\System32\svchost.exe -k netsvcs"), "Start": dword(2),
                    "Type": dword(32)},
        ),
        at(rf"{one}\Services\msupdate\Parameters", values={"ServiceDll": expand(r"C:\ProgramData\ms.dll")}),
        at(rf"{one}\Services\NoService", values={"Library": sz("x.dll")}),
        at(rf"{one}\Services\EventLog\Security", values={"File": expand(r"E:\EventLogs\Security.evtx")}),
        at(
            rf"{one}\Services\EventLog\System",
            values={"File": expand(r"%SystemRoot%\system32\winevt\Logs\System.evtx")},
        ),
        at(rf"{one}\Services\HTTP\Parameters", values={"ErrorLoggingDir": sz("E:\\HTTPERR\\")}),
        at(
            rf"{one}\Services\bam\State\UserSettings\S-1-5-21-1-2-3-500",
            values={r"\Device\HarddiskVolume2\Windows\System32\cmd.exe": binary(ran), "Version": dword(1)},
        ),
        name=r"SYSTEM",
    )  # fmt: skip


def task_actions() -> bytes:
    def counted(text: str) -> bytes:
        raw = text.encode("utf-16-le")
        return struct.pack("<I", len(raw)) + raw

    run = (
        struct.pack("<H", 0x6666)
        + counted("")
        + counted("powershell.exe")
        + counted("-nop -w hidden")
        + counted("")
    )
    com = (
        struct.pack("<H", 0x7777)
        + counted("")
        + UUID("a6ba00fe-40e8-477c-b713-c64a14f18adb").bytes_le
        + counted("x")
    )
    return struct.pack("<H", 3) + counted("Author") + run + bytes(2) + com


def software() -> bytes:
    """An Exchange server's SOFTWARE: version, Exchange and an update, run keys, a hidden task, a password."""
    nt = r"Microsoft\Windows NT\CurrentVersion"
    cache = rf"{nt}\Schedule\TaskCache"
    one, two = "{11111111-2222-3333-4444-555555555555}", "{99999999-2222-3333-4444-555555555555}"
    info = struct.pack("<IQQII", 3, filetime(EARLIER), filetime(WRITTEN), 0, 0)
    return hive(
        at("Classes"),
        at(
            nt,
            values={"ProductName": sz("Windows Server 2016 Standard"), "ReleaseId": sz("1607"),
                    "CurrentBuild": sz("14393"), "UBR": dword(4225)},
        ),
        at(
            r"Microsoft\ExchangeServer\v15\Setup",
            values={"MsiInstallPath": sz("D:\\Exchange\\"), "MsiProductMajor": dword(15), "MsiProductMinor": dword(1),
                    "MsiBuildMajor": dword(2106), "MsiBuildMinor": dword(2), "OwaVersion": sz("15.1.2106.2")},
        ),
        at(
            r"Microsoft\Updates\Exchange 2016\KB5000871",
            values={"PackageName": sz("Security Update for Exchange Server 2016 Cumulative Update 18 (KB5000871)"),
                    "InstalledDate": sz("3/4/2021"), "InstalledBy": sz("admin")},
        ),
        at(
            r"Microsoft\Windows\CurrentVersion\Uninstall\{CD981244-E9B8-405A-9026-6AEB9DCEF1F1}.KB5000871",
            values={"DisplayName": sz("Security Update for Exchange Server 2016 CU18 (KB5000871)"),
                    "DisplayVersion": sz("15.1.2106.13"), "InstallDate": sz("20210304")},
        ),
        at(r"Microsoft\Windows\CurrentVersion\Run", values={"Updater": sz(r'"C:\ProgramData\u.exe" /q')}),
        at(rf"{nt}\Winlogon", values={"Userinit": sz("C:\\Windows\\system32\\userinit.exe,"),
                                      "DefaultPassword": sz("hunter2")}),
        at(rf"{nt}\Image File Execution Options\sethc.exe", values={"Debugger": sz("cmd.exe")}),
        at(rf"{nt}\SilentProcessExit\lsass.exe", values={"LocalDumpFolder": sz("C:\\Temp"), "ReportingMode": dword(2)}),
        at(rf"{cache}\Tree\Winnet", values={"Id": sz(one), "Index": dword(0)}),
        at(rf"{cache}\Tree\Gone", values={"Id": sz(two), "Index": dword(3), "SD": binary(b"\1\0\4\x80")}),
        at(
            rf"{cache}\Tasks\{one}",
            values={"Path": sz(r"\Winnet"), "Author": sz("EX01\\admin"), "Actions": binary(task_actions()),
                    "DynamicInfo": binary(info)},
        ),
        name="SOFTWARE",
    )  # fmt: skip


def user_v(name: str, comment: str) -> bytes:
    """A user's V: texts first, then what stands for the hashes."""
    head, body = bytearray(0xCC), bytearray()
    for where, text in ((0x0C, name), (0x18, ""), (0x24, comment)):
        raw = text.encode("utf-16-le")
        struct.pack_into("<II", head, where, len(body), len(raw))
        body += raw + bytes(-len(raw) % 4)
    for where in (0x9C, 0xA8):
        struct.pack_into("<II", head, where, len(body), len(NT_HASH))
        body += NT_HASH
    return bytes(head + body)


def user_f(rid: int, flags: int, logons: int) -> bytes:
    f = bytearray(0x50)
    struct.pack_into("<Q", f, 0x08, filetime(WRITTEN) if logons else 0)
    struct.pack_into("<Q", f, 0x18, filetime(EARLIER))
    struct.pack_into("<Q", f, 0x20, 0x7FFFFFFFFFFFFFFF)
    struct.pack_into("<I", f, 0x30, rid)
    struct.pack_into("<HHHHHH", f, 0x38, flags, 0, 0, 0, 3, logons)
    return bytes(f)


def sid(*parts: int) -> bytes:
    return struct.pack("<BB", 1, len(parts)) + (5).to_bytes(6, "big") + struct.pack(f"<{len(parts)}I", *parts)


def group_c(rid: int, name: str, members: list[bytes]) -> bytes:
    raw, listed = name.encode("utf-16-le"), b"".join(members)
    head = bytearray(0x34)
    struct.pack_into("<I", head, 0, rid)
    struct.pack_into("<II", head, 0x10, 0, len(raw))
    struct.pack_into("<II", head, 0x1C, len(raw), 0)
    struct.pack_into("<III", head, 0x28, len(raw), len(listed), len(members))
    return bytes(head) + raw + listed


def sam() -> bytes:
    """Accounts and a group; what stands for hashes must be withheld."""
    domains = r"SAM\Domains"
    admin, helper = sid(21, 1, 2, 3, 500), sid(21, 1, 2, 3, 1001)
    return hive(
        at(
            rf"{domains}\Account",
            values={"F": binary(NT_HASH), "V": binary(bytes(24) + struct.pack("<III", 1, 2, 3))},
        ),
        at(
            rf"{domains}\Account\Users\000001F4",
            values={
                "F": binary(user_f(500, 0x211, 0)),
                "V": binary(user_v("Administrator", "Built-in account")),
            },
        ),
        at(
            rf"{domains}\Account\Users\000003E9",
            values={"F": binary(user_f(1001, 0x210, 7)), "V": binary(user_v("helper$", ""))},
        ),
        at(rf"{domains}\Account\Users\Names\helper$", values={"": (1001, b"")}),
        at(
            rf"{domains}\Builtin\Aliases\00000220",
            values={"C": binary(group_c(544, "Administrators", [admin, helper, sid(21, 7, 8, 9, 512)]))},
        ),
        name=r"\SystemRoot\System32\Config\SAM",
    )


def security() -> bytes:
    def counted(text: str) -> tuple[int, bytes]:
        raw = text.encode("utf-16-le")
        return 0, struct.pack("<HHI", len(raw), len(raw) + 2, 8) + raw + bytes(2)

    return hive(
        at("RXACT"),
        at(r"Policy\PolPrDmN", values={"": counted("CORP")}),
        at(r"Policy\PolDnDDN", values={"": counted("corp.example")}),
        at(r"Policy\PolPrDmS", values={"": (0, sid(21, 7, 8, 9))}),
        at(r"Policy\Secrets\_SC_BackupAgent\CurrVal", values={"": (0, NT_HASH)}),
        at(r"Policy\PolEKList", values={"": (0, NT_HASH)}),
        at("Cache", values={"NL$1": binary(NT_HASH)}),
        name=r"SECURITY",
    )


def ntuser() -> bytes:
    """What a user ran and typed."""
    explorer = r"Software\Microsoft\Windows\CurrentVersion\Explorer"
    entry = struct.pack("<IIII", 0, 4, 2, 60_000) + bytes(44) + struct.pack("<QI", filetime(WRITTEN), 0)
    counted = codecs.encode(r"{1AC14E77-02E7-4E5D-B744-2EB1AE5198B7}\cmd.exe", "rot13")
    return hive(
        at("Control Panel"),
        at(
            rf"{explorer}\UserAssist\{{CEBFF5CD-ACE2-4F4F-9178-9926F41749EA}}\Count",
            values={counted: binary(entry), codecs.encode("UEME_CTLSESSION", "rot13"): binary(bytes(16))},
        ),
        at(rf"{explorer}\TypedPaths", values={"url1": sz(r"\\FS01\c$")}),
        at(rf"{explorer}\RunMRU", values={"a": sz(r"cmd /c whoami\1"), "MRUList": sz("a")}),
        at(
            r"Software\Microsoft\Terminal Server Client\Servers\DC01",
            values={"UsernameHint": sz(r"CORP\admin")},
        ),
        at(r"Software\Sysinternals\ProcDump", values={"EulaAccepted": dword(1)}),
        at(r"Software\Microsoft\Windows\CurrentVersion\RunOnce", values={"x": expand(r"%TEMP%\a.exe -k")}),
        name=r"\??\C:\Users\Bob\ntuser.dat",
    )


def usrclass() -> bytes:
    return hive(
        at(
            r"Local Settings\Software\Microsoft\Windows\Shell\MuiCache",
            values={r"C:\Temp\m.exe.FriendlyAppName": sz("mimikatz for Windows"), "LangID": binary(b"\x09\x04"),
                    r"C:\Temp\m.exe.ApplicationCompany": sz("gentilkiwi")},
        ),
    )  # fmt: skip


def amcache() -> bytes:
    sha1 = "0000" + "da39a3ee5e6b4b0d3255bfef95601890afd80709"
    return hive(
        at(
            r"Root\InventoryApplicationFile\m.exe|abcdef0123456789",
            values={"LowerCaseLongPath": sz(r"c:\temp\m.exe"), "Name": sz("m.exe"), "FileId": sz(sha1),
                    "Size": qword(1234), "Publisher": sz("")},
        ),
        at(r"Root\InventoryApplication\0000aa", values={"Name": sz("7-Zip"), "Version": sz("19.00")}),
        at(r"Root\InventoryDriverBinary\c:/windows/system32/drivers/a.sys", values={"DriverName": sz("a.sys")}),
        at(
            r"Root\File\11111111-2222\1000012345",
            values={"15": sz(r"C:\Windows\Temp\old.exe"), "101": sz(sha1), "12": qword(filetime(EARLIER)),
                    "f": dword(1_600_000_000)},
        ),
        at(r"Root\Programs\0000bb", values={"0": sz("Old Program"), "d": multi(r"C:\Old", r"C:\Older")}),
    )  # fmt: skip


def kinds_of_values() -> bytes:
    """Every type of value, and texts that hide something."""
    big = "A" * 9_000
    return hive(
        K(
            "Types",
            values={
                "": sz("the default value"),
                "sz": sz("plain"),
                "behind": (1, "seen\0hidden\0".encode("utf-16-le")),
                "odd": (1, b"a\0b\0c"),
                "lone surrogate": (1, b"\x00\xd8a\0\0\0"),
                "expand": expand("%TEMP%\\x"),
                "multi": multi("one", "two"),
                "dword": dword(4294967295),
                "big-endian": (5, b"\0\0\1\0"),
                "short dword": (4, b"\1\0"),
                "qword": qword(1 << 40),
                "binary": binary(bytes(range(32))),
                "long binary": binary(bytes(300)),
                "none": (0, b""),
                "own type": (0x12345678, b"\1\2\3\4\5"),
                "device text": (0xFFFF0012, "device\0".encode("utf-16-le")),
                "in segments": sz(big),
                "Ω": sz("ω"),
                "nul\0in name": sz("hidden from regedit"),
            },
        ),
        K("Ключ", written=datetime(1601, 1, 1, tzinfo=UTC)),
        K("many", *(K(f"{n:02}", listed="ri") for n in range(6)), listed="ri"),
        K("plain list", K("a"), K("b"), listed="li"),
        K("hash list", K("a"), listed="lh"),
        K("a class", class_name="Shell"),
    )


def files() -> dict[str, bytes]:
    """Return every exhibit by its path."""
    return {
        f"{CONFIG}/SYSTEM": system(),
        f"{CONFIG}/SOFTWARE": software(),
        f"{CONFIG}/SAM": sam(),
        f"{CONFIG}/SECURITY": security(),
        "Users/Bob/NTUSER.DAT": ntuser(),
        "Users/Bob/AppData/Local/Microsoft/Windows/UsrClass.dat": usrclass(),
        "Windows/AppCompat/Programs/Amcache.hve": amcache(),
        "kinds-of-values.dat": kinds_of_values(),
        "deleted.dat": deleted(),
        **dirty(),
        **damaged(),
    }


def main() -> None:
    """Write the exhibits."""
    for name, content in files().items():
        path = FOLDER / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)


if __name__ == "__main__":
    main()
