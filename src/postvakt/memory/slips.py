"""The slip for an online machine: which symbols belong to the kernel in an image, and where they lie."""

import re
from collections.abc import Mapping
from typing import Any

SYMBOLS = re.compile(r"(?P<name>[A-Za-z0-9_\-]{1,60}\.pdb) (?P<guid>[0-9A-F]{32}) (?P<age>\d{1,9})")
"""As `mem_image.symbols` holds them. The name is the image's word: it is never more than a plain file's name."""


def symbol_path(symbols: str | None) -> str | None:
    """Return where symbols lie below any symbol server: `name/GUID and age in hexadecimal/name`; None for none."""
    told = SYMBOLS.fullmatch(symbols or "")
    return f"{told['name']}/{told['guid']}{int(told['age']):X}/{told['name']}" if told else None


def slip_text(row: Mapping[str, Any]) -> str:
    """Return the slip of an image, from its row of `mem_image`: lines to be printed; one line where it names none."""
    path = symbol_path(row.get("symbols"))
    if path is None:
        return "The image does not name its kernel's symbols; none can be fetched for it.\n"
    told = SYMBOLS.fullmatch(row["symbols"] or "")
    assert told is not None
    of = row.get("build_text") or (f"build {row['build']}" if row.get("build") else "")
    return (
        f"Symbols of the kernel in this image{f' ({of})' if of else ''}\n"
        f"  file    {told['name']}\n"
        f"  GUID    {told['guid']}\n"
        f"  age     {told['age']}\n"
        f"  fetch   {path}\n"
        "The path lies below any symbol server of Windows' maker. Postvakt needs no symbols; Volatility 3 does:\n"
        f"its table is windows/{told['name']}/{told['guid']}-{told['age']}.json.xz, made of this file.\n"
    )
