"""Zircolite, where there is a checkout of it: run as its documentation says, and its matches beside ours, rule by rule.

It is in no package registry; `python -m bench --zircolite CHECKOUT --zircolite-python PYTHON --rules SIGMA` asks it the
same rules of the same logs. PYTHON is an interpreter with its requirements. Its rules are converted beforehand, as ours
are compiled.
"""

import json
import re
import subprocess
from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

from bench.measure import Failed, cost

SCRIPT = "zircolite.py"
PIPELINES = ("sysmon", "windows-logsources")
"""Of pySigma: what ties rules to channels and event ids, without which they are asked of all events."""


class Agreement(NamedTuple):
    """How two engines' matches compare: rules that both find with the same count, or another one, and those that only
    one of them finds."""

    same: int
    other_count: tuple[str, ...]
    ours_alone: tuple[str, ...]
    theirs_alone: tuple[str, ...]

    def __str__(self) -> str:
        return (
            f"{self.same} rules alike, {len(self.other_count)} with another count, "
            f"{len(self.ours_alone)} by us alone, {len(self.theirs_alone)} by it alone"
        )


def command(
    python: str, checkout: Path, logs: Path, rules: Path, out: Path, more: Sequence[str] = ()
) -> list[str]:
    """Return the command that asks the rules of a log or a folder of them and leaves what was found in `out`; it is run
    in the checkout, where it looks for its configuration."""
    logs, rules, out = (path.resolve() for path in (logs, rules, out))
    given = ["--evtx", str(logs), "--ruleset", str(rules), "--outfile", str(out), "--logfile", f"{out}.log"]
    return ["env", f"--chdir={checkout}", python, SCRIPT, *given, *more]


def converted(
    python: str, checkout: Path, log: Path, rules: Path, into: Path, more: Sequence[str] = ()
) -> Path:
    """Have it convert a folder of Sigma rules to its own form, which it does not without a log, and return where they
    are. Raises Failed where it leaves none."""
    before = set(checkout.glob("ruleset-*.json"))
    words = ["--save-ruleset", *(word for name in PIPELINES for word in ("--pipeline", name)), *more]
    cost(command(python, checkout, log, rules, into.with_suffix(".first.json"), words))
    left = set(checkout.glob("ruleset-*.json")) - before
    if len(left) != 1:
        raise Failed(f"{len(left)} converted sets of rules were left, not one")
    return left.pop().replace(into)


def why_not(checkout: str, rules: str) -> str:
    """Return why it cannot be run, empty where it can."""
    if not checkout:
        return "in no package registry; give a checkout with --zircolite"
    if not Path(checkout, SCRIPT).is_file():
        return f"no {SCRIPT} in what --zircolite names"
    return "" if rules else "needs the same rules: give a folder of Sigma rules with --rules"


def matches(out: Path) -> Counter[str]:
    """Return how many events each rule matched, by the rule's id (its title where it has none), over all files.
    Raises ValueError where the file is not what Zircolite writes."""
    found: Counter[str] = Counter()
    told = json.loads(out.read_bytes() or b"[]")
    if not isinstance(told, list):
        raise ValueError(f"{out}: no list of detections")
    for one in told:
        count = len(one["matches"]) if "matches" in one else int(one.get("count", 0))
        found[str(one.get("id") or one.get("title", "?"))] += count
    return found


def agreement(ours: Mapping[str, int], theirs: Mapping[str, int], asked: frozenset[str]) -> Agreement:
    """Compare the matches of the rules that both were asked."""
    mine = {rule: count for rule, count in ours.items() if rule in asked and count}
    other = {rule: count for rule, count in theirs.items() if count}
    both = mine.keys() & other.keys()
    unlike = tuple(sorted(rule for rule in both if mine[rule] != other[rule]))
    return Agreement(
        len(both) - len(unlike),
        unlike,
        tuple(sorted(mine.keys() - other.keys())),
        tuple(sorted(other.keys() - mine.keys())),
    )


def version(checkout: str) -> str:
    """Return which commit the checkout is, or the version that its script tells; empty where neither is to be had."""
    if Path(checkout, ".git").exists():  # or git would tell of a repository around it
        words = ["git", "-C", checkout, "rev-parse", "--short", "HEAD"]
        told = subprocess.run(words, capture_output=True, text=True, check=False)
        if told.returncode == 0:
            return told.stdout.strip()
    script = Path(checkout, SCRIPT)
    found = re.search(r'^\s*version = "(.+)"', script.read_text() if script.is_file() else "", re.MULTILINE)
    return found[1] if found else ""


def ids_of(rules: Path) -> frozenset[str]:
    """Return the ids of a folder's rules."""
    found = set()
    for path in rules.rglob("*.yml"):
        for line in path.read_text(encoding="utf-8", errors="replace").splitlines():
            if line.startswith("id:"):
                found.add(line.removeprefix("id:").strip().strip("'\""))
    return frozenset(found)
