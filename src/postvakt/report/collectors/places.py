"""Folders of a server as a collector spells them that knows no variables."""

from postvakt.model.collecting import Spot

DEFAULTS = {
    "%ExchangeInstallPath%": r"C:\Program Files\Microsoft\Exchange Server\V15",
    "%SystemRoot%": r"C:\Windows",
    "%SystemDrive%": "C:",
}


def folder(spot: Spot, profile: str) -> str:
    """Return the folder of a spot by its default place, `profile` for that of each user."""
    path = spot.folder.replace("%Profile%", profile)
    for name, place in DEFAULTS.items():
        path = _replaced(path, name, place)
    return path


def globs(spot: Spot, profile: str, deep: str = "**") -> list[str]:
    """Return patterns for the files of a spot; two where those of the folder itself and of those below are two."""
    place = folder(spot, profile)
    flat = f"{place}\\{spot.mask}"
    return [flat, f"{place}\\{deep}\\{spot.mask}"] if spot.recursive else [flat]


def _replaced(path: str, name: str, place: str) -> str:
    at = path.lower().find(name.lower())
    return path if at < 0 else path[:at] + place + path[at + len(name) :]
