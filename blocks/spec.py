"""A pipeline as its user wrote it: what comes from where, what must hold, when to ask, and where it goes."""

from __future__ import annotations

import datetime as dt
import os
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, Literal, Self
from zoneinfo import ZoneInfo, available_timezones

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, field_validator, model_validator

from blocks.destinations import DestinationSpec
from blocks.lineage import Lineage
from blocks.sources import SourceSpec
from blocks.spec_file import Document, Fault, Where, dotted, missing_file, read_document, refused, validated
from tasks.insights.goals import Goal
from tasks.quality.approval import ANYBODY, Meaning, Who
from tasks.quality.contract import Contract
from tasks.quality.errors import SpecError, TamperError, Unavailable, did_you_mean
from tasks.quality.policy import Memory
from tasks.quality.secrets import redact
from tasks.quality.timing import Quiet, Times, duration

REMIND_AFTER = dt.timedelta(hours=4)
"""When a gate reminds that says nothing about it."""

YAML_SUFFIXES = (".yaml", ".yml")

_PARAMETER = re.compile(r"\{\{\s*([A-Za-z_][A-Za-z0-9_]*)\s*\}\}")
NAME = r"^[a-z0-9][a-z0-9._@-]{0,62}$"
"""Of approvers and roles: lower-case letters, digits, and . _ - @ between them."""

_CRON = (("minute", 0, 59), ("hour", 0, 23), ("day of month", 1, 31), ("month", 1, 12), ("day of week", 0, 7))
_CRON_NAMES: Mapping[str, tuple[str, ...]] = {
    "month": ("jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec"),
    "day of week": ("sun", "mon", "tue", "wed", "thu", "fri", "sat"),
}


