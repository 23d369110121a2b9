"""The user's contract with the data: what each column holds, what the key is, and which rules hold across fields."""

from __future__ import annotations

import datetime as dt
import math
from collections.abc import Callable, Iterator, Mapping
from typing import Annotated, Any, Literal, TypeAlias

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, field_validator, model_validator

from tasks.quality.errors import SpecError
from tasks.quality.expressions import check_predicate
from tasks.quality.surrogates import whole_characters
from tasks.quality.translate import check_pattern
from tasks.quality.typed import ColumnType

Bound: TypeAlias = int | float | dt.date | dt.datetime

NUMERIC = ("integer", "number")
TEMPORAL = ("date", "timestamp")


def _text(value: object) -> object:
    """A YAML scalar as the text it stands for in the data."""
    if isinstance(value, bool) or value is None:
        raise ValueError(f"write the value in quotes: '{str(value).lower()}'")
    if isinstance(value, float):
        raise ValueError(f"write the number in quotes, as it is in the data: '{value}'")  # noqa: TRY004  (pydantic's own)
    return str(value) if isinstance(value, int | dt.date) else value


def _bound(value: object) -> object:
    """A bound written as text, as the number or ISO date that it is."""
    if not isinstance(value, str):
        return value
    reads: tuple[Callable[[str], Bound], ...] = (int, float, dt.date.fromisoformat, dt.datetime.fromisoformat)
    for read in reads:
        try:
            return read(value)
        except ValueError:
            continue
    raise ValueError(f"'{value}' is neither a number nor a date such as 2026-01-31")


Text = Annotated[str, BeforeValidator(_text)]
AnyBound = Annotated[Bound | None, BeforeValidator(_bound)]
"""A number, a date or a moment, also written as text; or nothing."""


