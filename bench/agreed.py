"""`python -m bench.agreed CASE OUT RULES`: our matches in a case beside those that Zircolite wrote to OUT."""

import json
import sys
from pathlib import Path

from bench import zircolite
from bench.whole import matches


def main(case: str, out: str, rules: str) -> None:
    """Print the rules that differ, and how both compare as JSON on the last line."""
    found = zircolite.agreement(matches(case), zircolite.matches(Path(out)), zircolite.ids_of(Path(rules)))
    for name in ("other_count", "ours_alone", "theirs_alone"):
        for rule in getattr(found, name):
            print(f"{name}: {rule}")
    print(json.dumps({"agreement": str(found)}))


if __name__ == "__main__":
    main(*sys.argv[1:])
