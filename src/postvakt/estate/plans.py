"""What happened to each server of an estate: its scenario, its machine, the hour of each step."""

import random
from datetime import UTC, datetime, timedelta
from typing import Literal

import msgspec

from postvakt.estate.machines import USUAL_MACHINE, Build, Machine, machine
from postvakt.estate.stories import KINDS, ORDER, PLANTED, STORIES, Scenario, Step, Story

Layout = Literal["folder", "kape", "velociraptor"]

Kept = Literal[
    "rules", "one-rule", "rules-off", "unified-messaging-off", "pools-stopped",
    "quick-scan", "unfinished-scan", "full-scan", "check",
    "emergency", "emergency-failed", "emergency-taken-back",
]  # fmt: skip
"""What people did against the flaws besides the update. `rules`: those of Microsoft's mitigation tool, or one of them,
or all switched off; scans are the Safety Scanner's, `check` is Test-ProxyLogon."""

UPKEEP: tuple[tuple[Kept, ...], ...] = (
    ("rules", "quick-scan"),
    ("rules", "unified-messaging-off", "pools-stopped"),
    ("full-scan", "check"),
    ("one-rule", "unfinished-scan"),
    ("rules-off", "quick-scan", "full-scan"),
)
"""What was done together, in turn, on every other server after the six of the demo."""

OUT_OF_THEIR_TIME: tuple[tuple[Kept, ...], ...] = (
    ("emergency",),
    ("emergency-failed", "rules"),
    ("emergency-taken-back", "check"),
)
KEPT_ON = datetime(2021, 3, 3, 10, 30, tzinfo=UTC)
UM_KEPT: Kept = "unified-messaging-off"

LAYOUTS: tuple[Layout, ...] = ("folder", "kape", "velociraptor")
"""How hand-ins lie, in turn: as a folder of the drive, as the zip of one collector or of another."""

ACQUIRED = datetime(2021, 3, 12, 6, 0, tzinfo=UTC)
WINDOW_START = datetime(2021, 1, 1, tzinfo=UTC)
ATTACK_BEGAN = timedelta(hours=2, minutes=17)
"""The attack's earliest hour, on its scenario's day or, where the logs begin later, on their first day."""

ATTACK_DAY = datetime(2021, 3, 1, tzinfo=UTC)
ATTACK_ON_PATCHED = datetime(2021, 3, 6, tzinfo=UTC)
WIPED_AFTER_DAYS = 4
ROLLED_AT = datetime(2021, 3, 7, tzinfo=UTC)
"""Before this the busy logs of a server whose logs rolled never begin."""

ROLLED_SHARE = 0.6
LATEST_SHARE = 0.6
"""Shares of the time that the logs span, or that is left: by then busy logs have rolled, a second actor has come."""

INSTALLED_AT = datetime(2020, 9, 17, 9, 0, tzinfo=UTC)
PATCHED_AT = datetime(2021, 3, 4, 20, 0, tzinfo=UTC)
DOMAIN = "corp.example"
NETWORKS = ("203.0.113", "198.51.100")
"""Whence the first actor comes, and whence another; visitors have the second network's lower half."""


class Actor(msgspec.Struct, frozen=True, kw_only=True):
    """Somebody who came to a server: whence, when, and what they did there."""

    number: int
    address: str
    began: datetime
    steps: tuple[Step, ...]

    def at(self, minutes: float) -> datetime:
        """Return the instant so many minutes after this actor began."""
        return self.began + timedelta(minutes=minutes)


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
    machine: Machine
    patched: datetime | None
    wiped: datetime | None
    """When the attacker deleted the web logs and cleared event logs."""

    rolled: datetime | None
    """When the oldest entry of the busy logs was written, where they rolled."""

    layout: Layout
    upkeep: tuple[Kept, ...] = ()

    @property
    def story(self) -> Story:
        return STORIES[self.scenario]

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

    @property
    def build(self) -> Build:
        """The build as it was installed."""
        return self.machine.release.build

    @property
    def kept(self) -> datetime:
        """From when on busy logs are there: they rolled, or whoever wiped the server deleted the older ones."""
        return self.wiped or self.rolled or self.begins

    @property
    def lost_by(self) -> str:
        """Why what is older than the busy logs is not there."""
        if self.wiped is not None:
            return "the attacker deleted or cleared the log"
        return (
            "the log had rolled over it" if self.rolled is not None else "older than the logs that are kept"
        )

    @property
    def actors(self) -> tuple[Actor, ...]:
        """Return who came, in order. One who comes a second time from elsewhere is another actor."""
        left = (ACQUIRED - self.began) * LATEST_SHARE
        first = int(self.attacker.rpartition(".")[2])
        return tuple(
            Actor(
                number=number,
                address=act.address
                or (self.attacker if number == 0 else f"{NETWORKS[1]}.{200 + first % 50}"),
                began=self.began + min(timedelta(days=act.days), _whole_minutes(left)),
                steps=act.steps,
            )
            for number, act in enumerate(self.story.acts)
        )

    def at(self, minutes: float) -> datetime:
        """Return the instant so many minutes after the attack began."""
        return self.began + timedelta(minutes=minutes)

    def build_at(self, instant: datetime) -> Build:
        """Return the build that the server ran at an instant."""
        if self.patched is not None and instant >= self.patched:
            return self.machine.release.patched
        return self.build

    def random(self, purpose: str) -> random.Random:
        """Return a generator of its own for each purpose: adding one log changes no other."""
        return random.Random(f"{self.seed}/{self.index}/{purpose}")