class _Model(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


Duration = Annotated[dt.timedelta, BeforeValidator(duration), Field(gt=dt.timedelta())]


class Below(_Model):
    """Ask when the score is lower than this."""

    below: float = Field(ge=0, le=100)


def _read_ask(value: object) -> object:
    if isinstance(value, Mapping | Below) or value in ("always", "never"):
        return value
    hint = did_you_mean(str(value), ("always", "never", "below"))
    raise ValueError(f"'{value}' is not one of always, never, below: N (a score, 0 to 100). {hint}".strip())


Ask = Annotated[Literal["always", "never"] | Below, BeforeValidator(_read_ask)]


def _people(value: object) -> object:
    return {"names": value} if isinstance(value, str | list) else value


def _known_timezone(timezone: str) -> str:
    if timezone not in available_timezones():
        hint = did_you_mean(timezone, available_timezones())
        raise ValueError(f"'{timezone}' is no time zone; write e.g. Europe/Berlin. {hint}".strip())
    return timezone


def _listed(value: object) -> object:
    return [value] if isinstance(value, str) else value


Names = Annotated[tuple[Annotated[str, Field(pattern=NAME)], ...], BeforeValidator(_listed)]
"""One name, or several."""


class People(_Model):
    """Who may answer: approvers by name, or whoever has one of the roles."""

    names: Names = ()
    roles: Names = ()


class QuietHours(_Model):
    """Hours in which nobody is reminded, no second group is asked and no deadline ends; it waits until they are over.

    Attributes:
        start: when they begin, e.g. "20:00".
        end: when they are over, e.g. "07:00".
        timezone: whose hours these are.
        weekend: whether Saturday and Sunday are quiet, too.
    """

    start: dt.time
    end: dt.time
    timezone: Annotated[str, AfterValidator(_known_timezone)] = "UTC"
    weekend: bool = False


class Escalation(_Model):
    """A second group that is asked when nobody has answered for a while.

    Attributes:
        after: for how long.
        to: who they are; at a gate that says who may answer, they may from then on.
        slack: name of a Prefect SlackWebhook block that tells them.
    """

    after: Duration
    to: Annotated[People, BeforeValidator(_people)] = People()
    slack: str | None = Field(default=None, pattern=r"^[a-z0-9-]+$")


class Remembering(_Model):
    """Which answers to a gate may be remembered, so that the same is done without asking.

    Attributes:
        roles: of those who may have something remembered; none: whoever answers.
        longest: for how long at most.
        most: the largest share that may be affected, 0 to 1.
    """

    roles: Names = ()
    longest: Duration = dt.timedelta(days=365)
    most: float = Field(default=1.0, ge=0, le=1)


class Gate(_Model):
    """When a gate asks, whom, and what happens while nobody answers.

    Attributes:
        ask: always, never, or only when the quality score is below a number.
        who: who may answer; nobody named: anybody, or any approver where people or a signature are asked for.
        people: how many different people have to agree; one is enough for a no-go.
        signed: whether each has to give a code of their authenticator.
        meaning: what a signature means: reviewed, approved or responsible; a list for the first, second … one.
        remember: which answers may be remembered as standing decisions; never: none.
        escalate: whom else to ask when nobody answers.
        quiet: hours in which nobody is disturbed.
        deadline: how long an answer may take.
        overdue: what then happens: keep waiting, or stop the run.
        remind: how long until a reminder is sent, and between reminders.
    """

    ask: Ask = "always"
    who: Annotated[People, BeforeValidator(_people)] = People()
    people: int = Field(default=1, ge=1, le=20)
    signed: bool = False
    meaning: Annotated[tuple[Meaning, ...], BeforeValidator(_listed), Field(min_length=1)] = ("approved",)
    deadline: Duration | None = None
    overdue: Literal["wait", "no-go"] = "wait"
    remind: Duration | None = None
    remember: Literal["never"] | Remembering = Remembering()
    escalate: Escalation | None = None
    quiet: QuietHours | None = None

    @model_validator(mode="after")
    def _enough_people(self) -> Self:
        if self.who.names and not self.who.roles and len(set(self.who.names)) < self.people:
            raise ValueError(f"{self.people} people are to answer, but 'who' names {len(set(self.who.names))}")
        return self

    @property
    def approval(self) -> Who:
        """Who has to answer it."""
        return Who(self.who.names, self.who.roles, self.people, self.signed, self.meaning)

    @property
    def times(self) -> Times:
        """What happens when while nobody answers; with quiet hours no automation reminds, so it is said here."""
        remind, quiet, more = self.remind, self.quiet, self.escalate
        if quiet and not remind:
            remind = REMIND_AFTER
        return Times(
            remind_seconds=remind.total_seconds() if remind and quiet else None,
            escalate_seconds=more.after.total_seconds() if more else None,
            escalate_to=Who(more.to.names, more.to.roles) if more else ANYBODY,
            deadline_seconds=self.deadline.total_seconds() if self.deadline else None,
            overdue=self.overdue,
            quiet=Quiet(**quiet.model_dump()) if quiet else None,
        )

    def asks(self, score: float | None = None) -> bool:
        """Whether the gate asks at this quality score (0 to 100); without a score, a threshold asks."""
        if isinstance(self.ask, Below):
            return score is None or score < self.ask.below
        return self.ask == "always"

    @property
    def memory(self) -> Memory | None:
        """Which answers may be remembered."""
        if self.remember == "never":
            return None
        own = self.remember
        return Memory(own.roles, own.longest.total_seconds(), own.most)


class QualityGate(Gate):
    """The gate that is asked again after each round of remedies.

    Attributes:
        rounds: how often quality is measured and asked about at most.
        comment: when an answer has to say why: when it goes against a recommendation, always, or never.
    """

    rounds: int = Field(default=5, ge=1, le=100)
    comment: Literal["against", "always", "never"] = "against"


class SourceGate(Gate):
    """The gate after extract: is this the data you meant?"""

    ask: Ask = "never"


def _gate(value: object) -> object:
    return {"ask": value} if isinstance(value, str) else value


class Gates(_Model):
    """When the run stops and asks."""

    source: Annotated[SourceGate, BeforeValidator(_gate)] = SourceGate()
    quality: Annotated[QualityGate, BeforeValidator(_gate)] = QualityGate()
    load: Annotated[Gate, BeforeValidator(_gate)] = Gate()


class Notify(_Model):
    """Who hears about it; the channels themselves are Prefect blocks, so no secret is here.

    Attributes:
        slack: name of a Prefect SlackWebhook block.
        to: other notification blocks of Prefect, each as KIND/NAME, e.g. `ms-teams-webhook/shop`; and apps of Slack,
            `gonogo-slack-app/shop`.
        events: what is told.
        personal_data: whether messages in Slack's threads may say what columns with personal data hold.
    """

    slack: str | None = Field(default=None, pattern=r"^[a-z0-9-]+$")
    to: tuple[Annotated[str, Field(pattern=r"^[a-z0-9-]+/[a-z0-9-]+$")], ...] = ()
    events: tuple[Literal["gate", "loaded", "stopped", "failed"], ...] = ("gate", "loaded", "stopped", "failed")
    personal_data: bool = False


class Trigger(_Model):
    """An event of Prefect that starts the pipeline, e.g. one that says that messages wait.

    Attributes:
        event: its name; an asterisk at the end stands for anything.
        resource: id of what it is about; an asterisk at the end stands for anything.
    """

    event: str = Field(min_length=1)
    resource: str | None = Field(default=None, min_length=1)


class Schedule(_Model):
    """When the pipeline starts by itself: a cron line in a time zone, or an interval."""

    cron: str | None = None
    timezone: Annotated[str, AfterValidator(_known_timezone)] = "UTC"
    interval: Duration | None = None

    @field_validator("cron")
    @classmethod
    def _readable_cron(cls, cron: str | None) -> str | None:
        if cron is not None:
            _check_cron(cron)
        return cron

    @model_validator(mode="after")
    def _one(self) -> Schedule:
        if (self.cron is None) == (self.interval is None):
            raise ValueError("name either 'cron' or 'interval'")
        return self

    @property
    def zone(self) -> ZoneInfo:
        """The time zone of the cron line."""
        return ZoneInfo(self.timezone)


class PipelineSpec(_Model):
    """One pipeline; relative paths in it start from `folder`, and `${NAME}` in it is resolved when it is used.

    Attributes:
        lookups: tables that the contract's references may refer to; only the columns referred to are kept.
        settings: per issue kind: its settings, `columns` (settings per column) and `mute` (a list of column,
            reason, until).
        show_personal_data: show in reports, forms and terminals what columns with personal data hold; otherwise stars.
        parameters: values that `{{ name }}` stands for in the file.
        folder: where the file is.
    """

    name: str = Field(pattern=r"^[a-z0-9][a-z0-9-]{0,62}$", description="lower-case letters, digits and hyphens")
    description: str = ""
    source: SourceSpec = Field(description="where the data comes from, e.g. 'kind: file' and 'path: data/*.csv'")
    lookups: Mapping[str, SourceSpec] = Field(
        default_factory=dict, description="reference tables by name, for 'to: NAME.column' in the contract's references"
    )
    contract: Contract = Contract()
    goals: tuple[Goal, ...] = ()
    gates: Gates = Gates()
    destination: DestinationSpec = Field(description="where the data goes, e.g. 'kind: file' and 'path: out.parquet'")
    notify: Notify = Notify()
    lineage: Lineage = Lineage()
    settings: Mapping[str, Mapping[str, Any]] = Field(default_factory=dict)
    show_personal_data: bool = False
    schedule: Schedule | None = None
    trigger: Trigger | None = None
    parameters: Mapping[str, bool | int | float | dt.date | str] = Field(default_factory=dict)
    folder: str = "."

    @field_validator("name", mode="before")
    @classmethod
    def _slug(cls, name: object) -> object:
        if isinstance(name, str) and not re.fullmatch(r"[a-z0-9][a-z0-9-]{0,62}", name):
            raise ValueError(f"'{name}' must be lower-case letters, digits and hyphens, e.g. '{slug(name)}'")
        return name

    @field_validator("goals")
    @classmethod
    def _distinct_goals(cls, goals: tuple[Goal, ...]) -> tuple[Goal, ...]:
        names = [goal.name for goal in goals]
        for name in names:
            if names.count(name) > 1:
                raise ValueError(f"two goals are called '{name}'; give one another name")
        return goals

    def to_public(self) -> dict[str, Any]:
        """The spec as plain data that may be shown: passwords and tokens in it are masked."""
        public: dict[str, Any] = redact(self.model_dump(mode="json"), exact=("contract", "goals"))
        return public

    def __repr_args__(self) -> Any:
        return self.to_public().items()

    def __str__(self) -> str:
        return repr(self)

    def base(self) -> Path:
        """The folder that relative paths start from."""
        return Path(self.folder)


def load_pipeline(path: str | Path, parameters: Mapping[str, Any] | None = None) -> PipelineSpec:
    """Read a pipeline's YAML.

    Args:
        path: the file.
        parameters: values that replace those in its `parameters` section.

    Raises:
        SpecError: all that is wrong with it, one line each: "orders.yaml:14: gates.quality.ask: 'allways' is not …".
    """
    file = Path(path).expanduser()
    document, found = _filled(read_document(file), parameters or {})
    spec, more = validated(document, PipelineSpec, {"folder": str(file.resolve().parent)})
    found += more
    if spec is None or found:
        raise refused(document, found)
    if found := _settings_faults(document, spec):
        raise refused(document, found)
    return spec


def default_pipeline(path: str | Path) -> PipelineSpec:
    """The pipeline of a bare data file, folder or pattern: an SQLite file beside it, asked at quality and load.

    Raises:
        SpecError: there is nothing of that name.
    """
    given = Path(path).expanduser()
    absolute = given if given.is_absolute() else Path.cwd() / given
    if not absolute.exists() and not any(mark in absolute.name for mark in "*?["):
        raise missing_file(absolute)
    stem = _stem(absolute)
    database = absolute.parent / f"{stem}.gonogo.db"
    return PipelineSpec.model_validate(
        {
            "name": slug(stem),
            "source": {"kind": "file", "path": absolute.name},
            "destination": {
                "kind": "database",
                "url": f"sqlite:///{database}",
                "table": slug(stem).replace("-", "_"),
                "mode": "replace",
            },
            "folder": str(absolute.parent),
        }
    )


def load_or_default(path: str | Path) -> PipelineSpec:
    """A pipeline from its YAML, or the default one of a data file.

    Raises:
        SpecError: the file is not there or not understood.
    """
    return load_pipeline(path) if Path(path).suffix.lower() in YAML_SUFFIXES else default_pipeline(path)


def write_opened(spec: PipelineSpec, path: str | Path) -> None:
    """Keep a run's spec; secrets are in it only as the names of the variables that hold them."""
    target = Path(path)
    target.parent.mkdir(parents=True, exist_ok=True)
    temporary = target.with_name(f".{target.name}.{os.getpid()}")
    temporary.write_text(spec.model_dump_json(indent=1), encoding="utf-8")
    temporary.replace(target)


def read_opened(path: str | Path) -> PipelineSpec:
    """A run's spec as it was when the run was opened.

    Raises:
        Unavailable: the file is not there.
        TamperError: it holds no spec.
    """
    try:
        return PipelineSpec.model_validate_json(Path(path).read_text(encoding="utf-8"))
    except FileNotFoundError as error:
        raise Unavailable(f"{path} is not in staging", todo="restore it, or run the pipeline again") from error
    except ValueError as error:
        raise TamperError(f"{path} was changed: it is no pipeline any more", todo="restore it") from error


def editor_schema() -> dict[str, Any]:
    """JSON schema of a pipeline's YAML, for editors that complete and check it."""
    schema = PipelineSpec.model_json_schema()
    schema["properties"].pop("folder", None)
    return {"$schema": "https://json-schema.org/draft/2020-12/schema", **schema}


def slug(text: str) -> str:
    """A name of lower-case letters, digits and hyphens.

    >>> slug("Sales Q1 (über).csv"), slug("***")
    ('sales-q1-uber-csv', 'data')
    """
    import unicodedata

    plain = unicodedata.normalize("NFKD", text).encode("ascii", "ignore").decode().lower()
    return re.sub(r"[^a-z0-9]+", "-", plain).strip("-")[:60].strip("-") or "data"


def _stem(path: Path) -> str:
    name = path.name if not any(mark in path.name for mark in "*?[") else f"{path.parent.name}-{path.name}"
    for suffix in (".gz", ".zst", path.suffix):
        name = name.removesuffix(suffix)
    return slug(Path(name).stem if Path(name).suffix in (".csv", ".tsv", ".json", ".ndjson") else name)


def _filled(document: Document, given: Mapping[str, Any]) -> tuple[Document, list[Fault]]:
    """The document with each `{{ name }}` replaced by its parameter, and the places that name none there is."""
    own = document.data.get("parameters")
    known = {**(own if isinstance(own, dict) else {}), **given}
    found: list[Fault] = []
    data = _fill(document.data, (), _Parameters(known, document, found))
    filled = {**data, "parameters": known} if known else data
    return Document(document.name, filled, document.lines), found


@dataclass(frozen=True)
class _Parameters:
    known: Mapping[str, Any]
    document: Document
    faults: list[Fault]

    def put(self, match: re.Match[str], where: Where) -> str:
        name = match[1]
        if name in self.known:
            return str(self.known[name])
        there = f"available: {', '.join(self.known)}" if self.known else "name it under 'parameters'"
        what = f"unknown parameter '{name}'; {there}. {did_you_mean(name, self.known)}".strip()
        self.faults.append(Fault(self.document.line(where), dotted(where), what))
        return match[0]


def _fill(value: Any, where: Where, parameters: _Parameters) -> Any:
    if isinstance(value, dict):
        return {key: _fill(item, (*where, key), parameters) for key, item in value.items()}
    if isinstance(value, list):
        return [_fill(item, (*where, index), parameters) for index, item in enumerate(value)]
    if isinstance(value, str):
        return _PARAMETER.sub(lambda match: parameters.put(match, where), value)
    return value


def _settings_faults(document: Document, spec: PipelineSpec) -> list[Fault]:
    from tasks.quality.detect import configure

    found = []
    for kind, given in spec.settings.items():
        try:
            configure(kind, given)
        except SpecError as error:
            found.append(Fault(document.line(("settings", kind)), f"settings.{kind}", error.message))
    return found


def _check_cron(cron: str) -> None:
    fields = cron.split()
    if len(fields) != len(_CRON):
        raise ValueError(f"'{cron}' has {len(fields)} fields, 5 are needed: minute hour day-of-month month day-of-week")
    for field, (what, low, high) in zip(fields, _CRON, strict=True):
        if not all(_cron_part(part, what, low, high) for part in field.lower().split(",")):
            raise ValueError(f"'{field}' is no {what}; write {low} to {high}, *, a-b, a,b or */n")


def _cron_part(part: str, what: str, low: int, high: int) -> bool:
    span, slash, step = part.partition("/")
    if slash and not (step.isdigit() and int(step)):
        return False
    if span == "*":
        return True
    names = _CRON_NAMES.get(what, ())
    first, _dash, last = (span if "-" in span else f"{span}-{span}").partition("-")
    ends = [str(names.index(end) + low) if end in names else end for end in (first, last)]
    return all(end.isdigit() and low <= int(end) <= high for end in ends) and int(ends[0]) <= int(ends[1])
