"""A rule that cannot be asked is listed with its reason, and takes no other rule with it."""

import pytest

from postvakt.model.rule import NotAsked

from .asking import RULE_ID, event, indicator, is_matched, matching, plan_of, sigma

GOOD = sigma("s: {f: x}\ncondition: s", rule="00000000-0000-4000-8000-00000000beef")
BOMB = "a: &a [x, x, x, x, x, x, x, x, x, x]\n" + "".join(
    f"{name}: &{name} [{', '.join([f'*{before}'] * 10)}]\n"
    for before, name in zip("abcdefgh", "bcdefghi", strict=True)
)

SIGMA: list[tuple[str, str, str]] = [
    ("broken YAML", "title: [", "not readable as YAML"),
    ("two documents, one broken", f"{GOOD}---\ntitle: [", "not readable as YAML"),
    ("tabs", "\ttitle: x", "not readable as YAML"),
    ("nothing", "", "holds no rule"),
    ("a comment only", "# nothing", "holds no rule"),
    ("a list", "- a\n- b", "no mapping"),
    ("a text", "just words", "no mapping"),
    ("a document that holds itself", "a: &a [*a]", "more than 100000 parts"),
    ("billions of parts", BOMB, "more than 100000 parts"),
    ("no detection", "title: a rule\nlogsource: {product: windows}", "detection"),
    ("no condition", "title: a rule\nlogsource: {product: windows}\ndetection: {s: {f: x}}", "condition"),
    ("no log source", "title: a rule\ndetection: {s: {f: x}, condition: s}", "log"),
    ("a condition that is a number", sigma("s: {f: x}\ncondition: 5"), "condition"),
    ("an id that is a list", sigma("s: {f: x}\ncondition: s", rule="[x]"), "not a Sigma rule"),
    ("a selection that is not there", sigma("s: {f: x}\ncondition: s and t"), "t"),
    ("a condition that is cut off", sigma("s: {f: x}\ncondition: s and"), ""),
    ("a quantifier that chooses nothing", sigma("s: {f: x}\ncondition: 1 of t*"), "1 of t*"),
    ("a pipe of the old condition language", sigma("s: {f: x}\ncondition: s | count() > 5"), ""),
    ("an unknown modifier", sigma("s: {f|sounds_like: x}\ncondition: s"), "sounds_like"),
    ("a modifier on what it cannot change", sigma("s: {f|contains: 5}\ncondition: s"), "incompatible"),
    ("a comparison with a text", sigma("s: {f|gt: x}\ncondition: s"), "incompatible"),
    ("a network that is none", sigma("s: {f|cidr: x}\ncondition: s"), "CIDR"),
    ("a placeholder", sigma("s: {f|expand: '%servers%'}\ncondition: s"), "placeholder %servers%"),
    ("a look-ahead", sigma("s: {f|re: '(?=x)y'}\ncondition: s"), "cannot be run in bounded time"),
    ("a back reference", sigma("s: {f|re: '(x)\\1'}\ncondition: s"), "cannot be run in bounded time"),
    ("repetition of repetition", sigma("s: {f|re: '((x{1000}){1000}){1000}'}\ncondition: s"), "bounded time"),
    ("an expression cut off", sigma("s: {f|re: '(x'}\ncondition: s"), "missing )"),
    ("a keyword that is no text", sigma("s: [{null: null}]\ncondition: s"), ""),
    ("a correlation", f"title: a rule\nid: {RULE_ID}\ncorrelation: {{type: event_count}}", "correlation"),
    ("a filter", f"title: a rule\nid: {RULE_ID}\nfilter: {{rules: [x]}}", "filter"),
    ("an action", f"title: a rule\nid: {RULE_ID}\naction: global", "action"),
]  # fmt: skip


@pytest.mark.parametrize(("text", "said"), [case[1:] for case in SIGMA], ids=[case[0] for case in SIGMA])
def test_a_sigma_rule_that_cannot_be_asked_is_told(text: str, said: str) -> None:
    plan = plan_of(text, GOOD)
    refused = [told for told in plan.not_asked if told.path == "text-0"]
    assert len(refused) == 1
    assert said in refused[0].reason
    assert refused[0].reason
    assert matching(plan, "event", [event("System", 1, {"f": "x"})])[0] == {
        "00000000-0000-4000-8000-00000000beef"
    }


