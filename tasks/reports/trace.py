"""The story of a cell or row: as lines for a terminal, and as a page."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime

from tasks.quality.secrets import mask
from tasks.quality.trace import Step, Story, Who
from tasks.reports.escape import visible
from tasks.reports.page import render
from tasks.reports.records import Seal

VALUE_CHARACTERS = 120


@dataclass(frozen=True)
class TraceLine:
    """One thing that became of the cell.

    Attributes:
        what: one or two words.
        detail: who decided it, when and where; or what proves it.
        tone: of `report.css`: "", "ok", "no" or "held".
        undone: whether it does not stand any more.
    """

    what: str
    text: str
    detail: str = ""
    tone: str = ""
    undone: bool = False


def trace_lines(story: Story) -> list[TraceLine]:
    """The story from its source to its destination, a line for each thing that became of it."""
    place = story.place
    lines = [TraceLine("came from", f"{visible(mask(place.origin), 300)}, {place.place}", brief(place.fingerprint))]
    if story.column and story.came:
        lines.append(TraceLine("as", shown(story.came[0][1])))
    lines += [_line(step) for step in story.steps]
    lines.append(_end(story))
    lines += list(_loads(story))
    if not story.adds_up:
        text = "what was written down does not lead from the first value to the last one"
        lines.append(TraceLine("does not add up", text, f"gonogo verify {story.run}", "no"))
    return lines


def title(story: Story) -> str:
    """What the story is about."""
    about = f"{visible(story.column, 80)} in row {story.row}" if story.column else f"Row {story.row}"
    return f"{about} of {visible(story.run, 80)}"


def trace_html(story: Story) -> str:
    """The story as one self-contained page."""
    cells = [(name, shown(value)) for name, value in story.came]
    now = {name: shown(value) for name, value in story.stands}
    told = {"title": title(story), "lines": trace_lines(story), "seal": Seal(story.head)}
    return render("trace.html", story=story, came=cells, now=now, **told)


def shown(value: str | None) -> str:
    """A cell's value as a reader sees it: null told from the empty text.

    >>> shown(None), shown(""), shown(" a")
    ('null', "''", "' a'")
    """
    return "null" if value is None else f"'{visible(value, VALUE_CHARACTERS)}'"


def brief(hash: str) -> str:
    """The start of a hash, enough to find it.

    >>> brief("sha256:9c082b68bda02801b782a126ffbbe79b")
    'sha256:9c082b68bda0…'
    """
    return f"{hash[:19]}…" if len(hash) > 20 else hash  # noqa: PLR2004


def moment(at: str) -> str:
    """A moment of the ledger as a reader sees it."""
    return datetime.fromisoformat(at).astimezone(UTC).strftime("%Y-%m-%d %H:%M UTC") if at else ""


def told(who: Who | None) -> str:
    """Who decided, how we know, when and where, and why."""
    if who is None:
        return ""
    comment = f": {visible(who.comment, 300)}" if who.comment else ""
    return f"{visible(who.name)} ({visible(who.method)}), {moment(who.at)}, at {who.gate or 'the terminal'}{comment}"


def _line(step: Step) -> TraceLine:
    where = f"{visible(step.column, 80)}: " if step.column else ""
    number = f"decision {step.decision}: " if step.decision else ""
    why = f"{number}{visible(step.action, 200)}" + (f" [{step.issue}]" if step.decision else "")
    texts = {
        "suspected": visible(step.action, 200),
        "changed": f"{where}{shown(step.before)} → {shown(step.after)}; {why}",
        "column renamed": f"{visible(step.before or '', 80)} → {visible(step.after or '', 80)}; {why}",
        "column added": f"{where}{shown(step.after)}; {why}",
        "merged": f"into row {step.into}; {why}",
        "took in": f"row {step.into}; {why}",
    }
    text = texts.get(step.happened, f"{where}{why}")
    undone = f"{text} ({step.undone})" if step.undone else text
    return TraceLine(step.happened, undone, told(step.who), _tone(step), bool(step.undone))


def _tone(step: Step) -> str:
    if step.undone:
        return ""
    return {"dropped": "no", "merged": "no", "quarantined": "held", "suspected": "held"}.get(step.happened, "")


def _end(story: Story) -> TraceLine:
    if (left := story.left) is not None:
        return TraceLine("is", f"{left.happened}, not in the table", tone="held")
    if not story.column:
        return TraceLine("is", "in the table", tone="ok")
    if not story.stands:
        return TraceLine("is", "no column any more", tone="held")
    return TraceLine("is", shown(story.stands[0][1]), tone="ok")


def _loads(story: Story) -> Iterator[TraceLine]:
    for load in story.delivered:
        by = f"; go by {told(load.who)}" if load.who else ""
        text = f"{visible(mask(load.destination), 300)}, {moment(load.at)}{by}"
        back = load.taken_back
        yield TraceLine("loaded", text, f"ledger entry {brief(load.receipt)}", "" if back else "ok", bool(back))
        if back:
            yield TraceLine("taken back", told(back), tone="held")
    if not story.delivered:
        yield TraceLine("loaded", "nowhere")
