"""A story in sentences that can be pasted into an e-mail: plain words, every time in UTC, no claim without its log."""

from collections.abc import Iterable, Sequence
from datetime import datetime

from postvakt.model.rule import Stage
from postvakt.model.story import ActorRow, MailRow, Moved, PageRow, Story, StoryStep, Trace
from postvakt.reason.joining import name_of

MOST_TOLD = 6
"""Parties, pages and mailboxes that the sentences name; the tables name all."""

REACHED: dict[Stage, str] = {
    "probe": "only tried whether the server would answer",
    "attempt-failed": "tried to get in and was refused",
    "access-gained": "made the server act for them",
    "file-written": "left a file on the server",
    "shell-used": "ran commands through a page on the server",
    "credential-access": "reached for credentials",
    "lateral-movement": "went on to other systems",
    "impact": "took mail, or destroyed or encrypted data",
    "tampering": "removed traces",
}


def words(story: Story) -> tuple[str, ...]:
    """Return the story in sentences, an empty tuple where nothing was done."""
    named = [actor for actor in story.actors if actor.addresses]
    told: list[str] = []
    if len(named) > 1:
        told.append(f"{len(named)} parties left traces, told apart by their addresses.")
    for actor in story.actors[:MOST_TOLD]:
        told += _actor(actor)
    if len(story.actors) > MOST_TOLD:
        told.append(f"{len(story.actors) - MOST_TOLD} more parties are in the table.")
    told += [_page(page) for page in story.pages[:MOST_TOLD] if page.answered]
    told += [_mail(row) for row in story.mail[:MOST_TOLD]]
    return tuple(told)


def _actor(actor: ActorRow) -> Iterable[str]:
    seen = [step for step in actor.steps if step.findings]
    who = f"{actor.id}, from {actor.addresses[0]}," if actor.addresses else "Somebody whom no address names"
    came = f" in {len(actor.visits)} visits" if len(actor.visits) > 1 else ""
    yield f"{who} {REACHED[actor.stage]}{came}: {_span(actor.first, actor.last)}."
    for step in seen:
        yield f"{_when(step.first)}: {step.title[0].lower() + step.title[1:]}{_about(step)} ({_logs(step)})."
    lost = [step.title for step in actor.steps if step.missing]
    if lost:
        yield f"Not seen in between: {'; '.join(title[0].lower() + title[1:] for title in lost)}."


def _about(step: StoryStep) -> str:
    return f": {step.says}" if step.says else ""


def _logs(step: StoryStep) -> str:
    count = f"{step.traces} record{'s' if step.traces != 1 else ''} of {', '.join(step.logs)}"
    return f"{count}; joined by {step.joined}" if step.joined else count


def _page(page: PageRow) -> str:
    methods = ", ".join(f"{number} {method}" for method, number in page.methods.items())
    size = f", {page.bytes_out:,} bytes sent out" if page.bytes_out is not None else ""
    times = f"{page.requests} time{'s' if page.requests != 1 else ''}"
    return (
        f"{page.address or 'Somebody'} asked for {page.page} {times} ({methods}), "
        f"{page.answered} answered{size}: {_span(page.first, page.last)}."
    )


def _mail(row: MailRow) -> str:
    by = f" by {row.by}" if row.by else ""
    count = f"{row.count} record{'s' if row.count != 1 else ''}"
    return f"Mailbox {row.mailbox}: {row.deed}{by}, {count} of {row.log}, {_span(row.first, row.last)}."


def clock(zone: str, moved: Sequence[Moved]) -> tuple[str, ...]:
    """Return what is known of a host's clock: its zone, and each time that it was set by more than a minute."""
    told = [
        f"The server's own time zone is {zone}."
        if zone
        else "The evidence does not tell the server's time zone."
    ]
    for one in moved[:MOST_TOLD]:
        way = "forward" if one.after > one.before else "back"
        told.append(
            f"At {_when(one.at)} its clock was set {way} by {abs(one.after - one.before)}: "
            "times before and after that do not compare."
        )
    if len(moved) > MOST_TOLD:
        told.append(f"Its clock was set {len(moved) - MOST_TOLD} more times.")
    return tuple(told)


def subject(traces: Sequence[Trace], stage: Stage) -> str:
    """Return what traces of one step are about, in a few words: files or pages, else mailboxes; other systems where
    the step is to go on to them."""
    onward = stage == "lateral-movement"
    systems = list(dict.fromkeys(t.target for t in traces if t.target and onward))
    names = list(dict.fromkeys(name_of(t.path) for t in traces if "." in name_of(t.path)))
    mailboxes = list(dict.fromkeys(t.mailbox for t in traces if t.mailbox))
    chosen = systems or names or mailboxes
    more = f" and {len(chosen) - 3} more" if len(chosen) > 3 else ""
    return ", ".join(chosen[:3]) + more


def _span(first: datetime | None, last: datetime | None) -> str:
    if first is None or last is None:
        return "no record of it has a time"
    return _when(first) if first == last else f"{_when(first)} to {_when(last)}"


def _when(instant: datetime | None) -> str:
    return f"{instant:%Y-%m-%d %H:%M}Z" if instant else "at a time that is not known"
