"""The gonogo command: every verb a pilot needs, each a thin call; heavy imports wait until they are needed."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

app = typer.Typer(
    name="gonogo",
    help="An ETL that a person pilots: measured quality, recommended remedies, and a go or no-go at every stage.",
    no_args_is_help=True,
    rich_markup_mode="rich",
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)

PlaceKind = Annotated[str, typer.Argument(metavar="[KIND]", help="One kind, with its settings.", show_default=False)]
RunName = Annotated[str, typer.Argument(metavar="RUN", help="A run's name, the start of its id, or 'latest'.")]


@app.command(rich_help_panel="Pilot a run")
def run(
    pipeline: Annotated[
        Path, typer.Argument(metavar="PIPELINE.yaml|DATA", help="A pipeline, or a data file, folder or glob.")
    ],
    accept_recommended: Annotated[
        bool, typer.Option("--accept-recommended", help="Answer every gate with go and what is recommended.")
    ] = False,
    answers: Annotated[Path | None, typer.Option(metavar="FILE.yaml", help="Answer the gates from a file.")] = None,
    name: Annotated[str | None, typer.Option(help="Call the run this.")] = None,
) -> None:
    """Take data from its source to its destination, stopping at every gate.

    At a terminal each gate shows its evidence and asks; the same gate can be answered in the Prefect UI,
    whichever comes first. Without a terminal and without answers the run is left held at its first gate.
    """
    from flows.commands import run_pipeline

    run_pipeline(pipeline, accepts=accept_recommended, answers=answers, name=name)


@app.command(rich_help_panel="Pilot a run")
def decide(
    run: RunName,
    answers: Annotated[Path | None, typer.Option(metavar="FILE.yaml", help="Answer from a file.")] = None,
    accept_recommended: Annotated[
        bool, typer.Option("--accept-recommended", help="Go, with what is recommended.")
    ] = False,
) -> None:
    """Answer a held run's question, the same as its form in the Prefect UI, and carry it on."""
    from flows.commands import decide_run

    decide_run(run, accepts=accept_recommended, answers=answers)


@app.command(rich_help_panel="Pilot a run")
def resume(
    run: RunName,
    answers: Annotated[Path | None, typer.Option(metavar="FILE.yaml", help="Answer the gates from a file.")] = None,
    accept_recommended: Annotated[
        bool, typer.Option("--accept-recommended", help="Go, with what is recommended.")
    ] = False,
) -> None:
    """Carry on a run whose process died or that failed; nothing is asked or loaded twice."""
    from flows.commands import resume_run

    resume_run(run, accepts=accept_recommended, answers=answers)


@app.command(rich_help_panel="Pilot a run")
def hold(run: RunName, comment: Annotated[str, typer.Option(help="Why; shown where the run is held.")] = "") -> None:
    """Hold a run before its next stage."""
    from flows.commands import request

    request(run, "hold", comment)


@app.command(rich_help_panel="Pilot a run")
def stop(run: RunName, comment: Annotated[str, typer.Option(help="Why; written into the ledger.")] = "") -> None:
    """Stop a run for good: at once when it is held, otherwise before its next stage. Nothing is loaded."""
    from flows.commands import request

    request(run, "stop", comment)


quarantine = typer.Typer(help="Rows that decisions took out: list them, write them out, bring them back corrected.")
app.add_typer(quarantine, name="quarantine", rich_help_panel="Pilot a run", no_args_is_help=True)


@quarantine.command("list")
def quarantine_list(run: RunName = "latest") -> None:
    """List what is in quarantine: the reasons, the decisions, how many rows; and malformed records of the source."""
    from flows.quarantine import list_quarantine

    list_quarantine(run)


@quarantine.command("export")
def quarantine_export(
    run: RunName,
    file: Annotated[Path, typer.Argument(metavar="FILE.csv", help="Where the rows are written.")],
    malformed: Annotated[
        Path | None, typer.Option(metavar="F.csv", help="Malformed records: origin,line,reason,text.")
    ] = None,
) -> None:
    """Write the rows in quarantine as CSV, to be corrected: _row, reason, decision, the columns of the source."""
    from flows.quarantine import export_quarantine

    export_quarantine(run, file, malformed)


