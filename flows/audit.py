"""The audit command: one file that holds everything about a run."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Literal, TypeAlias

import typer
from rich.console import Console
from rich.markup import escape

from flows.commands import run_id_of
from flows.home import Home
from flows.proof import blocks_of, status_of, verdict
from tasks.run import recall_run

if TYPE_CHECKING:
    from tasks.reports.audit import Audit

Form: TypeAlias = Literal["pdf", "html", "json"]


def write_audit(name: str, forms: dict[Form, bool], out: Path | None) -> None:
    """Check the run, and write its bundle in the form that was asked for.

    The exit status is that of the checks: a bundle of a run that does not hold is written, too, and says so.
    """
    from blocks.staging import write_bytes
    from tasks.audit import audit
    from tasks.verify import verify

    form = _form(forms, out)
    home, console = Home.here(), Console(highlight=False)
    run = recall_run(str(home.staging), run_id_of(home, name))
    with blocks_of(run):
        checks = verify(run)
    path = out or Path(f"{run.name}-audit.{form}")
    bundle = audit(run, checks, verdict(checks))
    write_bytes(path, _written(bundle, form))
    console.print(f"{escape(str(path))}: {escape(run.name)}, {verdict(checks)}", soft_wrap=True)
    if status := status_of(checks):
        raise typer.Exit(status)


def _form(forms: dict[Form, bool], out: Path | None) -> Form:
    """The one form that is asked for, by an option or by the file's name; PDF when nothing tells."""
    asked = [form for form, wanted in forms.items() if wanted]
    if len(asked) > 1:
        raise typer.BadParameter("choose one of " + ", ".join(f"--{form}" for form in forms))
    told = [form for form in forms if out is not None and out.suffix.lower() == f".{form}"]
    return (asked or told or ["pdf"])[0]


def _written(bundle: Audit, form: Form) -> bytes:
    from tasks.reports.audit import audit_html, audit_json
    from tasks.reports.audit_pdf import audit_pdf

    if form == "pdf":
        return audit_pdf(bundle)
    return (audit_html if form == "html" else audit_json)(bundle).encode("utf-8", "replace")
