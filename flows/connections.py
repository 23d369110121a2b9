"""What data can come from and go to, and whether a connection works, at the terminal."""

from __future__ import annotations

import typing
from collections.abc import Iterator
from contextlib import nullcontext
from pathlib import Path

import typer
from pydantic import BaseModel
from pydantic.fields import FieldInfo
from rich.console import Console
from rich.markup import escape
from rich.syntax import Syntax

from blocks.probe import Probe
from blocks.saved import kinds
from flows.commands import FAILED, cockpit
from tasks.quality.errors import SpecError
from tasks.quality.secrets import mask


def sources() -> dict[str, type[BaseModel]]:
    """Every kind of source."""
    from blocks.sources import SourceSpec

    return kinds(typing.get_args(SourceSpec)[0])


def destinations() -> dict[str, type[BaseModel]]:
    """Every kind of destination."""
    from blocks.destinations import DestinationSpec

    return kinds(typing.get_args(DestinationSpec)[0])


def list_places(side: str, name: str) -> None:
    """List the kinds of `sources` or `destinations`; of one that is named, every setting, too.

    Raises:
        SpecError: there is no such kind.
    """
    console, there = Console(), sources() if side == "sources" else destinations()
    if name and name not in there:
        raise SpecError(f"no kind '{name}'", where=f"gonogo {side}", available=there)
    for kind, model in there.items():
        if name in ("", kind):
            summary = (model.__doc__ or "").strip().partition("\n")[0]
            console.print(f"[bold]{kind}[/]  {escape(summary)}", soft_wrap=True)
            example = str(getattr(model, "EXAMPLE", "")).strip()
            console.print(Syntax(example, "yaml", background_color="default"), soft_wrap=True)  # to be copied
            if name:
                _settings(console, model)
            console.print()
    if not name:
        console.print(f"[dim]All settings of one kind: gonogo {side} KIND[/]")


def _settings(console: Console, model: type[BaseModel]) -> None:
    console.print()
    fields = model.model_fields
    for name in sorted(fields, key=lambda name: (name != "kind", not fields[name].is_required())):
        field = fields[name]
        default = "" if field.is_required() else f" [dim](default {escape(_spoken(field))})[/]"
        needed = " [yellow]required[/]" if field.is_required() else ""
        told = f"  {escape(field.description)}" if field.description else ""
        console.print(f"    [cyan]{field.alias or name}[/]{needed}{told}{default}", soft_wrap=True)


def _spoken(field: FieldInfo) -> str:
    value = field.get_default(call_default_factory=True, validated_data={})
    return "none" if value is None or value in ((), {}) else str(value)


def try_connection(target: str) -> None:
    """Try the connections of a pipeline, or of what is saved under a name, step by step; nothing is changed.

    Exit status 1 when one does not work.

    Raises:
        SpecError: nothing is called so.
    """
    console, works = Console(), True
    for place, probes in _connections(target):
        console.print(f"[bold]{escape(place)}[/]", soft_wrap=True)
        for probe in probes:
            sign = "[green]✓[/]" if probe.ok else "[red]✗[/]"
            console.print(f"  {sign} {escape(probe.what)}: {escape(mask(probe.said))}", soft_wrap=True)
            works = works and probe.ok
    if not works:
        raise typer.Exit(FAILED)


def _connections(target: str) -> Iterator[tuple[str, Iterator[Probe]]]:
    from blocks.spec import YAML_SUFFIXES, load_or_default

    if Path(target).suffix.lower() not in YAML_SUFFIXES and not Path(target).exists() and "/" not in target:
        yield from _saved(target)
        return
    spec = load_or_default(target)
    named = '"kind":"saved"' in spec.model_dump_json()  # then the server is asked what was saved
    with cockpit() if named else nullcontext():
        yield f"source: {spec.source.describe()}", spec.source.probe(spec.base())
        for name, lookup in spec.lookups.items():
            yield f"lookup {name}: {lookup.describe()}", lookup.probe(spec.base())
        yield f"destination: {spec.destination.describe()}", spec.destination.probe(spec.base())


def _saved(name: str) -> Iterator[tuple[str, Iterator[Probe]]]:
    from blocks import slack
    from blocks.destinations import SavedDestination
    from blocks.sources import SavedSource

    with cockpit():
        source, destination = SavedSource(name=name), SavedDestination(name=name)
        there, why = 0, None
        for side, saved, find in (
            ("source", source, lambda: source.source),
            ("destination", destination, lambda: destination.destination),
        ):
            try:
                find()
            except SpecError as error:
                why = why or error
                continue
            there += 1
            yield f"saved {side} {name}", saved.probe(Path.cwd())
        if name in slack.saved_apps():
            there += 1
            yield f"Slack app {name}", slack.app_named(name).probe()
        if not there and why:
            raise why
