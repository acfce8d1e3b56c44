"""The regions of a process: the tree in which Windows keeps what lies where in its address space."""

import struct

import msgspec

from postvakt.estate.memory.description import PAGE, PROTECTIONS, Protection
from postvakt.estate.memory.kernel import Kernel, quad

IMAGE_MAP = 2
"""The type of a region with an image file behind it."""


class Laid(msgspec.Struct, frozen=True, kw_only=True):
    """One region as it lies in a process. `end` is the first byte behind it."""

    start: int
    end: int
    protection: Protection
    private: bool
    name: str = ""
    file: str = ""
    image: bool = False
    subsection: int = 0
    prototypes: int = 0
    step: str = ""


def tree(kernel: Kernel, process: int, regions: list[Laid]) -> None:
    """Write the nodes of a process's regions, balanced, and hang them into its block at an address."""
    nodes = [(_node(kernel, region), region) for region in sorted(regions, key=lambda one: one.start)]
    root = _link(kernel, nodes, 0)
    kernel.put("_EPROCESS", process, "VadRoot", quad(root))
    kernel.put("_EPROCESS", process, "VadHint", quad(root))
    kernel.put("_EPROCESS", process, "VadCount", quad(len(nodes)))


def _node(kernel: Kernel, region: Laid) -> int:
    layout = kernel.layout
    # With a file behind it a region has the long form, whose head is the short one.
    tag, structure = (b"VadS", "_MMVAD_SHORT") if region.private else (b"Vad ", "_MMVAD")
    node = kernel.pool(tag, layout.size(structure))
    first, last = region.start // PAGE, region.end // PAGE - 1
    for field, data in (
        ("StartingVpn", struct.pack("<I", first & 0xFFFF_FFFF)),
        ("EndingVpn", struct.pack("<I", last & 0xFFFF_FFFF)),
        ("StartingVpnHigh", bytes([first >> 32])),
        ("EndingVpnHigh", bytes([last >> 32])),
    ):
        kernel.put("_MMVAD_SHORT", node, field, data)
    if layout.has_region_bits:
        kernel.put("_MMVAD_SHORT", node, "u", _flags(kernel, region))
        commit = layout.bits["_MMVAD_FLAGS1.MemCommit"].set(0, int(region.private))
        commit = layout.bits["_MMVAD_FLAGS1.CommitCharge"].set(commit, last - first + 1)
        kernel.put("_MMVAD_SHORT", node, "u1", struct.pack("<I", commit))
    if not region.private:
        pages = last - first + 1
        kernel.put("_MMVAD", node, "Subsection", quad(region.subsection))
        kernel.put("_MMVAD", node, "FirstPrototypePte", quad(region.prototypes))
        kernel.put("_MMVAD", node, "LastContiguousPte", quad(region.prototypes + 8 * (pages - 1)))
    return node


def _flags(kernel: Kernel, region: Laid) -> bytes:
    bits = kernel.layout.bits
    word = bits["_MMVAD_FLAGS.Protection"].set(0, PROTECTIONS.index(region.protection))
    word = bits["_MMVAD_FLAGS.PrivateMemory"].set(word, int(region.private))
    return struct.pack("<I", bits["_MMVAD_FLAGS.VadType"].set(word, IMAGE_MAP if region.image else 0))


def _link(kernel: Kernel, nodes: list[tuple[int, Laid]], parent: int) -> int:
    if not nodes:
        return 0
    middle = len(nodes) // 2
    node = nodes[middle][0]
    for field, address in (
        ("Left", _link(kernel, nodes[:middle], node)),
        ("Right", _link(kernel, nodes[middle + 1 :], node)),
        ("ParentValue", parent),
    ):
        kernel.put("_RTL_BALANCED_NODE", node, field, quad(address))
    return node
