"""One file of a synthetic server."""

from datetime import datetime

import msgspec


class Placed(msgspec.Struct, frozen=True):
    """A file at its place on the server (`C/Windows/win.ini`), with the time at which it was last written."""

    path: str
    content: bytes
    modified: datetime
