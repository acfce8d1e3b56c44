"""Each Sigma rule against the rows that it must catch, those it must leave, and the caught ones changed."""

import pytest

from tests.content.proofs import explained, matched, mutants, proofs

HITS = proofs("hit.jsonl")
MISSES = proofs("miss.jsonl")
ANY_VALUE = {
    ("accessibility-debugger", "value"),
    ("iis-module-added", "EventData.NewValue"),
    ("iis-module-outside", "path"),
    ("library-in-every-process", "value"),
    ("lsa-package-foreign", "value"),
    ("msert-found-other", "threat"),
    ("ssrf-answered-signed-in", "AuthenticatedUser"),
    ("task-hidden", "detail.actions"),
    ("transport-agent-odd", "assemblyPath"),
    ("winlogon-altered", "value"),
}
"""Fields that decide by having a value, whichever it is."""

MUTANTS = [
    pytest.param(proof, row, id=f"{proof}-{field}-{kind}")
    for proof in HITS
    for field, kind, row in mutants(proof)
    if kind == "emptied" or (proof.slug, field) not in ANY_VALUE
]


@pytest.mark.parametrize("proof", HITS, ids=str)
def test_hit(proof):
    assert explained(proof.rule, proof.table, proof.row)
    assert proof.rule in matched(proof.table, proof.row)


@pytest.mark.parametrize("proof", MISSES, ids=str)
def test_miss(proof):
    assert not explained(proof.rule, proof.table, proof.row)
    assert proof.rule not in matched(proof.table, proof.row)


@pytest.mark.parametrize(("proof", "row"), MUTANTS)
def test_changed_hit(proof, row):
    assert not explained(proof.rule, proof.table, row)
    assert proof.rule not in matched(proof.table, row)