@quarantine.command("return")
def quarantine_return(
    run: RunName,
    file: Annotated[Path, typer.Argument(metavar="FILE.csv", help="The exported file with corrected rows.")],
    comment: Annotated[str, typer.Option(help="Why; written into the ledger.")] = "",
) -> None:
    """Bring corrected rows back, under the decisions that were made; into the destination, too, if it was loaded.

    Lines that are as they were stay in quarantine. When a row would break again, none comes back.
    """
    from flows.quarantine import return_rows

    return_rows(run, file, comment)


@app.command(rich_help_panel="Look")
def pending() -> None:
    """List the runs that wait for an answer."""
    from flows.commands import list_pending

    list_pending()


@app.command(rich_help_panel="Pilot a run")
def undo(
    run: RunName,
    decision: Annotated[int, typer.Option(metavar="N", help="The decision's number; see gonogo show.")],
    keep: Annotated[bool, typer.Option("--keep", help="Carry out later decisions in doubt all the same.")] = False,
    drop: Annotated[bool, typer.Option("--drop", help="Let later decisions in doubt go, too.")] = False,
    comment: Annotated[str, typer.Option(help="Why; written into the ledger.")] = "",
) -> None:
    """Take one decision back: the table is made anew without it, later decisions are carried out again.

    A later decision whose issue now selects other cells is in doubt: you are asked about it, or say --keep or --drop.
    A run that waits looks at the new table and asks again. What was loaded is taken back with gonogo unload.
    """
    from flows.revise import undo_decision

    undo_decision(run, decision, keep=keep, drop=drop, comment=comment)


@app.command(rich_help_panel="Pilot a run")
def unload(run: RunName, comment: Annotated[str, typer.Option(help="Why; written into the ledger.")] = "") -> None:
    """Take a run's last load back: its rows leave the destination, those that it replaced come back.

    Refused when the rows were changed since, or when another run has replaced what is kept of the time before.
    """
    from flows.revise import unload_run

    unload_run(run, comment=comment)


@app.command("map", rich_help_panel="Pilot a run")
def map_(
    run: RunName,
    issue: Annotated[str, typer.Argument(metavar="ISSUE", help="An issue's id, as the gate and the report name it.")],
    option: Annotated[str, typer.Option(metavar="KEY", help="Which action; by default the recommended one.")] = "",
    out: Annotated[Path | None, typer.Option(metavar="F.csv", help="Write to this file.")] = None,
) -> None:
    """Write the table of values that an action would replace, all of it: old,new,rows.

    Correct the file and name it in an answers file: lines left out stay as they are, changed targets are taken.
    """
    from flows.commands import write_map

    write_map(run, issue, option, out)


@app.command(rich_help_panel="Look")
def show(run: RunName = "latest") -> None:
    """Tell a run's story: stages, gates, decisions, changes, where the data is."""
    from flows.commands import show_run

    show_run(run)


@app.command(rich_help_panel="Look")
def runs() -> None:
    """List all runs."""
    from flows.commands import list_runs

    list_runs()


@app.command(rich_help_panel="Start a run")
def suggest(
    data: Annotated[Path, typer.Argument(metavar="DATA", help="A file, a folder, or a pattern such as 'in/*.csv'.")],
    out: Annotated[Path | None, typer.Option(metavar="F.yaml", help="Write to this file; by default print it.")] = None,
) -> None:
    """Suggest a pipeline for a source: a commented YAML with the contract that the data itself keeps."""
    from flows.commands import suggest_pipeline

    suggest_pipeline(data, out)


@app.command(rich_help_panel="Look")
def kinds(
    name: Annotated[str, typer.Argument(metavar="[NAME]", help="One kind or module.", show_default=False)] = "",
    html: Annotated[Path | None, typer.Option(metavar="F.html", help="Write a page.")] = None,
    markdown: Annotated[Path | None, typer.Option(metavar="F.md", help="Write Markdown.")] = None,
) -> None:
    """List every kind of issue: its module, what it finds, its settings and their defaults, the remedies."""
    from flows.commands import list_kinds

    list_kinds(name, html, markdown)


