"""The ledger of a case: what was done, with its result, and what was given up. One writer: the supervisor that
holds the lock."""

import errno
import fcntl
import os
import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import msgspec

from postvakt.errors import EngineError, EvidenceError
from postvakt.model.task import Outcome

NAME = "ledger.sqlite"
LOCK = "ledger.lock"
TABLE = """
create table if not exists task (
    id text primary key, state text not null, attempts integer not null,
    why text not null, detail text not null, result blob
) without rowid
"""


class Ledger:
    """Outcomes by task id. A task that was begun and neither done nor seen to fail leaves no row: it is begun anew."""

    def __init__(self, connection: sqlite3.Connection, path: Path) -> None:
        self._connection = connection
        self._path = path

    def find(self, task: str) -> Outcome | None:
        """Return what came of a task, `open` where it failed once and was not tried again; None where it is new."""
        row = self._execute(
            "select state, attempts, why, detail, result from task where id = ?", (task,)
        ).fetchone()
        if row is None:
            return None
        state, attempts, why, detail, result = row
        return Outcome(
            task=task,
            state=msgspec.convert(state, type=Outcome.__annotations__["state"]),
            attempts=attempts,
            why=why,
            detail=detail,
            result=None if result is None else msgspec.json.decode(result),
        )

    def keep(self, outcome: Outcome) -> None:
        """Write an outcome; it survives the death of this process."""
        result = None if outcome.result is None else msgspec.json.encode(outcome.result)
        self._execute(
            "insert or replace into task values (?, ?, ?, ?, ?, ?)",
            (outcome.task, outcome.state, outcome.attempts, outcome.why, outcome.detail, result),
        )

    def _execute(self, statement: str, values: tuple[Any, ...]) -> sqlite3.Cursor:
        try:
            return self._connection.execute(statement, values)
        except sqlite3.Error as why:
            raise _damaged(self._path, why) from why


@contextmanager
def open_ledger(case_root: Path) -> Iterator[Ledger]:
    """Open the ledger of a case for writing.

    Raises EngineError where another run holds the case, the disk is full, or the ledger is damaged.
    """
    path = case_root / NAME
    try:
        case_root.mkdir(parents=True, exist_ok=True)
        lock = os.open(case_root / LOCK, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o644)
    except OSError as why:
        raise EvidenceError(f"{case_root}: the case folder cannot be written: {why.strerror}") from why
    try:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as why:
            if why.errno in (errno.EAGAIN, errno.EACCES):
                raise EngineError(
                    f"{case_root}: another run is at work on this case; wait for it or stop it"
                ) from why
            raise EngineError(f"{case_root}: cannot be locked: {why.strerror}") from why
        connection = _connect(path)
        try:
            yield Ledger(connection, path)
        finally:
            connection.close()
    finally:
        os.close(lock)


def _connect(path: Path) -> sqlite3.Connection:
    try:
        connection = sqlite3.connect(path, isolation_level=None)
        connection.execute("pragma journal_mode = wal")
        connection.execute("pragma synchronous = normal")
        connection.execute(TABLE)
    except sqlite3.Error as why:
        raise _damaged(path, why) from why
    return connection


def _damaged(path: Path, why: sqlite3.Error) -> EngineError:
    if "full" in str(why):
        return EngineError(f"{path}: no space left on the disk; free some and run the same command again")
    return EngineError(
        f"{path}: {why}; delete the file and run the same command again: everything is read anew"
    )
