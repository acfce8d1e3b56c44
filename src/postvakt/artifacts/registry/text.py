"""Registry values as people read them, and those that are nobody's to read."""

import re

from postvakt.artifacts.registry.regf import text

MOST_TEXT = 32_768
"""Characters of a text that are written out."""

MOST_HEX = 256
"""Bytes of a binary value that are written out."""

WITHHELD = "(withheld)"
GUARDED = frozenset(("SAM", "SECURITY"))

TYPES: dict[int, str] = {
    0: "REG_NONE",
    1: "REG_SZ",
    2: "REG_EXPAND_SZ",
    3: "REG_BINARY",
    4: "REG_DWORD",
    5: "REG_DWORD_BIG_ENDIAN",
    6: "REG_LINK",
    7: "REG_MULTI_SZ",
    8: "REG_RESOURCE_LIST",
    9: "REG_FULL_RESOURCE_DESCRIPTOR",
    10: "REG_RESOURCE_REQUIREMENTS_LIST",
    11: "REG_QWORD",
}
TEXTS = frozenset((1, 2, 6, 0xFFFF0012))
LISTS = frozenset((7, 0xFFFF2012))
"""Types that hold text: the registry's own, and those of device properties (DEVPROP_TYPE_STRING and its list)."""

DWORD = 4
DEFAULT = "(Default)"
"""How Sysmon names a key's default value in a TargetObject."""

NUMBERS = {4: (4, "little"), 5: (4, "big"), 11: (8, "little")}

PASSWORDS = frozenset(("defaultpassword", "altdefaultpassword"))
_SECRET_VALUES = frozenset(("supplementalcredentials", "resetdata", "userpasswordhint", "pekid", "cachedkey"))
_ACCOUNT = re.compile(r"\\(?:[0-9a-f]{8}|account|\(unknown\))$", re.IGNORECASE)
"""Keys in which a value `V` or `F` is that of an account."""

_SECRET_KEYS = frozenset(
    ("currval", "oldval", "polekslist", "poleklist", "polsecretencryptionkey", "cache", "sam", "users")
)
_CLASS_SECRETS = frozenset(("jd", "skew1", "gbg", "data"))


def type_name(kind: int) -> str:
    """Return a value type's name, or its number in hexadecimal."""
    return TYPES.get(kind) or f"0x{kind:08x}"


def most_bytes(kind: int) -> int:
    """Return how many bytes of a value of this type are read to render it."""
    return 2 * MOST_TEXT + 2 if kind in TEXTS or kind in LISTS else MOST_HEX


def render(kind: int, raw: bytes, size: int) -> tuple[str, str]:
    """Return a value as text, and what a text holds behind its end (Windows reads to the first NUL).

    Texts stand as they are, several joined by `; `, numbers in decimal, everything else in hexadecimal with
    its size where not all of it is shown.
    """
    if kind in TEXTS:
        whole, _, rest = text(raw).partition("\0")
        return _cut(whole, size), _cut(rest.strip("\0"), size)
    if kind in LISTS:
        return _cut("; ".join(part for part in text(raw).split("\0") if part), size), ""
    width, order = NUMBERS.get(kind, (0, "little"))
    if width and len(raw) == size == width:
        return str(int.from_bytes(raw, "big" if order == "big" else "little")), ""
    shown = raw[:MOST_HEX].hex()
    return (shown if size <= MOST_HEX else f"{shown}... ({size} bytes)"), ""


def _cut(whole: str, size: int) -> str:
    return whole if len(whole) <= MOST_TEXT else f"{whole[:MOST_TEXT]}... ({size} bytes)"


def is_secret(hive: str, key: str, name: str, kind: int) -> bool:
    """Tell whether a value may hold a secret: then its type and size are told, its bytes are not.

    Of SAM and SECURITY no value is shown (what they tell of accounts and domains is read out as traces): in a
    damaged hive a harmless key may lead to another's bytes. A hive whose kind is unclear is judged by the names
    that secrets go by.
    """
    if hive in GUARDED:
        return True
    lowered = name.casefold()
    if lowered in PASSWORDS:
        return True
    if hive != "other" or kind in TEXTS or kind in NUMBERS:
        return False
    if lowered in ("v", "f") and _ACCOUNT.search(key):
        return True
    last = key.rpartition("\\")[2].casefold()
    return lowered in _SECRET_VALUES or lowered.startswith("nl$") or last in _SECRET_KEYS


def is_secret_class(key_name: str) -> bool:
    """Tell whether a key's class holds a part of the key that secrets are encrypted with (`Control\\Lsa`)."""
    return key_name.casefold() in _CLASS_SECRETS
