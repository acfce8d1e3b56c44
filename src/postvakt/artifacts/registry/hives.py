"""Which hive is it, whose, and how do people write its paths: told by what it holds before how it is named."""

import re

import msgspec

from postvakt.artifacts.registry.regf import Hive
from postvakt.model.evidence import Member


class Place(msgspec.Struct, frozen=True):
    """A hive's kind (`SYSTEM`, `NTUSER`...), the user it belongs to, and what its paths begin with."""

    kind: str
    user: str
    root: str


CONTENTS: tuple[tuple[str, frozenset[str]], ...] = (
    ("SYSTEM", frozenset(("select", "controlset001"))),
    ("SYSTEM", frozenset(("select", "controlset002"))),
    ("SYSTEM", frozenset(("controlset001", "mounteddevices"))),
    ("SECURITY", frozenset(("policy", "rxact"))),
    ("SECURITY", frozenset(("policy", "cache"))),
    ("SOFTWARE", frozenset(("classes", "microsoft"))),
    ("BCD", frozenset(("description", "objects"))),
    ("COMPONENTS", frozenset(("canonicaldata", "deriveddata"))),
    ("COMPONENTS", frozenset(("serviceinglisteners",))),
    ("DRIVERS", frozenset(("driverdatabase",))),
    ("Syscache", frozenset(("defaultobjectstore",))),
    ("settings", frozenset(("localstate", "roamingstate"))),
    ("NTUSER", frozenset(("software", "control panel"))),
    ("NTUSER", frozenset(("software", "environment"))),
    ("UsrClass", frozenset(("local settings",))),
)
"""Keys right below the root that only this kind has; the first line whose keys are all there decides."""

BELOW: tuple[tuple[str, str, frozenset[str]], ...] = (
    ("SAM", "sam", frozenset(("domains",))),
    ("Amcache", "root", frozenset(("file", "programs"))),
    ("Amcache", "root", frozenset(("inventoryapplicationfile",))),
    ("Amcache", "root", frozenset(("inventoryapplication",))),
)
"""Kinds that one key and what lies below it tell."""

NAMES: tuple[tuple[str, re.Pattern[str]], ...] = tuple(
    (kind, re.compile(rf"(?:^|[\\/]){pattern}(?:\.sav|\.bak|\.old)?$", re.IGNORECASE))
    for kind, pattern in (
        ("SYSTEM", "system"),
        ("SOFTWARE", "software"),
        ("SAM", "sam"),
        ("SECURITY", "security"),
        ("DEFAULT", "default"),
        ("NTUSER", r"ntuser\.(?:dat|man)"),
        ("UsrClass", r"usrclass\.dat"),
        ("Amcache", r"amcache\.hve"),
        ("BCD", "bcd"),
        ("COMPONENTS", "components"),
        ("DRIVERS", "drivers"),
        ("Syscache", r"syscache\.hve"),
        ("settings", r"settings\.dat"),
    )
)
"""Kinds by the file's name, for what the content does not tell."""

ROOTS = {
    "SYSTEM": r"HKLM\SYSTEM",
    "SOFTWARE": r"HKLM\SOFTWARE",
    "SAM": r"HKLM\SAM",
    "SECURITY": r"HKLM\SECURITY",
    "BCD": r"HKLM\BCD00000000",
    "COMPONENTS": r"HKLM\COMPONENTS",
    "DRIVERS": r"HKLM\DRIVERS",
    "DEFAULT": r"HKU\.DEFAULT",
    "Amcache": "Amcache",
    "Syscache": "Syscache",
}
USERS: tuple[tuple[re.Pattern[str], str], ...] = (
    (re.compile(r"[\\/]config[\\/]systemprofile[\\/]", re.IGNORECASE), "S-1-5-18"),
    (re.compile(r"[\\/]localservice[\\/]", re.IGNORECASE), "S-1-5-19"),
    (re.compile(r"[\\/]networkservice[\\/]", re.IGNORECASE), "S-1-5-20"),
)
_PROFILE = re.compile(r"(?:^|[\\/])(?:users|documents and settings)[\\/]([^\\/]+)[\\/]", re.IGNORECASE)
_CHILDREN = 64


def place_of(hive: Hive, member: Member) -> Place:
    """Return what a hive is. A root that cannot be read leaves the header's own file name, then the member's."""
    user = _user_of(hive, member)
    names = (hive.base.name, member.windows_path, member.path)
    by_name = next((kind for name in names if (kind := _kind_by_name(name))), "")
    kind = _kind_by_content(hive) or by_name or "other"
    if kind == "NTUSER" and by_name == "DEFAULT" and not user:
        kind = "DEFAULT"
    return Place(kind, user, _root(kind, user, member))


def _kind_by_name(name: str) -> str:
    return next((kind for kind, pattern in NAMES if pattern.search(name)), "")


def _kind_by_content(hive: Hive) -> str:
    root = hive.root()
    if root is None:
        return ""
    children = {}
    for position, child in enumerate(hive.subkeys(root)):
        if position >= _CHILDREN:
            break
        children[child.name.casefold()] = child
    for kind, wanted in CONTENTS:
        if wanted <= children.keys():
            return kind
    for kind, name, wanted in BELOW:
        if name in children and wanted <= {key.name.casefold() for key in hive.subkeys(children[name])}:
            return kind
    return ""


def _user_of(hive: Hive, member: Member) -> str:
    """Return the profile's name by the path on the server, in the case in which it is stored."""
    told, stored = _user(member.windows_path), _user(member.path)
    if told and told.casefold() != stored.casefold():
        return told
    return stored or _user(hive.base.name)


def _user(name: str) -> str:
    known = next((user for pattern, user in USERS if pattern.search(name)), "")
    if known:
        return known
    found = _PROFILE.search(name)
    return found.group(1) if found else ""


def _root(kind: str, user: str, member: Member) -> str:
    if kind == "NTUSER":
        return f"HKU\\{user}" if user else "HKCU"
    if kind == "UsrClass":
        return f"HKU\\{user}_Classes" if user else r"HKCU\Software\Classes"
    if kind == "settings":
        parts = re.split(r"[\\/]", member.windows_path or member.path)
        package = parts[-3] if len(parts) > 2 and parts[-2].casefold() == "settings" else ""
        return f"settings\\{package}" if package else "settings"
    return ROOTS.get(kind) or re.split(r"[\\/]", member.path)[-1]
