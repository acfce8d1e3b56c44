"""What an attack leaves, named: each trace with its place in the hand-in, or why it is not there."""

from datetime import datetime

import msgspec


class Trace(msgspec.Struct, frozen=True, kw_only=True):
    """One trace of an attack: a line, a record, a value or a file."""

    id: str
    step: str
    actor: str
    """The address from which the step came."""

    artifact: str
    """The table that it stands in: `http_proxy`, `iis`, `event`, `file`, `registry_value`..."""

    source: str = ""
    """The path in the hand-in; empty where the trace is absent."""

    time: datetime
    says: str


class Absent(msgspec.Struct, frozen=True):
    """A trace that was left and is not in the hand-in."""

    trace: Trace
    why: str
