"""Issue kinds and remedies: one decorated function each, found by importing the modules named in `MODULES`.

Adding a kind is one function (or two, with its recommendations) in its module's file; nothing else changes.
"""

from __future__ import annotations

import importlib
import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from functools import cache
from typing import Any, Generic, TypeVar

from pydantic import BaseModel, ConfigDict, model_validator

from tasks.quality.errors import SpecError, did_you_mean
from tasks.quality.model import Dataset, Dimension, Effect, Finding, Issue, Option
from tasks.quality.surrogates import whole_characters

MODULES = ("formats", "missing", "categories", "ranges", "rules", "duplicates", "privacy", "schema")
"""The modules in the order in which their decisions are carried out; columns get other names after all others."""


class KindSettings(BaseModel):
    """Base of every kind's settings: thresholds with documented defaults."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    @model_validator(mode="before")
    @classmethod
    def _can_be_written(cls, given: object) -> object:
        return whole_characters(given)


class Parameters(BaseModel):
    """Base of every remedy's parameters."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    @model_validator(mode="before")
    @classmethod
    def _can_be_written(cls, given: object) -> object:
        return whole_characters(given)


S = TypeVar("S", bound=KindSettings)
P = TypeVar("P", bound=Parameters)


@dataclass(frozen=True)
class Settings(Generic[S]):
    """A kind's settings, resolved per column."""

    default: S
    columns: Mapping[str, S] = field(default_factory=dict)

    def of(self, column: str) -> S:
        """The settings that hold for one column."""
        return self.columns.get(column, self.default)


Detector = Callable[[Dataset, Settings[Any]], Iterable[Finding]]
Recommender = Callable[[Dataset, Issue], Iterable[Option]]
Remedier = Callable[[Dataset, Issue, Any], tuple[Effect, ...]]


@dataclass(frozen=True)
class Kind:
    """A kind of issue: how it is found and what is offered against it."""

    name: str
    module: str
    dimension: Dimension
    title: str
    doc: str
    detect: Detector
    recommend: Recommender
    settings: type[KindSettings]


@dataclass(frozen=True)
class Remedy:
    """A way to change a table; `effects` says what it would write, it writes nothing."""

    name: str
    module: str
    title: str
    doc: str
    parameters: type[Parameters]
    effects: Remedier


_KINDS: dict[str, Kind] = {}
_REMEDIES: dict[str, Remedy] = {}


def nothing_to_recommend(data: Dataset, issue: Issue) -> tuple[Option, ...]:  # noqa: ARG001  (a Recommender)
    """Offer only what every kind offers."""
    return ()


def kind(
    title: str,
    *,
    dimension: Dimension,
    settings: type[KindSettings] = KindSettings,
    recommend: Recommender = nothing_to_recommend,
) -> Callable[[Detector], Detector]:
    """Register the decorated detector as an issue kind; its name is the function's, its module the file's."""

    def register(detect: Detector) -> Detector:
        name, module = _named(detect)
        _KINDS[name] = Kind(name, module, dimension, title, _first_line(detect), detect, recommend, settings)
        return detect

    return register


def remedy(title: str, *, parameters: type[Parameters] = Parameters) -> Callable[[Remedier], Remedier]:
    """Register the decorated function as a remedy; its name is the function's, its module the file's."""

    def register(effects: Remedier) -> Remedier:
        name, module = _named(effects)
        _REMEDIES[name] = Remedy(name, module, title, _first_line(effects), parameters, effects)
        return effects

    return register


def kinds() -> tuple[Kind, ...]:
    """Every registered kind, in module order, then in the order of the file."""
    _load()
    return tuple(sorted(_KINDS.values(), key=lambda k: MODULES.index(k.module)))


def find_kind(name: str) -> Kind:
    """The kind with this name.

    Raises:
        SpecError: no such kind.
    """
    _load()
    return _find(_KINDS, name, "issue kind")


def remedies() -> tuple[Remedy, ...]:
    """Every registered remedy."""
    _load()
    return tuple(_REMEDIES.values())


def find_remedy(name: str) -> Remedy:
    """The remedy with this name.

    Raises:
        SpecError: no such remedy.
    """
    _load()
    return _find(_REMEDIES, name, "remedy")


T = TypeVar("T")


def _find(registered: Mapping[str, T], name: str, what: str) -> T:
    if name in registered:
        return registered[name]
    raise SpecError(f"unknown {what} '{name}'", available=sorted(registered), todo=did_you_mean(name, registered))


@cache
def _load() -> None:
    for module in ("universal", *MODULES):
        importlib.import_module(f"tasks.quality.{module}")


def _named(function: Callable[..., Any]) -> tuple[str, str]:
    return function.__name__, function.__module__.rpartition(".")[2]


def _first_line(function: Callable[..., Any]) -> str:
    return re.sub(r"\s+", " ", (function.__doc__ or "").partition("\n\n")[0]).strip()


def module_title(module: str) -> str:
    """The module's name for people.

    >>> module_title("missing")
    'Missing Value Module'
    """
    names = {"missing": "Missing Value"}
    return f"{names.get(module, module.capitalize())} Module"