STIX: list[tuple[str, str, str]] = [
    ("broken JSON", "{", "not readable as JSON"),
    ("no indicator", '{"type": "bundle", "objects": []}', "holds no STIX indicator"),
    ("a list of nothing", "[1, 2]", "holds no STIX indicator"),
    ("revoked", indicator("[ipv4-addr:value = '10.0.0.1']", revoked=True), "revoked"),
    ("another language", indicator("rule x {}", pattern_type="yara"), "written in yara"),
    ("no pattern", '{"type": "indicator", "id": "indicator--1"}', "no id or no pattern"),
    ("a pattern that is none", indicator("ipv4-addr:value = 'x'"), "pattern: [ is wanted"),
    ("cut off", indicator("[ipv4-addr:value = '10.0.0.1'"), "] is wanted"),
    ("more behind it", indicator("[ipv4-addr:value = '10.0.0.1'] x"), "x joins several observations"),
    ("one after another", indicator("[url:value = 'x'] FOLLOWEDBY [url:value = 'y']"), "FOLLOWEDBY"),
    ("two observations", indicator("[url:value = 'x'] AND [url:value = 'y']"), "one record is asked at a time"),
    ("within a time", indicator("[ipv4-addr:value = 'x'] WITHIN 5 SECONDS"), "WITHIN"),
    ("EXISTS", indicator("[EXISTS ipv4-addr:value]"), "EXISTS"),
    ("a comparison of order", indicator("[file:size > 5]"), "the operator > is not asked"),
    ("a property without a column", indicator("[file:size = 5]"), "no column answers this property"),
    ("an object without a column", indicator("[mutex:name = 'x']"), "no column answers this property"),
    ("a hash without a column", indicator("[file:hashes.SSDEEP = 'x']"), "no column holds this hash"),
    ("only what is absent", indicator("[ipv4-addr:value != '10.0.0.1']"), "absent"),
    ("only what is absent, said otherwise", indicator("[NOT ipv4-addr:value = '10.0.0.1']"), "absent"),
    ("a network that is none", indicator("[ipv4-addr:value ISSUBSET 'x']"), "x is no network"),
    ("a look-ahead", indicator("[url:value MATCHES '(?=x)y']"), "cannot be run in bounded time"),
    ("nested without end", indicator("[" + "(" * 100 + "ipv4-addr:value = 'x'" + ")" * 100 + "]"), "nested too deep"),
    ("a validity that is no time", indicator("[ipv4-addr:value = '10.0.0.1']", valid_from="soon"), "is no time"),
]  # fmt: skip


@pytest.mark.parametrize(("text", "said"), [case[1:] for case in STIX], ids=[case[0] for case in STIX])
def test_an_indicator_that_cannot_be_asked_is_told(text: str, said: str) -> None:
    plan = plan_of(text, GOOD)
    (refused,) = plan.not_asked
    assert said in refused.reason
    assert is_matched(plan, "event", event("System", 1, {"f": "x"})) == [True]


def test_of_two_rules_of_one_id_the_first_is_asked() -> None:
    first, second = (sigma(f"s: {{f: {value}}}\ncondition: s") for value in ("x", "y"))
    plan = plan_of(first, second)
    told = NotAsked(
        rule=RULE_ID, title="a rule", reason="duplicate of text-0: same id, another content", path="text-1"
    )
    assert plan.not_asked == (told,)
    assert is_matched(plan, "event", event("System", 1, {"f": "x"}), event("System", 1, {"f": "y"})) == [
        True,
        False,
    ]


def test_the_same_rule_twice_is_one_rule() -> None:
    plan = plan_of(GOOD, GOOD)
    assert (len(plan.rules), plan.not_asked) == (1, ())


def test_a_rule_without_an_id_is_named_by_its_content() -> None:
    text = sigma("s: {f: x}\ncondition: s").replace(f"id: {RULE_ID}\n", "")
    names = [plan_of(some).rules[0].id for some in (text, text, text.replace("x", "y"))]
    assert names[0] == names[1] != names[2]
    assert names[0].startswith("without-id-")


NOTES: list[tuple[str, str]] = [
    ("stage: somewhere", "postvakt.stage: somewhere is none of"),
    ("confidence: sure", "postvakt.confidence: sure is none of"),
    ("colour: red", "postvakt.colour: no such key"),
]


@pytest.mark.parametrize(("line", "said"), NOTES)
def test_own_rules_are_held_to_our_own_words(line: str, said: str) -> None:
    text = sigma("s: {f: x}\ncondition: s") + f"postvakt: {{{line}}}\n"
    assert said in plan_of(text, origin="own").not_asked[0].reason
    assert plan_of(text).not_asked == ()
    assert plan_of(text).rules[0].stage == ""


def test_a_hostile_expression_is_run_in_bounded_time() -> None:
    """Backtracking would take longer than the age of the world here; the test ends."""
    plan = plan_of(sigma("s:\n  f|re: '(a+)+$'\n  g: '" + "*a" * 30 + "*b'\ncondition: 1 of them or s"))
    assert plan.not_asked == ()
    assert is_matched(plan, "event", event("System", 1, {"f": "a" * 50_000 + "b", "g": "a" * 50_000})) == [
        False
    ]
