"""Registry hives: every key and value with its last write, and what is read out of them.

A dirty hive is first brought to the state that Windows would recover from its transaction logs. What the root
leads to stands first, then deleted keys and values, then the traces. SAM and SECURITY are read for accounts, groups and
the domain; their values are withheld.
"""

from collections.abc import Iterator

import pyarrow as pa

from postvakt.artifacts.registry import known
from postvakt.artifacts.registry.columns import rows_of
from postvakt.artifacts.registry.hives import Place, place_of
from postvakt.artifacts.registry.regf import Hive, Key, Marks, Value
from postvakt.artifacts.registry.replay import BASE, HIVE_LIMIT, BaseBlock, Replay, base_block, is_log, replay
from postvakt.artifacts.registry.text import (
    DEFAULT,
    DWORD,
    WITHHELD,
    is_secret,
    is_secret_class,
    most_bytes,
    render,
    type_name,
)
from postvakt.artifacts.registry.trace import REGISTRY_TRACE, instant
from postvakt.artifacts.registry.walk import Found, unreferenced, walk
from postvakt.artifacts.troubles import Troubles
from postvakt.model.artifact import Artifact
from postvakt.model.evidence import Source
from postvakt.model.gap import Gap
from postvakt.model.table import Column, LogSource, TableSpec
from postvakt.tables.rows import BATCH_ROWS, Read, Reader, Rows, batches, schema

ARTIFACT = "registry"
SERVED = (LogSource(product="windows", service="registry"),)
LOST = (
    Column(
        "deleted", "bool", about="read from a free cell: someone removed it; its parts may be written over"
    ),
    Column(
        "orphan",
        "bool",
        about="in a cell still in use, but no key leads to it: renamed, or the hive is damaged",
    ),
)
HIVE = Column("hive", about="SYSTEM, SOFTWARE, SAM, SECURITY, DEFAULT, NTUSER, UsrClass, Amcache, BCD...")
USER = Column("user", kind="account", about="whose hive it is; empty for the machine's")

REGISTRY_KEY = TableSpec(
    name="registry_key",
    title="Registry keys with their last write",
    locator="cell",
    logsources=SERVED,
    fields=(("TargetObject", "key"),),
    split="hive",
    columns=(
        HIVE,
        USER,
        Column(
            "key",
            kind="registry_key",
            about="the whole path as people write it; ControlSet001 stays as it is",
        ),
        Column("subkeys", "int", about="as the key claims"),
        Column("values", "int", about="read of those that it claims"),
        Column("class", about="withheld where it is part of the key of secrets"),
        *LOST,
    ),
)
REGISTRY_VALUE = TableSpec(
    name="registry_value",
    title="Registry values; their time is their key's last write",
    locator="cell",
    logsources=SERVED,
    fields=(("TargetObject", "path"), ("Details", "value")),
    split="hive",
    columns=(
        HIVE,
        USER,
        Column("key", kind="registry_key"),
        Column("name", kind="registry_value", about="empty for the key's default value"),
        Column("path", kind="registry_key", about="key and name, as Sysmon writes a TargetObject"),
        Column("type"),
        Column(
            "value", about="texts as they are, numbers in decimal, the rest in hexadecimal (first 256 bytes)"
        ),
        Column("size", "int", unit="bytes"),
        *LOST,
    ),
)
MOST_CHARACTERS = 24_000_000
"""Characters that a batch holds at most, whatever the length of the paths and values in it."""

ROWS_AT_ONCE = 16_384
"""Rows that are made together of a sound hive: so many lie in a processor's cache while they are made."""

FREELY = 64_000_000
SHORT = 64
"""Characters of values that every hive may give, and bytes of each that are shown beyond four times its size."""


