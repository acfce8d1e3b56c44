"""From rules as their authors wrote them to one plan. What takes long is read in shares, each by itself."""

from collections.abc import Iterable, Sequence

import msgspec

from postvakt.detect.plan import Plan, RuleText
from postvakt.detect.questions import left_to_survivors, lightened, prepared
from postvakt.detect.sheaf import Later, Refusal, Share, Sheaf, Signatures, may_fill
from postvakt.detect.shelf import Shelf
from postvakt.model.table import TableSpec

SHARE_BYTES = 512 * 1024
"""Rules are read in shares of so much text: half a second each, beside which handing them out costs nothing."""


def compile_plan(
    sigma: Sequence[RuleText],
    yara: Sequence[RuleText],
    indicators: Sequence[RuleText],
    tables: list[TableSpec],
    anchors: str = "",
) -> Plan:
    """Return everything that can be asked of the tables, and everything that cannot, with the reason.

    The order of the texts decides the plan's order and which of two rules of one id is asked. `anchors` are rules that
    lead the carvers of memory, found in the same pass as those that are asked; without them memory is not asked.
    """
    sheaves = [read_rules(share, tables) for share in shares(sigma)]
    return put_together(sheaves, read_signatures(yara, anchors), indicators, tables)


def shares(sigma: Iterable[RuleText]) -> list[Share]:
    """Return Sigma rules in shares of about the same size, in their order; in one where what fills placeholders, which
    goes with each share, is as large as one."""
    groups: list[list[RuleText]] = []
    filling: list[RuleText] = []
    size = SHARE_BYTES
    for text in sigma:
        if size >= SHARE_BYTES:
            groups.append([])
            size = 0
        groups[-1].append(text)
        size += len(text.text)
        if may_fill(text):
            filling.append(text)
    if sum(len(text.text) for text in filling) > SHARE_BYTES:
        groups = [[text for group in groups for text in group]]
    return [Share(tuple(group), tuple(filling)) for group in groups]


def read_rules(share: Share, tables: list[TableSpec]) -> Sheaf:
    """Return what a share of the Sigma rules came to."""
    # pySigma takes half a second to load, and a worker that only reads logs never needs it.
    from postvakt.detect import sigma

    return sigma.read(share, tables)


def read_signatures(yara: Sequence[RuleText], anchors: str = "") -> Signatures:
    """Return what the YARA rules came to, all of them together: YARA-X compiles no half of a set."""
    from postvakt.detect import yara as signatures

    return signatures.compile_texts(yara, anchors)


def put_together(
    sheaves: Sequence[Sheaf], signatures: Signatures, indicators: Iterable[RuleText], tables: list[TableSpec]
) -> Plan:
    """Return the plan of rules that were read in shares, and of indicators."""
    from postvakt.detect import indicators as stix

    shelf = Shelf(sheaves[0].filled if sheaves else {})
    later = [one for sheaf in sheaves for one in _put(sheaf, shelf)]
    if later:
        from postvakt.detect import correlations

        correlations.settle(later, shelf)
    for text in indicators:
        stix.add(text, tables, shelf)
    shelf.sign(signatures)
    plan = shelf.plan()
    lanes = prepared(plan, tables)
    tests = left_to_survivors(plan.tests, lanes)
    return msgspec.structs.replace(
        plan,
        tests=tests,
        lanes=lightened(lanes, tests),
        yara=signatures.packed,
        yara_names=signatures.names,
        memory=signatures.memory,
        not_of_memory=signatures.not_of_memory,
    )


def _put(sheaf: Sheaf, shelf: Shelf) -> list[Later]:
    """Put a sheaf on the shelf; return what waits for the others."""
    later = []
    numbers = [shelf.tests.number(test) for test in sheaf.tests]
    for leaf in sheaf.leaves:
        if isinstance(leaf, Later):
            later.append(leaf)
        elif isinstance(leaf, Refusal):
            shelf.refuse(leaf.rule, leaf.title, leaf.reason, leaf.path)
        else:
            shelf.take(leaf, numbers)
    return later
