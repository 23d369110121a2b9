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
AsJson = Annotated[bool, typer.Option("--json", help="Print JSON.")]
Raw = Annotated[bool, typer.Option("--raw", help="Cells exactly as they are, also those that look like formulas.")]
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
    runs: Annotated[list[str], typer.Argument(metavar="RUN...", help="Held runs; each is answered by itself.")],
    answers: Annotated[Path | None, typer.Option(metavar="FILE.yaml", help="Answer from a file.")] = None,
    accept_recommended: Annotated[
        bool, typer.Option("--accept-recommended", help="Go, with what is recommended.")
    ] = False,
    remember: Annotated[
        str, typer.Option(metavar="30d", help="Do the same without asking from now on, for so long.")
    ] = "",
    code: Annotated[
        str, typer.Option(metavar="DIGITS", help="With --answers at a signed gate: your authenticator's code.")
    ] = "",
) -> None:
    """Answer a held run's question, the same as its form in the Prefect UI, and carry it on.

    Of several runs each is answered by itself: one that cannot be answered keeps no other from its answer.
    """
    from flows.commands import decide_run
    from flows.inbox import each_apart

    each_apart(
        runs, lambda run: decide_run(run, accepts=accept_recommended, answers=answers, code=code, remember=remember)
    )


@app.command(rich_help_panel="Pilot a run")
def answers(run: RunName) -> None:
    """Print an answers file for what a run asks: every issue, its actions and what they would bring, as comments.

    Keep it (gonogo answers RUN > a.yaml), correct it, and answer with gonogo decide RUN --answers a.yaml.
    """
    from flows.commands import write_answers

    write_answers(run)


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


approvers = typer.Typer(help="The people who may answer: add, list, remove, enrol again, name in Slack.")
app.add_typer(approvers, name="approvers", rich_help_panel="Connect", no_args_is_help=True)

ApproverName = Annotated[str, typer.Argument(metavar="NAME", help="The short name that they answer by.")]


@approvers.command("add")
def approvers_add(
    name: ApproverName,
    full_name: Annotated[str, typer.Option(metavar="TEXT", help="As it is printed beside a signature.")] = "",
    role: Annotated[
        list[str] | None, typer.Option(metavar="ROLE", help="A role, as gates name it; can be given again.")
    ] = None,
    email: Annotated[str, typer.Option(metavar="ADDRESS", help="Their e-mail address.")] = "",
    slack: Annotated[str, typer.Option(metavar="ID", help="Their Slack member id, e.g. U024BE7LH.")] = "",
) -> None:
    """Make somebody an approver, and show the QR code that their authenticator app scans, this once."""
    from flows.approvers import add

    add(name, full_name=full_name, roles=role or [], email=email, slack=slack)


@approvers.command("list")
def approvers_list() -> None:
    """List the approvers: names, roles, when they were enrolled."""
    from flows.approvers import list_all

    list_all()


@approvers.command("remove")
def approvers_remove(name: ApproverName) -> None:
    """Let somebody answer no more; what they have signed stays."""
    from flows.approvers import remove

    remove(name)


@approvers.command("re-enrol")
def approvers_re_enrol(name: ApproverName) -> None:
    """Give an approver a new secret, e.g. for a new phone; the old one counts no more."""
    from flows.approvers import re_enrol

    re_enrol(name)


@approvers.command("slack")
def approvers_slack(
    name: ApproverName,
    member: Annotated[str, typer.Argument(metavar="ID", help="Their Slack member id; '' for none any more.")],
) -> None:
    """Say which Slack member an approver is; their authenticator stays as it is."""
    from flows.approvers import give_slack

    give_slack(name, member)


policies = typer.Typer(help="Standing decisions: what was to be remembered of answers, and is done without asking.")
app.add_typer(policies, name="policies", rich_help_panel="Pilot a run", no_args_is_help=True)

PolicyNumber = Annotated[int, typer.Argument(metavar="N", help="The policy's number.")]


@policies.command("list")
def policies_list(
    everything: Annotated[bool, typer.Option("--all", help="Those that ended or were revoked, too.")] = False,
) -> None:
    """List the standing decisions that hold."""
    from flows.policies import list_policies

    list_policies(everything=everything)


@policies.command("show")
def policies_show(
    number: PolicyNumber,
    personal: Annotated[bool, typer.Option("--personal", help="Tell personal data as it is.")] = False,
) -> None:
    """Tell one standing decision: what it does, within which band, and the case that it was made for."""
    from flows.policies import show_policy

    show_policy(number, personal=personal)


@policies.command("revoke")
def policies_revoke(
    number: PolicyNumber, comment: Annotated[str, typer.Option(help="Why; written into the ledger.")] = ""
) -> None:
    """Let a standing decision hold no more; the gate asks again."""
    from flows.policies import revoke_policy

    revoke_policy(number, comment)


