"""The command line: words in, exit code out. What a command needs is imported when it is called, so that
`--help` stays instant."""

import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from postvakt import __version__
from postvakt.commands import completing
from postvakt.errors import PostvaktError, UsageError

if TYPE_CHECKING:
    from postvakt.model.report import Report

EXIT_BUG = 70
EXIT_INTERRUPTED = 130
EXIT_OF_OUTCOME = (
    (1, ("compromised",)),
    (3, ("inconclusive", "not-examined")),
    (7, ("attempted",)),
)
"""Exit codes of `triage`, the first that holds of any host; 0 where every host is clear or clear-since."""

PERFORM = "postvakt.commands.work:perform"
"""What workers run; they are started before it is imported here."""

app = typer.Typer(
    name="postvakt",
    help="Answers an emergency directive about on-premises Exchange servers from collected evidence, offline.",
    no_args_is_help=True,
    add_completion=True,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
)
content_app = typer.Typer(
    help="Check, list and show what is asked.", no_args_is_help=True, rich_markup_mode=None
)
app.add_typer(content_app, name="content")

CaseArgument = Annotated[Path, typer.Argument(help="A case folder.", metavar="CASE")]
CaseOption = Annotated[Path, typer.Option("--case", help="The case folder; made where it is not there.")]
Rules = Annotated[list[str], typer.Option("--rules", help="A folder of Sigma rules to ask as well.")]
Yara = Annotated[list[str], typer.Option("--yara", help="A folder of YARA rules to scan with as well.")]
Indicators = Annotated[
    list[str],
    typer.Option("--indicators", help="A STIX 2.1 bundle, or a folder of them, to look for as well."),
]
Jobs = Annotated[int, typer.Option("--jobs", min=0, help="Worker processes; 0 means one for each core.")]
Engine = Annotated[str, typer.Option("--engine", help="Where the work runs.")]
Quiet = Annotated[bool, typer.Option("--quiet", help="No progress and no summary.")]
FORMS = "html, json, md, csv, workbook, incident, attestation, oscal, stix, navigator or timeline."
Log = Annotated[str, typer.Option("--log", help="How progress is told: text or json (JSON lines).")]


@app.callback(invoke_without_command=True)
def root(
    version: Annotated[bool, typer.Option("--version", help="Show the version and stop.")] = False,
) -> None:
    """Answers an emergency directive about on-premises Exchange servers from collected evidence, offline."""
    if version:
        typer.echo(f"postvakt {__version__}")
        raise typer.Exit


@app.command()
def triage(
    evidence: Annotated[list[str], typer.Argument(help="Folders, archives or files that were collected.")],
    case: CaseOption,
    directive: Annotated[
        str,
        typer.Option("--directive", help="The directive to answer.", autocompletion=completing.directives),
    ] = "ed-21-02",
    host: Annotated[
        str | None, typer.Option("--host", help="The server's name, where you know better.")
    ] = None,
    rules: Rules = [],  # noqa: B006  (typer's own form; never changed)
    yara: Yara = [],  # noqa: B006
    indicators: Indicators = [],  # noqa: B006
    baseline: Annotated[
        str | None, typer.Option("--baseline", help="A folder of CSV lists of the product's files.")
    ] = None,
    since: Annotated[str | None, typer.Option("--since", help="Start of the window (ISO 8601, UTC).")] = None,
    until: Annotated[str | None, typer.Option("--until", help="End of the window (ISO 8601, UTC).")] = None,
    jobs: Jobs = 0,
    engine: Engine = "embedded",
    quiet: Quiet = False,
    log: Log = "text",
) -> None:
    """Read what was collected and tell, for each server, whether it was attacked and what could not be seen.

    Exit code: 1 a server is compromised, 3 one is inconclusive or not examined, 7 one was attempted,
    0 all are clear or clear since a time.
    """
    from postvakt import engines

    # Before the imports below: workers import as much, at the same time.
    engines.get_ready(engine, PERFORM, jobs=_jobs(jobs))
    from postvakt.commands import triage as command

    request = command.Request(
        evidence=tuple(evidence),
        case=str(case),
        started=_now(),
        directive=directive,
        host=host,
        rules=tuple(rules),
        yara=tuple(yara),
        indicators=tuple(indicators),
        baseline=baseline,
        since=since,
        until=until,
        jobs=_jobs(jobs),
        engine=engine,
    )
    report = command.triage(request, _watch(quiet, log))
    _tell(report, case, quiet)
    raise typer.Exit(exit_code(report))


