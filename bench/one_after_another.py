"""`python -m bench.one_after_another PATH... -- COMMAND... [-- COMMAND...]`: remove the paths, then
run the commands in turn. Ends with the first code that is not 0."""

import shutil
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path


def parted(words: Sequence[str]) -> list[list[str]]:
    """Return the words between the `--`."""
    pieces: list[list[str]] = [[]]
    for word in words:
        if word == "--":
            pieces.append([])
        else:
            pieces[-1].append(word)
    return pieces


def main(words: Sequence[str]) -> int:
    """Remove, then run."""
    paths, *commands = parted(words)
    for path in map(Path, paths):
        if path.is_dir():
            shutil.rmtree(path)
        else:
            path.unlink(missing_ok=True)
    return next(
        (code for command in commands if (code := subprocess.run(command, check=False).returncode)), 0
    )


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
