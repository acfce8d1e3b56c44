"""Detection: rules and indicators compiled once into a plan, asked of tables by columns, explained by row."""

from postvakt.detect.compile import compile_plan, put_together, read_rules, read_signatures, shares
from postvakt.detect.explain import Explanation, Part, explain, told
from postvakt.detect.matcher import Hit, Matcher
from postvakt.detect.plan import FORMAT, Plan, RuleText
from postvakt.detect.sheaf import Share, Sheaf, Signatures
from postvakt.detect.yara import ScanHit, Scanner, yara_ids
from postvakt.detect.yara_memory import memory_finder

__all__ = [
    "FORMAT",
    "Explanation",
    "Hit",
    "Matcher",
    "Part",
    "Plan",
    "RuleText",
    "ScanHit",
    "Scanner",
    "Share",
    "Sheaf",
    "Signatures",
    "compile_plan",
    "explain",
    "memory_finder",
    "put_together",
    "read_rules",
    "read_signatures",
    "shares",
    "told",
    "yara_ids",
]
