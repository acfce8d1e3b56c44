"""Real hives: counts beside libregf's, hives that Windows recovered itself, caches of every Windows version.

The numbers of the dirty hives agree with those that the author of the format's specification publishes through his
own reader (items are keys and values together): transactions_NTUSER 7,800, UsrClass 18,769.
"""

from collections import Counter
from pathlib import Path

import pytest

from postvakt.artifacts.registry.shimcache import entries
from postvakt.artifacts.registry.text import type_name
from postvakt.artifacts.registry.trace import instant
from postvakt.model.clock import micros
from tests.artifacts.hive_sources import by_libregf, held, living, read, told

pytestmark = pytest.mark.shared

VELOCIRAPTOR = "collections/velociraptor/artifacts/testdata/files"
REGIPY = "registry/regipy/regipy_tests/data"
YARP = "registry/yarp/hives_for_tests"
AMCACHE = "hosts/win10-clean/Windows/Amcache/Win10/RathbunVM/Amcache.hve"

SAME = (
    (f"{VELOCIRAPTOR}/Amcache.hve", "Amcache", 122, 1843),
    (f"{VELOCIRAPTOR}/SAM", "SAM", 80, 98),
    (AMCACHE, "Amcache", 972, 18956),
    ("plaso/test_data/NTUSER-RunTests.DAT", "NTUSER", 893, 1306),
    ("plaso/test_data/regf/100_sub_keys.hiv", "other", 101, 100),
    ("plaso/test_data/regf/SAM", "SAM", 76, 84),
    ("plaso/test_data/winreg/win10-Amcache.hve", "Amcache", 207, 4188),
    ("registry/dfwinreg/test_data/NTUSER.DAT", "NTUSER", 1597, 2310),
    ("registry/dfwinreg/test_data/SECURITY", "SECURITY", 101, 110),
    ("registry/hivex/images/minimal", "DEFAULT", 1, 0),
    ("registry/hivex/images/rlenvalue_test_hive", "DEFAULT", 2, 6),
    ("registry/hivex/images/special", "other", 4, 3),
    ("registry/nt-hive/testdata/testhive", "other", 528, 12),
    (f"{REGIPY}/BCD.xz", "BCD", 132, 103),
    (f"{REGIPY}/NTUSER.DAT.xz", "NTUSER", 1812, 4094),
    (f"{REGIPY}/SAM.xz", "SAM", 65, 70),
    (f"{REGIPY}/SECURITY.xz", "SECURITY", 100, 109),
    (f"{REGIPY}/SYSTEM.xz", "SYSTEM", 30756, 73456),
    (f"{REGIPY}/amcache.hve.xz", "Amcache", 2105, 17539),
    (f"{YARP}/BadLogHive1/BadLogHive", "other", 5003, 0),
    (f"{YARP}/BigDataHive", "other", 2, 2),
    (f"{YARP}/DeletedDataHive", "other", 2, 1),
    (f"{YARP}/NewDirtyHive1/RecoveredHive_Windows10", "other", 5, 1),
    (f"{YARP}/OldDirtyHive/RecoveredHive_Windows7", "other", 5003, 1),
    (f"{YARP}/StringValuesHive", "other", 2, 4),
    (f"{YARP}/UnicodeHive", "other", 3, 0),
)
"""Hives of which libregf reads as many keys and values: file, kind, keys, values."""

OTHERWISE = (
    # libregf replays no logs: it reads the hive as it lies there.
    (f"{REGIPY}/UsrClass.dat.xz", 6238, 12531, (6205, 12369)),
    (f"{REGIPY}/transactions_NTUSER.DAT.xz", 3105, 4695, (2590, 4119)),
    (f"{YARP}/NewDirtyHive1/NewDirtyHive", 5, 1, (5, 2)),
    (f"{YARP}/OldDirtyHive/OldDirtyHive", 5003, 1, (5003, 0)),
    # Two keys claim one list; libregf tells the key below both of them, we tell it once and the claim as a Gap.
    (f"{YARP}/BadListHive", 6, 0, (7, 0)),
    # libregf gives up on these three; the hundred-and-first key of the first stands there as an orphan.
    ("plaso/test_data/regf/corrupt_sub_key_list.hiv", 100, 99, None),
    (f"{YARP}/GarbageHive", 1, 0, None),
    (f"{YARP}/TruncatedHive", 2, 0, None),
)
"""Hives of which it reads something else, each judged: file, our keys and values, libregf's."""


