"""Connections and listening ports as blocks of tcpip.sys in the pool."""

import ipaddress
import struct
from collections.abc import Mapping

from postvakt.estate.filetime import filetime
from postvakt.estate.memory.description import Endpoint
from postvakt.estate.memory.kernel import Kernel, quad
from postvakt.estate.memory.networks import NETWORKS, STATES, EndpointLayout, NetworkLayout

FAMILIES = {4: 2, 6: 23}
OTHER_TAG = b"TTcb"
"""Build 20348 tags connections so too."""


def lay(kernel: Kernel, endpoints: tuple[Endpoint, ...], blocks: Mapping[int, int]) -> list[int]:
    """Write endpoints and return where each lies. `blocks` are the processes' own, by number.

    Raises ValueError where the build's structures are not known.
    """
    if not endpoints:
        return []
    network = NETWORKS.get(kernel.layout.build)
    if network is None:
        raise ValueError(f"build {kernel.layout.build}: how its connections lie in memory is not known")
    families = {version: _family(kernel, number) for version, number in FAMILIES.items()}
    made = []
    for number, endpoint in enumerate(endpoints):
        rows = {"tcp": network.connection, "tcp-listener": network.listener, "udp": network.datagram}
        row = rows[endpoint.transport]
        other = kernel.layout.build == 20348 and endpoint.transport == "tcp" and number % 2
        block = kernel.pool(OTHER_TAG if other else row.tag, row.size)
        local = ipaddress.ip_address(endpoint.local)
        for at, data in (
            (row.owner, quad(blocks[endpoint.pid])),
            (row.created, quad(filetime(endpoint.created))),
            (row.family, quad(families[local.version])),
            (row.port, struct.pack(">H", endpoint.port)),
            (row.address, quad(_address(kernel, network, endpoint))),
        ):
            kernel.space.write(block + at, data)
        if endpoint.transport == "tcp":
            _far_side(kernel, row, block, endpoint)
        made.append(block)
    return made


def _family(kernel: Kernel, number: int) -> int:
    block = kernel.pool(b"InAF", 0x40)
    kernel.space.write(block + 24, struct.pack("<H", number))
    return block


def _bytes(kernel: Kernel, address: str) -> int:
    block = kernel.allocate(16)
    kernel.space.write(block, ipaddress.ip_address(address).packed)
    return block


def _local(kernel: Kernel, endpoint: Endpoint) -> int:
    """An address that is reached over two pointers, as tcpip.sys reaches it."""
    pointer, holder = kernel.allocate(16), kernel.allocate(32)
    kernel.space.write(pointer, quad(_bytes(kernel, endpoint.local)))
    kernel.space.write(holder + 16, quad(pointer))
    return holder


def _address(kernel: Kernel, network: NetworkLayout, endpoint: Endpoint) -> int:
    if endpoint.transport == "tcp":
        both = kernel.allocate(32)
        kernel.space.write(both, quad(_local(kernel, endpoint)))
        kernel.space.write(both + 16, quad(_bytes(kernel, endpoint.remote)))
        return both
    if endpoint.transport == "tcp-listener" or network.indirect:
        return _local(kernel, endpoint)
    pointer = kernel.allocate(16)
    kernel.space.write(pointer, quad(_bytes(kernel, endpoint.local)))
    return pointer


def _far_side(kernel: Kernel, row: EndpointLayout, block: int, endpoint: Endpoint) -> None:
    kernel.space.write(block + row.state, struct.pack("<I", STATES[endpoint.state]))
    kernel.space.write(block + row.remote_port, struct.pack(">H", endpoint.remote_port))
