"""What the kernel keeps beside processes: endpoints, drivers, its own build text and symbols."""

import ipaddress
import struct
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.memory.reading import Told
from tests.memory.windows import (
    FILETIME_2021,
    L9600,
    L14393,
    L17763,
    L20348,
    L26100,
    PAGE,
    Layout,
    Windows,
    exchange,
)

KERNEL = 0xFFFF_F803_1220_0000
OWNER = {9600: 608, 14393: 600, 17763: 712, 20348: 752}
CREATED = {9600: 624, 14393: 616, 17763: 728, 20348: 776}


@pytest.fixture
def told(tmp_path: Path) -> Callable[[Windows], Told]:
    """Reads a machine."""
    return lambda machine: Told(machine.save(tmp_path / "image.raw"))


def pointed(machine: Windows, content: bytes) -> int:
    """Return where a piece of kernel memory with that content stands."""
    at = machine.allocate(b"Data", len(content))
    machine.write(machine.kernel, at, content)
    return at


def family(machine: Windows, number: int) -> int:
    return pointed(machine, bytes(24) + struct.pack("<H", number))


def local(machine: Windows, address: str) -> int:
    """Return a local address as endpoints point at it, two pointers before its bytes."""
    data = pointed(machine, struct.pack("<Q", pointed(machine, ipaddress.ip_address(address).packed)))
    return pointed(machine, bytes(16) + struct.pack("<Q", data))


def connection(
    machine: Windows,
    here: tuple[str, int],
    there: tuple[str, int],
    *,
    kind: int = 2,
    owner_at: int | None = None,
    tag: bytes = b"TcpE",
) -> None:
    """Plant a TCP connection of w3wp."""
    build = machine.layout.build
    endpoint = machine.allocate(tag, 0x340)
    far = pointed(machine, ipaddress.ip_address(there[0]).packed)
    addresses = pointed(machine, struct.pack("<QQQ", local(machine, here[0]), 0, far))
    machine.write(machine.kernel, endpoint + 16, struct.pack("<QQ", family(machine, kind), addresses))
    machine.write(
        machine.kernel, endpoint + 108, struct.pack("<I", 4) + struct.pack(">HH", here[1], there[1])
    )
    place = OWNER[build] if owner_at is None else owner_at
    machine.word(endpoint + place, machine.processes[2].body)
    machine.word(endpoint + place + CREATED[build] - OWNER[build], FILETIME_2021)


@pytest.mark.parametrize("layout", [L9600, L14393, L17763, L20348], ids=lambda layout: str(layout.build))
def test_connections(layout: Layout, told: Callable[[Windows], Told]) -> None:
    machine = exchange(layout)
    connection(machine, ("192.0.2.5", 443), ("203.0.113.7", 50111))
    (row,) = told(machine).rows["mem_netconn"]
    assert (row["SourceIp"], row["SourcePort"]) == ("192.0.2.5", 443)
    assert (row["DestinationIp"], row["DestinationPort"]) == ("203.0.113.7", 50111)
    assert (row["ProcessId"], row["state"], row["Protocol"]) == (4920, "ESTABLISHED", "tcp")
    assert row["Image"].endswith("w3wp.exe")
    assert row["time"] is not None


def test_a_connection_of_ipv6(told: Callable[[Windows], Told]) -> None:
    machine = exchange()
    connection(machine, ("2001:db8::5", 443), ("2001:db8::7", 50111), kind=23)
    (row,) = told(machine).rows["mem_netconn"]
    assert (row["SourceIp"], row["DestinationIp"]) == ("2001:db8::5", "2001:db8::7")


def test_an_owner_that_stands_elsewhere_is_searched(told: Callable[[Windows], Told]) -> None:
    machine = exchange()
    connection(machine, ("192.0.2.5", 443), ("203.0.113.7", 50111), owner_at=0x240)
    (row,) = told(machine).rows["mem_netconn"]
    assert (row["ProcessId"], row["confidence"]) == (4920, "medium")


def test_the_second_tag_of_connections(told: Callable[[Windows], Told]) -> None:
    machine = exchange(L20348)
    connection(machine, ("192.0.2.5", 443), ("203.0.113.7", 50111), tag=b"TTcb")
    assert [row["ProcessId"] for row in told(machine).rows["mem_netconn"]] == [4920]


@pytest.mark.parametrize("layout", [L14393, L17763], ids=lambda layout: str(layout.build))
def test_a_listener_and_a_datagram_socket(layout: Layout, told: Callable[[Windows], Told]) -> None:
    machine = exchange(layout)
    listener = machine.allocate(b"TcpL", 0x100)
    machine.word(listener + 40, family(machine, 2))
    machine.word(listener + 48, machine.processes[2].body)
    machine.write(machine.kernel, listener + 114, struct.pack(">H", 444))
    datagram = machine.allocate(b"UdpA", 0x100)
    machine.word(datagram + 32, family(machine, 2))
    machine.word(datagram + 40, machine.processes[1].body)
    data = pointed(machine, struct.pack("<Q", pointed(machine, ipaddress.ip_address("192.0.2.5").packed)))
    machine.word(datagram + 128, data)
    machine.write(machine.kernel, datagram + 120, struct.pack(">H", 53))
    rows = {row["Protocol"]: row for row in told(machine).rows["mem_netconn"]}
    assert (rows["tcp"]["SourceIp"], rows["tcp"]["SourcePort"], rows["tcp"]["state"]) == (
        "0.0.0.0",
        444,
        "LISTENING",
    )
    assert (rows["udp"]["SourceIp"], rows["udp"]["SourcePort"], rows["udp"]["ProcessId"]) == (
        "192.0.2.5",
        53,
        796,
    )
    assert (rows["udp"]["DestinationIp"], rows["udp"]["DestinationPort"]) == (None, None)


