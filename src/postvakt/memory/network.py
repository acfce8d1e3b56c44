"""TCP and UDP endpoints by their pool tags, for builds whose layout is known; owners are processes that were found."""

import ipaddress
import struct
from collections.abc import Iterator, Mapping

import msgspec

from postvakt.memory.builds import Network
from postvakt.memory.paging import Space, is_kernel
from postvakt.memory.physical import Physical
from postvakt.memory.process import EARLIEST, LATEST, Process
from postvakt.memory.scanning import HEADER, LISTENER, TCP, TCP_TOO, UDP

FAMILY, LOCAL_DATA, REMOTE = 24, 16, 16
TCP_FAMILY, TCP_ADDRESSES, TCP_STATE, TCP_LOCAL, TCP_REMOTE = 16, 24, 108, 112, 114
UDP_FAMILY, UDP_OWNER, UDP_CREATED, LISTENER_CREATED = 32, 40, 88, 64
SPAN = 0x340
SEARCHED = range(0x200, 0x320, 8)
"""Where a TCP endpoint of a build without a checked row may name its owner."""
IPV4, IPV6 = 2, 23
STATES = {
    0: "CLOSED", 1: "LISTENING", 2: "SYN_SENT", 3: "SYN_RCVD", 4: "ESTABLISHED", 5: "FIN_WAIT1", 6: "FIN_WAIT2",
    7: "CLOSE_WAIT", 8: "CLOSING", 9: "LAST_ACK", 12: "TIME_WAIT", 13: "DELETE_TCB",
}  # fmt: skip


class Endpoint(msgspec.Struct, frozen=True, kw_only=True):
    """An endpoint. `base` is its physical address; addresses are None where not in memory, `created` is 0 for none."""

    base: int
    protocol: str
    family: str
    local: str | None
    local_port: int
    remote: str | None
    remote_port: int | None
    state: str
    owner: Process | None
    created: int


class Endpoints:
    """Reads endpoints through the kernel's space. `owners` are the processes by their virtual address."""

    def __init__(self, memory: Physical, kernel: Space, row: Network, owners: Mapping[int, Process]) -> None:
        self._memory = memory
        self._kernel = kernel
        self._row = row
        self._owners = owners

    def of(self, hits: list[tuple[bytes, int]]) -> Iterator[Endpoint]:
        """Yield the endpoints at (tag, address of the pool's header); places that hold none give nothing."""
        for tag, header in hits:
            base = header + HEADER
            # What runs over the end of its page goes on elsewhere: only what lies before is read.
            raw = self._memory.read(base, SPAN) or self._memory.read(base, 0x1000 - base % 0x1000) or b""
            raw = raw.ljust(SPAN, b"\x00")
            told = None
            if tag in (TCP, TCP_TOO):
                told = self._tcp(raw, base)
            elif tag in (UDP, LISTENER):
                told = self._udp(raw, base) if tag == UDP else self._listener(raw, base)
            if told is not None:
                yield told

    def _family(self, raw: bytes, at: int) -> int | None:
        (pointer,) = struct.unpack_from("<Q", raw, at)
        held = self._kernel.read(pointer + FAMILY, 2) if is_kernel(pointer) else None
        family = int.from_bytes(held, "little") if held else 0
        return family if family in (IPV4, IPV6) else None

    def _address(self, pointer: int | None, family: int) -> str | None:
        if pointer is None or not pointer >> 47:
            return None
        raw = self._kernel.read(pointer, 4 if family == IPV4 else 16)
        return None if raw is None else str(ipaddress.ip_address(raw))

    def _local(self, pointer: int, family: int) -> str | None:
        """Return the address behind a _LOCAL_ADDRESS, two pointers further."""
        data = self._kernel.word(pointer + LOCAL_DATA) if is_kernel(pointer) else None
        place = self._kernel.word(data) if data is not None and is_kernel(data) else None
        return self._address(place, family)

    def _tcp(self, raw: bytes, base: int) -> Endpoint | None:
        family = self._family(raw, TCP_FAMILY)
        (state,) = struct.unpack_from("<I", raw, TCP_STATE)
        if family is None or state not in STATES:
            return None
        local_port, remote_port = struct.unpack_from(">HH", raw, TCP_LOCAL)
        (pointer,) = struct.unpack_from("<Q", raw, TCP_ADDRESSES)
        held = self._kernel.read(pointer, REMOTE + 8) if is_kernel(pointer) else None
        local = remote = None
        if held is not None:
            here, there = struct.unpack_from("<Q8xQ", held)
            local, remote = self._local(here, family), self._address(there, family)
        owner, place = self._owner(raw)
        return Endpoint(
            base=base,
            protocol="tcp",
            family=_named(family),
            local=local,
            local_port=local_port,
            remote=remote,
            remote_port=remote_port,
            state=STATES[state],
            owner=owner,
            created=_time(raw, place + self._row.tcp_created - self._row.tcp_owner),
        )

    def _owner(self, raw: bytes) -> tuple[Process | None, int]:
        """Return the owner of a TCP endpoint and where it is named; the row's place first, then any that names one."""
        for place in (self._row.tcp_owner, *SEARCHED):
            (pointer,) = struct.unpack_from("<Q", raw, place)
            if pointer in self._owners:
                return self._owners[pointer], place
        return None, self._row.tcp_owner

    def _udp(self, raw: bytes, base: int) -> Endpoint | None:
        row = self._row
        family = self._family(raw, UDP_FAMILY)
        if family is None or row.udp_port is None or row.udp_address is None:
            return None
        (pointer,) = struct.unpack_from("<Q", raw, row.udp_address)
        if row.udp_direct:
            place = self._kernel.word(pointer) if is_kernel(pointer) else None
            local = self._address(place, family)
        else:
            local = self._local(pointer, family)
        local = local if pointer else _every(family)
        return self._bound(raw, base, "udp", family, local, row.udp_port, UDP_OWNER, UDP_CREATED)

    def _listener(self, raw: bytes, base: int) -> Endpoint | None:
        row = self._row
        if row.listener_family is None or row.listener_owner is None:
            return None
        if row.listener_address is None or row.listener_port is None:
            return None
        family = self._family(raw, row.listener_family)
        if family is None:
            return None
        (pointer,) = struct.unpack_from("<Q", raw, row.listener_address)
        local = self._local(pointer, family) if pointer else _every(family)
        return self._bound(
            raw, base, "tcp", family, local, row.listener_port, row.listener_owner, LISTENER_CREATED
        )

    def _bound(
        self,
        raw: bytes,
        base: int,
        protocol: str,
        family: int,
        local: str | None,
        port: int,
        owner: int,
        created: int,
    ) -> Endpoint:
        """Return an endpoint that waits for others."""
        return Endpoint(
            base=base,
            protocol=protocol,
            family=_named(family),
            local=local,
            local_port=int.from_bytes(raw[port : port + 2], "big"),
            remote=None,
            remote_port=None,
            state="LISTENING" if protocol == "tcp" else "",
            owner=self._owners.get(struct.unpack_from("<Q", raw, owner)[0]),
            created=_time(raw, created),
        )


def _every(family: int) -> str:
    """Return how an endpoint is written that names no local address: it is bound to all of them."""
    return str(ipaddress.ip_address(bytes(4 if family == IPV4 else 16)))


def _named(family: int) -> str:
    return "ipv4" if family == IPV4 else "ipv6"


def _time(raw: bytes, at: int) -> int:
    told: int = struct.unpack_from("<Q", raw, at)[0] if 0 <= at <= len(raw) - 8 else 0
    return told if EARLIEST < told < LATEST else 0
