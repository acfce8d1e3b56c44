"""Windows events as JSON: winlogbeat's, NXLog's, Velociraptor's and evtx_dump's, a line each or in arrays."""

from collections.abc import Iterator
from typing import Any

import msgspec

from postvakt.artifacts import event_shapes, json_stream
from postvakt.artifacts.event import EVENT, STAGE_EVENTS, SYSTEM, Events, Misfits
from postvakt.artifacts.event_tree import Told
from postvakt.artifacts.troubles import Troubles
from postvakt.model.artifact import Artifact
from postvakt.model.evidence import Source
from postvakt.tables.rows import Read, Reader

_BEGIN = rb"(?s)\A(?:\xef\xbb\xbf)?[\s\[]*\{"

ARTIFACT = Artifact(
    name="event_json",
    title="Windows events as JSON",
    tables=("event",),
    where="exports of winlogbeat, NXLog, Velociraptor, evtx_dump",
    heads=(
        _BEGIN + rb'.*"System"\s*:\s*\{\s*"(?:Provider|EventID|TimeCreated|Channel|Computer|Level)"',
        _BEGIN + rb'.*"winlog"\s*:\s*\{',
        _BEGIN + rb'.*"winlog\.(?:channel|event_id|provider_name|computer_name|event_data\.)',
        _BEGIN + rb'(?=.*"event_id"\s*:).*"(?:log_name|event_data)"\s*:',
        _BEGIN + rb'(?=.*"EventID"\s*:\s*"?\d).*"(?:Channel|SourceName|EventRecordID)"\s*:',
        _BEGIN + rb'(?=.*"EventId"\s*:\s*"?\d).*"LogName"\s*:',
    ),
    rank=-1,
)

NO_EVENT = "a JSON object that is no Windows event"


def parse(source: Source) -> Iterator[Read]:
    """Yield the events of a file, then its Gaps and what it tells of its server."""
    troubles = Troubles("event")
    events = Events(troubles)
    waiting: list[tuple[int, Told]] = []
    last = 0
    with source.open() as stream:
        for offset, tree in json_stream.objects(stream, troubles):
            told = _told(tree)
            if told is None:
                troubles.note("unparsed", NO_EVENT, offset)
                continue
            waiting.append((offset, told))
            if len(waiting) >= STAGE_EVENTS:
                events.bytes += offset - last
                last = offset
                _settle(waiting, events)
                waiting = []
            if events.full():
                yield from events.batch()
    _settle(waiting, events)
    yield from events.batch()
    channel = events.clues.channel
    if not channel and not source.member.size:
        troubles.note("empty", "the file has no bytes", None)
    for gap in troubles.gaps():
        yield msgspec.structs.replace(gap, artifact=f"event:{channel}" if channel else "event")
    yield from events.clues.clues()


READER = Reader(artifact=ARTIFACT, tables=(EVENT,), parse=parse)


def _told(tree: Any) -> Told | None:
    try:
        return event_shapes.read(tree)
    except RecursionError:
        return None


def _settle(waiting: list[tuple[int, Told]], events: Events) -> None:
    """Make columns of what waits."""
    if not waiting:
        return
    misfits = Misfits(len(waiting))
    names, values = [], []
    for row, (_, told) in enumerate(waiting):
        names.append(tuple([name for name, _ in told.data]))
        values.append([value for _, value in told.data])
        for name, value in told.further:
            misfits.add(row, name, value)
    events.add(
        [offset for offset, _ in waiting],
        [told.time for _, told in waiting],
        [[told.system.get(name) for _, told in waiting] for name in SYSTEM],
        (names, values),
        misfits,
    )
