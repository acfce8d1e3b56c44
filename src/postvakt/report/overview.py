"""All hosts together: how many there are of each verdict, and what could not be seen on how many of them."""

from collections import Counter
from collections.abc import Sequence

import msgspec

from postvakt.model.gap import Why
from postvakt.model.report import HostRow, VerdictOutcome
from postvakt.report import words

GAPS = 8
QUESTIONS = 8


class Share(msgspec.Struct, frozen=True, kw_only=True):
    """An outcome with its number of hosts, and its piece of a bar that is 100 wide."""

    outcome: VerdictOutcome
    number: int
    x: float
    width: float


class UnansweredOn(msgspec.Struct, frozen=True, kw_only=True):
    """A question and the number of hosts on which it cannot be answered."""

    asks: str
    mandatory: bool
    hosts: int


class UnseenOn(msgspec.Struct, frozen=True, kw_only=True):
    """A kind of gap in an artifact, and the number of hosts that have it."""

    artifact: str
    why: Why
    hosts: int
    places: int


class Overview(msgspec.Struct, frozen=True, kw_only=True):
    """`worst` is the gravest outcome that any host has."""

    worst: VerdictOutcome
    headline: str
    unjudged: str
    shares: tuple[Share, ...]
    questions: tuple[UnansweredOn, ...]
    more_questions: int
    gaps: tuple[UnseenOn, ...]
    more_gaps: int


def overview(hosts: Sequence[HostRow]) -> Overview | None:
    """Return what can be said of several hosts at once; None of fewer than two."""
    if len(hosts) < 2:
        return None
    questions = _questions(hosts)
    gaps = _gaps(hosts)
    return Overview(
        worst=words.worst(hosts),
        headline=words.overall(hosts),
        unjudged=words.unjudged(hosts),
        shares=_shares(hosts),
        questions=tuple(questions[:QUESTIONS]),
        more_questions=max(0, len(questions) - QUESTIONS),
        gaps=tuple(gaps[:GAPS]),
        more_gaps=max(0, len(gaps) - GAPS),
    )


def _shares(hosts: Sequence[HostRow]) -> tuple[Share, ...]:
    shares: list[Share] = []
    before = 0
    for outcome, number in words.tally(hosts):
        x, end = (round(100 * edge / len(hosts), 2) for edge in (before, before + number))
        shares.append(Share(outcome=outcome, number=number, x=x, width=round(end - x, 2)))
        before += number
    return tuple(shares)


def _questions(hosts: Sequence[HostRow]) -> list[UnansweredOn]:
    unanswered = [q for host in hosts for q in host.questions if q.answer == "unanswerable"]
    mandatory = {question.asks for question in unanswered if question.mandatory}
    found = [
        UnansweredOn(asks=asks, mandatory=asks in mandatory, hosts=number)
        for asks, number in Counter(question.asks for question in unanswered).items()
    ]
    return sorted(found, key=lambda question: (not question.mandatory, -question.hosts, question.asks))


def _gaps(hosts: Sequence[HostRow]) -> list[UnseenOn]:
    places: Counter[tuple[str, Why]] = Counter()
    on: Counter[tuple[str, Why]] = Counter()
    for host in hosts:
        for gap in host.gaps:
            places[gap.artifact, gap.why] += gap.count
        on.update({(gap.artifact, gap.why) for gap in host.gaps})
    found = [
        UnseenOn(artifact=artifact, why=why, hosts=number, places=places[artifact, why])
        for (artifact, why), number in on.items()
    ]
    return sorted(found, key=lambda gap: (-gap.hosts, words.WHY_ORDER[gap.why], gap.artifact))
