"""Paths that a collector flattened into one file name: `C_Windows_System32_winevt_Logs_Security.evtx`."""

import re

DRIVE = re.compile(r"([a-z])(?:_+|%3a[_%]*|[:\-]+_*)", re.IGNORECASE)
SHADOW = re.compile(r"shadowcopy\d+|vss\d+", re.IGNORECASE)

FOLDERS = (
    "windows", "system32", "syswow64", "winevt", "logs", "config", "regback", "inetsrv", "logfiles", "httperr",
    "appcompat", "programs", "tasks", "temp", "microsoft.net", "framework64", "framework", "v4.0.30319",
    "temporary asp.net files", "inetpub", "wwwroot", "aspnet_client", "system_web", "history", "custerr",
    "program files (x86)", "program files", "programdata", "microsoft", "exchange server", "v14", "v15",
    "logging", "httpproxy", "frontend", "clientaccess", "owa", "ecp", "oab", "ews", "auth", "current", "themes",
    "server", "activity", "cmdletinfra", "oabgeneratorlog", "transportroles", "messagetracking",
    "mitigation service", "exchangesetuplogs", "perflogs", "users",
)  # fmt: skip
NUMBERED = re.compile(r"w3svc\d+|localpowershell|powershell-proxy", re.IGNORECASE)

TOPS = ("windows", "inetpub", "program files", "program files (x86)", "programdata", "users", "exchangesetuplogs",
        "perflogs")  # fmt: skip


def path_of(name: str) -> tuple[str, bool] | None:
    """Return the path on the server that a flattened name tells, lower-case, and whether it is of a shadow copy.

    Folders are consumed while they are known ones; the rest is the file's name, its underscores kept. None
    where the name does not begin with a drive and a known folder.
    """
    drive = DRIVE.match(name)
    if drive is None:
        return None
    rest = name[drive.end() :]
    parts: list[str] = []
    shadow = False
    while True:
        folder, after = _folder(rest, users=parts == ["users"])
        if not folder:
            break
        rest = after
        if SHADOW.fullmatch(folder):
            shadow = True
        else:
            parts.append(folder.lower())
    if not parts or parts[0] not in TOPS or not rest:
        return None
    return f"{drive[1].lower()}:/{'/'.join([*parts, rest.lower()])}", shadow


def _folder(rest: str, *, users: bool) -> tuple[str, str]:
    """Return the known folder that a name begins with, and what follows it."""
    low = rest.lower()
    for folder in FOLDERS:
        if low.startswith(f"{folder}_"):
            return rest[: len(folder)], rest[len(folder) :].lstrip("_")
    for pattern in (NUMBERED, SHADOW):
        found = pattern.match(rest)
        if found and rest[found.end() : found.end() + 1] == "_":
            return found[0], rest[found.end() :].lstrip("_")
    if users and "_" in rest:
        name, _, after = rest.partition("_")
        return name, after.lstrip("_")
    return "", rest
