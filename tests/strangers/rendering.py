"""From what was gathered to what is handed in."""

from tests.strangers.events import event_logs
from tests.strangers.ground import Gathered, HandIn, Truth
from tests.strangers.logs import text_logs


def hand_in(gathered: Gathered, outcome: str, grade: str, *, bare: bool = False) -> HandIn:
    """Return the hand-in with its truth."""
    files = dict(gathered.placed)
    for path, content, when in (*text_logs(gathered, bare=bare), *event_logs(gathered)):
        files[path] = (content, when)
    return HandIn(
        files={path: content for path, (content, _) in files.items()},
        times={path: when for path, (_, when) in files.items()},
        truth=Truth(outcome, grade, tuple(gathered.traces)),
    )
