"""Registry hives: what no exhibit can show. Secrets stay withheld, hostile hives end, damaged ones give only rows,
gaps and clues, and an independent reader agrees."""

import itertools
import random
import struct
from collections.abc import Callable

import pytest

from postvakt.artifacts.registry.text import WITHHELD, is_secret, render
from postvakt.model.gap import Gap
from tests.artifacts.hive_builder import NONE, WRITTEN, Builder, K, at, binary, dword, filetime, hive, sz
from tests.artifacts.hive_exhibits import NT_HASH, files
from tests.artifacts.hive_sources import by_libregf, living, read, told
from tests.artifacts.sources import Held

EXHIBITS = files()
HIVES = sorted(name for name in EXHIBITS if not name.endswith((".LOG1", ".LOG2")))
SOUND = [name for name in HIVES if not name.startswith(("damaged/", "dirty/"))]
CONFIG = "Windows/System32/config"


@pytest.mark.parametrize("name", SOUND)
def test_libregf_reads_the_same_keys_and_values(name: str) -> None:
    rows, _, _ = read(Held(EXHIBITS, name))
    keys, values = by_libregf(EXHIBITS[name])
    assert len(living(rows["registry_key"])) == len(keys)
    assert len(living(rows["registry_value"])) == len(values)
    assert sorted(path for path, *_ in told(rows)[0]) == [path for path, _ in keys]


@pytest.mark.parametrize("name", [f"{CONFIG}/SAM", f"{CONFIG}/SECURITY"])
def test_no_secret_leaves_sam_and_security(name: str) -> None:
    assert NT_HASH in EXHIBITS[name]
    rows, gaps, clues = read(Held(EXHIBITS, name))
    assert {row["value"] for row in rows["registry_value"] if row["size"]} == {WITHHELD}
    assert NT_HASH.hex() not in repr((rows, gaps, clues))


@pytest.mark.parametrize("seed", range(150))
def test_no_secret_leaves_a_damaged_sam(seed: int) -> None:
    name = f"{CONFIG}/SAM"
    rows, gaps, clues = read(Held({name: damaged_by(random.Random(seed), EXHIBITS[name])}, name))
    assert NT_HASH.hex()[:8] not in repr((rows, gaps, clues))


@pytest.mark.parametrize(
    ("hive_kind", "key", "name", "kind", "secret"),
    [
        ("SAM", r"HKLM\SAM\SAM\Domains\Account\Users\000001F4", "V", 3, True),
        ("SAM", r"HKLM\SAM\(unknown)", "C", 3, True),
        ("SECURITY", r"HKLM\SECURITY\Policy\PolAdtEv", "", 0, True),
        (
            "SOFTWARE",
            r"HKLM\SOFTWARE\Microsoft\Windows NT\CurrentVersion\Winlogon",
            "DefaultPassword",
            1,
            True,
        ),
        (
            "SOFTWARE",
            r"HKLM\SOFTWARE\Microsoft\Windows NT\CurrentVersion\Winlogon",
            "DefaultUserName",
            1,
            False,
        ),
        ("other", r"x\(unknown)", "V", 3, True),
        ("other", r"x\Secrets\_SC_a\CurrVal", "", 0, True),
        ("other", r"x\Cache", "NL$1", 3, True),
        ("other", r"x\any", "v", 3, False),
        ("NTUSER", r"HKU\bob\Software", "F", 3, False),
    ],
)
def test_what_is_withheld(hive_kind: str, key: str, name: str, kind: int, secret: bool) -> None:
    assert is_secret(hive_kind, key, name, kind) is secret


@pytest.mark.parametrize(
    ("kind", "raw", "size", "expected"),
    [
        (1, "a\0".encode("utf-16-le"), 4, ("a", "")),
        (1, "a\0b\0".encode("utf-16-le"), 8, ("a", "b")),
        (1, ("x" * 40_000).encode("utf-16-le"), 80_000, ("x" * 32_768 + "... (80000 bytes)", "")),
        (7, "a\0\0b\0\0".encode("utf-16-le"), 12, ("a; b", "")),
        (4, b"\xff\xff\xff\xff", 4, ("4294967295", "")),
        (5, b"\0\0\1\0", 4, ("256", "")),
        (11, b"\1\0\0\0\1\0\0\0", 8, ("4294967297", "")),
        (4, b"\1\2\3", 3, ("010203", "")),
        (3, bytes(256), 1000, ("00" * 256 + "... (1000 bytes)", "")),
        (3, b"", 0, ("", "")),
    ],
)
def test_values_as_people_read_them(kind: int, raw: bytes, size: int, expected: tuple[str, str]) -> None:
    assert render(kind, raw, size) == expected


