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
    "planted-hafnium", "planted-tonto", "planted-opera", "planted-dltminer", "planted-opportunist",
    "planted-address", "planted-two", "planted-sunburst",
]  # fmt: skip

Step = Literal[
    "probe", "probe-again", "microsoft-scan", "check-scan", "blocked", "guess",
    "session", "mail", "write", "um", "use", "dump", "spread", "ransom", "wipe",
    "as-hafnium", "as-tonto", "as-opera", "as-dltminer", "as-opportunist", "as-sunburst",
]  # fmt: skip
"""What an actor does. `blocked`: the chain against a patched server; `guess`: against one that does not know the back
end that was guessed; `session`: the flaw answers; `mail`: it lets mail be read; `um`: the Unified Messaging flaw.
`as-...`: what a known actor is told apart by."""

Patched = Literal["never", "before", "later"]


class Act(msgspec.Struct, frozen=True):
    """What one actor does, in order, and how many days after the attack began. `address`: a published one."""

    steps: tuple[Step, ...]
    days: int = 0
    address: str = ""


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

    culprits: tuple[str, ...] = ()
    """Who is planted by marks, as `content/actors` calls them."""

    exchange: bool = True
    """Whether it is an Exchange server; of another only the logs of Windows are handed in."""


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
        culprits=("dearcry",),
    ),
    "two-actors": Story(
        outcome="compromised",
        grade="shell-used",
        acts=(Act((*CHAIN, "use")), Act((*CHAIN, "use"), days=3)),
    ),
    "responders-tools": Story(outcome="clear", patched="before", responders=True),
    "microsoft-scan": Story(
        outcome="clear",
        acts=(Act(("microsoft-scan",)),),
        patched="before",
        on_patched=True,
        culprits=("authorised-scanner",),
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
    "planted-hafnium": Story(
        outcome="compromised",
        grade="impact",
        acts=(Act((*CHAIN, "use", "as-hafnium")),),
        culprits=("hafnium",),
    ),
    "planted-tonto": Story(
        outcome="compromised",
        grade="credential-access",
        acts=(Act((*CHAIN, "use", "as-tonto"), address="77.83.159.15"),),
        culprits=("tonto",),
    ),
    "planted-opera": Story(
        outcome="compromised",
        grade="shell-used",
        acts=(Act((*CHAIN, "use", "as-opera"), address="86.105.18.116"),),
        culprits=("opera",),
    ),
    "planted-dltminer": Story(
        outcome="compromised",
        grade="impact",
        acts=(Act((*CHAIN, "use", "as-dltminer")),),
        culprits=("dltminer",),
    ),
    "planted-opportunist": Story(
        outcome="attempted",
        grade="probed",
        acts=(Act(("probe", "as-opportunist")),),
        culprits=("opportunist",),
    ),
    # A published address proves nothing: nobody is planted.
    "planted-address": Story(
        outcome="attempted", grade="probed", acts=(Act(("probe",), address="77.83.159.15"),)
    ),
    "planted-two": Story(
        outcome="compromised",
        grade="impact",
        acts=(
            Act((*CHAIN, "use", "as-opera"), address="86.105.18.116"),
            Act((*CHAIN, "use", "as-dltminer"), days=3),
        ),
        culprits=("opera", "dltminer"),
    ),
    "planted-sunburst": Story(
        outcome="inconclusive", acts=(Act(("as-sunburst",)),), culprits=("apt29",), exchange=False
    ),
}
PLANTED: tuple[Scenario, ...] = tuple(name for name in STORIES if name.startswith("planted-"))
"""The scenarios in which a known actor is planted; they are written for themselves."""

KINDS: tuple[Scenario, ...] = tuple(name for name in STORIES if name not in PLANTED)
ORDER = KINDS[:6]
"""The six of the demo."""
