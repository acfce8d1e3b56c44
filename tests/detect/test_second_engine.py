"""Our Sigma engine beside pySigma's conversion to SQLite: the same records match, or the difference was judged.

`docs/sigma_agreement.py` asks both of all recorded logs and writes the page; here a part of them is asked.
"""

import functools
import importlib.util
import re

import pytest

if importlib.util.find_spec("sigma.backends.sqlite") is None:
    pytest.skip("pysigma-backend-sqlite, of the dev extra, is not installed", allow_module_level=True)

from docs import second_engine, sigma_agreement
from docs.made_events import made
from docs.sigma_modifiers import DIFFERS, MODIFIERS
from sigma.modifiers import modifier_mapping
from sigma.rule import SigmaRule

from postvakt.detect.logsources import VIEWS

from .asking import RULE_ID, event, is_matched, plan_of, sigma

PIPELINE = "vars: {servers: EX01}"
PART = 3
"""Of the rules that events are made of, each so many-th is asked in tests."""


@functools.cache
def asked(root):
    texts = sigma_agreement.rules(root)
    return texts, sigma_agreement.plan_of(texts)


def theirs(line, value):
    """Whether the second engine matches an event whose field `f` has a value, and `g` the text `same`."""
    text = sigma(f"s:\n  {line}\ncondition: s")
    query = second_engine._query(RULE_ID, text)
    data = {"f": value, "g": "same"}
    return bool(list(second_engine._asked(VIEWS[""], [query], [(0, event("System", 1, data))])))


def ours(line, data):
    plan = plan_of(sigma(f"s:\n  {line}\ncondition: s"), PIPELINE)
    return is_matched(plan, "event", event("System", 1, data))[0]


def test_every_modifier_has_an_example():
    assert sorted(name for one in MODIFIERS for name in one.names) == sorted({*modifier_mapping, "utf16le"})
    for one in MODIFIERS:
        used = set(re.findall(r"\|(\w+)", one.line.partition(":")[0]))
        assert used & set(one.names), one


@pytest.mark.parametrize("one", MODIFIERS, ids=lambda one: one.names[0])
def test_examples_of_modifiers(one):
    assert ours(one.line, {"f": one.passes, "g": "same"})
    assert not ours(one.line, {"f": one.fails, "g": "same"} if one.fails else {"g": "same"})


@pytest.mark.parametrize(
    "one", [one for one in MODIFIERS if "expand" not in one.names], ids=lambda one: one.names[0]
)
def test_the_second_engine_takes_the_examples_as_we_do(one):
    known = {each.line for each in DIFFERS}
    assert theirs(one.line, one.passes) or one.line in known
    assert not theirs(one.line, one.fails or None) or one.line in known


@pytest.mark.parametrize("one", DIFFERS, ids=lambda one: f"{one.line} of {one.value}")
def test_where_the_engines_differ(one):
    assert ours(one.line, {"f": one.value}) is one.ours
    assert theirs(one.line, one.value) is not one.ours


def test_a_wrong_answer_of_either_is_seen():
    """The comparison is worth something: a rule that the plan holds otherwise differs."""
    text = sigma(
        "s: {Image|endswith: '\\x.exe', CommandLine|contains: [a, b]}\nfilter: {User: me}\ncondition: s and not filter",
        "{product: windows, category: process_creation}",
    )
    right = sigma_agreement.made(plan_of(text), [second_engine.detect.RuleText("text-0", text, "pack")])
    assert right.differing() == {}
    assert 4 < len(right.ours[RULE_ID]) < right.events
    wrong = text.replace("endswith", "startswith")
    assert sigma_agreement.made(
        plan_of(wrong), [second_engine.detect.RuleText("text-0", text, "pack")]
    ).differing()


def test_made_events_are_the_same_in_every_run():
    rule = SigmaRule.from_yaml(sigma("s: {f|re: 'a[0-9]{2,4}(b|c)', g|contains: ['x*y', z]}\ncondition: s"))
    assert list(made(rule)) == list(made(rule))


@pytest.mark.shared
@pytest.mark.parametrize("folder", ["evtx/attack-samples", "evtx/to-mitre"])
def test_the_engines_agree_on_recorded_logs(shared_evidence, folder):
    texts, plan = asked(shared_evidence)
    compared = sigma_agreement.recorded(shared_evidence, folder, plan, texts)
    assert compared.differing() == {}
    assert sum(map(len, compared.ours.values())) > 50


@pytest.mark.shared
def test_the_engines_agree_on_made_events_or_the_difference_was_judged(shared_evidence):
    texts, _ = asked(shared_evidence)
    some = texts[::PART]
    plan = sigma_agreement.plan_of(some)
    compared = sigma_agreement.made(plan, some)
    differing = set(compared.differing())
    assert differing <= {one.rule for one in sigma_agreement.JUDGED}
    assert len(differing) <= sigma_agreement.MOST_DIFFERING * sigma_agreement.asked_of_events(plan)
    assert len(compared.ours) > 0.9 * sigma_agreement.asked_of_events(plan)


@pytest.mark.shared
def test_every_rule_is_asked_or_listed_with_its_reason(shared_evidence):
    texts, plan = asked(shared_evidence)
    assert len(texts) == len(plan.rules) + len(plan.not_asked) == 3061
    assert len(plan.not_asked) <= sigma_agreement.MOST_NOT_ASKED
    assert all(row.reason for row in plan.not_asked)
    assert "".join(sigma_agreement.not_asked(plan)) in sigma_agreement.PAGE.read_text("utf-8")


def test_the_page_tells_of_no_difference_that_was_not_judged():
    page = sigma_agreement.PAGE.read_text("utf-8")
    assert "not judged" not in page
    assert all(one.rule in page for one in sigma_agreement.JUDGED)
    assert "".join(sigma_agreement.modifiers()) in page
    assert "".join(sigma_agreement.elsewhere()) in page
    assert sigma_agreement.CORRELATIONS in page