def parse(source: Source) -> Iterator[Read]:
    """Yield a hive's keys, values and traces. A transaction log gives nothing by itself: its hive reads it."""
    image, whole = _image(source)
    if not image:
        yield Gap(artifact=ARTIFACT, why="empty", detail="0 bytes")
        return
    base = base_block(image)
    if base is None:
        yield Gap(artifact=ARTIFACT, why="truncated", detail=f"{len(image)} bytes: not even a hive's header")
        return
    if is_log(image, base):
        return
    if not whole:
        yield Gap(artifact=ARTIFACT, why="limited", detail=f"hives are read up to {HIVE_LIMIT} bytes")
    recovered = replay(image, base, source)
    yield from _replay_gaps(recovered)
    if image[:4] != b"regf" and image[BASE : BASE + 4] != b"hbin":
        yield Gap(
            artifact=ARTIFACT,
            why="unparsed",
            detail="no registry hive: begins neither with regf nor holds hbin",
        )
        return
    yield from _hive(image, recovered.base, source)


def _image(source: Source) -> tuple[bytearray, bool]:
    """Return the file's bytes up to the limit, and whether that is all of them."""
    image = bytearray()
    with source.open() as stream:
        while len(image) <= HIVE_LIMIT:
            block = stream.read(1 << 20)
            if not block:
                return image, True
            image += block
    del image[HIVE_LIMIT:]
    return image, False


def _replay_gaps(recovered: Replay) -> Iterator[Gap]:
    if recovered.missing:
        detail = (
            f"hive is dirty ({recovered.lost}) and its transaction logs are not in the evidence: "
            "changes not yet written are not seen"
        )
        yield Gap(artifact=ARTIFACT, why="missing", detail=detail)
    elif recovered.lost:
        yield Gap(artifact=ARTIFACT, why="lost", detail=f"transaction logs: {recovered.lost}")


def _hive(image: bytearray, base: BaseBlock, source: Source) -> Iterator[Read]:
    troubles = Troubles(ARTIFACT)
    hive = Hive(image, base, troubles)
    # Look-ups and guesses at deleted cells go over cells that the walk has judged; they judge none again.
    quiet = Hive(image, base, Troubles(ARTIFACT))
    place = place_of(quiet, source.member)
    if base.valid and base.bins > hive.size:
        missing = base.bins - hive.size
        troubles.note(
            "truncated", f"the hive ends {missing} bytes before the end that its header tells", hive.size
        )
    if base.major != 1 or not 2 <= base.minor <= 6:
        troubles.note("unsupported", f"version {base.major}.{base.minor}; it was read as 1.5", None)
    yield from _rows(hive, quiet, place)
    yield from batches(REGISTRY_TRACE, known.traces(quiet, place))
    if quiet.exhausted:
        troubles.note("limited", "too many look-ups: not everything was read out as a trace", None)
    yield from troubles.gaps()


def _rows(hive: Hive, quiet: Hive, place: Place) -> Iterator[Rows]:
    met = Marks(hive.size)
    columns = _Columns(place, hive)
    whole = rows_of(hive, place.kind, place.root, columns.left)
    if whole is None:
        for found in walk(hive, place.root, met):
            yield from columns.add(found, hive, met)
    else:
        for made in whole.keys(ROWS_AT_ONCE, MOST_CHARACTERS):
            yield Rows(REGISTRY_KEY, columns.batch(REGISTRY_KEY, made))
        for made in whole.values(ROWS_AT_ONCE, MOST_CHARACTERS):
            yield Rows(REGISTRY_VALUE, columns.batch(REGISTRY_VALUE, made))
        columns.left -= whole.characters
        whole.mark(met)
    for found in unreferenced(hive, place.root, met):
        yield from columns.add(found, quiet, met)
    yield from columns.flush()


