"""SAM and SECURITY: accounts, groups, the domain. Never a secret: of a user's `V` only names are read.

Source: the layouts of `F`, `V` and `C` as published with chntpw and by the SAM chapters of forensic text books;
checked against real hives of Windows XP to 10.
"""

import struct
from collections.abc import Iterator
from typing import Any

from postvakt.artifacts.registry.hives import Place
from postvakt.artifacts.registry.regf import text
from postvakt.artifacts.registry.trace import Node, filetime, said_time, sid_text, trace
from postvakt.model.gap import Clue

Row = dict[str, Any]

V_BODY = 0xCC
V_NAMES = (("name", 0x0C), ("full name", 0x18), ("comment", 0x24), ("home", 0x48), ("script", 0x60))
"""Where in `V` the offset and length of each text stand; hashes stand further on and are not looked at."""

V_HASHES = 0x9C
F_TIMES = (("password set", 0x18), ("expires", 0x20), ("last wrong password", 0x28))
NEVER = 0x7FFFFFFFFFFFFFFF
FLAGS = (
    (0x0001, "disabled"),
    (0x0002, "home directory required"),
    (0x0004, "no password required"),
    (0x0008, "duplicate account"),
    (0x0010, "normal"),
    (0x0040, "domain trust"),
    (0x0080, "workstation trust"),
    (0x0100, "server trust"),
    (0x0200, "password does not expire"),
    (0x0400, "locked out"),
)
C_BODY = 0x34
MOST_MEMBERS = 10_000


def sam_traces(root: Node, place: Place) -> Iterator[Row]:
    """Yield the accounts and groups of a SAM hive."""
    domains = root.child("SAM\\Domains")
    if domains is None:
        return
    machine = _machine_sid(domains)
    names: dict[str, str] = {}
    for node in domains.match("Account\\Users\\*"):
        row = _account(node, place, machine)
        if row is not None:
            names[row["sid"]] = row["name"]
            yield row
    for domain, sid in (("Builtin", "S-1-5-32"), ("Account", machine)):
        for node in domains.match(f"{domain}\\Aliases\\*"):
            group = _group(node, place, sid, names)
            if group is not None:
                yield group


def _machine_sid(domains: Node) -> str:
    account = domains.child("Account")
    raw = account.raw(account.values().get("v")) if account else b""
    if len(raw) < 12:
        return "S-1-5-21"
    return "S-1-5-21-" + "-".join(map(str, struct.unpack("<III", raw[-12:])))


def _rid(node: Node) -> int | None:
    name = node.key.name
    try:
        return int(name, 16) if len(name) == 8 else None
    except ValueError:
        return None


def _slice(raw: bytes, at: int, body: int) -> bytes:
    """Return the bytes that an (offset, length) pair at `at` points to, counted from `body` on."""
    if at + 8 > len(raw):
        return b""
    offset, length = struct.unpack_from("<II", raw, at)
    return raw[body + offset : body + offset + length]


def _name(raw: bytes, at: int) -> str:
    """Return a text of `V`. None that reaches into the hashes, and none that is not readable: `V` may be damaged."""
    if len(raw) < V_BODY:
        return ""
    offset, length = struct.unpack_from("<II", raw, at)
    if offset + length > int.from_bytes(raw[V_HASHES : V_HASHES + 4], "little"):
        return ""
    return _readable(raw[V_BODY + offset : V_BODY + offset + length])


def _readable(raw: bytes) -> str:
    """Return a text that is one; bytes of another kind, to which a damaged hive may lead, give none."""
    told = text(raw).rstrip("\0")
    return told if all(c.isprintable() or c in "\r\n\t" for c in told) and "\\x" not in told else ""


def _account(node: Node, place: Place, machine: str) -> Row | None:
    rid = _rid(node)
    if rid is None:
        return None
    values = node.values()
    v, f = node.raw(values.get("v")), node.raw(values.get("f"))
    told = {label: _name(v, at) for label, at in V_NAMES}
    detail: dict[str, Any] = {"rid": rid} | {label: words for label, words in told.items() if label != "name"}
    if len(f) >= 0x44:
        flags, wrong, logons = (struct.unpack_from("<H", f, at)[0] for at in (0x38, 0x40, 0x42))
        detail |= {"flags": ", ".join(word for bit, word in FLAGS if flags & bit), "logons": logons}
        detail |= {"wrong passwords": wrong}
        detail |= {label: _said(f, at) for label, at in F_TIMES}
    return trace(
        "account",
        place,
        node,
        name=told["name"],
        account=told["name"],
        sid=f"{machine}-{rid}",
        time=filetime(f, 0x08),
        time_means="last logon",
        detail=detail | {"key written": said_time(filetime(node.key.written.to_bytes(8, "little"), 0))},
    ) | {"name": told["name"]}


def _said(raw: bytes, at: int) -> str:
    return "" if int.from_bytes(raw[at : at + 8], "little") >= NEVER else said_time(filetime(raw, at))


def _group(node: Node, place: Place, domain: str, names: dict[str, str]) -> Row | None:
    rid = _rid(node)
    if rid is None:
        return None
    raw = node.raw(node.values().get("c"))
    members = list(_members(raw))
    return trace(
        "group",
        place,
        node,
        name=_readable(_slice(raw, 0x10, C_BODY)),
        sid=f"{domain}-{rid}",
        detail={
            "rid": rid,
            "comment": _readable(_slice(raw, 0x1C, C_BODY)),
            "members": "; ".join(f"{names[sid]} ({sid})" if names.get(sid) else sid for sid in members),
        },
    )


def _members(raw: bytes) -> Iterator[str]:
    listed = _slice(raw, 0x28, C_BODY)
    count = int.from_bytes(raw[0x30:0x34], "little")
    at = 0
    for _ in range(min(count, MOST_MEMBERS)):
        sid = sid_text(listed[at:])
        if not sid:
            return
        yield sid
        at += 8 + 4 * listed[at + 1]


def security_traces(root: Node, place: Place) -> Iterator[Row | Clue]:
    """Yield what a SECURITY hive tells of the domain that the machine belongs to."""
    policy = root.child("Policy")
    if policy is None:
        return
    told = {name: _policy_text(policy, name) for name in ("PolPrDmN", "PolDnDDN", "PolAcDmN")}
    sids = {name: _policy_sid(policy, name) for name in ("PolPrDmS", "PolAcDmS")}
    if any(told.values()):
        yield trace(
            "domain",
            place,
            policy,
            name=told["PolDnDDN"] or told["PolPrDmN"],
            sid=sids["PolPrDmS"],
            detail={"primary domain": told["PolPrDmN"], "DNS domain": told["PolDnDDN"],
                    "account domain": told["PolAcDmN"], "account domain SID": sids["PolAcDmS"]},
        )  # fmt: skip
    domain = told["PolDnDDN"] or (told["PolPrDmN"] if sids["PolPrDmS"] else "")
    if domain:
        yield Clue(kind="domain", value=domain, weight=60, basis="SECURITY Policy")


def _policy_raw(policy: Node, name: str) -> bytes:
    node = policy.child(name)
    return node.raw(node.values().get("")) if node else b""


def _policy_text(policy: Node, name: str) -> str:
    """Return a UNICODE_STRING kept as length, maximum, offset and text."""
    raw = _policy_raw(policy, name)
    if len(raw) < 8:
        return ""
    length, _, offset = struct.unpack_from("<HHI", raw)
    return _readable(raw[offset : offset + length])


def _policy_sid(policy: Node, name: str) -> str:
    return sid_text(_policy_raw(policy, name))
