"""Writes docs/reference.md from the code: commands, exit codes, artifacts, tables, rules, directives.

`python -m docs.reference` writes it, `--check` says whether it is up to date and whether README, ARCHITECTURE and
CONTRIBUTING name files that exist.
"""

import re
import sys
from collections.abc import Iterator
from pathlib import Path

import duckdb
import msgspec
import typer.main

from postvakt import report
from postvakt.cli import EXIT_OF_OUTCOME, app
from postvakt.commands import plans, readers
from postvakt.content import library, load
from postvakt.content.facts import FACTS, SECTIONS
from postvakt.detect.logsources import VIEWS
from postvakt.detect.plan import Plan
from postvakt.errors import PostvaktError
from postvakt.model.directive import Requirement
from postvakt.tables import views

ROOT = Path(__file__).resolve().parent.parent
REFERENCE = ROOT / "docs" / "reference.md"
SCHEMA = ROOT / "docs" / "report.schema.json"
PAGES = ("README.md", "ARCHITECTURE.md", "CONTRIBUTING.md", "SECURITY.md", "docs/dependencies.md")


def reference() -> str:
    """Return the whole reference as Markdown."""
    parts = (
        _commands(),
        _exit_codes(),
        _artifacts(),
        _tables(),
        _questions(),
        _rules(),
        _facts(),
        _directives(),
    )
    head = "# Reference\n\nWritten from the code by `make docs`; `make check` says when it is out of date.\n"
    return head + "".join("\n" + "\n".join(part) + "\n" for part in parts)


def _commands() -> Iterator[str]:
    yield "## Commands\n"
    yield "| command | what it does |"
    yield "|---|---|"
    group = typer.main.get_command(app)
    for name, command in sorted(getattr(group, "commands", {}).items()):
        inner = getattr(command, "commands", {})
        if inner:
            for sub, leaf in sorted(inner.items()):
                yield f"| `postvakt {name} {sub}` | {_first_line(leaf.help)} |"
        else:
            yield f"| `postvakt {name}` | {_first_line(command.help)} |"


def _first_line(text: str | None) -> str:
    return (text or "").strip().split("\n\n", 1)[0].replace("\n", " ")


def _exit_codes() -> Iterator[str]:
    yield "## Exit codes\n"
    yield "| code | when |"
    yield "|---|---|"
    yield "| 0 | every host is clear or clear-since; another command: done |"
    for code, outcomes in EXIT_OF_OUTCOME:
        yield f"| {code} | of `triage`, `reask` and `report --fail`: a host is {' or '.join(outcomes)} |"
    for kind in PostvaktError.__subclasses__():
        yield f"| {kind.exit_code} | {(kind.__doc__ or '').strip()} |"
    yield "| 70 | a fault in Postvakt itself |"
    yield "| 130 | stopped by Ctrl-C; the same command goes on where it was |"


def _artifacts() -> Iterator[str]:
    yield "## Artifacts\n"
    yield "| artifact | what it is | where it lies | tables |"
    yield "|---|---|---|---|"
    for reader in readers.READERS:
        about = reader.artifact
        tables = ", ".join(f"`{spec.name}`" for spec in reader.tables)
        yield f"| `{about.name}` | {about.title} | {_cell(about.where)} | {tables} |"


def _tables() -> Iterator[str]:
    yield "## Tables\n"
    yield "Every table also has `time` (UTC), `evidence`, `source`, `locator` and `unmapped`.\n"
    for spec in readers.TABLES.values():
        yield f"### `{spec.name}`\n"
        yield f"{spec.title}. Located by {spec.locator}.\n"
        yield "| column | type | kind | unit | about |"
        yield "|---|---|---|---|---|"
        for column in spec.columns:
            yield f"| `{column.name}` | {column.type} | {column.kind} | {column.unit} | {_cell(column.about)} |"
        yield ""


def _questions() -> Iterator[str]:
    yield "## Views and saved questions\n"
    yield "`postvakt query CASE SQL` asks the tables above, and:\n"
    yield "| view | what it holds | columns |"
    yield "|---|---|---|"
    connection = duckdb.connect(":memory:")
    views.register(connection, list(readers.TABLES.values()), None)
    for name, about in views.VIEWS.items():
        columns = ", ".join(f"`{column}`" for column in connection.table(name).columns)
        yield f"| `{name}` | {about} | {columns} |"
    connection.close()
    yield "\n`postvakt query CASE --hunt NAME` asks one of these:\n"
    yield "| hunt | what it finds | columns |"
    yield "|---|---|---|"
    for hunt in load().hunts:
        yield f"| `{hunt.id}` | {hunt.title}. {_cell(hunt.about)} | {', '.join(hunt.columns)} |"


