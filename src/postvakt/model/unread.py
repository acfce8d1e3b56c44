"""Shapes in which memory is kept and not read: told by their first bytes, with what to do instead."""

import msgspec

CONVERT = "convert it to a raw image and hand that in (MemProcFS and Hibr2Bin write one)"
CONVERT_WOKEN = "convert it to a raw image and hand that in (MemProcFS writes one)"
DUMP = "write an ELF core with `virsh dump --memory-only` and hand that in"
NO_EXCHANGE = "no Exchange server of these years runs on it"


class Unread(msgspec.Struct, frozen=True):
    """A shape by any of its first bytes: what it is, and what to do to have it read."""

    starts: tuple[bytes, ...]
    title: str
    instead: str


SNAPSHOT = Unread(
    (b"\xd2\xbe\xd2\xbe", b"\xd1\xba\xd1\xba", b"\xd0\xbe\xd2\xbe", b"\xd3\xbe\xd3\xbe"),
    "a VMware snapshot",
    "hand in the .vmem file that belongs to it as well",
)
"""Tells where the memory of a .vmem file lies, which is read; by itself it holds none that is."""
HIBERNATION = Unread((b"HIBR", b"hibr"), "a hibernation file", CONVERT)

UNREAD: tuple[Unread, ...] = (
    Unread((b"PAGEDUMP",), "a crash dump of a 32-bit Windows", NO_EXCHANGE),
    SNAPSHOT,
    HIBERNATION,
    Unread((b"WAKE", b"wake"), "a hibernation file that was resumed from", CONVERT_WOKEN),
    Unread((b"RSTR",), "a hibernation file in use", CONVERT_WOKEN),
    Unread((b"AVML",), "a packed memory image (AVML)", "make a LiME image of it with avml-convert"),
    Unread((b"QEVM",), "a saved virtual machine (QEMU)", DUMP),
    Unread((b"LibvirtQemudSave",), "a saved virtual machine (libvirt)", DUMP),
)
