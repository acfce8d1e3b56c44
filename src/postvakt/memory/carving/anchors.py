"""What each carver is led by: patterns in the language of YARA-X, so that one pass finds them together with the rules.

A pass over a gigabyte with fifty more patterns costs three hundredths more than one without; looking for them by
themselves would cost half as much again.
"""

from typing import Any

from postvakt.model.marks import Finder, Mark, Marks

NAMESPACE = "postvakt.carving"
MOST_MARKS = 20_000
"""Places of one pattern that a pass over one window gives."""

_BOTH = "ascii wide"
_ANY_CASE = "ascii wide nocase"
_TOOLS = (
    "(net1?|whoami|nltest|reg|certutil|rundll32|schtasks|wmic|vssadmin|ntdsutil|makecab|attrib|bitsadmin)"
)

ANCHORS: tuple[tuple[str, str, str], ...] = (
    ("http_proxy", r"/,(Autodiscover|Eas|Ecp|Ews|Mapi|Oab|Owa|OwaCalendar|PowerShell|RpcHttp),/", _BOTH),
    ("iis", r"/ (GET|POST|HEAD|PUT|OPTIONS|DELETE|DEBUG|PROPFIND|RPC_IN_DATA|RPC_OUT_DATA) \//", _BOTH),
    ("ecp_server", '",ECP.Request,"', _BOTH),
    ("ecp_server", '",ECP.LongRunning,"', _BOTH),
    ("ecp_server", '"S:CMD="', _BOTH),
    ("http_request", r"/ HTTP\/1\.[01]/", _BOTH),
    ("cookie", r"/X-(BEResource|AnonResource|AnonResource-Backend|Rps-CAT)=/", _ANY_CASE),
    ("url_path", r"/\/autodiscover\.json/", _ANY_CASE),
    ("url_path", r"/\/(ecp|owa|owa\/auth|ecp\/auth)\/[a-z0-9_-]{1,24}\.(js|css|png|gif|ico|flt|aspx)/", _ANY_CASE),
    ("url_path", '"/aspnet_client/"', _ANY_CASE),
    ("script", r"/<script[^>]{0,200}\srunat\s{0,4}=/", _ANY_CASE),
    ("script", r"/eval\s{0,4}\(\s{0,4}(System\.[\w.]{1,30}\()?Request/", _ANY_CASE),
    ("script", r"/<%@[^>]{0,120}language\s{0,4}=\s{0,4}[\"']?(jscript|javascript)/", _ANY_CASE),
    ("command_line", r"/\bcmd(\.exe)?[\"']? {1,4}\/[ckq] ?/", _ANY_CASE),
    ("command_line", r"/\b(powershell|pwsh)(\.exe)?[\"']? {1,4}[-\/]/", _ANY_CASE),
    ("command_line", r"/\b" + _TOOLS + r"\.exe[\"']? {1,4}[\w\/\"-]/", _ANY_CASE),
    ("command_line", r"/\bprocdump(64)?(\.exe)?[\"']? {1,4}-/", _ANY_CASE),
    ("command_line", r"/comsvcs(\.dll)?,? {0,4}(#|MiniDump)/", _ANY_CASE),
    ("command_line", '"&echo [S]"', _ANY_CASE),
    ("url", r"/https?:\/\/[a-z0-9\[]/", _ANY_CASE),
    ("evtx_record", "{ 2A 2A 00 00 }", ""),
    ("app_web", r"/App_Web_[a-z0-9_.]{4}/", _ANY_CASE),
)  # fmt: skip
"""(kind, pattern, modifiers), in no order."""


def source() -> str:
    """Return the anchors as rules for YARA-X: one for each kind, named like it."""
    kinds = dict.fromkeys(kind for kind, _, _ in ANCHORS)
    return "\n".join(_rule(kind) for kind in kinds)


def _rule(kind: str) -> str:
    strings = "\n".join(
        f"    $a{number} = {pattern} {modifiers}"
        for number, (name, pattern, modifiers) in enumerate(ANCHORS)
        if name == kind
    )
    return f"rule {kind} {{\n  strings:\n{strings}\n  condition:\n    any of them\n}}"


def marks_of(rule: Any) -> tuple[list[Mark], bool]:
    """Return the places that a matching rule of YARA-X found, by offset, and whether there are more than it gives."""
    found: list[Mark] = []
    full = False
    for pattern in rule.patterns:
        places = pattern.matches
        full = full or len(places) >= MOST_MARKS
        found += [Mark(match.offset, match.length) for match in places]
    return sorted(set(found), key=lambda mark: (mark.offset, mark.length)), full


def finder() -> Finder:
    """Return a finder of the anchors alone, for memory that no rule is asked of."""
    # Compiling takes YARA-X, which a reader of tables never needs.
    import yara_x

    compiler = yara_x.Compiler()
    compiler.add_source(source())
    scanner = yara_x.Scanner(compiler.build())
    scanner.max_matches_per_pattern(MOST_MARKS)

    def find(data: bytes) -> Marks:
        told = {rule.identifier: marks_of(rule) for rule in scanner.scan(data).matching_rules}
        return Marks(
            anchors={kind: marks for kind, (marks, _) in told.items()},
            full=frozenset(kind for kind, (_, full) in told.items() if full),
        )

    return find