@app.command()
def reask(
    case: CaseArgument,
    rules: Rules = [],  # noqa: B006
    yara: Yara = [],  # noqa: B006
    indicators: Indicators = [],  # noqa: B006
    jobs: Jobs = 0,
    engine: Engine = "embedded",
    quiet: Quiet = False,
    log: Log = "text",
) -> None:
    """Ask a case again, with today's content and more rules or indicators, without reading evidence again; tell
    what that changed."""
    from postvakt.commands import reports
    from postvakt.commands import triage as command
    from postvakt.commands.plans import Packs
    from postvakt.reason.differing import differences
    from postvakt.report import changes

    packs = Packs(tuple(rules), tuple(yara), tuple(indicators))
    before = reports.load(case)
    report = command.reask(case, packs, _watch(quiet, log), jobs=_jobs(jobs), engine_name=engine)
    _tell(report, case, quiet)
    if not quiet:
        typer.echo("\nSince it was asked before:")
        for line in changes.lines(differences(before, report)):
            typer.echo(line)
    raise typer.Exit(exit_code(report))


@app.command()
def report(
    case: CaseArgument,
    form: Annotated[
        str,
        typer.Option(
            "--format",
            help=FORMS,
            autocompletion=completing.of(*FORMS.rstrip(".").replace(" or ", ", ").split(", ")),
        ),
    ] = "html",
    template: Annotated[
        Path | None, typer.Option("--template", help="A reporting workbook to fill; with --format workbook.")
    ] = None,
    output: Annotated[
        Path | None, typer.Option("--output", "-o", help="A file; standard output without.")
    ] = None,
    fail: Annotated[bool, typer.Option("--fail", help="Exit with triage's code for the verdicts.")] = False,
) -> None:
    """Write the report of a case."""
    from postvakt.commands import reports

    if template is None:
        made, content = reports.render(case, form)
        parts, left = [content], []
    else:
        made, filled = reports.fill(case, form, template)
        parts, left = [one.content for one in filled], [line for one in filled for line in one.open]
    if output is None and len(parts) > 1:
        raise UsageError(f"{len(parts)} workbooks are needed for all servers; name the first one with -o")
    for number, content in enumerate(parts, start=1):
        if output is None:
            sys.stdout.buffer.write(content)
            sys.stdout.flush()
        else:
            reports.save(reports.beside(output, number), content)
    for line in left:
        typer.echo(f"open: {line}", err=True)
    if fail:
        raise typer.Exit(exit_code(made))


@app.command()
def status(
    cases: Annotated[list[Path], typer.Argument(help="Case folders.", metavar="CASE...")],
    at: Annotated[
        str | None, typer.Option("--at", help="A time (ISO 8601, UTC without a zone); now without.")
    ] = None,
    form: Annotated[str, typer.Option("--format", help="text, json or html.")] = "text",
) -> None:
    """Show what each requirement still wants of each server: time left or late, and what stands in its way."""
    from postvakt.commands import status as command

    sys.stdout.buffer.write(command.status(cases, at=at or _now(), form=form))
    sys.stdout.flush()


@app.command()
def diff(
    before: Annotated[Path, typer.Argument(help="A case folder.", metavar="CASE")],
    after: Annotated[Path, typer.Argument(help="Another one, or the same at a later time.", metavar="CASE")],
    form: Annotated[str, typer.Option("--format", help="text or json.")] = "text",
) -> None:
    """Tell what changed from one case to another, and why: verdicts, findings, answers, gaps."""
    from postvakt.commands import diff as command

    sys.stdout.buffer.write(command.diff(before, after, form))
    sys.stdout.flush()


