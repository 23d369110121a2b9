"""The quarantine commands: list what is there, write it out, bring corrected rows back."""

from __future__ import annotations

import csv
import getpass
import io
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from rich.console import Console
from rich.markup import escape
from rich.table import Table

from flows.commands import run_id_of
from flows.home import Home
from flows.maps import check_width, csv_records
from flows.revise import METHOD, revise
from tasks.quality.errors import AnswerError, did_you_mean
from tasks.quality.model import ROW
from tasks.quality.spreadsheet import escaped, unescaped
from tasks.quality.wording import plural
from tasks.quarantine import InQuarantine, Row, held_rows, in_quarantine, malformed
from tasks.reports.escape import visible
from tasks.run import Run, recall_run

if TYPE_CHECKING:
    from tasks.restore import Returned

MALFORMED_SHOWN = 10


def list_quarantine(name: str) -> None:
    """Say which decisions put rows into quarantine and why, and which records of the source are no rows."""
    console, run = Console(highlight=False), _run(name)
    held, bad = in_quarantine(run), malformed(run)
    if held:
        console.print(_held_table(held))
    if bad:
        never = "which was never a row" if len(bad) == 1 else "which were never rows"
        console.print(f"\n{plural(len(bad), 'malformed record')} of the source, {never}:")
        for record in bad[:MALFORMED_SHOWN]:
            told = f"line {record['line']}: {record['reason']}: {visible(record['text'], 100)}"
            console.print(f"  {escape(told)}", soft_wrap=True)
        if len(bad) > MALFORMED_SHOWN:
            console.print(f"  … and {len(bad) - MALFORMED_SHOWN:,} more")
        console.print("To have them, correct them in the source and run the pipeline again.")
    if waiting := sum(each.rows - each.returned for each in held):
        todo = f"[bold]gonogo quarantine export {escape(run.name)} FILE.csv[/]"
        console.print(f"\n{plural(waiting, 'row waits', 'rows wait')}: {todo}")
    elif not bad:
        console.print("Nothing is in quarantine.")


def _held_table(held: Sequence[InQuarantine]) -> Table:
    table = Table(box=None, header_style="dim", pad_edge=False)
    for heading, justify in (("decision", "right"), ("reason", "left"), ("by", "left"), ("rows", "right")):
        table.add_column(heading, justify=justify)  # type: ignore[arg-type]
    for each in held:
        back = f" [green]({each.returned:,} came back)[/]" if each.returned else ""
        decision = each.decision
        table.add_row(str(decision.number), escape(each.reason), escape(decision.answered_by), f"{each.rows:,}{back}")
    return table


def export_quarantine(name: str, path: Path, malformed_path: Path | None, *, raw: bool = False) -> None:
    """Write the rows in quarantine as CSV, to be corrected; and the malformed records, if asked for."""
    from blocks.staging import write_text

    console, run = Console(highlight=False), _run(name)
    columns, held = _columns(run), held_rows(run).values()
    meta = meta_names(columns)
    lines = [[each.row, each.reason, each.decision, *(each.values[c] for c in columns)] for each in held]
    write_text(path, _csv([*meta, *columns], lines, raw=raw))
    console.print(f"{plural(len(lines), 'row')} → {escape(str(path))}", soft_wrap=True)
    if malformed_path is not None:
        bad = malformed(run)
        write_text(malformed_path, _csv(["origin", "line", "reason", "text"], [list(r.values()) for r in bad], raw=raw))
        console.print(f"{plural(len(bad), 'malformed record')} → {escape(str(malformed_path))}", soft_wrap=True)
    if lines:
        back = f"gonogo quarantine return {run.name} {path}{' --raw' if raw else ''}"
        console.print(f"Correct what you know, then: [bold]{escape(back)}[/]", soft_wrap=True)
        if not any(entry.kind == "commit" for entry in run.entries()):
            console.print("Once rows have come back, no decision of the run can be undone any more: undo first.")


