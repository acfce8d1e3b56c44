"""From rules as their authors wrote them to one plan."""

from postvakt.detect.plan import Plan, RuleText
from postvakt.detect.shelf import Shelf
from postvakt.model.table import TableSpec


def compile_plan(
    sigma: list[RuleText], yara: list[RuleText], indicators: list[RuleText], tables: list[TableSpec]
) -> Plan:
    """Return everything that can be asked of the tables, and everything that cannot, with the reason.

    The order of the texts decides the plan's order and which of two rules of one id is asked.
    """
    # pySigma takes half a second to load, and a worker never compiles.
    from postvakt.detect import indicators as stix
    from postvakt.detect import sigma as rules
    from postvakt.detect import yara as signatures

    shelf = Shelf()
    waiting = [later for text in sigma for later in rules.add(text, tables, shelf)]
    rules.settle(waiting, shelf)
    for text in indicators:
        stix.add(text, tables, shelf)
    packed, names = signatures.compile_texts(yara, shelf)
    return shelf.plan(packed, names)
