"""The JSON that the EVTX reader makes of nearly all events, as types; what they do not know is refused."""

from typing import Literal

import msgspec

AS = {"attributes": "#attributes", "text": "#text"}
Number = int | str | None
Scalar = str | int | bool | None


class Strict(msgspec.Struct, frozen=True, gc=False, forbid_unknown_fields=True):
    """What is unknown is refused, and then read as a tree: nothing is dropped."""


class Provider(Strict, frozen=True):
    Name: str | None = None
    Guid: str | None = None
    EventSourceName: str | None = None


class Time(Strict, frozen=True):
    SystemTime: str | None = None


class Activity(Strict, frozen=True):
    ActivityID: str | None = None
    RelatedActivityID: str | None = None


class Process(Strict, frozen=True):
    ProcessID: Number = None
    ThreadID: Number = None
    ProcessorID: Number = None
    SessionID: Number = None
    KernelTime: Number = None
    UserTime: Number = None


class User(Strict, frozen=True):
    UserID: str | None = None


class Qualified(Strict, frozen=True):
    Qualifiers: Number = None


class ProviderElement(Strict, frozen=True, rename=AS):
    attributes: Provider = Provider()


class TimeElement(Strict, frozen=True, rename=AS):
    attributes: Time = Time()


class ActivityElement(Strict, frozen=True, rename=AS):
    attributes: Activity = Activity()


class ProcessElement(Strict, frozen=True, rename=AS):
    attributes: Process = Process()


class UserElement(Strict, frozen=True, rename=AS):
    attributes: User = User()


class Id(Strict, frozen=True, rename=AS):
    attributes: Qualified = Qualified()
    text: Number = None


class System(Strict, frozen=True):
    """System as the reader writes it of all but a few events. Numbers may come as text."""

    Provider: ProviderElement | None = None
    EventID: Number | Id = None
    Version: Number = None
    Level: Number = None
    Task: Number = None
    Opcode: Number = None
    Keywords: Number = None
    TimeCreated: TimeElement | None = None
    EventRecordID: Number = None
    Correlation: ActivityElement | None = None
    Execution: ProcessElement | None = None
    Channel: str | None = None
    Computer: str | None = None
    Security: UserElement | None = None


class Element(Strict, frozen=True, rename={"text": "#text"}):
    """An object in EventData: the values without names that ReportEvent writes, or what EventData itself is called."""

    text: list[Scalar] | Scalar | msgspec.UnsetType = msgspec.UNSET
    Name: str | msgspec.UnsetType = msgspec.UNSET


class Namespace(Strict, frozen=True):
    """What an event's element says of itself; no text is made of what is always the same."""

    xmlns: Literal["http://schemas.microsoft.com/win/2004/08/events/event"]


class Event(Strict, frozen=True, rename=AS):
    System: System
    attributes: Namespace | None = None
    EventData: dict[str, Scalar | Element] | None = None
    UserData: dict[str, dict[str, Scalar | dict[str, Scalar]] | None] | None = None


class Whole(Strict, frozen=True):
    Event: Event
