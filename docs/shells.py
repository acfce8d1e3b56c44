"""Writes docs/shells.md: what our YARA rules find among our own web shells and among the pages of public packages.

`python -m docs.shells NAME=FOLDER...` scans every page below each FOLDER, which holds an unpacked package without any
web shell (`npm pack`, `pip download`), and names what was found there: each is a false positive until it is read.
"""

import sys
from collections.abc import Mapping
from pathlib import Path

from postvakt import content, detect
from postvakt.commands import readers
from postvakt.content import library
from postvakt.content.encoded import ENDING

ROOT = Path(__file__).resolve().parent.parent
PAGE = ROOT / "docs" / "shells.md"
SHELLS = ROOT / "tests" / "content" / "shells"
PAGES = (".aspx", ".ashx", ".asmx", ".asp", ".ascx", ".asax", ".cshtml", ".master")
HEAD = """# Web shells found and pages left alone

Our YARA rules over two sets: the web shells of `tests/content/shells` (written for this project, one family a folder,
hidden forms among them; kept encoded), and the pages for ASP and ASP.NET in public packages without any shell. Written
by `python -m docs.shells NAME=FOLDER...`; `tests/content/test_shells.py` holds the rules to the first set. The shells
are ours, so the rate says that the rules do what they were written for, not how many shells of others they find.
Two lots (`later-...`) were written before anybody looked what the rules say of them. Of the first 7 of 15 were found;
of the second, after the rules had been mended by the first, 8 of 12. Expect such a rate for shells that are new.
"""


def scanner() -> detect.Scanner:
    """Return our YARA rules, ready to ask."""
    texts = [detect.RuleText(text.path, text.text, "own") for text in content.load().yara]
    return detect.Scanner(detect.compile_plan([], texts, [], list(readers.TABLES.values())))


def found(asked: detect.Scanner, data: bytes) -> list[str]:
    """Return the names of the rules that match a page."""
    return [hit.rule.removeprefix("yara:") for hit in asked.scan(data)]


def families(folder: Path) -> dict[str, list[tuple[str, bytes]]]:
    """Return the shells by their family: name and bytes of each."""
    return {
        family.name: [
            (file.name.removesuffix(ENDING), library.data(file, file.name))
            for file in library.children(family)
        ]
        for family in sorted(path for path in folder.iterdir() if path.is_dir())
    }


def page(packages: Mapping[str, Path]) -> str:
    """Return the page for packages by their names."""
    asked = scanner()
    lines = [HEAD, "\n## Our shells\n\n| family | shells | found | not found |\n|---|--:|--:|---|\n"]
    for family, members in families(SHELLS).items():
        missed = [name for name, data in members if not found(asked, data)]
        lines.append(
            f"| {family} | {len(members)} | {len(members) - len(missed)} | {', '.join(missed) or '-'} |\n"
        )
    lines += ["\n## Pages of packages\n\n| package | pages | found | which |\n|---|--:|--:|---|\n"]
    for name, folder in packages.items():
        pages = sorted(path for path in folder.rglob("*") if path.suffix.lower() in PAGES and path.is_file())
        told = [(path, found(asked, path.read_bytes())) for path in pages]
        which = [
            f"`{path.relative_to(folder).as_posix()}` ({', '.join(rules)})" for path, rules in told if rules
        ]
        lines.append(f"| {name} | {len(pages)} | {len(which)} | {'<br>'.join(which) or '-'} |\n")
    return "".join(lines)


def main() -> int:
    """Write the page for the packages that are named."""
    packages = dict(word.split("=", 1) for word in sys.argv[1:])
    PAGE.write_text(page({name: Path(folder) for name, folder in packages.items()}), encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