class _Columns:
    """Rows of both tables on their way into batches.

    What is written of values is bounded by the hive's size: cells that many values share cannot blow it up.
    """

    def __init__(self, place: Place, hive: Hive) -> None:
        self._place = place
        self._troubles = hive.troubles
        self._keys: list[tuple[object, ...]] = []
        self._values: list[tuple[object, ...]] = []
        self._characters = 0
        self.left = FREELY + 4 * hive.size
        """Characters of values that may still be shown whole."""

    def add(self, found: Found, hive: Hive, met: Marks) -> Iterator[Rows]:
        """Add a key and its values; yield what is full. Bytes that live values refer to are marked as in use."""
        key, path = found.key, found.path
        lost = (found.lost == "deleted", found.lost == "orphan")
        time = None if key is None else instant(key.written)
        if key is not None:
            self._add_key(key, path, time, hive, len(found.values), lost)
        for value in found.values:
            shown, behind = self._shown(value, path, hive, met, live=not found.lost)
            self._values.append(
                (
                    time, value.offset, path, value.name, f"{path}\\{value.name or DEFAULT}", type_name(value.type),
                    shown, value.size, *lost, behind,
                )
            )  # fmt: skip
            self._characters += 2 * len(path) + len(shown or "") + 64
            if self._characters > MOST_CHARACTERS or len(self._values) >= BATCH_ROWS:
                yield from self.flush()
        if len(self._keys) >= BATCH_ROWS or self._characters > MOST_CHARACTERS:
            yield from self.flush()

    def _add_key(
        self, key: Key, path: str, time: int | None, hive: Hive, values: int, lost: tuple[bool, bool]
    ) -> None:
        named = hive.class_of(key) if key.class_length else ""
        if named and (is_secret_class(key.name) or is_secret(self._place.kind, path, "", 0)):
            named = WITHHELD
        extra = [] if time is not None or not key.written else [("last write", f"0x{key.written:016x}")]
        self._keys.append((time, key.offset, path, key.subkeys, values, named or None, *lost, extra or None))
        self._characters += len(path) + 64

    def _shown(
        self, value: Value, path: str, hive: Hive, met: Marks, *, live: bool
    ) -> tuple[str | None, list[tuple[str, str]] | None]:
        if value.size and is_secret(self._place.kind, path, value.name, value.type):
            return WITHHELD, None
        if value.inline:
            if value.type == DWORD and value.size == 4:
                return str(value.data), None
        elif value.size:
            if live:
                met.add(value.data)
            elif value.data in met:
                return None, [("bytes", "written over")]
        most = most_bytes(value.type)
        if self.left < 0:
            self._troubles.note(
                "limited", "values in sum longer than the hive are shown in part", value.offset
            )
            most = SHORT
        shown, behind = render(value.type, hive.bytes_of(value, most), value.size)
        self.left -= len(shown) + len(behind)
        return shown, [("behind the end", behind)] if behind else None

    def flush(self) -> Iterator[Rows]:
        """Yield what has gathered as batches."""
        for spec, rows in ((REGISTRY_KEY, self._keys), (REGISTRY_VALUE, self._values)):
            for start in range(0, len(rows), BATCH_ROWS):
                yield Rows(spec, self._batch(spec, rows[start : start + BATCH_ROWS]))
        self._keys, self._values, self._characters = [], [], 0

    def _batch(self, spec: TableSpec, rows: list[tuple[object, ...]]) -> pa.RecordBatch:
        kinds = [field.type for field in schema(spec)]
        kinds = [*kinds[:2], *kinds[4:]]
        return self.batch(
            spec, [pa.array(cells, kind) for cells, kind in zip(zip(*rows, strict=True), kinds, strict=True)]
        )

    def batch(self, spec: TableSpec, columns: list[pa.Array]) -> pa.RecordBatch:
        """Return a batch of these columns with those that say whose hive it is."""
        time, locator, *rest = columns
        whose = [pa.repeat(pa.scalar(text), len(time)) for text in (self._place.kind, self._place.user)]
        return pa.RecordBatch.from_arrays([time, locator, *whose, *rest], schema=schema(spec))


READER = Reader(
    artifact=Artifact(
        name=ARTIFACT,
        title="Registry hives with their transaction logs",
        tables=("registry_key", "registry_value", "registry_trace"),
        where="%SystemRoot%\\System32\\config and profiles (NTUSER.DAT, UsrClass.dat) with .LOG1 and .LOG2, Amcache",
        paths=(
            r"(?:^|/)windows/system32/config/(?:system|software|sam|security|default|components|drivers)$",
            r"(?:^|/)ntuser\.(?:dat|man)$",
            r"(?:^|/)usrclass\.dat$",
            r"(?:^|/)amcache\.hve$",
            r"(?:^|/)syscache\.hve$",
            r"(?:^|/)boot/bcd$",
        ),
        starts=(b"regf",),
    ),
    tables=(REGISTRY_KEY, REGISTRY_VALUE, REGISTRY_TRACE),
    parse=parse,
)
