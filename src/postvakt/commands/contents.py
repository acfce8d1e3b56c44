"""What is asked, checked and shown: our own content and the packs that a user adds."""

from collections import Counter
from collections.abc import Iterator, Sequence

import msgspec

from postvakt import content
from postvakt.commands import plans, query, readers
from postvakt.errors import UsageError


class Checked(msgspec.Struct, frozen=True):
    """The check told line by line; `faults` counts what is wrong in our own content."""

    lines: tuple[str, ...]
    faults: int


def check(packs: plans.Packs) -> Checked:
    """Check our content as a whole, then compile it with the packs and list every rule that cannot be asked."""
    problems = content.check()
    own_content = content.load()
    problems += [
        content.Problem(f"hunts/{one.id}.sql", what)
        for one in own_content.hunts
        for what in query.faults(one)
    ]
    lines = [f"{problem.path}: {problem.what}" for problem in problems]
    plan = plans.compile_all(own_content, packs)
    lines += [f"not asked: {row.path} {row.title}: {row.reason}" for row in plan.not_asked]
    lines += [f"narrowed: {row.path} {row.title}: {row.reason}" for row in plan.narrowed()]
    asked = len(plan.rules)
    # A rule of ours that is not asked is a fault, however well the text reads.
    own = {text.path for texts in _own(own_content) for text in texts}
    faults = len(problems) + sum(row.path in own for row in plan.not_asked)
    lines.append(
        f"{asked} of {asked + len(plan.not_asked)} rules can be asked; {faults} faults in our own content"
    )
    return Checked(lines=tuple(lines), faults=faults)


def _own(own: content.Content) -> tuple[Sequence[content.Text], ...]:
    return own.rules, own.yara, own.indicators


def listing() -> Iterator[str]:
    """Yield what comes with Postvakt: rules by kind, directives, chains, hunts."""
    own = content.load()
    plan = plans.compile_all(own, plans.Packs())
    for rule in sorted(plan.rules, key=lambda rule: (rule.kind, rule.path, rule.id)):
        yield f"{rule.kind:9} {rule.level:13} {rule.stage or '-':18} {rule.id}  {rule.title}"
    for directive in own.directives:
        yield f"directive {directive.id}  {directive.title}"
    for chain in own.chains:
        yield f"chain     {chain.id}  {chain.title}, {len(chain.steps)} steps"
    for hunt in own.hunts:
        yield f"hunt      {hunt.id}  {hunt.title}"
    counted = Counter(rule.kind for rule in plan.rules)
    yield ", ".join(f"{count} {kind}" for kind, count in sorted(counted.items())) + " rules"


def show(name: str) -> str:
    """Return a rule's text, a directive, or a hunt as it is asked. Raises UsageError for a name that is not there."""
    own = content.load()
    for directive in own.directives:
        if directive.id == name:
            return msgspec.yaml.encode(directive).decode()
    for hunt in own.hunts:
        if hunt.id == name:
            return f"{hunt.title}\n{hunt.about}\n\n{hunt.sql}"
    plan = plans.compile_all(own, plans.Packs())
    for rule in plan.rules:
        if name in (rule.id, rule.path):
            return next(
                (t.text for t in (*own.rules, *own.yara) if t.path == rule.path), f"{rule.id}: {rule.title}"
            )
    tables = ", ".join(readers.TABLES)
    raise UsageError(f"{name}: no rule or directive of that name; `content list` shows all. Tables: {tables}")
