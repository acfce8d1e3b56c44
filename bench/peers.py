"""The peers' own environment under `bench/out/peers`, made from the names pinned in `bench/peers.txt`."""

import json
import subprocess
import sys
import venv
from collections.abc import Iterable
from pathlib import Path

HERE = Path(__file__).resolve().parent
FOLDER = HERE / "out" / "peers"
PINNED = HERE / "peers.txt"
LONGEST = 1800


class Peers:
    """What is installed, and why the rest is not."""

    def __init__(self, folder: Path = FOLDER) -> None:
        self._folder = folder
        self._noted = folder / "installed.json"
        self.missing: dict[str, str] = json.loads(self._noted.read_bytes()) if self._noted.is_file() else {}

    @property
    def python(self) -> str:
        """The interpreter that has the peers."""
        return str(self._folder / "bin" / "python")

    def install(self, pinned: Iterable[str], *, anew: bool = False) -> None:
        """Install each peer by itself, so that one that cannot be had keeps none of the others away."""
        wanted = list(pinned)
        if not anew and sorted(self.missing) == sorted(wanted):
            return
        if not Path(self.python).is_file():
            venv.create(self._folder, with_pip=True)
        self.missing = {name: _installed(self.python, name) for name in wanted}
        self._noted.write_text(json.dumps(self.missing, indent=1))

    def why_not(self, name: str) -> str:
        """Return why a peer is not there, empty where it is. `name` is that of the package."""
        told = {pin.partition("==")[0]: why for pin, why in self.missing.items()}
        return told.get(name, "not among the pinned names")

    def version(self, name: str) -> str:
        """Return the version that is pinned and was installed, empty where it was not."""
        return next(
            (
                pin.partition("==")[2]
                for pin, why in self.missing.items()
                if pin.partition("==")[0] == name and not why
            ),
            "",
        )

    def program(self, name: str) -> str:
        """Return the path of a program that a peer brings."""
        return str(self._folder / "bin" / name)


def pinned(text: str) -> list[str]:
    """Return the pinned names of a list; what follows a `#` is said to people."""
    lines = (line.partition("#")[0].strip() for line in text.splitlines())
    return [line for line in lines if line]


def _installed(python: str, name: str) -> str:
    """Install a package; return why that did not work, empty where it did."""
    command = [python, "-m", "pip", "install", "--quiet", "--disable-pip-version-check", name]
    try:
        ended = subprocess.run(command, capture_output=True, text=True, timeout=LONGEST, check=False)
    except subprocess.TimeoutExpired:
        return f"not installed within {LONGEST} s"
    if not ended.returncode:
        return ""
    lines = [line for line in ended.stderr.splitlines() if line.strip()]
    errors = [line for line in lines if line.lower().startswith("error")]
    return (errors or lines or ["pip failed"])[-1].strip()


def main() -> int:
    """Install all peers and say what is missing."""
    peers = Peers()
    peers.install(pinned(PINNED.read_text()), anew=True)
    for name, why in peers.missing.items():
        print(f"{name}: {why or 'installed'}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