def return_rows(name: str, path: Path, comment: str, *, raw: bool = False) -> None:
    """Bring the rows of a corrected file back."""
    corrected = read_rows(path, _columns(_run(name)), raw=raw)
    console, who, method = Console(highlight=False), getpass.getuser(), METHOD.format("gonogo quarantine return")

    def bring_back(run: Run, gate: str) -> Returned:
        from tasks.restore import restore  # loads Prefect, which is told of its home first

        return restore(run, corrected, file=path.name, who=who, method=method, gate=gate, comment=comment)

    revise(
        name,
        bring_back,
        lambda returned: _tell(console, returned),
        changed=lambda returned: bool(returned.rows),
    )


def meta_names(columns: Sequence[str]) -> tuple[str, str, str]:
    """The names of row, reason and decision in the file, beside columns that may be called so."""
    taken = {name.casefold() for name in columns}

    def free(name: str) -> str:
        return free(f"_{name}") if name in taken else name

    return ROW, free("reason"), free("decision")


def read_rows(path: Path, columns: Sequence[str], *, raw: bool = False) -> dict[int, Row]:
    """`_row` → column → value of the rows in a file; nothing is null.

    Raises:
        AnswerError: the file cannot be read or has another shape; says in which line.
    """
    records = csv_records(path)
    _number, header = next(records, (1, []))
    places = _places(path, header, columns)
    found: dict[int, Row] = {}
    for number, record in records:
        check_width(path, number, record, len(header))
        row = _row_number(path, number, record[header.index(ROW)])
        if row in found:
            raise AnswerError(f"row {row} is there twice", where=f"{path}, line {number}", todo="keep one")
        cells = {name: record[place] if raw else unescaped(record[place]) for name, place in places.items()}
        found[row] = {name: cell or None for name, cell in cells.items()}
    return found


def _places(path: Path, header: Sequence[str], columns: Sequence[str]) -> dict[str, int]:
    where, meta = f"{path}, line 1", meta_names(columns)
    if ROW not in header:
        todo = "keep the column as it was exported: it says which row is which"
        raise AnswerError(f"no column '{ROW}'", where=where, available=header, todo=todo)
    for name in header:
        if name not in (*meta, *columns):
            todo = did_you_mean(name, columns) or "a run's rows have the columns of its source"
            raise AnswerError(f"unknown column '{name}'", where=where, available=columns, todo=todo)
        if list(header).count(name) > 1:
            raise AnswerError(f"column '{name}' is there twice", where=where, todo="keep one")
    return {name: place for place, name in enumerate(header) if name in columns}


def _row_number(path: Path, number: int, said: str) -> int:
    if not said.strip().isdecimal():
        what = f"'{said}' is no row number" if said.strip() else "no row number"
        raise AnswerError(what, where=f"{path}, line {number}", todo=f"keep '{ROW}' as it was exported")
    return int(said)


def _tell(console: Console, returned: Returned) -> None:
    console.print(f"{plural(returned.rows, 'row came', 'rows came')} back.")
    if returned.unchanged:
        same = plural(returned.unchanged, "line is as it was, and stays", "lines are as they were, and stay")
        console.print(f"{same} in quarantine.")
    if returned.already:
        console.print(f"{plural(returned.already, 'row had', 'rows had')} come back before.")
    if returned.receipt:
        receipt = returned.receipt
        console.print(f"{plural(receipt.rows_written, 'row')} {_TAKEN[receipt.mode]} {escape(receipt.destination)}.")


_TAKEN = {"append": "appended to", "merge": "merged into", "replace": "written anew to", "history": "written into"}


def _run(name: str) -> Run:
    home = Home.here()
    return recall_run(str(home.staging), run_id_of(home, name))


def _columns(run: Run) -> tuple[str, ...]:
    return run.staged().columns


def _csv(header: Sequence[str], lines: Sequence[Sequence[object]], *, raw: bool) -> str:
    file = io.StringIO(newline="")
    writer = csv.writer(file, lineterminator="\n")
    safe = str if raw else escaped
    writer.writerow(header)
    writer.writerows([safe(cell) if isinstance(cell, str) else cell for cell in line] for line in lines)
    return file.getvalue()
