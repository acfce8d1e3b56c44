"""From rules as their authors wrote them to one plan."""

import msgspec

from postvakt.detect.plan import Plan, RuleText
from postvakt.detect.questions import left_to_survivors, lightened, prepared
from postvakt.detect.shelf import Shelf
from postvakt.model.table import TableSpec


def compile_plan(
    sigma: list[RuleText],
    yara: list[RuleText],
    indicators: list[RuleText],
    tables: list[TableSpec],
    anchors: str = "",
) -> Plan:
    """Return everything that can be asked of the tables, and everything that cannot, with the reason.

    The order of the texts decides the plan's order and which of two rules of one id is asked. `anchors` are rules that
    lead the carvers of memory, found in the same pass as those that are asked; without them memory is not asked.
    """
    # pySigma takes half a second to load, and a worker never compiles.
    from postvakt.detect import indicators as stix
    from postvakt.detect import placeholders
    from postvakt.detect import sigma as rules
    from postvakt.detect import yara as signatures
    from postvakt.detect import yara_memory as of_memory

    shelf = Shelf(placeholders.given(sigma))
    waiting = [later for text in sigma for later in rules.add(text, tables, shelf)]
    rules.settle(waiting, shelf)
    for text in indicators:
        stix.add(text, tables, shelf)
    packed, names = signatures.compile_texts(yara, shelf)
    plan = shelf.plan(packed, names)
    lanes = prepared(plan, tables)
    tests = left_to_survivors(plan.tests, lanes)
    plan = msgspec.structs.replace(plan, tests=tests, lanes=lightened(lanes, tests))
    if not anchors:
        return plan
    memory, left_out = of_memory.compile_memory(yara, yara_ids(plan), anchors)
    return msgspec.structs.replace(plan, memory=memory, not_of_memory=left_out)


def yara_ids(plan: Plan) -> tuple[str, ...]:
    """Return the ids of the YARA rules that are asked."""
    return tuple(rule.id for rule in plan.rules if rule.kind == "yara")
