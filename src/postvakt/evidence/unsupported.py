"""What is recognised and not read (images, archives, logs): each named with what to do instead."""

import re
import struct

import msgspec

from postvakt.model import unread

IMAGE = "mount it read-only and hand in the mounted folder, or collect from it with KAPE or acquire"
UNPACK = "unpack it and hand in the folder"
FULL = "a full disk or partition"


class Kind(msgspec.Struct, frozen=True):
    """A kind of file that is not read. `artifact` names it in the Gap; `everywhere` is false for what may as well
    be a file of the server, to be named only outside its drives."""

    artifact: str
    title: str
    instead: str
    everywhere: bool = True


MEMORY = {shape: Kind("memory_image", shape.title, shape.instead) for shape in unread.UNREAD}
SNAPSHOT, HIBERNATION = MEMORY[unread.SNAPSHOT], MEMORY[unread.HIBERNATION]

MAGIC: tuple[tuple[int, bytes, Kind], ...] = (
    (0, b"EVF\t\r\n\xff\x00", Kind("disk_image", "an EnCase image (E01)", IMAGE)),
    (0, b"EVF2\r\n\x81\x00", Kind("disk_image", "an EnCase image (Ex01)", IMAGE)),
    (0, b"LVF\t\r\n\xff\x00", Kind("disk_image", "an EnCase logical image (L01)", IMAGE)),
    (0, b"LEF2\r\n\x81\x00", Kind("disk_image", "an EnCase logical image (Lx01)", IMAGE)),
    (0, b"ADSEGMENTEDFILE", Kind("disk_image", "an FTK logical image (AD1)", IMAGE)),
    (0, b"AFF10\r\n", Kind("disk_image", "an AFF image", IMAGE)),
    (0, b"vhdxfile", Kind("disk_image", "a virtual disk (VHDX)", IMAGE)),
    (0, b"conectix", Kind("disk_image", "a virtual disk (VHD)", IMAGE)),
    (0, b"KDMV", Kind("disk_image", "a virtual disk (VMDK)", IMAGE)),
    (0, b"COWD", Kind("disk_image", "a virtual disk (VMDK)", IMAGE)),
    (0, b"# Disk DescriptorFile", Kind("disk_image", "a virtual disk's description (VMDK)", IMAGE)),
    (0, b"QFI\xfb", Kind("disk_image", "a virtual disk (QCOW2)", IMAGE)),
    (64, b"\x7f\x10\xda\xbe", Kind("disk_image", "a virtual disk (VDI)", IMAGE)),
    (0, b"\xebR\x90NTFS    ", Kind("disk_image", f"{FULL} (NTFS)", IMAGE)),
    (3, b"ReFS\x00\x00\x00\x00", Kind("disk_image", f"{FULL} (ReFS)", IMAGE)),
    (3, b"-FVE-FS-", Kind("disk_image", f"{FULL} (BitLocker)", "unlock it, mount it, hand in the folder")),
    (512, b"EFI PART", Kind("disk_image", f"{FULL} (GPT)", IMAGE)),
    (0, b"MSWIM\x00\x00\x00", Kind("disk_image", "a Windows image (WIM)", IMAGE, everywhere=False)),
    *((0, start, kind) for shape, kind in MEMORY.items() for start in shape.starts),
    (0, b"Rar!\x1a\x07", Kind("archive", "a RAR archive", UNPACK, everywhere=False)),
    (0, b"MSCF\x00\x00\x00\x00", Kind("archive", "a cabinet", UNPACK, everywhere=False)),
    (0, b"\x04\x22\x4d\x18", Kind("archive", "an LZ4 file", UNPACK, everywhere=False)),
    (0, b"\x1f\x9d", Kind("archive", "a compress file (.Z)", UNPACK, everywhere=False)),
)

LINES: tuple[tuple[re.Pattern[bytes], Kind], ...] = (
    (
        re.compile(rb"[^,\n]{2,45}, [^,\n]*, \d\d?/\d\d?/\d\d(?:\d\d)?, \d\d?:\d\d:\d\d, \w+SVC\d+, "),
        Kind(
            "iis",
            "a web log in IIS's own format",
            "only the W3C format is read, as Exchange's sites write it",
        ),
    ),
)
"""First lines of logs that no parser of ours reads."""

CORE = Kind("memory_image", "an ELF core of another machine than 64-bit x86", unread.NO_EXCHANGE)
MBR = Kind("disk_image", f"{FULL} (MBR)", IMAGE)
VHD = Kind("disk_image", "a virtual disk (VHD)", IMAGE)
AFF4 = Kind(
    "disk_image",
    "an AFF4 container of a disk or of memory",
    f"{IMAGE}; of memory, export a raw image (WinPmem or aff4)",
)

NAMES: tuple[tuple[re.Pattern[str], Kind], ...] = (
    (re.compile(r"\.vhd$"), VHD),
    (re.compile(r"\.e0[1-9]$"), Kind("disk_image", "an EnCase image", IMAGE)),
    (re.compile(r"\.(?:vmdk|vhdx|avhdx?|vdi|qcow2)$"), Kind("disk_image", "a virtual disk", IMAGE)),
    (re.compile(r"\.(?:vmss|vmsn)$"), SNAPSHOT),
    (re.compile(r"\.aff4$"), AFF4),
    (re.compile(r"(?:^|/)hiberfil\.sys$"), HIBERNATION),
    (
        re.compile(r"(?:^|/)(?:pagefile|swapfile)\.sys$"),
        Kind(
            "memory_image",
            "paged memory",
            "what it held is missing from the image of memory; no tool joins them here",
        ),
    ),
    (
        re.compile(r"/wbem/repository/(?:fs/)?objects\.data$"),
        Kind("wmi_repository", "WMI's repository", "list its event consumers with a tool that reads it"),
    ),
)
"""Names that tell where the first bytes do not; a small or plain text file of such a name is just that."""

SMALLEST = 64 * 1024


def by_content(head: bytes, size: int) -> Kind | None:
    """Return what kind of unread image, archive or log begins with these bytes."""
    for offset, magic, kind in MAGIC:
        # A letter may begin with the word "wake": what is text all through is no image.
        if head[offset : offset + len(magic)] == magic and (b"\x00" in head or magic.startswith(b"# ")):
            return kind
    for pattern, kind in LINES:
        if pattern.match(head):
            return kind
    # Those of 64-bit x86 are claimed by what reads memory, which goes before.
    if head[:4] == b"\x7fELF" and head[16:18] in (b"\x04\x00", b"\x00\x04"):
        return None if head[4:6] == b"\x02\x01" and head[18:20] == b"\x3e\x00" else CORE
    return MBR if size >= 1 << 20 and _is_partitioned(head[:512]) else None


def by_name(path: str, size: int, *, text: bool) -> Kind | None:
    """Return what kind of unread image a lower-case path names."""
    if size < SMALLEST or text:
        return None
    return next((kind for pattern, kind in NAMES if pattern.search(path)), None)


def _is_partitioned(block: bytes) -> bool:
    """Tell whether 512 bytes are a master boot record: signed, each of its four entries plausible, one in use."""
    if len(block) < 512 or block[510:] != b"\x55\xaa":
        return False
    used = 0
    for start in range(446, 510, 16):
        state, kind = block[start], block[start + 4]
        first, count = struct.unpack_from("<II", block, start + 8)
        if state not in (0, 0x80) or (kind and not (first and count)):
            return False
        used += bool(kind)
    return used > 0