@app.command(rich_help_panel="Connect")
def sources(
    kind: Annotated[
        str, typer.Argument(metavar="[KIND]", help="One kind, with all settings.", show_default=False)
    ] = "",
) -> None:
    """List what data can come from, each with an example."""
    from flows.connections import list_places

    list_places("sources", kind)


@app.command(rich_help_panel="Connect")
def destinations(
    kind: Annotated[
        str, typer.Argument(metavar="[KIND]", help="One kind, with all settings.", show_default=False)
    ] = "",
) -> None:
    """List what data can go to, each with an example."""
    from flows.connections import list_places

    list_places("destinations", kind)


@app.command("test-connection", rich_help_panel="Connect")
def test_connection(
    target: Annotated[str, typer.Argument(metavar="BLOCK|PIPELINE.yaml", help="A saved block's name, or a pipeline.")],
) -> None:
    """Try a saved connection, or those of a pipeline, and say what works and what doesn't; nothing is changed.

    Exit status 1 when something doesn't work.
    """
    from flows.connections import try_connection

    try_connection(target)


@app.command(rich_help_panel="Prove")
def verify(
    run: RunName = "latest",
    head: Annotated[str | None, typer.Option(help="The ledger head that a report or notification printed.")] = None,
) -> None:
    """Check a run: ledger chain, decisions, conservation of rows, fingerprints, and every issue's count.

    Exit status 1 when a check fails.
    """
    from flows.commands import verify_run

    verify_run(run, head)


@app.command(rich_help_panel="Prove")
def export(
    run: RunName,
    refined: Annotated[Path | None, typer.Option(metavar="F.csv", help="Refined rows, with `_row`.")] = None,
    findings: Annotated[
        Path | None, typer.Option(metavar="F.csv", help="Flagged cells: row,column,kind,value.")
    ] = None,
    changes: Annotated[
        Path | None, typer.Option(metavar="F.csv", help="Changed cells: row,column,before,after,decision.")
    ] = None,
    rows: Annotated[
        Path | None, typer.Option(metavar="F.csv", help="Rows that left: row,disposition,into,reason,decision.")
    ] = None,
    escape_formulas: Annotated[
        bool, typer.Option("--escape-formulas", help="Prefix cells that a spreadsheet would run as a formula.")
    ] = False,
) -> None:
    """Write a run's refined rows, flagged cells, changed cells and removed rows as CSV."""
    from flows.commands import export_run

    export_run(
        run,
        {"refined": refined, "findings": findings, "changes": changes, "rows": rows},
        escape_formulas=escape_formulas,
    )


@app.command(rich_help_panel="Serve")
def up(
    pipelines: Annotated[Path, typer.Option(help="Folder of pipeline YAMLs to deploy.")] = Path(
        "deployments/pipelines"
    ),
    port: Annotated[int | None, typer.Option(help="Port of the Prefect server; by default 4200 or a free one.")] = None,
    slack_webhook: Annotated[
        str | None, typer.Option(envvar="GONOGO_SLACK_WEBHOOK", help="Send notifications to this Slack webhook.")
    ] = None,
) -> None:
    """Start everything local: Prefect server and UI, worker, report pages. Ctrl-C stops it all."""
    from flows.commands import start_all

    start_all(pipelines, port, slack_webhook)


@app.callback(invoke_without_command=True)
def _options(
    version: Annotated[bool, typer.Option("--version", help="Print the version and exit.", is_eager=True)] = False,
) -> None:
    if version:
        from importlib.metadata import version as installed

        typer.echo(f"gonogo {installed('gonogo')}")
        raise typer.Exit


def main() -> None:
    """Run the command; an error that gonogo raises on purpose is one clear line and exit status 2."""
    import sys

    from tasks.quality.errors import GonogoError

    try:
        app()
    except GonogoError as error:
        from tasks.quality.secrets import mask

        typer.secho(f"gonogo: {mask(error.message)}", err=True, fg=typer.colors.RED)
        sys.exit(2)


if __name__ == "__main__":
    main()