ContractFile = Annotated[
    Path | None, typer.Option("--contract", metavar="P.yaml", help="Take the contract from this pipeline.")
]
GoalsFile = Annotated[Path | None, typer.Option("--goals", metavar="P.yaml", help="Take the goals from this pipeline.")]


@app.command(rich_help_panel="Pilot a run")
def jump(
    run: RunName,
    to: Annotated[
        str,
        typer.Option(
            help="'assess': look at the same table again; 'quality-2', 'source': at that one; 'load': go there."
        ),
    ] = "assess",
    contract: ContractFile = None,
    goals: GoalsFile = None,
    comment: Annotated[str, typer.Option(help="Why; written into the ledger.")] = "",
) -> None:
    """Let a held run go back to an earlier stage, or straight to the load.

    Decisions that were made later than where it goes back to do not stand any more; nothing is forgotten. With another
    contract or other goals the run looks at its table again and asks.
    """
    from flows.jump import jump as jump_to

    jump_to(run, to, contract, goals, comment)


@app.command(rich_help_panel="Pilot a run")
def branch(
    run: RunName,
    start: Annotated[
        str, typer.Option(help="From which table: 'source', 'quality-2', or 'assess': the last.")
    ] = "source",
    contract: ContractFile = None,
    goals: GoalsFile = None,
    name: Annotated[str | None, typer.Option(help="Call the what-if run this.")] = None,
) -> None:
    """Start a what-if run from any table of a run; it loads nothing but a file of its own.

    Whoever tries it answers it, standing decisions don't. Afterwards: gonogo compare.
    """
    from flows.jump import branch_off

    branch_off(run, start, contract, goals, name)


@app.command(rich_help_panel="Look")
def compare(run: RunName, other: RunName) -> None:
    """Put two runs side by side: outcome, rows, score, issues, what was changed, goals."""
    from flows.jump import compare as put_side_by_side

    put_side_by_side(run, other)


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
    raw: Raw = False,
) -> None:
    """Write the rows in quarantine as CSV, to be corrected: _row, reason, decision, the columns of the source.

    A cell that a spreadsheet would run as a formula gets an apostrophe before it, which 'return' takes away again.
    """
    from flows.quarantine import export_quarantine

    export_quarantine(run, file, malformed, raw=raw)


@quarantine.command("return")
def quarantine_return(
    run: RunName,
    file: Annotated[Path, typer.Argument(metavar="FILE.csv", help="The exported file with corrected rows.")],
    comment: Annotated[str, typer.Option(help="Why; written into the ledger.")] = "",
    raw: Annotated[bool, typer.Option("--raw", help="The file was exported with --raw.")] = False,
) -> None:
    """Bring corrected rows back, under the decisions that were made; into the destination, too, if it was loaded.

    Lines that are as they were stay in quarantine. When a row would break again, none comes back. Afterwards no
    decision of the run can be undone any more: gonogo undo comes first.
    """
    from flows.quarantine import return_rows

    return_rows(run, file, comment, raw=raw)


@app.command(rich_help_panel="Look")
def pending(as_json: AsJson = False) -> None:
    """List what waits for an answer: at which gate, how long, for whom, what it asks and what it blocks."""
    from flows.inbox import list_pending

    list_pending(as_json=as_json)


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
    raw: Raw = False,
    personal: Annotated[bool, typer.Option("--personal", help="Write personal data as it is, not as stars.")] = False,
) -> None:
    """Write the table of values that an action would replace, all of it: old,new,rows.

    Correct the file and name it in an answers file: lines left out stay as they are, changed targets are taken.
    """
    from flows.commands import write_map

    write_map(run, issue, option, out, raw=raw, personal=personal)


@app.command(rich_help_panel="Look")
def show(run: RunName = "latest") -> None:
    """Tell a run's story: stages, gates, decisions, changes, where the data is."""
    from flows.commands import show_run

    show_run(run)


@app.command(rich_help_panel="Look")
def history(
    pipeline: Annotated[
        str, typer.Argument(metavar="[PIPELINE]", help="Only runs of this pipeline.", show_default=False)
    ] = "",
    limit: Annotated[int, typer.Option(min=0, help="How many runs, the latest first; 0 for all.")] = 20,
    as_json: AsJson = False,
) -> None:
    """List past runs: rows, quality and issues before and after, decisions, who decided, what came of it."""
    from flows.history import list_history

    list_history(pipeline, limit, as_json=as_json)


