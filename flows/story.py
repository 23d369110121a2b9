"""A run's story at the terminal: how it ended, what was decided, what changed, and where everything is."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any

from rich.console import Console
from rich.markup import escape
from rich.padding import Padding
from rich.panel import Panel
from rich.table import Table

from flows.home import Home
from tasks.quality.chronicle import TAKEN_BACK, outcome_of
from tasks.quality.errors import Unavailable
from tasks.quality.history import History, deliveries, returned_unmeasured
from tasks.quality.ledger import Entry
from tasks.quality.wording import plural, score_text
from tasks.reports.records import landed
from tasks.run import Run, recall_run

if TYPE_CHECKING:
    from prefect.client.schemas.objects import FlowRun

    from tasks.quality.guide import Entry as GuideEntry

_DONE = {
    "loaded": "[green]loaded[/]",
    TAKEN_BACK: "[yellow]loaded, and taken back[/]",
    "no-go": "[red]no-go, nothing was loaded[/]",
    "nothing new": "nothing new",
}


def conclude(console: Console, home: Home, run: FlowRun) -> None:
    """Say how a run ended, or what it waits for and how to answer."""
    from flows.drive import held, question_of

    if held(run):
        asked = question_of(home, run)
        console.print(f"\n[yellow]{escape(run.name)} is held.[/] {escape(asked.title)}", soft_wrap=True)
        console.print(escape(asked.summary), soft_wrap=True)
        if asked.report_url:
            console.print(f"Report: {escape(asked.report_url)}", soft_wrap=True)
        console.print(
            f"Answer with [bold]gonogo decide {escape(run.name)}[/], or in the Prefect UI: [bold]gonogo up[/]"
        )
        console.print(f"All there is to choose, as a file: [bold]gonogo answers {escape(run.name)} > FILE.yaml[/]")
    elif run.state and run.state.is_completed():
        tell_story(console, home, str(run.id))
    else:
        why = run.state.message if run.state else ""
        console.print(f"\n[red]{escape(run.name)}: {run.state_name}.[/] {escape(why or '')}", soft_wrap=True)
        console.print(f"Nothing is lost; when the cause is mended: [bold]gonogo resume {escape(run.name)}[/]")
        console.print("It goes on with the pipeline as it was read; what you change in the YAML holds for a new run.")


def tell_story(console: Console, home: Home, run_id: str) -> None:
    """Everything about a run that fits a screen, from its ledger."""
    run = recall_run(str(home.staging), run_id)
    with run.open_ledger() as ledger:
        entries = ledger.entries(run.id)
    by_kind: dict[str, list[Entry]] = {}
    for entry in entries:
        by_kind.setdefault(entry.kind, []).append(entry)
    console.print()
    console.print(
        Panel("\n".join(_summary(run, entries, by_kind)), title=f"[bold]{escape(run.name)}", title_align="left")
    )
    if decisions := by_kind.get("decision"):
        console.print(_decisions(decisions, run.history(), by_kind))
    for line in _places(run, entries):
        console.print(line, soft_wrap=True)


def tell_kinds(console: Console, name: str) -> None:
    """Every kind of issue with its settings, and every remedy with its parameters; or one kind or module."""
    from tasks.quality.guide import guide

    for module in guide(name):
        console.print(f"\n[bold]{escape(module.title)}[/]  [dim]{escape(module.doc)}[/]")
        for told in module.kinds:
            kind = told.kind
            console.print(f"\n  [bold cyan]{kind.name}[/]  {escape(kind.title)} [dim]({kind.dimension.value})[/]")
            console.print(Padding(escape(kind.doc), (0, 0, 0, 4)))
            _entries(console, told.settings, 4)
        if module.remedies:
            console.print("\n  [bold]Remedies[/]")
        for cure in module.remedies:
            doc = f"{cure.remedy.doc} {cure.about}".strip()
            console.print(Padding(f"[green]{cure.remedy.name}[/]  {escape(doc)}", (0, 0, 0, 4)))
            _entries(console, cure.parameters, 6)


def _entries(console: Console, entries: Sequence[GuideEntry], indent: int) -> None:
    for entry in entries:
        value = f" = {escape(entry.default)}" if entry.default else " [yellow](required)[/]"
        told = f"{entry.name}{value}  [dim]{escape(entry.takes)}[/]  {escape(entry.doc)}"
        console.print(Padding(told, (0, 0, 0, indent)))


def _summary(run: Run, entries: Sequence[Entry], by_kind: dict[str, list[Entry]]) -> Iterator[str]:
    outcome, note = outcome_of(entries)
    yield f"{escape(run.source)}  →  {_DONE.get(outcome) or f'[yellow]{escape(outcome)}[/]'}"
    if note and outcome != TAKEN_BACK:  # that is told of every load that was
        yield escape(note)
    scores = [e.payload["score"] for e in by_kind.get("stage", []) if e.payload["stage"] == "assess"]
    if scores:
        yield f"quality score   {score_text(scores[0])} → [bold]{score_text(scores[-1])}[/]"
    stands = run.history()
    gone = stands.gone
    read = next((e.payload for e in by_kind.get("stage", []) if e.payload["stage"] == "extract"), None)
    if read and "rows_staged" in read:  # without, there was nothing new
        left = read["rows_staged"] - sum(gone.values())
        parts = {"refined": left, **gone, "malformed": read["quarantined"]}
        told = " + ".join(f"{n:,} {name}" for name, n in parts.items() if n or name == "refined")
        yield f"rows            {read['rows_read']:,} read = {told}"
    if stands.rows_returned:
        yield f"came back       {plural(stands.rows_returned, 'row')} from quarantine"
    yield f"cells changed   {sum(made['cells_changed'] for made in stands.changes):,}"
    yield from (f"goal            {escape(sentence)}" for sentence in _goals(run))
    if _goals(run) and (back := returned_unmeasured(entries)):
        yield f"                measured before {plural(back, 'row')} came back, and not since"
    for load in deliveries(entries):
        receipt = landed(run.committed(load.receipt))
        yield f"loaded          {plural(receipt.rows_written, 'row')} in {escape(str(load.receipt['destination']))}"
        yield from (f"{name:<15} {escape(value)}" for name, value in receipt.facts if name != "fingerprint")
    for taken in by_kind.get("unloaded", []):
        removed, restored = (taken.payload[name] for name in ("rows_removed", "rows_restored"))
        told = f"{plural(removed, 'row')}, {plural(restored, 'former one is', 'former ones are')} back"
        comment = f": {taken.payload['comment']}" if taken.payload["comment"] else ""
        yield f"taken back      {told}; by {escape(taken.actor + comment)}"


def _goals(run: Run) -> list[str]:
    from tasks.insights.compare import Comparison

    try:
        return [goal.sentence for goal in run.recall_all(Comparison, "goals")]
    except Unavailable:
        return []


def _decisions(decisions: Sequence[Entry], stands: History, by_kind: dict[str, list[Entry]]) -> Table:
    changes: dict[int, Any] = {made["decision"]: made for made in stands.changes}
    failed = {e.payload["decision"]: e.payload["reason"] for e in by_kind.get("failed", [])}
    table = Table(box=None, header_style="dim", pad_edge=False)
    for heading, justify in (
        ("decision", "right"),
        ("issue", "left"),
        ("action", "left"),
        ("by", "left"),
        ("effect", "left"),
    ):
        table.add_column(heading, justify=justify)  # type: ignore[arg-type]
    for entry in decisions:
        said, number = entry.payload, entry.payload["number"]
        effect = f"[red]{escape(failed.get(number, 'not yet'))}[/]"
        if number in stands.undone:
            effect = f"[yellow]{escape(stands.undone[number])}[/]"
        elif number in changes:
            effect = _effect(changes[number])
        table.add_row(str(number), escape(said["issue"]), escape(said["label"]), escape(entry.actor), effect)
    return table


def _effect(change: dict[str, Any]) -> str:
    parts = [plural(change["cells_changed"], "cell")] if change["cells_changed"] else []
    parts += [f"{plural(change[name], 'row')} {name}" for name in ("dropped", "quarantined", "merged") if change[name]]
    parts += [f"column {escape(column)} dropped" for column in change["columns_dropped"]]
    parts += [f"column {escape(column)} added" for column in change["columns_added"]]
    parts += [f"column {escape(old)} renamed to {escape(new)}" for old, new in change.get("columns_renamed", ())]
    return ", ".join(parts) or "nothing"


def _places(run: Run, entries: Sequence[Entry]) -> Iterator[str]:
    for label, page in (("Receipt", "receipt.html"), ("Insight report", "insight.html")):
        if run.page_file(page).exists():
            yield f"[dim]{label:15}[/] {escape(run.page(page))}"
    rounds = sum(e.key.startswith("stage-assess-") for e in entries)
    for round in dict.fromkeys((1, rounds)) if rounds else ():
        yield f"[dim]{f'Quality {round}':15}[/] {escape(run.page(f'quality-{round}.html'))}"
        yield f"[dim]{f'Profile {round}':15}[/] {escape(run.page(f'profile-{round}.html'))}"
    for load in deliveries(entries):
        yield f"[dim]{'Fingerprint':15}[/] {escape(str(load.receipt['fingerprint']))}, read back from the destination"
    yield f"[dim]{'Ledger head':15}[/] {entries[-1].hash if entries else 'none'}"
    yield f"[dim]{'Check it all':15}[/] gonogo verify {escape(run.name)}"
    yield f"[dim]{'Open the UI':15}[/] gonogo up"
