"""`python -m postvakt.content.encode FILE...`: turn content into its kept form, or show a kept file's text."""

import sys
from collections.abc import Sequence
from pathlib import Path

from postvakt.content.encoded import ENDING, decode, encode


def main(words: Sequence[str]) -> int:
    """Write each FILE as FILE.enc beside it and remove FILE; print what a FILE.enc holds. Returns an exit code."""
    if not words:
        sys.stderr.write("usage: python -m postvakt.content.encode FILE...\n")
        return 2
    for word in words:
        path = Path(word)
        try:
            if path.suffix == ENDING:
                sys.stdout.buffer.write(decode(path.read_bytes()))
                continue
            path.with_name(path.name + ENDING).write_bytes(encode(path.read_bytes()))
            path.unlink()
        except (OSError, ValueError) as why:
            sys.stderr.write(f"{word}: {why}\n")
            return 5
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
