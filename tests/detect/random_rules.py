"""Random small rules and random rows that answer them: few words, so that they meet, and letters that fold oddly."""

from collections.abc import Callable
from datetime import UTC, datetime
from random import Random
from typing import Any, NamedTuple

from postvakt.detect.globs import ANY, ONE, text_test
from postvakt.detect.logsources import DEFENDER, SECURITY, SYSMON, VIEWS
from postvakt.detect.plan import FORMAT, Asked, Node, Plan, Route, Test
from postvakt.detect.values import fold
from postvakt.model.rule import Rule
from postvakt.model.table import Column, TableSpec

from .tables import EVENT

LOG = TableSpec(
    name="log",
    title="a text log with a column of every type and of most kinds",
    locator="line",
    fields=(("alias", "text"),),
    columns=(
        Column("text"),
        Column("ip", kind="ip"),
        Column("agent", kind="user_agent"),
        Column("path", kind="file_path"),
        Column("link", kind="url"),
        Column("names", "strings", kind="domain"),
        Column("hashes", kind="hash"),
        Column("count", "int"),
        Column("share", "float"),
        Column("flag", "bool"),
        Column("at", "time"),
    ),
)
WORDS = (
    "", "a", "A", "ab", "bab", "aab", "Straße", "STRASSE", "ſs", "\u212aB", "kb", "İ", "*", "?", "a\\b", "a/b", "a+b",
    "a b", "1", "01", "10", "0xA", "-1", "0xffffffffffffffff", "1.5", "10.0.0.1", "::ffff:10.0.0.1", "[10.0.0.1]:80",
    "fe80::1%3", "MD5=AA,SHA1=BB", "http://h.a:1/x/y?z", "C:\\a\\b.exe", "\\Device\\HarddiskVolume2\\a\\b.exe",
    "HKEY_LOCAL_MACHINE\\System\\ControlSet001\\x", "D\\a", "%%1904", "4096", "S-1-16-12288", "SetValue", "a\nb",
    "x" * 70 + "ab", "true", "2021-03-03T03:00:00Z", "1116", "4688", "0x1250", "Security",
)  # fmt: skip
FED: dict[str, tuple[str | None, ...]] = {
    "Image": ("Image", "image", "NewProcessName"),
    "User": ("User", "SubjectUserName", "SubjectDomainName"),
    "TargetObject": ("TargetObject", "ObjectName", "ObjectValueName"),
    "EventType": ("EventType", "OperationType"),
    "IntegrityLevel": ("IntegrityLevel", "MandatoryLabel"),
    "ThreatName": ("ThreatName", "Threat Name", "threat_name"),
    "Data": ("Data", None),
    "Message": ("Message", None),
    "Level": ("Level",),
    "Computer": ("Computer",),
    "EventID": ("EventID",),
    "Channel": (),
    "@timestamp": ("@timestamp",),
    "@other": ("@other",),
    "@text": (None, "other"),
    "@ip": ("IpAddress",),
    "@hash": ("Hashes",),
    "@file_path": ("TargetFilename",),
    "@file_name": ("TargetFilename",),
    "@account": ("SubjectUserName",),
    "@registry_key": ("ObjectName",),
}
"""Fields asked of events, with names of pairs that hold them in one view or another."""

LOG_FIELDS = (
    "text", "TEXT", "alias", "ip", "agent", "path", "link", "names", "count", "share", "flag", "at", "time", "other",
    "@text", "@ip", "@domain", "@hash", "@file_path", "@file_name", "@folder", "@user_agent", "@url",
)  # fmt: skip
VIEWS_ASKED = (
    "", "", "service/security", "service/eventlog", "process_creation/security", "process_creation/sysmon",
    "registry_set/security", "antivirus/defender",
)  # fmt: skip
CHANNELS = (SECURITY, SECURITY, "security", "System", SYSMON, DEFENDER, None)
IDS = (1, 4688, 4688, 4657, 1116, 10, None)
PATTERNS = (
    ("^a", ""),
    ("B$", "i"),
    ("a.b", "s"),
    ("^b", "m"),
    ("[0-9]+", ""),
    ("(?i)stra(ss|ß)e", ""),
    ("", ""),
)
NETWORKS = ("10.0.0.0/8", "10.0.0.1/32", "fe80::/10")
TIMES = (None, datetime(2021, 3, 3, 3, tzinfo=UTC), datetime(2021, 1, 1, 0, 0, 0, 5, tzinfo=UTC))


class Case(NamedTuple):
    """A plan and rows of a table to ask it of."""

    spec: TableSpec
    plan: Plan
    rows: list[dict[str, Any]]


