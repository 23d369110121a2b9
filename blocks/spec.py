"""A pipeline as its user wrote it: what comes from where, what must hold, when to ask, and where it goes."""

from __future__ import annotations

import datetime as dt
import os
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, Literal
from zoneinfo import ZoneInfo, available_timezones

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, field_validator, model_validator

from blocks.destinations import DestinationSpec
from blocks.sources import SourceSpec
from blocks.spec_file import Document, Fault, Where, dotted, missing_file, read_document, refused, validated
from tasks.insights.goals import Goal
from tasks.quality.contract import Contract
from tasks.quality.errors import SpecError, did_you_mean
from tasks.quality.secrets import redact

YAML_SUFFIXES = (".yaml", ".yml")

_PARAMETER = re.compile(r"\{\{\s*([A-Za-z_][A-Za-z0-9_]*)\s*\}\}")
_UNITS = {"s": "seconds", "m": "minutes", "h": "hours", "d": "days", "w": "weeks"}
_CRON = (("minute", 0, 59), ("hour", 0, 23), ("day of month", 1, 31), ("month", 1, 12), ("day of week", 0, 7))
_CRON_NAMES: Mapping[str, tuple[str, ...]] = {
    "month": ("jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec"),
    "day of week": ("sun", "mon", "tue", "wed", "thu", "fri", "sat"),
}


class _Model(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


def duration(text: object) -> object:
    """A length of time written as "2d", "4h", "90s" or "1d 12h"; anything else is left for pydantic to judge.

    >>> duration("1d 12h")
    datetime.timedelta(days=1, seconds=43200)
    """
    if not isinstance(text, str) or text.startswith("P"):
        return text
    parts = re.fullmatch(r"\s*(?:[0-9]+\s*[smhdw]\s*)+", text)
    found = re.findall(r"([0-9]+)\s*([smhdw])", text)
    if not parts:
        raise ValueError(f"'{text}' is no length of time; write e.g. 30m, 4h, 2d or 1w")
    return sum((dt.timedelta(**{_UNITS[unit]: int(amount)}) for amount, unit in found), dt.timedelta())


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


class Gate(_Model):
    """When a gate asks, and what happens while nobody answers.

    Attributes:
        ask: always, never, or only when the quality score is below a number.
        deadline: how long an answer may take.
        overdue: what then happens: keep waiting, or stop the run.
        remind: how long until a reminder is sent, and between reminders.
    """

    ask: Ask = "always"
    deadline: Duration | None = None
    overdue: Literal["wait", "no-go"] = "wait"
    remind: Duration | None = None

    def asks(self, score: float | None = None) -> bool:
        """Whether the gate asks at this quality score (0 to 100); without a score, a threshold asks."""
        if isinstance(self.ask, Below):
            return score is None or score < self.ask.below
        return self.ask == "always"


class QualityGate(Gate):
    """The gate that is asked again after each round of remedies.

    Attributes:
        rounds: how often quality is measured and asked about at most.
    """

    rounds: int = Field(default=5, ge=1, le=100)


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
        events: what is told.
    """

    slack: str | None = Field(default=None, pattern=r"^[a-z0-9-]+$")
    events: tuple[Literal["gate", "loaded", "stopped", "failed"], ...] = ("gate", "loaded", "stopped", "failed")


class Schedule(_Model):
    """When the pipeline starts by itself: a cron line in a time zone, or an interval."""

    cron: str | None = None
    timezone: str = "UTC"
    interval: Duration | None = None

    @field_validator("cron")
    @classmethod
    def _readable_cron(cls, cron: str | None) -> str | None:
        if cron is not None:
            _check_cron(cron)
        return cron

    @field_validator("timezone")
    @classmethod
    def _known_timezone(cls, timezone: str) -> str:
        if timezone not in available_timezones():
            hint = did_you_mean(timezone, available_timezones())
            raise ValueError(f"'{timezone}' is no time zone; write e.g. Europe/Berlin. {hint}".strip())
        return timezone

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
    settings: Mapping[str, Mapping[str, Any]] = Field(default_factory=dict)
    show_personal_data: bool = False
    schedule: Schedule | None = None
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
        public: dict[str, Any] = redact(self.model_dump(mode="json"))
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
    """A run's spec as it was when the run was opened."""
    return PipelineSpec.model_validate_json(Path(path).read_text(encoding="utf-8"))


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
