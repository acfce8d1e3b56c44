"""Where Windows keeps what is read of a process: one row for each build of Windows Server.

The kernel's own layouts do not change with updates of a build: all symbol tables of a build agree (32 kernels of
9600, 26 of 14393, 40 of 17763, 35 of 20348). Each row names where it is from; `tests/memory/test_builds.py` derives
those with symbol tables again.
"""

import msgspec

SYMBOLS = "Microsoft's public symbols of {0} kernels, updates of 2021 to 2024"


class Bits(msgspec.Struct, frozen=True):
    """A bit field: its first bit and how many."""

    first: int
    count: int

    def of(self, word: int) -> int:
        """Return the field's value in a word."""
        return word >> self.first & (1 << self.count) - 1


class Network(msgspec.Struct, frozen=True, kw_only=True):
    """Offsets in tcpip's endpoints. None: not known for this build, such endpoints are not read."""

    tcp_owner: int
    tcp_created: int
    udp_port: int | None = None
    udp_address: int | None = None
    udp_direct: bool = False
    listener_family: int | None = None
    listener_owner: int | None = None
    listener_address: int | None = None
    listener_port: int | None = None
    source: str


class Build(msgspec.Struct, frozen=True, kw_only=True):
    """Offsets in an _EPROCESS and bit positions in a region's flags (None: not known)."""

    build: int
    title: str
    variant: str = ""
    process_id: int
    links: int
    created: int
    exited: int
    parent_id: int
    peb: int
    name: int
    audit: int
    regions: int
    threads: int | None
    wow64: int | None
    protection: Bits | None
    private: Bits | None
    region_kind: Bits | None
    network: Network | None
    source: str

    @property
    def span(self) -> int:
        """Bytes of a process that hold all that is read of it."""
        return max(self.exited, self.regions, self.threads or 0, self.audit, self.name + 16) + 8


WIN2012R2 = Build(
    build=9600,
    title="Windows Server 2012 R2",
    process_id=0x2E0,
    links=0x2E8,
    created=0x2D0,
    exited=0x640,
    parent_id=0x3D0,
    peb=0x3E8,
    name=0x438,
    audit=0x450,
    regions=0x5D8,
    threads=0x480,
    wow64=None,
    protection=Bits(3, 5),
    private=Bits(15, 1),
    region_kind=Bits(0, 3),
    network=Network(
        tcp_owner=608,
        tcp_created=624,
        udp_port=120,
        udp_address=96,
        listener_family=96,
        listener_owner=40,
        listener_address=88,
        listener_port=106,
        source="one published layout, of updates 19935 and later; earlier ones may differ",
    ),
    source=SYMBOLS.format(9600),
)
WIN2016 = Build(
    build=14393,
    title="Windows Server 2016",
    process_id=0x2E8,
    links=0x2F0,
    created=0x308,
    exited=0x690,
    parent_id=0x3E0,
    peb=0x3F8,
    name=0x450,
    audit=0x468,
    regions=0x620,
    threads=0x498,
    wow64=0x428,
    protection=Bits(3, 5),
    private=Bits(15, 1),
    region_kind=Bits(0, 3),
    network=Network(
        tcp_owner=600,
        tcp_created=616,
        udp_port=120,
        udp_address=128,
        udp_direct=True,
        listener_family=40,
        listener_owner=48,
        listener_address=96,
        listener_port=114,
        source="one published layout",
    ),
    source=SYMBOLS.format(14393),
)
WIN2016_EARLY = msgspec.structs.replace(
    WIN2016,
    variant="early updates",
    exited=0x688,
    source="30 kernels of the 14393 shape in one published collection of offsets, their update not named",
)
WIN2019 = Build(
    build=17763,
    title="Windows Server 2019",
    process_id=0x2E0,
    links=0x2E8,
    created=0x308,
    exited=0x690,
    parent_id=0x3E0,
    peb=0x3F8,
    name=0x450,
    audit=0x468,
    regions=0x628,
    threads=0x498,
    wow64=0x428,
    protection=Bits(3, 5),
    private=Bits(14, 1),
    region_kind=Bits(0, 3),
    network=Network(
        tcp_owner=712,
        tcp_created=728,
        udp_port=120,
        udp_address=128,
        udp_direct=True,
        listener_family=40,
        listener_owner=48,
        listener_address=96,
        listener_port=114,
        source="one published layout",
    ),
    source=SYMBOLS.format(17763),
)
WIN2022 = Build(
    build=20348,
    title="Windows Server 2022",
    process_id=0x440,
    links=0x448,
    created=0x468,
    exited=0x840,
    parent_id=0x540,
    peb=0x550,
    name=0x5A8,
    audit=0x5C0,
    regions=0x7D8,
    threads=0x5F0,
    wow64=0x580,
    protection=Bits(7, 5),
    private=Bits(21, 1),
    region_kind=Bits(4, 3),
    network=Network(
        tcp_owner=752,
        tcp_created=776,
        udp_port=160,
        udp_address=168,
        udp_direct=True,
        listener_family=40,
        listener_owner=48,
        listener_address=96,
        listener_port=114,
        source="one published layout",
    ),
    source=SYMBOLS.format(20348),
)
WIN2025 = Build(
    build=26100,
    title="Windows Server 2025",
    process_id=0x1D0,
    links=0x1D8,
    created=0x1F8,
    exited=0x5C0,
    parent_id=0x2D0,
    peb=0x2E0,
    name=0x338,
    audit=0x350,
    regions=0x558,
    threads=None,
    wow64=None,
    protection=None,
    private=None,
    region_kind=None,
    network=None,
    source="single source: 75 kernels in one published collection of offsets; no symbol table was had",
)

BUILDS: tuple[Build, ...] = (WIN2012R2, WIN2016, WIN2016_EARLY, WIN2019, WIN2022, WIN2025)


def of(build: int) -> Build | None:
    """Return the row of a build number, None where there is none."""
    return next((row for row in BUILDS if row.build == build), None)
