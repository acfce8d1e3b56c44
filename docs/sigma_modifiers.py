"""The modifiers of Sigma, what each means here, and where pySigma's conversion to SQLite answers otherwise.

Each has an example: a line of a detection, a value that passes and one that does not. A test asks our engine of all of
them, and the second engine; DIFFERS names those values of which the two say different things.
"""

import base64

import msgspec

UTF16 = base64.b64encode("whoami".encode("utf-16-le")).decode()
UTF16_BE = base64.b64encode("whoami".encode("utf-16-be")).decode()
UTF16_MARK = base64.b64encode(b"\xff\xfe" + "whoami".encode("utf-16-le")).decode()
PLAIN = base64.b64encode(b"whoami").decode()
SHIFTED = base64.b64encode(b"xwhoami").decode()
SHIFTED_UTF16 = base64.b64encode(b"x" + "whoami".encode("utf-16-le")).decode()
AT = "2021-03-07T23:59:00Z"


class Modifier(msgspec.Struct, frozen=True):
    """A modifier with an example; `other` is the field that `fieldref` compares with."""

    names: tuple[str, ...]
    line: str
    passes: str
    fails: str
    means: str


MODIFIERS = (
    Modifier(("contains",), "f|contains: b", "aBc", "ac", "the text is in the value, in either case"),
    Modifier(("startswith",), "f|startswith: ab", "ABc", "cab", "the value begins with the text"),
    Modifier(("endswith",), "f|endswith: bc", "aBC", "bca", "the value ends with the text"),
    Modifier(
        ("all",), "f|contains|all: [a, b]", "xbxa", "xa", "all values of the list instead of one of them"
    ),
    Modifier(
        ("windash",),
        "f|windash|contains: ' -e'",
        "x /e",
        "x e",
        "a dash may be `-`, `/` or one of three long dashes",
    ),
    Modifier(("base64",), "f|base64: whoami", PLAIN, "whoami", "the text as Base64"),
    Modifier(
        ("base64offset",),
        "f|base64offset|contains: whoami",
        SHIFTED,
        "whoami",
        "the text within Base64, at each of three offsets",
    ),
    Modifier(
        ("wide", "utf16le"),
        "f|wide|base64offset|contains: whoami",
        SHIFTED_UTF16,
        PLAIN,
        "the text in UTF-16, little endian",
    ),
    Modifier(("utf16be",), "f|utf16be|base64: whoami", UTF16_BE, UTF16, "the text in UTF-16, big endian"),
    Modifier(
        ("utf16",), "f|utf16|base64: whoami", UTF16_MARK, UTF16, "the text in UTF-16 with a byte order mark"
    ),
    Modifier(
        ("cidr",),
        "f|cidr: 10.0.0.0/8",
        "10.1.2.3",
        "11.1.2.3",
        "the value is an address within the network, IPv4 or IPv6",
    ),
    Modifier(
        ("re",), "f|re: 'a.c$'", "xabc", "ABC", "the expression matches somewhere in the value; case counts"
    ),
    Modifier(("i", "ignorecase"), "f|re|i: a.c", "ABC", "ac", "of `re`: case does not count"),
    Modifier(("m", "multiline"), "f|re|m: ^b$", "a\nb", "ab", "of `re`: `^` and `$` stand at each line"),
    Modifier(
        ("s", "dotall"), "f|re|s: a.c", "a\nc", "ac", "of `re`: the dot stands for a line break as well"
    ),
    Modifier(("cased",), "f|cased: Abc", "Abc", "abc", "case counts"),
    Modifier(("exists",), "f|exists: true", "x", "", "the field is there; `false`: it is not"),
    Modifier(
        ("fieldref",),
        "f|fieldref: g",
        "same",
        "other",
        "the value equals that of another field; with `contains`, `startswith`, `endswith` likewise",
    ),
    Modifier(("gt",), "f|gt: 10", "11", "10", "the value is a number above"),
    Modifier(("gte",), "f|gte: 10", "10", "09", "the value is a number not below"),
    Modifier(("lt",), "f|lt: 20", "19", "20", "the value is a number below"),
    Modifier(("lte",), "f|lte: 20", "20", "21", "the value is a number not above"),
    Modifier(("neq",), "f|neq: abc", "x", "ABC", "the opposite; true as well where the field is missing"),
    Modifier(
        ("expand",),
        "f|expand: '%servers%'",
        "ex01",
        "x",
        "values of a placeholder, from the `vars` of a pipeline in the pack; without them not asked",
    ),
    Modifier(
        ("minute",), "f|minute: 59", AT, "2021-03-07T23:58:00Z", "of a time in ISO 8601, in UTC: the minute"
    ),
    Modifier(("hour",), "f|hour: 23", AT, "2021-03-07T22:59:00Z", "the hour"),
    Modifier(("day",), "f|day: 7", AT, "2021-03-08T23:59:00Z", "the day of the month"),
    Modifier(("week",), "f|week: 9", AT, "2021-03-08T23:59:00Z", "the week of ISO 8601"),
    Modifier(("month",), "f|month: 3", AT, "2021-04-07T23:59:00Z", "the month"),
    Modifier(("year",), "f|year: 2021", AT, "2022-03-07T23:59:00Z", "the year"),
)


class Differs(msgspec.Struct, frozen=True):
    """A value of which the engines say different things; `ours` is what ours says of it."""

    line: str
    value: str | None
    ours: bool
    why: str


TEXT_COLUMN = "SQLite compares a number with a column of texts as a text; here both are numbers"
DIFFERS = (
    Differs("f: STRASSE", "straße", True, "case is Unicode's here, that of ASCII in SQLite"),
    Differs("f: 4688", "0x1250", True, "events write numbers in hex as well; a number is compared as one"),
    Differs("f: -1", "0xffffffffffffffff", True, "an unsigned rendering of the same 64 bits"),
    Differs("f: true", "1", False, "the readers give `true`; 1 is a number here"),
    Differs("f: ''", None, True, "an empty element of an event is an empty text here, NULL there"),
    Differs("f|exists: true", None, True, "an empty element is there"),
    Differs("f|cidr: 10.0.0.0/8", "::ffff:10.1.2.3", True, "an IPv4 address written as IPv6 is that address"),
    Differs(
        "f|cidr: 10.0.0.0/8",
        "10.1.2",
        False,
        "no address; there networks are compared as texts that begin alike",
    ),
    Differs("f|gt: 10", "9", False, TEXT_COLUMN),
    Differs("f|gt: 10", "x", False, TEXT_COLUMN),
    Differs("f|gt: 10", "0xb", True, TEXT_COLUMN),
    Differs("f|lt: 10", "9", True, TEXT_COLUMN),
    Differs(
        "f|week: 53",
        "2021-01-02T00:00:00Z",
        True,
        "weeks are those of ISO 8601 here; there they count from the first Monday",
    ),
)

NOT_MODIFIERS = (
    "Several values of one name: any passes here. There one cell holds them all, and only `contains` reaches each.",
    "Look-around and back references in `re`: not asked (they cannot be run in linear time); the rule is listed.",
    "A record's own time is asked as `@timestamp`, `time` or `TimeCreated`, of every table.",
    "Keywords are looked for in every text of a row, the values of events without a name among them.",
)