def test_tags_that_are_no_endpoint(told: Callable[[Windows], Told]) -> None:
    machine = exchange()
    for tag in (b"TcpE", b"TcpL", b"UdpA"):
        machine.allocate(tag, 0x300)
    assert told(machine).rows["mem_netconn"] == []


def test_builds_whose_endpoints_are_not_known_say_so(told: Callable[[Windows], Told]) -> None:
    assert told(exchange(L26100)).gap("network endpoints").why == "unsupported"


def drivers(machine: Windows, *left_out: str) -> None:
    """Plant the kernel and two drivers in a ring with its head."""
    told = (
        ("ntoskrnl.exe", KERNEL, 0x4000, "\\SystemRoot\\system32\\ntoskrnl.exe"),
        ("tcpip.sys", 0xFFFF_F805_1000_0000, 0x4000, "\\SystemRoot\\System32\\drivers\\tcpip.sys"),
        ("odd.sys", 0xFFFF_F805_1100_0000, 0x4000, "\\??\\C:\\Windows\\Temp\\odd.sys"),
    )
    ring = [machine.allocate(b"Head", 0x20)]
    for name, base, size, path in told:
        entry = machine.allocate(b"MmLd", 0x120)
        machine.write(machine.kernel, entry + 0x30, struct.pack("<QQI", base, base, size))
        machine.string(machine.kernel, entry + 0x48, path, machine.allocate(b"Text", 0x100))
        machine.string(machine.kernel, entry + 0x58, name, machine.allocate(b"Text", 0x100))
        machine.word(entry, ring[0])
        machine.word(entry + 8, ring[0])
        if name not in left_out:
            ring.append(entry)
    for index, at in enumerate(ring):
        machine.word(at, ring[(index + 1) % len(ring)])
        machine.word(at + 8, ring[index - 1])
    image = bytearray(4 * PAGE)
    image[:2] = b"MZ"
    struct.pack_into("<I", image, 0x3C, 0x80)
    image[0x80:0x84] = b"PE\0\0"
    struct.pack_into("<II", image, 0x98 + 112 + 48, 0x1000, 28)
    struct.pack_into("<III", image, 0x1000 + 12, 2, 24 + 13, 0x1100)
    image[0x1100:0x1114] = b"RSDS" + bytes(range(16))
    image[0x1114:0x1125] = struct.pack("<I", 3) + b"ntkrnlmp.pdb\0"
    lab = b"%d.4169.amd64fre.rs1_release.210107-1130" % machine.layout.build
    image[0x2FF0 : 0x2FF0 + len(lab)] = lab
    for at in range(0, len(image), PAGE):
        page = machine.page()
        machine.memory[page : page + PAGE] = image[at : at + PAGE]
        machine.map(machine.kernel, KERNEL + at, page)


def test_kernel_modules(told: Callable[[Windows], Told]) -> None:
    machine = exchange()
    drivers(machine, "odd.sys")
    read = told(machine)
    rows = {row["name"]: row for row in read.rows["mem_module"] if row["kernel"]}
    assert (rows["tcpip.sys"]["method"], rows["tcpip.sys"]["flags"]) == ("both", [])
    assert (rows["odd.sys"]["method"], rows["odd.sys"]["flags"]) == ("scan", ["hidden", "not-system32"])
    assert rows["odd.sys"]["ImageLoaded"] == "\\??\\C:\\Windows\\Temp\\odd.sys"


def test_the_kernels_own_build_text_and_symbols(told: Callable[[Windows], Told]) -> None:
    machine = exchange(L14393, shared=False)
    drivers(machine)
    image = told(machine).image
    assert (image["build"], image["build_from"]) == (14393, "lab")
    assert image["build_text"] == "14393.4169.amd64fre.rs1_release.210107-1130"
    assert image["symbols"] == "ntkrnlmp.pdb 030201000504070608090A0B0C0D0E0F 3"


def test_a_build_without_a_row_is_read_by_the_row_that_fits(told: Callable[[Windows], Told]) -> None:
    machine = exchange()
    page = machine.physical(machine.kernel, 0xFFFF_F780_0000_0000)
    struct.pack_into("<I", machine.memory, page + 0x260, 0xF0000000 | 17134)
    read = told(machine)
    assert read.pids() == [4, 796, 4920, 5120]
    assert read.image["build"] == 17134
    assert read.gap("build 17134 has no row").why == "unsupported"
