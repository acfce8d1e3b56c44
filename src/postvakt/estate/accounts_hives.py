"""SAM and SECURITY of a synthetic server: accounts, groups and domain in their structure, and nobody's secrets."""

import struct

from postvakt.estate.binxml import sid
from postvakt.estate.filetime import filetime
from postvakt.estate.machines import Language
from postvakt.estate.people import DOMAIN_SID, MACHINE_SID, NETBIOS
from postvakt.estate.plans import INSTALLED_AT
from postvakt.estate.regf_writer import BINARY, NONE, Value, binary
from postvakt.estate.registry_tree import Tree

ACCOUNTS = "SAM\\Domains\\Account\\Users"
GROUPS = "SAM\\Domains\\Builtin\\Aliases"
GROUP_HEADER = 0x34


def users(words: Language) -> tuple[tuple[str, int, int], ...]:
    """Return name, identifier and control bits (0x0001: disabled) of the local accounts."""
    return (
        (words.administrator, 500, 0x0210),
        (words.guest, 501, 0x0215),
        (words.default_account, 503, 0x0215),
    )


def aliases(words: Language) -> tuple[tuple[str, int, tuple[str, ...]], ...]:
    """Return name, identifier and members of the local groups."""
    return (
        (words.administrators, 544, (f"{MACHINE_SID}-500", f"{DOMAIN_SID}-512")),
        (words.remote_desktop_users, 555, ()),
    )


def sam(words: Language) -> Tree:
    """Return the account database. Where password hashes would stand there is nothing."""
    tree = Tree(INSTALLED_AT)
    for name, number, bits in users(words):
        tree.add(f"{ACCOUNTS}\\{number:08X}", binary("F", _account(number, bits)), binary("V", _named(name)))
        tree.add(f"{ACCOUNTS}\\Names\\{name}", Value("", number, b""))
    for name, number, members in aliases(words):
        tree.add(f"{GROUPS}\\{number:08X}", binary("C", _group(name, number, members)))
        tree.add(f"{GROUPS}\\Names\\{name}", Value("", number, b""))
    return tree


def _account(number: int, bits: int) -> bytes:
    """The fixed part: times of sign-in and password, identifier, control bits, counts."""
    times = (0, 0, filetime(INSTALLED_AT), 0, 0)
    return struct.pack("<II5QIIHHHHHHIII", 3, 0, *times, number, 513, bits, 0, 0, 0, 0, 0, 0, 0, 0)


def _named(name: str) -> bytes:
    """The variable part: seventeen places of which the second is the name."""
    content = name.encode("utf-16-le")
    places = [(0, 0, 0)] * 17
    places[1] = (0, len(content), 0)
    return b"".join(struct.pack("<III", *place) for place in places) + content


def _group(name: str, number: int, members: tuple[str, ...]) -> bytes:
    content = name.encode("utf-16-le")
    listed = b"".join(sid(member) for member in members)
    head = struct.pack("<IIII", number, 0, 0, 0) + struct.pack("<III", 0, len(content), 0)
    head += struct.pack("<III", len(content), 0, 0)
    head += struct.pack("<III", len(content), len(listed), len(members))
    return head.ljust(GROUP_HEADER, b"\x00") + content + listed


def security() -> Tree:
    """Return the policy database: the machine's and the domain's identifiers, no cached secret."""
    tree = Tree(INSTALLED_AT)
    name = NETBIOS.encode("utf-16-le")
    domain = struct.pack("<HHI", len(name), len(name) + 2, 8) + name + b"\x00\x00"
    tree.add("Policy\\PolAcDmS", Value("", BINARY, sid(MACHINE_SID)))
    tree.add("Policy\\PolPrDmS", Value("", BINARY, sid(DOMAIN_SID)))
    tree.add("Policy\\PolPrDmN", Value("", NONE, domain))
    return tree
