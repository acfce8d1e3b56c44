"""Single techniques that other people recorded: which rules find them, and which logs stay unfound and why.

The table is `docs/samples.py`. Unfound stay, each with its reason there: what belongs to desktops (passwords of
browsers and password safes, keyloggers), to SQL Server, what tells only in numbers (failed sign-ins), and what is
everyday in the form in which it was recorded.
"""

import functools

import pytest
from docs.samples import EXPECTED, UNFOUND, scanned

from tests.content.proofs import ROOT

ONLY_CLEARING = {"security-log-cleared", "event-log-cleared"}


@functools.cache
def found(root):
    return scanned(root)


def test_every_rule_that_is_named_is_there():
    named = {rule for sample in EXPECTED for rule in sample.rules}
    assert [rule for rule in sorted(named) if not (ROOT / "rules" / rule).is_dir()] == []


def test_every_unfound_one_has_a_reason():
    assert [sample.file for sample in UNFOUND if not sample.why or sample.rules] == []


@pytest.mark.shared
def test_every_sample_stands_in_the_table(shared_evidence):
    named = [sample.file for sample in (*EXPECTED, *UNFOUND)]
    assert sorted(named) == sorted(found(shared_evidence))


@pytest.mark.shared
@pytest.mark.parametrize("sample", EXPECTED, ids=lambda sample: sample.file)
def test_sample(shared_evidence, sample):
    assert set(sample.rules) - set(found(shared_evidence)[sample.file]) == set()


@pytest.mark.shared
@pytest.mark.parametrize("sample", UNFOUND, ids=lambda sample: sample.file)
def test_unfound(shared_evidence, sample):
    """A sample that is found after all belongs into the other table."""
    assert set(found(shared_evidence)[sample.file]) - ONLY_CLEARING == set()
