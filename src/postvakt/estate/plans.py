"""What happened to each server of an estate: scenarios, the hour of each step, and the truth to compare with."""

import random
from datetime import UTC, datetime, timedelta
from typing import Literal

import msgspec

Scenario = Literal["attacked", "probed", "clean", "half-wiped", "patched", "shell-unused"]

Layout = Literal["folder", "kape", "velociraptor"]

TRUTH: dict[Scenario, tuple[str, str]] = {
    "attacked": ("compromised", "credential-access"),
    "probed": ("attempted", "probed"),
    "clean": ("clear", ""),
    "half-wiped": ("inconclusive", ""),
    "patched": ("attempted", "attempt-failed"),
    "shell-unused": ("compromised", "file-written"),
}
"""Outcome and grade that the evidence of each scenario supports, when the logs reach back to the window's start."""

LAYOUTS: tuple[Layout, ...] = ("folder", "kape", "velociraptor")
"""How hand-ins lie, in turn: as a folder of the drive, as the zip of one collector or of another."""

PATCHED = ("clean", "patched")
PATCHED_LATER = ("attacked", "half-wiped")
"""Servers that were patched; and those that were so only after the attack, where that came before the patch."""

ORDER: tuple[Scenario, ...] = ("attacked", "probed", "clean", "half-wiped", "patched", "shell-unused")
ACQUIRED = datetime(2021, 3, 12, 6, 0, tzinfo=UTC)
WINDOW_START = datetime(2021, 1, 1, tzinfo=UTC)
ATTACK_BEGAN = timedelta(hours=2, minutes=17)
"""The attack's earliest hour, on its scenario's day or, where the logs begin later, on their first day."""

ATTACK_DAY = datetime(2021, 3, 1, tzinfo=UTC)
ATTACK_ON_PATCHED = datetime(2021, 3, 6, tzinfo=UTC)
WIPED_AFTER_DAYS = 4
INSTALLED_AT = datetime(2020, 9, 17, 9, 0, tzinfo=UTC)
PATCHED_AT = datetime(2021, 3, 4, 20, 0, tzinfo=UTC)
DOMAIN = "corp.example"
VULNERABLE_BUILD = (15, 1, 2106, 2)
PATCHED_BUILD = (15, 1, 2106, 13)
"""Exchange 2016 CU18 as released, and with the March 2021 security update (Microsoft's build table)."""


class ServerPlan(msgspec.Struct, frozen=True, kw_only=True):
    """One server: neutral name and hand-in, and what was done to it, minute by minute."""

    index: int
    name: str
    folder: str
    scenario: Scenario
    seed: int
    begins: datetime
    attacker: str
    began: datetime
    build: tuple[int, int, int, int]
    patched: datetime | None
    wiped: datetime | None
    """When the attacker deleted the web logs and cleared event logs."""

    layout: Layout

    @property
    def hand_in(self) -> str:
        """The name under which the server is handed in."""
        return self.folder if self.layout == "folder" else f"{self.folder}.zip"

    @property
    def address(self) -> str:
        return f"192.0.2.{10 + self.index % 200}"

    @property
    def fqdn(self) -> str:
        return f"{self.name.lower()}.{DOMAIN}"

    def at(self, minutes: float) -> datetime:
        """Return the instant so many minutes after the attack began."""
        return self.began + timedelta(minutes=minutes)

    def build_at(self, instant: datetime) -> tuple[int, int, int, int]:
        """Return the build that the server ran at an instant."""
        if self.patched is not None and instant >= self.patched:
            return PATCHED_BUILD
        return self.build

    def random(self, purpose: str) -> random.Random:
        """Return a generator of its own for each purpose: adding one log changes no other."""
        return random.Random(f"{self.seed}/{self.index}/{purpose}")


class Truth(msgspec.Struct, frozen=True, kw_only=True):
    """What is true of one server; it lies outside the hand-in."""

    host: str
    hand_in: str
    scenario: Scenario
    outcome: str
    grade: str


def plan(hosts: int, seed: int, days: int) -> list[ServerPlan]:
    """Return the servers of an estate. Names and folders tell nothing of the scenario."""
    dice = random.Random(seed)
    scenarios = [ORDER[i % len(ORDER)] for i in range(hosts)]
    dice.shuffle(scenarios)
    names = dice.sample(range(0x1000, 0x10000), hosts)
    return [
        _server(index, scenario, f"SRV-{names[index]:04X}", seed, days, dice)
        for index, scenario in enumerate(scenarios)
    ]


def _server(
    index: int, scenario: Scenario, name: str, seed: int, days: int, dice: random.Random
) -> ServerPlan:
    begins = max(
        ACQUIRED.replace(hour=0) - timedelta(days=days), INSTALLED_AT.replace(hour=0) + timedelta(days=1)
    )
    day = max(ATTACK_ON_PATCHED if scenario == "patched" else ATTACK_DAY, begins)
    began = day + ATTACK_BEGAN + timedelta(minutes=dice.randrange(0, 600))
    late = scenario in PATCHED_LATER and began < PATCHED_AT
    wiped = day + timedelta(days=max(1, min(WIPED_AFTER_DAYS, days - 2)))
    return ServerPlan(
        index=index,
        name=name,
        folder=f"hand-in-{index + 1:04d}",
        scenario=scenario,
        seed=seed,
        begins=begins,
        attacker=f"203.0.113.{dice.randrange(1, 255)}",
        began=began,
        build=VULNERABLE_BUILD,
        patched=PATCHED_AT if scenario in PATCHED or late else None,
        wiped=wiped if scenario == "half-wiped" else None,
        layout=LAYOUTS[index % len(LAYOUTS)],
    )


def truth(server: ServerPlan) -> Truth:
    """Return what a truthful verdict on a server is. Logs that begin after the window's start cannot say `clear`."""
    outcome, grade = TRUTH[server.scenario]
    if outcome == "clear" and server.begins >= WINDOW_START:
        outcome = "clear-since"
    return Truth(
        host=server.name,
        hand_in=server.hand_in,
        scenario=server.scenario,
        outcome=outcome,
        grade=grade,
    )