@app.command(rich_help_panel="Start a run")
def suggest(
    data: Annotated[
        Path,
        typer.Argument(metavar="DATA", help="A file, a folder, a pattern such as 'in/*.csv', or a pipeline's YAML."),
    ],
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
    every: Annotated[bool, typer.Option("--all", help="Check every run there is.")] = False,
    head: Annotated[str | None, typer.Option(help="The ledger head that a report or notification printed.")] = None,
    as_json: AsJson = False,
) -> None:
    """Check a run: ledger, people, evidence, rows, files; compute every number again; read the destination back.

    Exit status 0 when everything holds, 1 when something does not (the first fault is named), 2 when nothing is
    wrong but not everything could be looked at, e.g. an unreachable destination.
    """
    from flows.proof import verify_runs

    verify_runs(run, head, every=every, as_json=as_json)


@app.command(rich_help_panel="Prove")
def trace(
    run: RunName = "latest",
    row: Annotated[int | None, typer.Option(metavar="N", help="The row: `_row`, as reports show it.")] = None,
    column: Annotated[str, typer.Option(metavar="C", help="One cell's story; else that of the whole row.")] = "",
    key: Annotated[str, typer.Option(metavar="C=VALUE", help="The row that has this value in this column.")] = "",
    as_json: AsJson = False,
) -> None:
    """Tell the story of a cell or row: where it came from, each change with its decision and person, where it went.

    Rows that were dropped, merged or put into quarantine have their story, too.
    """
    from flows.trace import trace_cell

    trace_cell(run, row, column, key, as_json=as_json)


@app.command(rich_help_panel="Prove")
def replay(run: RunName = "latest", as_json: AsJson = False) -> None:
    """Make every table of a run anew, from its source and its decisions, and compare them byte for byte.

    Nothing of the run is changed. Says the first difference; exit status 1 when there is one.
    """
    from flows.proof import replay_run

    replay_run(run, as_json=as_json)


@app.command(rich_help_panel="Prove")
def audit(
    run: RunName = "latest",
    pdf: Annotated[bool, typer.Option("--pdf", help="A PDF; this is the default.")] = False,
    html: Annotated[bool, typer.Option("--html", help="One self-contained page.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="JSON, for machines.")] = False,
    out: Annotated[Path | None, typer.Option(metavar="FILE", help="By default RUN-audit.pdf, .html or .json.")] = None,
) -> None:
    """Write what an auditor asks for into one file, and check the run while doing so.

    Verification, answers and decisions with their people, conservation of rows, changed cells, snapshots, receipts,
    reports, versions, and every ledger entry with its hash. The exit status is that of gonogo verify.
    """
    from flows.audit import write_audit

    write_audit(run, {"pdf": pdf, "html": html, "json": as_json}, out)


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
    raw: Raw = False,
) -> None:
    """Write a run's refined rows, flagged cells, changed cells and removed rows as CSV.

    A cell that a spreadsheet would run as a formula gets an apostrophe before it, unless you say --raw.
    """
    from flows.commands import export_run

    export_run(
        run,
        {"refined": refined, "findings": findings, "changes": changes, "rows": rows},
        escape_formulas=not raw,
    )


@app.command(rich_help_panel="Serve")
def check() -> None:
    """Look after all runs once: carry on those that lost their process, remind, ask second groups, see to deadlines.

    'gonogo up' does so every few seconds; without it let a scheduler run this.
    """
    from flows.commands import check_runs

    check_runs()


@app.command(rich_help_panel="Serve")
def up(
    pipelines: Annotated[Path, typer.Option(help="Folder of pipeline YAMLs to deploy.")] = Path(
        "deployments/pipelines"
    ),
    port: Annotated[int | None, typer.Option(help="Port of the Prefect server; 0: a free one.")] = None,
    slack_webhook: Annotated[
        str | None, typer.Option(envvar="GONOGO_SLACK_WEBHOOK", help="Send notifications to this Slack webhook.")
    ] = None,
    secure: Annotated[
        bool | None,
        typer.Option("--secure/--no-secure", help="Server and UI ask for a password; by default as last time."),
    ] = None,
) -> None:
    """Start everything local: Prefect server and UI, worker, report pages. Ctrl-C stops it all."""
    from flows.commands import start_all

    start_all(pipelines, port, slack_webhook, secure=secure)


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
    except Exception as error:
        if (why := server_away(error)) is None:
            raise
        typer.secho(f"gonogo: {why}", err=True, fg=typer.colors.RED)
        sys.exit(2)


def server_away(error: Exception) -> str | None:
    """What a Prefect server that is away or overloaded means; None of another error."""
    import sys

    httpx = sys.modules.get("httpx")  # nobody who has not asked the server has loaded it
    if httpx is None or not isinstance(error, httpx.HTTPError):
        return None
    status = (
        f"it said {error.response.status_code}" if isinstance(error, httpx.HTTPStatusError) else type(error).__name__
    )
    return (
        f"the Prefect server did not answer as it should ({status}); nothing is lost: try again, or gonogo resume RUN"
    )


if __name__ == "__main__":
    main()
