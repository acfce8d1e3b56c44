"""The scenarios: who did what to a server and when it was patched, and the verdict that its evidence supports."""

from collections.abc import Mapping
from typing import Literal

import msgspec

from postvakt.estate.machines import EXCHANGE_2010, Release

Scenario = Literal[
    "attacked", "probed", "clean", "half-wiped", "patched", "shell-unused",
    "attempt-failed", "ssrf-only", "mail-taken", "shell-used", "lateral-movement", "ransomware", "two-actors",
    "responders-tools", "microsoft-scan", "check-scan", "logs-rolled", "no-exchange-logs", "no-web-logs",
    "exchange-2010", "exchange-2010-clean",
]  # fmt: skip

Step = Literal[
    "probe", "probe-again", "microsoft-scan", "check-scan", "blocked", "guess",
    "session", "mail", "write", "um", "use", "dump", "spread", "ransom", "wipe",
]  # fmt: skip
"""What an actor does. `blocked`: the chain against a patched server; `guess`: against one that does not know the back
end that was guessed; `session`: the flaw answers; `mail`: it lets mail be read; `um`: the Unified Messaging flaw."""

Patched = Literal["never", "before", "later"]


class Act(msgspec.Struct, frozen=True):
    """What one actor does, in order, and how many days after the attack began."""

    steps: tuple[Step, ...]
    days: int = 0


class Story(msgspec.Struct, frozen=True, kw_only=True):
    """One scenario. Outcome and grade are what its evidence supports where the logs reach back far enough."""

    outcome: str
    grade: str = ""
    acts: tuple[Act, ...] = ()
    patched: Patched = "never"
    """`later`: after the attack, where that came before the day of the patch."""

    wiped: bool = False
    rolled: bool = False
    """The busy logs begin long after the quiet ones, and after what was done."""

    left_out: Literal["", "exchange-logs", "web-logs"] = ""
    """What the collector did not take: the logs of Exchange; those and the logs of IIS."""

    responders: bool = False
    release: Release | None = None
    forbids: tuple[str, ...] = ()
    """Flaws that no truthful finding on this server can name."""

    on_patched: bool = False
    """Whether it all began after the patch."""


CHAIN: tuple[Step, ...] = ("session", "write")
SSRF = ("CVE-2021-26855", "CVE-2021-26858", "CVE-2021-27065")

STORIES: Mapping[Scenario, Story] = {
    "attacked": Story(
        outcome="compromised",
        grade="credential-access",
        acts=(Act((*CHAIN, "use", "dump")),),
        patched="later",
    ),
    "probed": Story(outcome="attempted", grade="probed", acts=(Act(("probe", "probe-again")),)),
    "clean": Story(outcome="clear", patched="before"),
    "half-wiped": Story(
        outcome="inconclusive",
        acts=(Act((*CHAIN, "use", "dump", "wipe")),),
        patched="later",
        wiped=True,
    ),
    "patched": Story(
        outcome="attempted",
        grade="attempt-failed",
        acts=(Act(("blocked",)),),
        patched="before",
        on_patched=True,
    ),
    "shell-unused": Story(outcome="compromised", grade="file-written", acts=(Act(CHAIN),)),
    "attempt-failed": Story(outcome="attempted", grade="attempt-failed", acts=(Act(("guess",)),)),
    "ssrf-only": Story(outcome="compromised", grade="access-gained", acts=(Act(("session",)),)),
    # The forged requests are proof of access; that they were for mail is told with the mailboxes, not by the grade.
    "mail-taken": Story(outcome="compromised", grade="access-gained", acts=(Act(("session", "mail")),)),
    "shell-used": Story(outcome="compromised", grade="shell-used", acts=(Act((*CHAIN, "use")),)),
    "lateral-movement": Story(
        outcome="compromised",
        grade="lateral-movement",
        acts=(Act((*CHAIN, "use", "dump", "spread")),),
        patched="later",
    ),
    "ransomware": Story(
        outcome="compromised",
        grade="impact",
        acts=(Act((*CHAIN, "use")), Act(("ransom",), days=8)),
    ),
    "two-actors": Story(
        outcome="compromised",
        grade="shell-used",
        acts=(Act((*CHAIN, "use")), Act((*CHAIN, "use"), days=3)),
    ),
    "responders-tools": Story(outcome="clear", patched="before", responders=True),
    "microsoft-scan": Story(
        outcome="clear", acts=(Act(("microsoft-scan",)),), patched="before", on_patched=True
    ),
    "check-scan": Story(
        outcome="attempted",
        grade="attempt-failed",
        acts=(Act(("check-scan",)),),
        patched="before",
        on_patched=True,
    ),
    "logs-rolled": Story(outcome="clear", acts=(Act(("probe",)),), patched="before", rolled=True),
    "no-exchange-logs": Story(outcome="inconclusive", patched="before", left_out="exchange-logs"),
    "no-web-logs": Story(
        outcome="inconclusive", acts=(Act(("session",)),), patched="later", left_out="web-logs"
    ),
    "exchange-2010": Story(
        outcome="compromised",
        grade="file-written",
        acts=(Act(("um",)),),
        release=EXCHANGE_2010,
        forbids=SSRF,
    ),
    "exchange-2010-clean": Story(outcome="clear", patched="before", release=EXCHANGE_2010, forbids=SSRF),
}
KINDS: tuple[Scenario, ...] = tuple(STORIES)
ORDER = KINDS[:6]
"""The six of the demo."""
