"""A worker in which some functions do not end well: those that the environment names."""

import ctypes
import os
from typing import Any

from postvakt.commands import work

NAMED = "POSTVAKT_TEST_BREAKS"


def perform(function: str, spec: dict[str, Any]) -> Any:
    if function in os.environ.get(NAMED, "").split():
        ctypes.string_at(0)
    if f"{function}:memory" in os.environ.get(NAMED, "").split():
        raise MemoryError
    return work.perform(function, spec)