def damaged_by(dice: random.Random, content: bytes) -> bytes:
    """Return a file with a few bytes changed, and one time in three cut short."""
    changed = bytearray(content)
    for _ in range(dice.choice((1, 4, 30))):
        changed[dice.randrange(len(changed))] = dice.choice((0, 0xFF, dice.randrange(256)))
    return bytes(changed[: dice.randrange(1, len(changed))] if dice.random() < 0.33 else changed)


@pytest.mark.parametrize("seed", range(40))
@pytest.mark.parametrize("name", [name for name in HIVES if EXHIBITS[name]])
def test_damage_gives_only_rows_gaps_and_clues(name: str, seed: int) -> None:
    dice = random.Random(f"{name}{seed}")
    beside = {other: content for other, content in EXHIBITS.items() if other.startswith(name + ".")}
    broken = {other: damaged_by(dice, content) if content else content for other, content in beside.items()}
    rows, gaps, _ = read(Held({name: damaged_by(dice, EXHIBITS[name]), **broken}, name))
    assert set(rows) == {"registry_key", "registry_value", "registry_trace"}
    assert all(gap.detail for gap in gaps)


def node(name: str, *, root: bool = False, subkeys: int = 0, values: int = 0) -> bytes:
    """Return a key node that claims subkeys or values; its lists are filled in later."""
    return struct.pack(
        "<2sHQIIIIIIIIIIIIIIIHH", b"nk", 0x24 if root else 0x20, filetime(WRITTEN), 0, NONE, subkeys, 0, NONE, NONE,
        values, NONE, NONE, NONE, 0, 0, 0, 0, 0, len(name), 0,
    ) + name.encode()  # fmt: skip


def point(builder: Builder, key: int, field: int, target: int) -> None:
    """Let a field of a key node point at a cell."""
    struct.pack_into("<I", builder.bins, key + 4 + field, target)


def shared_list() -> bytes:
    """Two thousand keys, each of which claims all of them as its subkeys."""
    builder = Builder()
    keys = [builder.cell(node(f"k{n}", subkeys=2000)) for n in range(2000)]
    leaf = builder.leaf("lf", K(""), keys)
    root = builder.cell(node("ROOT", root=True, subkeys=2000))
    for key in (*keys, root):
        point(builder, key, 28, leaf)
    return builder.finish(root)


def list_of_one_list() -> bytes:
    """An index that refers 5,000 times to one list that refers 5,000 times to one key."""
    builder = Builder()
    key = builder.cell(node("k"))
    leaf = builder.cell(b"li" + struct.pack("<H5000I", 5000, *[key] * 5000))
    index = builder.cell(b"ri" + struct.pack("<H5000I", 5000, *[leaf] * 5000))
    root = builder.cell(node("ROOT", root=True, subkeys=5000))
    point(builder, root, 28, index)
    return builder.finish(root)


def deep() -> bytes:
    """Three thousand keys, one below the other."""
    builder = Builder()
    keys = [builder.cell(node("deep key", root=n == 0, subkeys=int(n < 2999))) for n in range(3000)]
    for above, below in itertools.pairwise(keys):
        point(builder, above, 28, builder.leaf("lf", K(""), [below]))
    return builder.finish(keys[0])


def one_text_for_all() -> bytes:
    """Ten thousand values that share one text of 30,000 characters: 300 MB if all were written out."""
    builder = Builder(minor=3)
    data = builder.cell("A".encode("utf-16-le") * 30_000)
    values = [
        builder.cell(b"vk" + struct.pack("<HIIIHH", 1, 60_000, data, 1, 1, 0) + b"v") for _ in range(10_000)
    ]
    root = builder.cell(node("ROOT", root=True, values=10_000))
    point(builder, root, 40, builder.cell(struct.pack("<10000I", *values)))
    return builder.finish(root)