@app.command()
def inventory(
    case: CaseOption,
    sources: Annotated[
        list[str] | None,
        typer.Argument(
            help="Exports of Active Directory, files of HealthChecker, XML of Nmap, certificates, logs, evidence; "
            "without any, what the case holds.",
            metavar="SOURCE...",
        ),
    ] = None,
    form: Annotated[str, typer.Option("--format", help="text, json or csv.")] = "text",
    jobs: Jobs = 0,
    quiet: Quiet = False,
    log: Log = "text",
) -> None:
    """List the Exchange servers that sources name, handed in or not; nothing is asked of any network."""
    from postvakt.commands import inventory as command

    content = command.inventory(
        sources or (), case, form=form, started=_now(), jobs=_jobs(jobs), watch=_watch(quiet, log)
    )
    sys.stdout.buffer.write(content)
    sys.stdout.flush()


@app.command()
def plan(
    collector: Annotated[str, typer.Option("--collector", help="kape, velociraptor, acquire or powershell.")],
    directive: Annotated[
        str, typer.Option("--directive", help="The directive to answer; that of the case where one is given.")
    ] = "",
    case: Annotated[
        Path | None, typer.Option("--case", help="A case whose gaps to close; any server without.")
    ] = None,
    host: Annotated[str | None, typer.Option("--host", help="One host of the case.")] = None,
    output: Annotated[
        Path | None,
        typer.Option("--output", "-o", help="A file, or a folder for several; standard output without."),
    ] = None,
) -> None:
    """Write a collector's own input that closes the gaps of a case or meets a directive."""
    from postvakt.commands import plan as command
    from postvakt.commands import reports

    apart = output is not None and (output.is_dir() or not output.suffix)
    made = command.plan(collector, directive=directive, case=case, host=host, apart=apart)
    for name, content in made.files.items():
        if output is None:
            sys.stdout.buffer.write(content)
            sys.stdout.flush()
        else:
            reports.save(output / name if name else output, content)
    for line in made.lines:
        typer.echo(line, err=True)


@app.command()
def explain(
    case: CaseArgument,
    finding: Annotated[str, typer.Argument(help="A finding's id, as the report shows it.")],
) -> None:
    """Open a finding at its evidence: what matched, why, and the raw record with its surroundings."""
    from postvakt.commands import explain as command

    for line in command.explain(case, finding):
        typer.echo(line)


@app.command()
def acknowledge(
    case: CaseArgument,
    finding: Annotated[str, typer.Argument(help="A finding's id.")],
    by: Annotated[str, typer.Option("--by", help="Who says so.")],
    reason: Annotated[str, typer.Option("--reason", help="Why it is no sign of an attack.")],
) -> None:
    """Put a finding aside with a name and a reason; it stays visible and no longer decides."""
    from postvakt.commands import acknowledge as command

    typer.echo(command.acknowledge(case, finding, by=by, reason=reason, at=_now()))


@app.command()
def query(
    case: CaseArgument,
    question: Annotated[
        str,
        typer.Argument(
            help="A question in SQL, over the tables of the case.",
            metavar="[SQL]",
            autocompletion=completing.sql,
        ),
    ] = "",
    form: Annotated[
        str,
        typer.Option(
            "--format",
            help="table, csv, json or parquet.",
            autocompletion=completing.of("table", "csv", "json", "parquet"),
        ),
    ] = "table",
    hunt: Annotated[
        str,
        typer.Option(
            "--hunt", help="A saved question; `content list` names them.", autocompletion=completing.hunts
        ),
    ] = "",
) -> None:
    """Ask the tables of a case in SQL, or a saved question. `select * from tables` lists tables and views."""
    from postvakt.commands import query as command

    if bool(question) == bool(hunt):
        raise UsageError("say one question: in SQL, or --hunt NAME")
    content = command.hunt(case, hunt, form) if hunt else command.query(case, question, form)
    sys.stdout.buffer.write(content)
    sys.stdout.flush()


