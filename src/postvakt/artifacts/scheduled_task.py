"""Scheduled tasks as Windows keeps them in System32\\Tasks: one row for each action of a task."""

from collections import defaultdict
from collections.abc import Iterator
from datetime import datetime
from typing import Any

from postvakt.artifacts.troubles import Troubles
from postvakt.artifacts.xml_elements import Element, elements
from postvakt.model.artifact import Artifact
from postvakt.model.evidence import Source
from postvakt.model.table import Column, LogSource, TableSpec
from postvakt.tables.rows import Read, Reader, batches

SCHEDULED_TASK = TableSpec(
    name="scheduled_task",
    title="Scheduled tasks, action by action",
    locator="line",
    logsources=(LogSource(product="windows", service="scheduled_task"),),
    fields=(("TaskName", "task"), ("CommandLine", "command_line"), ("Command", "command")),
    columns=(
        Column("task", about="the task's own URI; its file's place where it names none"),
        Column("Author", kind="account"),
        Column(
            "Date", about="when it was registered, as written; without a zone it is the server's local time"
        ),
        Column("Description"),
        Column("UserId", kind="account", about="whose rights it runs with"),
        Column("LogonType"),
        Column("RunLevel"),
        Column("Enabled", "bool"),
        Column("Hidden", "bool"),
        Column("triggers", "strings", about="what starts it, with the trigger's own words"),
        Column("action", about="Exec, ComHandler, SendEmail, ShowMessage"),
        Column("command", kind="file_path"),
        Column("command_line", kind="command_line", about="the command with its arguments"),
        Column("WorkingDirectory", kind="file_path"),
        Column("ClassId"),
    ),
)

ARTIFACT = Artifact(
    name="scheduled_task",
    title="Scheduled tasks",
    tables=("scheduled_task",),
    where="%SystemRoot%\\System32\\Tasks",
    paths=(r"/windows/(system32|syswow64)/tasks/.+",),
    heads=(rb"<Task[^>]*schemas\.microsoft\.com/windows/2004/02/mit/task",),
    needs_content=True,
)
ACTIONS = ("Exec", "ComHandler", "SendEmail", "ShowMessage")
TRUTH = {"true": True, "false": False}
ONCE = ("Author", "Date", "Description", "UserId", "LogonType", "RunLevel")


def parse(source: Source) -> Iterator[Read]:
    """Yield a task's actions, and what could not be read."""
    troubles = Troubles("scheduled_task")
    yield from batches(SCHEDULED_TASK, _records(source, troubles))
    yield from troubles.gaps()


def _records(source: Source, troubles: Troubles) -> Iterator[dict[str, Any]]:
    actions: list[tuple[str, int, dict[str, str]]] = []
    triggers: list[tuple[str, dict[str, str]]] = []
    told: dict[str, list[str]] = defaultdict(list)
    for element in elements(source, troubles):
        part, path = element.path[-1], element.path
        if len(path) == 3 and path[1] == "Actions":
            actions.append((part, element.line, {}))
        elif len(path) == 3 and path[1] == "Triggers":
            triggers.append((part, {}))
        elif len(path) > 3 and path[1] == "Actions" and actions and element.text:
            actions[-1][2][part] = element.text
        elif len(path) > 3 and path[1] == "Triggers" and triggers and element.text:
            triggers[-1][1]["/".join(path[3:])] = element.text
        elif element.text:
            told[_setting(element)].append(element.text)
    base = _task(source, told, triggers)
    for kind, line, words in actions or [("", 1, {})]:
        yield {**base, "locator": line, **_action(kind, words)}


def _setting(element: Element) -> str:
    """Name a setting; `Enabled` also stands in triggers and idle settings, where it means another thing."""
    return (
        element.path[-1]
        if len(element.path) <= 3 or element.path[1] == "Principals"
        else "/".join(element.path[1:])
    )


def _task(
    source: Source, told: dict[str, list[str]], triggers: list[tuple[str, dict[str, str]]]
) -> dict[str, Any]:
    known = {name: told[name][0] for name in ONCE if told.get(name)}
    known.setdefault("UserId", (told.get("GroupId") or [""])[0])
    rest = {k: "; ".join(v) for k, v in told.items() if k not in (*ONCE, "URI", "Enabled", "Hidden")}
    return {
        "time": _instant(known.get("Date", "")),
        "task": (told.get("URI") or [source.member.windows_path or source.member.path])[0],
        **{name: value or None for name, value in known.items()},
        "Enabled": TRUTH.get((told.get("Enabled") or ["true"])[0].lower()),
        "Hidden": TRUTH.get((told.get("Hidden") or ["false"])[0].lower()),
        "triggers": [" ".join((kind, *(f"{k}={v}" for k, v in words.items()))) for kind, words in triggers],
        **rest,
    }


def _action(kind: str, words: dict[str, str]) -> dict[str, Any]:
    command, arguments = words.pop("Command", None), words.pop("Arguments", None)
    line = " ".join(part for part in (command, arguments) if part)
    return {"action": kind or None, "command": command, "command_line": line or None, **words}


def _instant(written: str) -> datetime | None:
    """Return when a task was registered, only where the stamp itself says which zone it is in."""
    try:
        instant = datetime.fromisoformat(written.strip())
    except ValueError:
        return None
    return instant if instant.tzinfo else None


READER = Reader(artifact=ARTIFACT, tables=(SCHEDULED_TASK,), parse=parse)
