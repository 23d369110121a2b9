"""The guide to the kinds of issues as a page and as Markdown."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from tasks.quality.guide import Entry, KindGuide, ModuleGuide, RemedyGuide
from tasks.reports.escape import markdown
from tasks.reports.page import render

SETTINGS_SAID = (
    "Settings stand in a pipeline's YAML under `settings`, by kind. Under `columns` a column has settings of its own; "
    "`mute` keeps a kind silent for a `column`, or for all, with the `reason` and `until` a day."
)


def kinds_html(guide: Sequence[ModuleGuide]) -> str:
    """The guide as one self-contained page."""
    return render("kinds.html", guide=guide, said=SETTINGS_SAID.split("`"), example=EXAMPLE)


def kinds_markdown(guide: Sequence[ModuleGuide]) -> str:
    """The guide as one Markdown document."""
    parts = ["# Kinds of issues", SETTINGS_SAID, f"```yaml\n{EXAMPLE}\n```", *(_module(module) for module in guide)]
    return "\n\n".join(parts) + "\n"


EXAMPLE = """settings:
  missing_value:
    threshold: 0.05
    columns: {note: {threshold: 0.5}}
    mute: [{column: fax, reason: nobody has one, until: 2027-01-01}]"""


def _module(module: ModuleGuide) -> str:
    kinds = [_kind(each) for each in module.kinds]
    remedies = ["### Remedies", *(_remedy(each) for each in module.remedies)] if module.remedies else []
    return "\n\n".join([f"## {markdown(module.title)}", markdown(module.doc, 1000), *kinds, *remedies])


def _kind(told: KindGuide) -> str:
    kind = told.kind
    head = f"### `{kind.name}`: {markdown(kind.title)}\n\n*{kind.dimension.value}* · {markdown(kind.doc, 1000)}"
    return head + (f"\n\n{_table('Setting', told.settings)}" if told.settings else "")


def _remedy(told: RemedyGuide) -> str:
    remedy = told.remedy
    about = f" {markdown(told.about, 1000)}" if told.about else ""
    head = f"- `{remedy.name}`: {markdown(remedy.title)}. {markdown(remedy.doc, 1000)}{about}"
    return "\n".join([head, *(f"  - {line}" for line in _entries(told.parameters))])


def _table(heading: str, entries: Sequence[Entry]) -> str:
    lines = [f"| {heading} | Takes | Default | |", "|---|---|---|---|"]
    lines += [
        f"| `{e.name}` | {markdown(e.takes)} | {markdown(e.default, 200)} | {markdown(e.doc, 1000)} |" for e in entries
    ]
    return "\n".join(lines)


def _entries(entries: Sequence[Entry]) -> Iterator[str]:
    for e in entries:
        default = f", by default {markdown(e.default, 200)}" if e.default else ", required"
        yield f"`{e.name}` ({markdown(e.takes)}{default})" + (f": {markdown(e.doc, 1000)}" if e.doc else "")