class _Model(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")

    @model_validator(mode="before")
    @classmethod
    def _can_be_written(cls, given: object) -> object:
        return whole_characters(given)


class ColumnContract(_Model):
    """What one column holds; whatever is left out is not checked.

    Attributes:
        type: what every present value must be readable as.
        format: how dates are written (`%d/%m/%Y`); ISO 8601 without it.
        required: no value may be missing (null or blank).
        unique: no value may occur twice.
        allowed: the only values there may be, as they are written in the data.
        minimum: the smallest number or earliest date allowed, itself included.
        maximum: the largest number or latest date allowed, itself included.
        pattern: a regular expression (RE2) that the whole value must match.
        personal: true where personal data is meant to be: it is not reported; false where there must be none.
    """

    type: ColumnType | None = None
    format: str | None = None
    required: bool = False
    unique: bool = False
    allowed: tuple[Text, ...] | None = None
    minimum: AnyBound = None
    maximum: AnyBound = None
    pattern: str | None = None
    personal: bool | None = None
    description: str = ""

    @field_validator("allowed")
    @classmethod
    def _some_allowed(cls, allowed: tuple[str, ...] | None) -> tuple[str, ...] | None:
        if allowed is not None and not allowed:
            raise ValueError("an empty list allows nothing; name the values or leave 'allowed' out")
        return allowed

    @field_validator("pattern")
    @classmethod
    def _readable_pattern(cls, pattern: str | None) -> str | None:
        if pattern is not None:
            check_pattern(f"^(?:{pattern})$")
        return pattern

    @field_validator("minimum", "maximum")
    @classmethod
    def _finite(cls, bound: Bound | None) -> Bound | None:
        if isinstance(bound, float) and not math.isfinite(bound):
            raise ValueError(f"{bound} is no bound; leave it out")
        return bound

    @model_validator(mode="after")
    def _sensible(self) -> ColumnContract:
        for name in ("minimum", "maximum"):
            self._check_bound(name, getattr(self, name))
        if self.format is not None and self.type not in TEMPORAL:
            raise ValueError("'format' says how dates are written; set 'type: date' or 'type: timestamp'")
        if self.minimum is not None and self.maximum is not None:
            self._check_order(self.minimum, self.maximum)
        return self

    def _check_bound(self, name: str, bound: Bound | None) -> None:
        if bound is None:
            return
        suited = TEMPORAL if isinstance(bound, dt.date) else NUMERIC
        if self.type is not None and self.type not in suited:
            needs = "a date" if self.type in TEMPORAL else "a number" if self.type in NUMERIC else "left out"
            raise ValueError(f"'{name}: {bound}' does not suit 'type: {self.type}'; it must be {needs}")

    def _check_order(self, minimum: Bound, maximum: Bound) -> None:
        if isinstance(minimum, dt.date) != isinstance(maximum, dt.date):
            raise ValueError(f"minimum {minimum} and maximum {maximum} must both be numbers or both be dates")
        if _comparable(minimum) > _comparable(maximum):
            raise ValueError(f"minimum {minimum} is greater than maximum {maximum}; swap them")

    @property
    def reads_as(self) -> ColumnType | None:
        """The type, or the one that the bounds ask for."""
        if self.type is not None:
            return self.type
        for bound in (self.minimum, self.maximum):
            if bound is not None:
                return _type_of(bound)
        return None


class Rule(_Model):
    """An expression over one row's columns that must not be false; where it is unknown (null), nothing is said."""

    name: str = Field(min_length=1)
    expression: str
    message: str = ""

    @field_validator("expression")
    @classmethod
    def _readable(cls, expression: str) -> str:
        try:
            check_predicate(expression)
        except SpecError as error:
            raise ValueError(error.message) from error
        return expression


class Reference(_Model):
    """Every value of a column must be one of a list, or occur in another column of the table (a parent's id).

    Attributes:
        column: the column that refers.
        to: the column that it refers to; `NAME.column` is a column of one of the pipeline's lookups.
        values: the list that it refers to.
    """

    column: str = Field(min_length=1)
    to: str = ""
    values: tuple[Text, ...] = ()

    @model_validator(mode="after")
    def _one_target(self) -> Reference:
        if bool(self.to) == bool(self.values):
            raise ValueError("name either the column that it refers to ('to') or the 'values' there may be")
        return self


class ControlTotal(_Model):
    """The sum of a column that another system reports; numbers that cannot be read count as nothing.

    Attributes:
        column: what is added up.
        equals: what the sum must be.
        tolerance: how far it may be off.
    """

    column: str = Field(min_length=1)
    equals: float
    tolerance: float = Field(0.005, ge=0)


class Freshness(_Model):
    """How old the newest date of a column may be.

    Attributes:
        column: dates or times.
        days: whole days that may have passed since the newest one when the run is made.
    """

    column: str = Field(min_length=1)
    days: int = Field(ge=0)


class Determination(_Model):
    """One value of a column goes with one value of another: rows with the same `of` have the same `column`.

    Attributes:
        column: what is determined.
        of: the columns that determine it.
    """

    column: str = Field(min_length=1)
    of: tuple[str, ...] = Field(min_length=1)

    @field_validator("of", mode="before")
    @classmethod
    def _one_or_many(cls, of: object) -> object:
        return (of,) if isinstance(of, str) else of


class Contract(_Model):
    """What the user promises about a table; every part is optional.

    Attributes:
        columns: what each column holds.
        key: the columns that tell rows apart.
        rules: what holds across the columns of a row.
        dependencies: columns that others determine.
        references: columns whose values must exist elsewhere.
        totals: control totals.
        freshness: how old the data may be.
        frozen: the table has the columns that the contract names and no others.
        additions: what becomes of columns that the destination's table lacks: evolve adds them, freeze refuses the
            load, ask lets the pilot decide; a frozen table refuses them.
        orders: pairs of columns of which the first is never after (or greater than) the second.
    """

    columns: Mapping[str, ColumnContract] = Field(default_factory=dict)
    key: tuple[str, ...] = ()
    rules: tuple[Rule, ...] = ()
    dependencies: tuple[Determination, ...] = ()
    references: tuple[Reference, ...] = ()
    totals: tuple[ControlTotal, ...] = ()
    freshness: Freshness | None = None
    frozen: bool = False
    additions: Literal["evolve", "freeze", "ask"] = "ask"
    orders: tuple[tuple[str, str], ...] = ()

    @field_validator("key", mode="before")
    @classmethod
    def _one_or_many(cls, key: object) -> object:
        return (key,) if isinstance(key, str) else key

    @field_validator("orders")
    @classmethod
    def _of_two(cls, orders: tuple[tuple[str, str], ...]) -> tuple[tuple[str, str], ...]:
        for first, last in orders:
            if first == last:
                raise ValueError(f"'{first}' cannot come before itself; name the start and the end")
        return orders

    @model_validator(mode="after")
    def _no_repeats(self) -> Contract:
        for what, names in (("key column", self.key), ("rule", [rule.name for rule in self.rules])):
            for name in _repeated(names):
                raise ValueError(f"{what} '{name}' is named twice")
        return self

    def column(self, name: str) -> ColumnContract:
        """What is promised about a column; nothing when it is not named."""
        return self.columns.get(name, _NOTHING)


_NOTHING = ColumnContract()


def _repeated(names: Any) -> Iterator[str]:
    seen: set[str] = set()
    for name in names:
        if name in seen:
            yield name
        seen.add(name)


def _type_of(bound: Bound) -> ColumnType:
    if isinstance(bound, dt.datetime):
        return "timestamp"
    return "date" if isinstance(bound, dt.date) else "number"


def _comparable(bound: Bound) -> Any:
    """The bound in a type that compares with its partner: dates as date-times in UTC."""
    if isinstance(bound, dt.datetime):
        return bound.astimezone(dt.UTC).replace(tzinfo=None) if bound.tzinfo else bound
    return dt.datetime(bound.year, bound.month, bound.day) if isinstance(bound, dt.date) else bound  # noqa: DTZ001
