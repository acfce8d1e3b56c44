"""What an actor did, told once: each deed knows its step, its minute and the sentence that says what it was.

A log that tells of a deed writes its own row and marks it with the deed's trace.
"""

from collections.abc import Iterator
from datetime import datetime

import msgspec

from postvakt.estate.plans import Actor, ServerPlan
from postvakt.estate.stories import Step
from postvakt.estate.traces import Trace


class Deed(msgspec.Struct, frozen=True, kw_only=True):
    """One thing that an actor did. `says` is one plain sentence."""

    actor: Actor
    step: Step
    name: str
    """Tells the deeds of one step apart."""

    minute: float
    says: str

    @property
    def time(self) -> datetime:
        return self.actor.at(self.minute)

    def trace(self, artifact: str, of: str = "") -> Trace:
        """Return this deed's trace in a table; `of` tells apart two of them in one table."""
        parts = (f"actor-{self.actor.number + 1}", self.step, self.name, artifact, *((of,) if of else ()))
        return Trace(
            id="/".join(parts),
            step=self.step,
            actor=self.actor.address,
            artifact=artifact,
            time=self.time,
            says=self.says,
        )


class ProxyStep(Deed, frozen=True, kw_only=True):
    """One request as the front end logs it."""

    method: str
    url: str
    anchor: str
    status: int
    backend_status: int | None
    agent: str
    protocol: str = "Ecp"
    received: int = 512


class ShellRequest(Deed, frozen=True, kw_only=True):
    """One request to a page that an actor wrote; the front end's proxy does not see it."""

    path: str
    agent: str
    status: int = 200


class PanelRequest(Deed, frozen=True, kw_only=True):
    """One command as the control panel logs it."""

    command: str
    url: str


class Cmdlet(Deed, frozen=True, kw_only=True):
    """One cmdlet that ran, with its parameters."""

    cmdlet: str
    parameters: str


class MailRead(Deed, frozen=True, kw_only=True):
    """One request to Exchange Web Services for somebody's mail. `reader` is as whom it acted."""

    action: str
    reader: str


class Command(Deed, frozen=True, kw_only=True):
    """One process that an actor started. `parent` is the image that started it."""

    image: str
    line: str
    parent: str
    pool: str = "MSExchangeOWAAppPool"
    """The application pool of a web server's process as parent."""

    published: str = ""
    """The SHA-1 under which the program is published, where it is a known one."""


class LeftFile(Deed, frozen=True, kw_only=True):
    """One file that an actor left, with what wrote it and when it was last written."""

    path: str
    content: bytes
    image: str
    removed: bool = False
    """It was there and is not any more: only who watched knows of it."""


def acts(server: ServerPlan, *steps: Step) -> Iterator[Actor]:
    """Yield the actors who took one of these steps."""
    return (actor for actor in server.actors if set(steps) & set(actor.steps))