@pytest.mark.parametrize(("name", "kind", "keys", "values"), SAME)
def test_counts_are_those_of_libregf(
    shared_evidence: Path, name: str, kind: str, keys: int, values: int
) -> None:
    source = held(shared_evidence / name)
    rows, _, _ = read(source)
    theirs = by_libregf(source.files[source.member.path])
    assert rows["registry_key"][0]["hive"] == kind
    assert (len(living(rows["registry_key"])), len(living(rows["registry_value"]))) == (keys, values)
    assert tuple(map(len, theirs)) == (keys, values)


@pytest.mark.parametrize(("name", "keys", "values", "theirs"), OTHERWISE)
def test_where_counts_differ_it_was_judged(
    shared_evidence: Path, name: str, keys: int, values: int, theirs: tuple[int, int] | None
) -> None:
    source = held(shared_evidence / name)
    rows, _, _ = read(source)
    assert (len(living(rows["registry_key"])), len(living(rows["registry_value"]))) == (keys, values)
    assert libregf_counts(source.files[source.member.path]) == theirs


def libregf_counts(content: bytes) -> tuple[int, int] | None:
    try:
        keys, values = by_libregf(content)
    except OSError:
        return None
    return len(keys), len(values)


def test_every_hive_of_the_evidence_is_in_the_table(shared_evidence: Path) -> None:
    listed = {name for name, *_ in (*SAME, *OTHERWISE)}
    found = {
        path.relative_to(shared_evidence).as_posix()
        for folder in ("collections", "hosts", "plaso", "registry")
        for path in (shared_evidence / folder).rglob("*")
        if path.is_file() and ".log" not in path.name.lower() and begins_like_a_hive(path)
    }
    assert found == listed


def begins_like_a_hive(path: Path) -> bool:
    source = held(path) if path.suffix == ".xz" else None
    head = source.files[source.member.path][:4] if source else path.open("rb").read(4)
    return head == b"regf"


EXACT = [
    (f"{REGIPY}/SYSTEM.xz", 42),
    (f"{REGIPY}/NTUSER.DAT.xz", 36),
    (f"{REGIPY}/amcache.hve.xz", 0),
    (f"{REGIPY}/BCD.xz", 7),
    ("plaso/test_data/NTUSER-RunTests.DAT", 0),
    ("registry/nt-hive/testdata/testhive", 0),
    ("registry/dfwinreg/test_data/NTUSER.DAT", 3),
    (f"{YARP}/BigDataHive", 0),
    (f"{YARP}/StringValuesHive", 0),
]


@pytest.mark.parametrize(("name", "short"), EXACT)
def test_keys_times_and_values_are_those_of_libregf(shared_evidence: Path, name: str, short: int) -> None:
    """All are equal but values of one to three bytes in their own cell: of these libregf returns the last bytes of
    four, where the format has the first (hivex's `3Bytes`, made as 30 31 32, shows which is right)."""
    source = held(shared_evidence / name)
    rows, _, _ = read(source)
    keys, values = by_libregf(source.files[source.member.path])
    ours, shown = told(rows)
    assert Counter((path, time and micros(time)) for path, time, _ in ours) == Counter(
        (path, instant(ticks)) for path, ticks in keys
    )
    differing = Counter((path, name, kind, value) for path, name, kind, _, value in shown) - Counter(
        (path, name, type_name(kind), value) for path, name, kind, value in values
    )
    sizes = {(path, name): size for path, name, _, size, _ in shown}
    assert differing.total() == short
    assert {sizes[path, name] for path, name, _, _ in differing} <= {1, 2, 3}


@pytest.mark.parametrize(
    ("dirty", "by_windows"),
    [
        (f"{YARP}/NewDirtyHive1/NewDirtyHive", f"{YARP}/NewDirtyHive1/RecoveredHive_Windows10"),
        (f"{YARP}/OldDirtyHive/OldDirtyHive", f"{YARP}/OldDirtyHive/RecoveredHive_Windows7"),
    ],
)
def test_what_windows_itself_recovered(shared_evidence: Path, dirty: str, by_windows: str) -> None:
    ours, gaps, _ = read(held(shared_evidence / dirty))
    theirs, _, _ = read(held(shared_evidence / by_windows))
    assert gaps == []
    assert told(ours) == told(theirs)