def _rules() -> Iterator[str]:
    yield "## Rules that come with Postvakt\n"
    yield "| rule | kind | level | confidence | stage | technique or CVE | log (table) | signs | id |"
    yield "|---|---|---|---|---|---|---|---|---|"
    own = load()
    plan = plans.compile_all(own, plans.Packs())
    logs, signs = _logs(plan), library.shown(own)
    for rule in sorted(plan.rules, key=lambda rule: (rule.kind, rule.title, rule.id)):
        if rule.kind != "indicator":
            stage = rule.stage or "-"
            what = ", ".join((*rule.cves, *rule.techniques)) or "-"
            yield (
                f"| {_cell(rule.title)} | {rule.kind} | {rule.level} | {rule.confidence} | {stage} | {what}"
                f" | {logs[rule.id]} | {', '.join(signs[rule.id])} | `{rule.id}` |"
            )
    count = sum(rule.kind == "indicator" for rule in plan.rules)
    yield f"\nAnd {count} indicators of compromise (STIX 2.1), each with its source."


def _logs(plan: Plan) -> dict[str, str]:
    """Return where each rule looks: the table, and of events the channels and ids that its log source means."""
    found: dict[str, list[str]] = {rule.id: [] for rule in plan.rules}
    for asked in plan.asked:
        for route in asked.routes:
            found[plan.rules[asked.rule].id].append(_place(route.table, route.view))
    return {name: "; ".join(dict.fromkeys(places)) or "content of files" for name, places in found.items()}


def _place(table: str, name: str) -> str:
    view = VIEWS[name]
    channels = [
        channel.removesuffix("/Operational").removeprefix("Microsoft-Windows-") for channel in view.channels
    ]
    ids = " " + ", ".join(str(number) for number in view.ids) if view.ids else ""
    return f"{' and '.join(channels)}{ids} (`{table}`)" if channels else f"`{table}`"


def _facts() -> Iterator[str]:
    """Every published sign with the rules that show it: a sign without one is seen, and says why."""
    yield "## Published signs and the rules that show them\n"
    own = load()
    plan = plans.compile_all(own, plans.Packs())
    logs, titles = _logs(plan), {rule.id: rule.title for rule in plan.rules}
    rules: dict[str, list[str]] = {name: [] for name in FACTS}
    for rule, names in library.shown(own).items():
        for name in names:
            rules[name].append(f"{titles[rule]} - {logs[rule]}")
    for section, title in SECTIONS.items():
        yield f"### {section} {title}\n"
        yield "| sign | | rules and where they look |"
        yield "|---|---|---|"
        for fact in FACTS.values():
            if fact.section == section:
                told = "<br>".join(_cell(text) for text in sorted(rules[fact.id])) or f"none: {fact.unseen}"
                yield f"| `{fact.id}` | {_cell(fact.sign)} | {told} |"
        yield ""


def _directives() -> Iterator[str]:
    yield "## Directives\n"
    for directive in load().directives:
        yield f"### `{directive.id}`: {directive.title}\n"
        yield "| question | mandatory | answered by |"
        yield "|---|---|---|"
        for question in directive.questions:
            ways = "; or ".join(" and ".join(f"`{n}`" for n in way.all_of) for way in question.answered_by)
            ways = ways or f"nothing: {_cell(question.no_source)}"
            yield f"| {_cell(question.asks)} | {'yes' if question.mandatory else 'no'} | {ways} |"
        yield ""
        yield "| requirement | of | due | binds where |"
        yield "|---|---|---|---|"
        for row in directive.requirements:
            due = f"{'before ' if row.before else ''}{row.due}" or "no time named"
            yield f"| `{row.id}` {_cell(row.title)} | {row.of} | {due} | {_where(row) or 'always'} |"
        yield ""
        yield from (f"Not known: {line}\n" for line in directive.not_known)


def _where(row: Requirement) -> str:
    return "; ".join(filter(None, (" or ".join(row.branches), " and ".join(f"`{c}`" for c in row.only_if))))


def _cell(text: str) -> str:
    return text.replace("|", "\\|").replace("\n", " ")


def problems() -> Iterator[str]:
    """Yield what is wrong with the docs."""
    if not REFERENCE.is_file() or REFERENCE.read_text() != reference():
        yield "docs/reference.md is out of date; run `make docs`"
    if not SCHEMA.is_file() or SCHEMA.read_bytes() != _schema():
        yield "docs/report.schema.json is out of date; run `make docs`"
    for page in PAGES:
        path = ROOT / page
        if not path.is_file():
            yield f"{page}: is missing"
            continue
        for link in re.findall(r"\]\(([^)#:]+)(?:#[^)]*)?\)", path.read_text()):
            if not (path.parent / link).exists():
                yield f"{page}: links to {link}, which is not there"


def _schema() -> bytes:
    return msgspec.json.format(msgspec.json.encode(report.schema(), order="sorted"), indent=2) + b"\n"


def main() -> int:
    """Write the reference, or check it."""
    if "--check" in sys.argv[1:]:
        found = list(problems())
        for line in found:
            sys.stdout.write(line + "\n")
        return 1 if found else 0
    REFERENCE.write_text(reference())
    SCHEMA.write_bytes(_schema())
    return 0


if __name__ == "__main__":
    sys.exit(main())
