"""Offline address book generator logs: CVE-2021-26858 shows as a download whose temporary file lies elsewhere."""

from collections.abc import Iterator

import pyarrow.compute as pc

from postvakt.artifacts.exchange_csv import read
from postvakt.artifacts.fitting import Fitted
from postvakt.model.artifact import Artifact
from postvakt.model.evidence import Source
from postvakt.model.table import Column, TableSpec
from postvakt.tables.rows import Read, Reader

TEMPORARY = r"Download failed and temporary file ['\"]?(?P<file>.*?)['\"]? needs to be removed"

OAB_GENERATOR = TableSpec(
    name="oab_generator",
    title="Generation of the offline address book",
    locator="line",
    columns=(
        Column("RecordType", about="DebugTrace, WarningTrace, ErrorTrace, FunctionTrace, ..."),
        Column("TraceId"),
        Column("OabGuid"),
        Column("AddressListGuid"),
        Column("Message", kind="message"),
        Column(
            "TemporaryFile",
            kind="file_path",
            about="the file that a failed download left, taken out of Message",
        ),
    ),
)

ARTIFACT = Artifact(
    name="oab_generator",
    title="Exchange OAB generator logs",
    tables=("oab_generator",),
    where="%ExchangeInstallPath%\\Logging\\OABGeneratorLog\\*.log",
    paths=(r"/logging/oabgeneratorlog/[^/]+\.log$", r"(^|[/_])oabgen\d{8,10}-\d+\.log$"),
    heads=(rb"(?im)^#Log-type:[ \t]*OAB ?Generator Log",),
    rank=20,
)


def parse(source: Source) -> Iterator[Read]:
    """Yield the steps of one log and what could not be read of it."""
    yield from read(source, OAB_GENERATOR, _make)


def _make(fitted: Fitted) -> None:
    message = fitted.texts("Message")
    if message is not None and pc.any(pc.match_substring(message, "temporary file")).as_py():
        fitted.columns["TemporaryFile"] = pc.struct_field(pc.extract_regex(message, TEMPORARY), "file")


READER = Reader(artifact=ARTIFACT, tables=(OAB_GENERATOR,), parse=parse)
