"""`facts.yaml`: what people answered; a word that cannot be placed is told with file, entry and fault."""

from datetime import UTC, datetime
from pathlib import Path

import pytest

from postvakt import content
from postvakt.commands import facts_file
from postvakt.errors import ContentError
from postvakt.model.fact import Asked, Fact, Victim
from postvakt.tables.case import Case

GOOD = """facts:
  - requirement: "3.a"
    host: EX01
    state: met
    words: Its cable was drawn.
    by: A. Person
    at: 2021-03-04T10:00:00-05:00
"""
UNMET = GOOD.replace("met", "unmet")


def said(folder: Path, text: str | bytes) -> tuple[Fact, ...]:
    (folder / "facts.yaml").write_bytes(text if isinstance(text, bytes) else text.encode())
    directive = next(d for d in content.load().directives if d.id == "ed-21-02")
    return facts_file.said(Case(folder), directive, ["EX01", "EX02"])


def test_an_answer_has_a_name_and_an_instant(tmp_path: Path) -> None:
    [fact] = said(tmp_path, GOOD)
    assert (fact.by, fact.host, fact.at) == ("A. Person", "EX01", datetime(2021, 3, 4, 15, tzinfo=UTC))


@pytest.mark.parametrize("text", ["", "facts: []\n", "# nothing yet\n"])
def test_an_empty_file_says_nothing(tmp_path: Path, text: str) -> None:
    assert said(tmp_path, text) == ()


def test_a_time_may_stand_in_quotes(tmp_path: Path) -> None:
    assert said(tmp_path, GOOD.replace("2021-03-04T10:00:00-05:00", '"2021-03-04T15:00:00Z"')) == said(
        tmp_path, GOOD
    )


@pytest.mark.parametrize(
    ("old", "new", "told"),
    [
        ('"3.a"', '"9.z"', "$.facts[0]: requirement: '9.z' is none of ed-21-02; there are expertise, "),
        ("EX01", "EX09", "$.facts[0]: host: 'EX09' is no host of this case; there are EX01, EX02"),
        ('"3.a"', '"5"', "$.facts[0]: host: 5 is asked of the agency once; write `all`"),
        ("met", "done", "Invalid enum value 'done' - at `$.facts[0].state`"),
        ("A. Person", '""', "$.facts[0]: by: says nobody"),
        ("Its cable was drawn.", '" "', "$.facts[0]: words: says nothing"),
        ("-05:00", "", "$.facts[0]: at: 2021-03-04T10:00:00 names no zone"),
        ("2021-03-04T10:00:00-05:00", "noon", "at `$.facts[0].at`"),
        ("    by: A. Person\n", "", "missing required field `by` - at `$.facts[0]`"),
        ("words:", "word:", "unknown field `word` - at `$.facts[0]`"),
        ("    by: A", "    by: B. Other\n    by: A", "line 7, column 5: the key 'by' stands twice"),
        ("facts:\n", UNMET, "$.facts[0] and $.facts[1]: 3.a of EX01 is unmet and met"),
        ("facts:", "facts: [", "line "),
    ],
)  # fmt: skip
def test_a_bad_file_is_told(tmp_path: Path, old: str, new: str, told: str) -> None:
    assert old in GOOD
    with pytest.raises(ContentError) as raised:
        said(tmp_path, GOOD.replace(old, new, 1))
    assert str(raised.value).startswith(f"{tmp_path / 'facts.yaml'}: ")
    assert told in str(raised.value)


def test_bytes_that_are_no_text_are_told(tmp_path: Path) -> None:
    with pytest.raises(ContentError, match="byte 7: not UTF-8"):
        said(tmp_path, b"facts: \xff")


VICTIM = """victim:
  sector: utility
  country: KZ
  by: A. Person
  at: 2021-03-04T10:00:00Z
"""


def victim(folder: Path, text: str) -> Victim | None:
    (folder / "facts.yaml").write_text(text, encoding="utf-8")
    return facts_file.victim(Case(folder))


def test_sector_and_country_are_stated_by_somebody(tmp_path: Path) -> None:
    stated = victim(tmp_path, VICTIM)
    assert stated is not None
    assert (stated.sector, stated.country, stated.by) == ("utility", "KZ", "A. Person")
    assert said(tmp_path, GOOD + VICTIM) == said(tmp_path, GOOD)


def test_nobody_stated_anything(tmp_path: Path) -> None:
    assert facts_file.victim(Case(tmp_path)) is None
    assert victim(tmp_path, GOOD) is None


@pytest.mark.parametrize(
    ("old", "new", "told"),
    [
        ("A. Person", '" "', "$.victim: by: says nobody"),
        ("  sector: utility\n  country: KZ\n", "", "$.victim: states neither sector nor country"),
        ("KZ", "Kazakhstan", "$.victim: country: 'Kazakhstan' is no country's two letters"),
        ("T10:00:00Z", "T10:00:00", "$.victim: at: 2021-03-04T10:00:00 names no zone"),
        ("sector", "trade", "unknown field `trade` - at `$.victim`"),
        ("  by: A. Person\n", "", "missing required field `by` - at `$.victim`"),
    ],
)
def test_a_statement_that_nobody_can_use_is_refused(tmp_path: Path, old: str, new: str, told: str) -> None:
    with pytest.raises(ContentError) as why:
        victim(tmp_path, VICTIM.replace(old, new))
    assert told in str(why.value)


ASKED = """ask:
  - {requirement: "5", whom: A. Officer, by: "2021-03-05T10:00:00-05:00"}
  - {requirement: "1.memory", host: EX01, whom: B. Admin, by: 2021-03-04T20:00:00Z}
"""


def asked(folder: Path, text: str) -> tuple[Asked, ...]:
    (folder / "facts.yaml").write_text(text, encoding="utf-8")
    directive = next(d for d in content.load().directives if d.id == "ed-21-02")
    return facts_file.asked(Case(folder), directive, ["EX01"])


def test_questions_are_given_to_people_by_name(tmp_path: Path) -> None:
    told = asked(tmp_path, GOOD + ASKED)
    assert [(one.whom, one.host) for one in told] == [("A. Officer", "all"), ("B. Admin", "EX01")]
    assert asked(tmp_path, GOOD) == ()


@pytest.mark.parametrize(
    ("old", "new", "told"),
    [
        ("1.memory", "1.memories", "$.ask[1]: requirement: '1.memories' is none of ed-21-02"),
        ("host: EX01", "host: EX99", "$.ask[1]: host: 'EX99' is no host of this case"),
        ('"5", ', '"5", host: EX01, ', "$.ask[0]: host: 5 is asked of the agency once"),
        ("A. Officer", '" "', "$.ask[0]: whom: names nobody"),
        ("T20:00:00Z", "T20:00:00", "$.ask[1]: by: 2021-03-04T20:00:00 names no zone"),
        ("whom: B. Admin, ", "", "missing required field `whom` - at `$.ask[1]`"),
        ("whom: B. Admin", "who: B. Admin", "unknown field `who`"),
    ],
)
def test_a_question_that_cannot_be_placed_is_told(tmp_path: Path, old: str, new: str, told: str) -> None:
    assert old in ASKED
    with pytest.raises(ContentError) as why:
        asked(tmp_path, ASKED.replace(old, new))
    assert told in str(why.value)