@app.command()
def verify(case: CaseArgument) -> None:
    """Hash the evidence again and compare it with what was taken in."""
    from postvakt.commands import verify as command

    found = command.verify(case)
    for line in found.lines:
        typer.echo(line)
    if not found.same:
        raise typer.Exit(4)


@content_app.command("check")
def content_check(
    rules: Rules = [],  # noqa: B006
    yara: Yara = [],  # noqa: B006
    indicators: Indicators = [],  # noqa: B006
) -> None:
    """Check our content, and packs of rules, as a whole: what is wrong, and what cannot be asked."""
    from postvakt.commands import contents
    from postvakt.commands.plans import Packs

    checked = contents.check(Packs(tuple(rules), tuple(yara), tuple(indicators)))
    for line in checked.lines:
        typer.echo(line)
    if checked.faults:
        raise typer.Exit(5)


@content_app.command("list")
def content_list() -> None:
    """List the rules, directives and chains that come with Postvakt."""
    from postvakt.commands import contents

    for line in contents.listing():
        typer.echo(line)


@content_app.command("show")
def content_show(
    name: Annotated[str, typer.Argument(help="A rule's id or folder, or a directive's id.")],
) -> None:
    """Show one rule or directive as it is asked."""
    from postvakt.commands import contents

    typer.echo(contents.show(name))


@app.command()
def estate(
    output: Annotated[Path, typer.Option("--output", "-o", help="A new folder.")],
    hosts: Annotated[int, typer.Option("--hosts", min=1, max=10_000, help="How many servers.")] = 4,
    seed: Annotated[int, typer.Option("--seed", help="The same seed gives the same bytes.")] = 1,
    days: Annotated[int, typer.Option("--days", min=1, max=400, help="Days of logs.")] = 10,
    memory: Annotated[bool, typer.Option("--memory", help="Each server's memory as an image, too.")] = False,
) -> None:
    """Write labelled synthetic servers in real file formats, with the truth beside them."""
    from postvakt.commands import estates

    for line in estates.write(output, hosts=hosts, seed=seed, days=days, memory=memory):
        typer.echo(line)


@app.command()
def demo(
    output: Annotated[Path, typer.Option("--output", "-o", help="A folder for the demo.")] = Path("demo"),
    jobs: Jobs = 0,
) -> None:
    """Make a small estate, triage it, and print each verdict beside its truth."""
    from postvakt.commands import demo as command

    shown = command.demo(output, started=_now(), jobs=_jobs(jobs), watch=_watch(False, "text"))
    for line in shown.lines:
        typer.echo(line)
    if not shown.right:
        raise typer.Exit(1)


def exit_code(report: "Report") -> int:
    """Return the exit code that the verdicts of a report demand."""
    outcomes = {host.verdict.outcome for host in report.hosts}
    if not outcomes:
        return 3
    return next((code for code, named in EXIT_OF_OUTCOME if outcomes.intersection(named)), 0)


def main() -> None:
    """Run the command line and leave with its exit code."""
    try:
        app()
    except PostvaktError as why:
        typer.echo(f"postvakt: {why}", err=True)
        sys.exit(why.exit_code)
    except KeyboardInterrupt:
        typer.echo("postvakt: stopped; the same command goes on where it was", err=True)
        sys.exit(EXIT_INTERRUPTED)
    except BrokenPipeError:
        sys.stderr.close()
        sys.exit(0)


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="seconds").replace("+00:00", "Z")


def _jobs(given: int) -> int:
    import os

    return given or os.cpu_count() or 1


def _watch(quiet: bool, log: str) -> Any:
    from postvakt import engines

    if log not in ("text", "json"):
        raise UsageError(f"--log {log}: choose text or json")
    return engines.watch(quiet=quiet, log=log)


def _tell(report: "Report", case: Path, quiet: bool) -> None:
    if quiet:
        return
    from postvakt.report import console

    typer.echo(console.render(report, where=str(case / "report" / "report.html")))


if __name__ == "__main__":
    main()
