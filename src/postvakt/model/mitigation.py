"""What was done against a flaw besides the update, and scans that were made: on or off, from when to when."""

from datetime import datetime
from typing import Literal

import msgspec

MitigationState = Literal["on", "partly", "off", "ran", "unfinished", "failed", "unknown"]
"""Of a setting: in force, in force on some of what it must cover, not in force. Of a scan or a run: it came to its
end, it did not, it failed. `unknown` with what would have told."""

Dated = Literal["", "exactly", "at the latest"]
Kind = Literal["rewrite_inbound", "rewrite_outbound", "service", "app_pool", "emergency_service"]


class Mitigation(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A mitigation as content: what of a server's settings shows it, all of `shown_by` together.

    Each entry is a regular expression, whatever the case of letters: for a rewrite rule on its name and patterns, for
    a service or a pool on its name, for the emergency service on the mitigation's id. `except_builds` are beginnings
    of builds that have nothing of the kind. `whole_site`: a rule has to hold for all of the Default Web Site; one that
    is bound to a part of it covers that part alone.
    """

    id: str
    title: str
    kind: Kind
    shown_by: tuple[str, ...]
    flaws: tuple[str, ...]
    source: str
    except_builds: tuple[str, ...] = ()
    whole_site: bool = False
    note: str = ""


class Observed(msgspec.Struct, frozen=True, kw_only=True):
    """One setting or act as a table holds it. `changed` is when the file it stands in was last written; `location` is
    the site or path that a part of applicationHost.config is bound to, empty for all. `whole`: the source that tells it
    was read to its end, so that what it does not say is not there."""

    table: str
    kind: str
    name: str
    value: str = ""
    enabled: bool | None = None
    within: str = ""
    location: str = ""
    whole: bool = True
    run: int | None = None
    time: datetime | None = None
    changed: datetime | None = None
    evidence: str = ""
    source: str = ""
    locator: int | None = None


class MitigationRow(msgspec.Struct, frozen=True, kw_only=True):
    """One mitigation or scan on one host. `first` is when it is known to have begun and `last` when it was seen last
    (of a scan: start and end); None where nothing dates it. `flaws` are ids of content/flaws that it is against.

    `dated` says how far `first` is known: an event tells the instant; a file or a key that was last written then tells
    that it is so since then at the latest. `started` is when a scan began by the server's own clock, whose zone its log
    does not name, `YYYY-MM-DDTHH:MM:SS`; `signatures` is the version of what it looked for.
    """

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
    dated: Dated = ""
    started: str = ""
    signatures: str = ""
