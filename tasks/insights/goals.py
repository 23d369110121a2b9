"""Business goals: a metric over the table's columns, a target, and how to break it down."""

from __future__ import annotations

import math
import re
from collections.abc import Iterable
from decimal import Decimal
from typing import Annotated, Literal

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, field_validator, model_validator

from tasks.quality.errors import SpecError
from tasks.quality.expressions import check_metric

Unit = Literal["day", "week", "month", "quarter", "year"]

_OPERATORS = {">=": "at_least", "<=": "at_most", "=": "equals", "==": "equals", ">": "above", "<": "below"}
_WRITTEN = re.compile(r"^\s*(>=|<=|==|=|>|<)\s*([+-]?[0-9][0-9_]*(?:\.[0-9]+)?(?:[eE][+-]?[0-9]+)?)\s*(%?)\s*$")

MOST_DECIMALS = 12
"""Digits after the point that can be shown."""


def same(value: float, other: float) -> bool:
    """Whether two figures are one but for the last binary digits of a float64, which arithmetic may move."""
    return math.isclose(value, other, rel_tol=1e-15)


class _Model(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)


class Target(_Model):
    """What a figure must come to; exactly one of the fields is set."""

    at_least: float | None = None
    at_most: float | None = None
    above: float | None = None
    below: float | None = None
    equals: float | None = None
    between: tuple[float, float] | None = None

    @model_validator(mode="after")
    def _one(self) -> Target:
        if len(self.model_fields_set - {n for n in type(self).model_fields if getattr(self, n) is None}) != 1:
            raise ValueError("name exactly one of at_least, at_most, above, below, equals, between")
        if self.between and self.between[0] > self.between[1]:
            raise ValueError(f"between {self.between[0]:g} and {self.between[1]:g} holds nothing; swap them")
        return self

    def met(self, value: float) -> bool:
        """Whether a value is on target; equality is to nine digits."""
        if self.equals is not None:
            return math.isclose(value, self.equals, rel_tol=1e-9)
        if any(same(value, bound) for bound in self.bounds):
            return not self.strict
        low, high = self.between or (self._lowest, self._highest)
        return low < value < high

    @property
    def strict(self) -> bool:
        """Whether the bound itself is off target."""
        return self.above is not None or self.below is not None

    @property
    def _lowest(self) -> float:
        return next((bound for bound in (self.at_least, self.above) if bound is not None), -math.inf)

    @property
    def _highest(self) -> float:
        return next((bound for bound in (self.at_most, self.below) if bound is not None), math.inf)

    @property
    def words(self) -> str:
        """The kind of target in words: "at least", "between" and so on."""
        return _kind(self).replace("_", " ")

    @property
    def bounds(self) -> tuple[float, ...]:
        """The numbers of the target: one, or two for a range."""
        found = getattr(self, _kind(self))
        return tuple(found) if isinstance(found, tuple) else (float(found),)


def _kind(target: Target) -> str:
    return next(name for name in type(target).model_fields if getattr(target, name) is not None)


def _read_target(value: object) -> object:
    """A target written as ">= 100000", "< 5 %" or "between 1 and 3"."""
    if not isinstance(value, str):
        if isinstance(value, int | float) and not isinstance(value, bool):
            raise ValueError(f"say how {value:g} is meant, e.g. '>= {value:g}'")  # noqa: TRY004  (pydantic's own)
        return value
    if found := _WRITTEN.match(value):
        operator, number, percent = found.groups()
        return {_OPERATORS[operator]: float(Decimal(number.replace("_", "")) / (100 if percent else 1))}
    if found := re.match(r"^\s*between\s+(\S+)\s+and\s+(\S+)\s*$", value, re.IGNORECASE):
        return {"between": found.groups()}
    raise ValueError(f"'{value}' is no target; write '>= 100000', '<= 5 %', '= 0' or 'between 1 and 3'")


class Grain(_Model):
    """The periods of a trend: a column of dates and the length of a period."""

    column: str = Field(min_length=1)
    unit: Unit = "month"


class Goal(_Model):
    """One thing the user wants to know about the data.

    Attributes:
        name: what people call it.
        metric: a SQL expression over all rows, e.g. `sum(quantity * price)`.
        target: what it must come to; without one it is only shown.
        grain: the periods by which it is followed.
        segments: columns by whose values it is broken down.
        unit: what the figure is counted in: "EUR", "orders"; "%" shows a share (0 to 1) as per cent.
        decimals: digits after the point where it is shown.
    """

    name: str = Field(min_length=1)
    metric: str
    target: Annotated[Target | None, BeforeValidator(_read_target)] = None
    grain: Grain | None = None
    segments: tuple[str, ...] = ()
    unit: str = ""
    decimals: int | None = Field(default=None, ge=0, le=MOST_DECIMALS)
    description: str = ""

    @field_validator("metric")
    @classmethod
    def _readable(cls, metric: str) -> str:
        try:
            check_metric(metric)
        except SpecError as error:
            raise ValueError(error.message) from error
        return metric

    @field_validator("grain", mode="before")
    @classmethod
    def _column_alone(cls, grain: object) -> object:
        return {"column": grain} if isinstance(grain, str) else grain

    @field_validator("segments", mode="before")
    @classmethod
    def _one_or_many(cls, segments: object) -> object:
        return (segments,) if isinstance(segments, str) else segments

    def shown(self, value: float | None) -> str:
        """A value of this goal as people write it: "78,321.50 EUR", "96.1 %", "undefined"."""
        return "undefined" if value is None else f"{self._digits(value, self.decimals)} {self.unit}".strip()

    def telling_apart(self, *pairs: tuple[float, float]) -> Goal:
        """This goal with as many more decimals as it takes to see in each pair that its values differ, if they do."""
        different = [pair for pair in pairs if not same(*pair)]
        fewest = self.decimals if self.decimals is not None else 1 if self.unit == "%" else 2
        enough = (n for n in (self.decimals, *range(fewest + 1, MOST_DECIMALS + 1)) if self._tell_apart(different, n))
        return self.model_copy(update={"decimals": next(enough, self.decimals)})

    def _tell_apart(self, pairs: Iterable[tuple[float, float]], decimals: int | None) -> bool:
        read = [{float(self._digits(value, decimals).replace(",", "")) for value in pair} for pair in pairs]
        return all(len(values) > 1 for values in read)

    def _digits(self, value: float, decimals: int | None) -> str:
        if self.unit == "%":
            text = f"{value * 100:,.{1 if decimals is None else decimals}f}"
        else:
            text = f"{value:,.{decimals}f}" if decimals is not None else _number(value)
        return text if text.strip("-0.,") else text.removeprefix("-")


def _number(value: float) -> str:
    """Grouped digits, with as many decimals as tell something.

    >>> _number(1234567.0), _number(1234.5), _number(0.012345), _number(0.1 + 0.2)
    ('1,234,567', '1,234.50', '0.01235', '0.3')
    """
    if value == round(value):
        return f"{value:,.0f}"
    return f"{value:,.2f}" if abs(value) >= 1 else f"{value:.4g}"
