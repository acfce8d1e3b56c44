"""One file of a synthetic server."""

from datetime import datetime

import msgspec

from postvakt.estate.traces import Absent, Trace


class Placed(msgspec.Struct, frozen=True):
    """A file at its place on the server (`C/Windows/win.ini`), with the time at which it was last written, and the
    traces of an attack that stand in it or that it is."""

    path: str
    content: bytes
    modified: datetime
    traces: tuple[Trace, ...] = ()


Made = Placed | Absent
"""What a writer yields: a file, or a trace that no file holds any more."""