def plan(hosts: int, seed: int, days: int) -> list[ServerPlan]:
    """Return the servers of an estate: the six of the demo, then every scenario in turn. Names and folders tell
    nothing of the scenario."""
    dice = random.Random(seed)
    turns = list(range(hosts))
    dice.shuffle(turns)
    names = dice.sample(range(0x1000, 0x10000), hosts)
    return [
        _server(index, turn, KINDS[turn % len(KINDS)], f"SRV-{names[index]:04X}", seed, days, dice)
        for index, turn in enumerate(turns)
    ]


def planted(seed: int, days: int) -> list[ServerPlan]:
    """Return one server for each scenario in which a known actor is planted, on the usual machine."""
    dice = random.Random(f"planted/{seed}")
    names = dice.sample(range(0x1000, 0x10000), len(PLANTED))
    return [
        _server(index, 0, scenario, f"SRV-{names[index]:04X}", seed, days, dice)
        for index, scenario in enumerate(PLANTED)
    ]


def mitigated(seed: int, days: int) -> list[ServerPlan]:
    """Return two servers for each of what people do together against the flaws: attacked ones, then one that was
    probed and one that was left alone, in turn."""
    dice = random.Random(f"mitigated/{seed}")
    every = (*UPKEEP, *OUT_OF_THEIR_TIME)
    scenarios: tuple[Scenario, ...] = ("attacked", "shell-unused", "probed", "clean")
    names = dice.sample(range(0x1000, 0x10000), len(every) * 2)
    made = []
    for index, name in enumerate(names):
        scenario, upkeep = scenarios[index % len(scenarios)], every[index // 2]
        turn = len(ORDER) + index
        one = _server(index, turn, scenario, f"SRV-{name:04X}", seed, days, dice)
        made.append(msgspec.structs.replace(one, upkeep=_fitting(upkeep, one.machine)))
    return made


def kept_at(server: ServerPlan) -> datetime:
    """Return when the people who run a server did what they did: the day after the update came out, after the logs
    began, at another minute on each."""
    minutes = server.random("upkeep").randrange(0, 300)
    return max(KEPT_ON, server.begins + timedelta(hours=10)) + timedelta(minutes=minutes)


def _upkeep(turn: int, story: Story, machine: Machine) -> tuple[Kept, ...]:
    own = turn < len(ORDER) or turn % 2 == 0 or story.responders or not story.exchange
    if own or not machine.release.has_front_end_proxy:
        return ()
    return _fitting(UPKEEP[(turn // 2 + turn // len(KINDS)) % len(UPKEEP)], machine)


def _fitting(upkeep: tuple[Kept, ...], machine: Machine) -> tuple[Kept, ...]:
    """Exchange 2019 has no Unified Messaging to switch off."""
    return tuple(kept for kept in upkeep if kept != UM_KEPT or machine.release.unified_messaging)


def _machine(turn: int, story: Story) -> Machine:
    """The six of the demo are alike. With each round of the scenarios each meets another machine."""
    if turn < len(ORDER):
        return USUAL_MACHINE
    return machine(turn + turn // len(KINDS), only=story.release)


def _server(
    index: int, turn: int, scenario: Scenario, name: str, seed: int, days: int, dice: random.Random
) -> ServerPlan:
    story = STORIES[scenario]
    begins = max(
        ACQUIRED.replace(hour=0) - timedelta(days=days), INSTALLED_AT.replace(hour=0) + timedelta(days=1)
    )
    day = max(ATTACK_ON_PATCHED if story.on_patched else ATTACK_DAY, begins)
    began = day + ATTACK_BEGAN + timedelta(minutes=dice.randrange(0, 600))
    late = story.patched == "later" and began < PATCHED_AT
    wiped = day + timedelta(days=max(1, min(WIPED_AFTER_DAYS, days - 2)))
    made_on = _machine(turn, story)
    return ServerPlan(
        index=index,
        name=name,
        folder=f"hand-in-{index + 1:04d}",
        scenario=scenario,
        seed=seed,
        begins=begins,
        attacker=f"{NETWORKS[0]}.{dice.randrange(1, 255)}",
        began=began,
        machine=made_on,
        patched=PATCHED_AT if story.patched == "before" or late else None,
        wiped=wiped if story.wiped else None,
        rolled=_rolled(begins) if story.rolled else None,
        layout=LAYOUTS[index % len(LAYOUTS)],
        upkeep=_upkeep(turn, story, made_on),
    )


def _rolled(begins: datetime) -> datetime:
    whole = (ACQUIRED - begins) * ROLLED_SHARE
    return max(begins + timedelta(hours=whole // timedelta(hours=1)), ROLLED_AT)


def _whole_minutes(length: timedelta) -> timedelta:
    return timedelta(minutes=length // timedelta(minutes=1))