@pytest.mark.parametrize(
    ("name", "detail"),
    [
        (
            f"{YARP}/BadLogHive1/BadLogHive",
            "transaction logs: sequence numbers 5 and 4 differ, and no log beside it belongs to this state",
        ),
        (
            f"{VELOCIRAPTOR}/Amcache.hve",
            "hive is dirty (sequence numbers 3 and 2 differ) and its transaction logs are not in the evidence: "
            "changes not yet written are not seen",
        ),
    ],
)
def test_what_could_not_be_recovered_is_said(shared_evidence: Path, name: str, detail: str) -> None:
    _, gaps, _ = read(held(shared_evidence / name))
    assert [gap.detail for gap in gaps] == [detail]


CACHES = "hosts/win10-clean/Windows/AppCompatCache"
TRUNCATED = f"{VELOCIRAPTOR}/AppCompatCache"


@pytest.mark.parametrize(
    ("name", "form", "count", "first"),
    [
        (f"{CACHES}/WinXP/WinXPx86.bin", "Windows XP", 96, r"\??\C:\WINDOWS\system32\oobe\msoobe.exe"),
        (
            f"{CACHES}/Win2008/Win2k8Standard.bin",
            "Windows Server 2003, Vista, 2008 (x64)",
            873,
            r"\??\C:\Program Files (x86)\StorageCraft\ShadowProtect\ShadowSnap\raw_agent_svc.exe",
        ),
        (f"{CACHES}/Win7/win7x86.bin", "Windows 7, 2008 R2", 91, r"\??\C:\Windows\system32\LogonUI.exe"),
        (
            f"{CACHES}/Win7/win7x64.bin",
            "Windows 7, 2008 R2 (x64)",
            304,
            r"\??\C:\Windows\system32\wuauclt.exe",
        ),
        (f"{CACHES}/Win8.0/Win80.bin", "Windows 8.0, 2012", 104, r"SYSVOL\Windows\System32\LogonUI.exe"),
        (
            f"{CACHES}/Win8.1/Win81.bin",
            "Windows 8.1, 2012 R2",
            1024,
            r"SYSVOL\Program Files\CrashPlan\jre\bin\java.exe",
        ),
        (f"{CACHES}/Win10/Win10.bin", "Windows 10, 2016 and later", 350, r"C:\WINDOWS\System32\vds.exe"),
        (
            f"{CACHES}/Win10/Win10Creators.bin",
            "Windows 10, 2016 and later",
            506,
            r"C:\Program Files (x86)\NVIDIA Corporation\3D Vision\nvstreg.exe",
        ),
        (f"{TRUNCATED}/Win10_trunc.bin", "Windows 10, 2016 and later", 15, r"C:\WINDOWS\System32\vds.exe"),
        (f"{TRUNCATED}/Win80_trunc.bin", "Windows 8.0, 2012", 16, r"SYSVOL\Windows\System32\LogonUI.exe"),
    ],
)
def test_shimcaches_of_every_windows(
    shared_evidence: Path, name: str, form: str, count: int, first: str
) -> None:
    told_form, seen = entries((shared_evidence / name).read_bytes())
    listed = list(seen)
    assert (told_form, len(listed), listed[0].path) == (form, count, first)


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        (f"{VELOCIRAPTOR}/SAM", {"account": 5, "group": 19}),
        (f"{REGIPY}/SYSTEM.xz", {"service": 833, "shimcache": 660, "autostart": 42}),
        (AMCACHE, {"amcache_file": 183, "amcache_program": 91, "amcache_driver": 373}),
        (f"{REGIPY}/amcache.hve.xz", {"amcache_file": 1367, "amcache_program": 100, "amcache_driver": 311}),
        (f"{REGIPY}/NTUSER.DAT.xz", {"userassist": 29, "typed_url": 2, "run_key": 1, "autostart": 1}),
        (f"{REGIPY}/UsrClass.dat.xz", {"muicache": 19}),
        ("registry/dfwinreg/test_data/SECURITY", {"domain": 1}),
    ],
)
def test_what_is_read_out(shared_evidence: Path, name: str, expected: dict[str, int]) -> None:
    rows, _, _ = read(held(shared_evidence / name))
    assert Counter(row["trace"] for row in rows["registry_trace"]) == expected


def test_the_machine_is_named_by_its_system_hive(shared_evidence: Path) -> None:
    _, _, clues = read(held(shared_evidence / f"{REGIPY}/SYSTEM.xz"))
    assert [(clue.kind, clue.value, clue.weight) for clue in clues] == [
        ("host", "WKS-WIN732BITA", 100),
        ("domain", "shieldbase.local", 100),
        ("zone", "Eastern Standard Time", 100),
    ]
