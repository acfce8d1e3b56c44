"""One packed stream: a wrapper around one file (`u_ex210301.log.gz`), or around a tar."""

from collections.abc import Callable, Iterator
from pathlib import PurePosixPath
from typing import BinaryIO

from postvakt.evidence import compression, limits, names
from postvakt.evidence.container import Container, Entry, is_tar_header
from postvakt.evidence.reading import DamageError, NotOpenedError, Stretch, decoded, fault_of

DECODERS: dict[str, Callable[[BinaryIO], Iterator[bytes]]] = {
    "gz": compression.gunzipped,
    "bz2": compression.bunzipped,
    "xz": compression.unxzed,
    "zst": compression.unzstded,
}


class Wrapped(Container):
    """An opened wrapper; its one member is unpacked while it is read. Raises NotOpenedError, OSError."""

    wraps = True

    def __init__(self, stretch: Stretch, kind: str, name: str) -> None:
        self.kind = kind
        self._stretch = stretch
        self.faults = ()
        inner = inner_name(name, kind)
        with self.stream() as stream:
            self.head = stream.read(512)
            fault = fault_of(stream)
        if fault and not self.head:
            raise NotOpenedError(
                fault.why, f"not a {kind} file, or nothing of it can be read ({fault.detail})"
            )
        self.entries = (Entry(name=inner, plain=inner, size=-1),)

    @property
    def holds_tar(self) -> bool:
        """Whether what it wraps is a tar archive."""
        return is_tar_header(self.head)

    def open(self, entry: Entry) -> BinaryIO:
        return self.stream()

    def stream(self) -> BinaryIO:
        """Open what is wrapped."""
        return decoded(self._blocks)

    def _blocks(self) -> Iterator[bytes]:
        most = limits.LIMITS.of_member(self._stretch.size)
        read = 0
        with self._stretch.open() as stream:
            for block in DECODERS[self.kind](stream):
                if read + len(block) > most:
                    yield block[: most - read]
                    raise DamageError("limited", f"{self._stretch.size} bytes unfold to more than {most}")
                read += len(block)
                yield block


def inner_name(name: str, kind: str) -> str:
    """Return the name of what a wrapper of this name holds."""
    last = PurePosixPath(name).name
    stem = last[: -len(kind) - 1] if last.lower().endswith(f".{kind}") else last
    return names.text(stem) or names.UNNAMED
