"""What was done against a flaw besides the update, and scans that were made: on or off, from when to when."""

from datetime import datetime
from typing import Literal

import msgspec

MitigationState = Literal["on", "partly", "off", "ran", "unfinished", "failed", "unknown"]
"""Of a setting: in force, in force on some of what it must cover, not in force. Of a scan or a run: it came to its
end, it did not, it failed. `unknown` with what would have told."""


class MitigationRow(msgspec.Struct, frozen=True, kw_only=True):
    """One mitigation or scan on one host. `first` is when it is known to have begun and `last` when it was seen last
    (of a scan: start and end); None where nothing dates it. `flaws` are ids of content/flaws that it is against."""

    id: str
    title: str
    state: MitigationState
    told: str
    basis: str
    flaws: tuple[str, ...] = ()
    first: datetime | None = None
    last: datetime | None = None
    evidence: str = ""
    source: str = ""
    locator: int | None = None