@pytest.mark.parametrize(
    ("build", "keys", "values", "why", "detail"),
    [
        (
            shared_list,
            2001,
            0,
            "unparsed",
            "a list of subkeys is referred to twice; the second time it was not read",
        ),
        (list_of_one_list, 2, 0, "unparsed", "a key is listed twice; it is told where it was met first"),
        (deep, 3000, 0, "limited", "paths of more than 1024 characters are shortened"),
        (one_text_for_all, 1, 10_000, "limited", "values in sum longer than the hive are shown in part"),
    ],
)
def test_hostile_hives_end(build: Callable[[], bytes], keys: int, values: int, why: str, detail: str) -> None:
    rows, gaps, _ = read(Held({"x": build()}, "x"))
    assert len(rows["registry_key"]) == keys
    assert len(rows["registry_value"]) == values
    assert (why, detail) in [(gap.why, gap.detail) for gap in gaps]
    assert sum(len(row["value"]) for row in rows["registry_value"]) < 80_000_000


@pytest.mark.parametrize(
    ("path", "name", "kind", "user", "root"),
    [
        ("C/Users/Bob/NTUSER.DAT", "", "NTUSER", "Bob", r"HKU\Bob"),
        ("Windows/System32/config/systemprofile/ntuser.dat", "", "NTUSER", "S-1-5-18", r"HKU\S-1-5-18"),
        ("Windows/ServiceProfiles/LocalService/NTUSER.DAT", "", "NTUSER", "S-1-5-19", r"HKU\S-1-5-19"),
        ("loose.bin", r"\??\C:\Users\eve\ntuser.dat", "NTUSER", "eve", r"HKU\eve"),
        ("loose.bin", "", "NTUSER", "", "HKCU"),
        ("Windows/System32/config/DEFAULT", "", "DEFAULT", "", r"HKU\.DEFAULT"),
    ],
)
def test_whose_hive_it_is(path: str, name: str, kind: str, user: str, root: str) -> None:
    content = hive(K("Control Panel"), K("Software", values={"x": sz("y")}), name=name)
    rows, _, _ = read(Held({path: content}, path))
    assert {(row["hive"], row["user"]) for row in rows["registry_key"]} == {(kind, user)}
    assert rows["registry_key"][0]["key"] == root


def test_a_hive_that_is_too_large_is_read_in_part(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("postvakt.artifacts.registry.reader.HIVE_LIMIT", 8192)
    name = "kinds-of-values.dat"
    _, gaps, _ = read(Held(EXHIBITS, name))
    assert Gap(artifact="registry", why="limited", detail="hives are read up to 8192 bytes") in gaps


def machine(**values: tuple[int, bytes]) -> bytes:
    """A SYSTEM hive with these values: a name with `__` between the keys of the control set, then the value's."""
    keys = [at("ControlSet001", K("Control"))]
    for place, value in values.items():
        *path, name = place.split("__")
        keys.append(at("\\".join(("ControlSet001", *path)), values={name: value}))
    return hive(at("Select", values={"Current": dword(1)}), *keys)


@pytest.mark.parametrize(
    ("content", "kind", "value"),
    [
        (machine(Control__ProductOptions__ProductType=sz("LanmanNT")), "role", "domain-controller"),
        (machine(Services__MSExchangeADTopology__Start=dword(2)), "role", "exchange"),
        (machine(Control__TimeZoneInformation__ActiveTimeBias=dword(0xFFFFFFC4)), "zone", "UTC+01:00"),
        (machine(Control__TimeZoneInformation__ActiveTimeBias=dword(300)), "zone", "UTC-05:00"),
        (
            machine(Services__EventLog__Security__File=sz(r"E:\Logs\Security.evtx")),
            "log_directory",
            r"E:\Logs",
        ),
    ],
)
def test_what_a_system_hive_tells(content: bytes, kind: str, value: str) -> None:
    _, _, clues = read(Held({"SYSTEM": content}, "SYSTEM"))
    assert [(clue.kind, clue.value) for clue in clues] == [(kind, value)]


def test_a_shimcache_of_unknown_form_is_a_gap() -> None:
    key = at(
        r"ControlSet001\Control\Session Manager\AppCompatCache",
        values={"AppCompatCache": binary(b"\xff" * 64)},
    )
    _, gaps, _ = read(Held({"SYSTEM": hive(at("Select"), key)}, "SYSTEM"))
    assert [gap.why for gap in gaps] == ["unsupported"]