class _Maker:
    """Makes rules and rows of the same few words and fields."""

    def __init__(self, random: Random, fields: tuple[str, ...]) -> None:
        self.random = random
        self.fields = random.sample(fields, 3)
        self.words = random.sample(WORDS, 5)
        self.names = [name for field in self.fields for name in FED.get(field, (field,))] + ["other", None]

    def one(self, *choices: Any) -> Any:
        return self.random.choice(choices)

    def word(self) -> str:
        return str(self.random.choice(self.words))

    def piece(self) -> str:
        word = self.word()
        start = self.random.randint(0, len(word))
        return word[start : self.random.randint(start, len(word))]

    def test(self) -> Test:
        field = self.one(*self.fields)
        kind = self.random.randrange(12)
        if kind < 7:
            word = self.word()
            cut = self.random.randint(0, len(word))
            parts: list[Any] = self.one(
                [word], [ANY, self.piece(), ANY], [word[:cut], ANY], [ANY, word[cut:]], [ONE, word[1:]],
                [word[:cut], ANY, self.piece(), ANY], [word[:cut], ANY, word[cut:]], [self.piece(), ONE, ANY], [ANY],
            )  # fmt: skip
            return text_test(field, parts, cased=self.random.random() < 0.25)
        return self._asked(field, kind)

    def _asked(self, field: str, kind: int) -> Test:
        if kind == 7:
            pattern, flags = self.one(*PATTERNS)
            return Test(field, "regex", pattern, pattern, flags)
        if kind == 8:
            return Test(field, "cidr", self.one(*NETWORKS))
        if kind == 9:
            return Test(field, self.one("present", "exists", "null"), "")
        if kind == 10:
            op = self.one("lt", "lte", "gt", "gte", "day", "month", "hour")
            return Test(
                field, op, "3" if op in ("day", "month", "hour") else self.one("1", "10", "1.5", "-1")
            )
        return Test(field, "same", "", self.one(*self.fields), self.one("", "<", ">", "<>"))

    def node(self, tests: int, depth: int) -> Node:
        kind = self.random.random()
        if depth == 0 or kind < 0.3:
            return Node("test", self.random.randrange(tests))
        if kind < 0.5:
            return Node("not", parts=(self.node(tests, depth - 1),))
        count = self.one(0, 1, 2, 2, 2, 3, 3)
        return Node(self.one("and", "or"), parts=tuple(self.node(tests, depth - 1) for _ in range(count)))

    def plan(self, table: str, views: tuple[str, ...]) -> Plan:
        tests = list(dict.fromkeys(self.test() for _ in range(6)))
        own = len(tests)
        guards: dict[str, Node] = {}
        for name in sorted(set(views)):
            guard = VIEWS[name].guard
            if guard is not None:
                start = len(tests)
                tests += [Test(guard[0], "equals", fold(value)) for value in guard[1]]
                guards[name] = Node("or", parts=tuple(Node("test", n) for n in range(start, len(tests))))
        asked = []
        for place in range(4):
            chosen = sorted({self.one(*views), self.one(*views)})
            routes = tuple(Route(table, name, guards.get(name)) for name in chosen)
            asked.append(Asked(place, routes, self.node(own, 3)))
        rules = tuple(Rule(id=f"rule-{place}", kind="sigma", title="") for place in range(4))
        return Plan(format=FORMAT, rules=rules, not_asked=(), tests=tuple(tests), asked=tuple(asked))

    def maybe(self) -> str | None:
        return self.word() if self.random.random() < 0.8 else None

    def pairs(self) -> list[dict[str, str | None]] | None:
        count = self.one(None, 0, 1, 2, 3, 4, 5)
        if count is None:
            return None
        return [{"name": self.one(*self.names), "value": self.maybe()} for _ in range(count)]

    def event(self) -> dict[str, Any]:
        data = self.pairs()
        if data is not None and self.random.random() < 0.4:
            data.append({"name": "OperationType", "value": "%%1904"})
        return {
            "Channel": self.one(*CHANNELS),
            "EventID": self.one(*IDS),
            "Computer": self.maybe(),
            "Level": self.one(1, 4, None),
            "time": self.one(*TIMES),
            "EventData": data,
            "unmapped": self.pairs() if self.random.random() < 0.3 else None,
        }

    def line(self) -> dict[str, Any]:
        return {
            **{name: self.maybe() for name in ("text", "ip", "agent", "path", "link", "hashes")},
            "names": self.one(None, [], [self.maybe()], [self.maybe(), self.maybe()]),
            "count": self.one(None, 0, 1, 10, -1),
            "share": self.one(None, 1.0, 1.5),
            "flag": self.one(None, True, False),
            "at": self.one(*TIMES),
            "time": self.one(*TIMES),
            "unmapped": self.pairs() if self.random.random() < 0.3 else None,
        }


def event_case(random: Random) -> Case:
    """Events of several channels and ids, asked through views that rename fields and guard rules."""
    maker = _Maker(random, tuple(FED))
    return Case(EVENT, maker.plan("event", VIEWS_ASKED), [{}, *(maker.event() for _ in range(7))])


def log_case(random: Random) -> Case:
    """Lines of a text log."""
    maker = _Maker(random, LOG_FIELDS)
    return Case(LOG, maker.plan("log", ("",)), [{}, *(maker.line() for _ in range(7))])


MAKERS: dict[str, Callable[[Random], Case]] = {"event": event_case, "log": log_case}
