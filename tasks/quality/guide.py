"""The guide to every kind of issue, its settings and remedies, read from where they are defined."""

from __future__ import annotations

import inspect
import json
import re
import sys
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Literal, get_args, get_origin

from pydantic import BaseModel
from pydantic.fields import FieldInfo

from tasks.quality.errors import SpecError, did_you_mean
from tasks.quality.registry import MODULES, Kind, Remedy, kinds, module_title, remedies

UNIVERSAL = "universal"
"""The module of the remedies that every issue has."""


@dataclass(frozen=True)
class Entry:
    """One setting or parameter.

    Attributes:
        takes: what it takes, in words, e.g. "number, 0 to 1".
        default: as YAML has it; empty where it must be given.
    """

    name: str
    takes: str
    default: str
    doc: str


@dataclass(frozen=True)
class KindGuide:
    """A kind of issue and its settings."""

    kind: Kind
    settings: tuple[Entry, ...]


@dataclass(frozen=True)
class RemedyGuide:
    """A remedy, its parameters, and what they are about."""

    remedy: Remedy
    parameters: tuple[Entry, ...]
    about: str = ""


@dataclass(frozen=True)
class ModuleGuide:
    """A module: what its kinds find, and its remedies."""

    name: str
    title: str
    doc: str
    kinds: tuple[KindGuide, ...]
    remedies: tuple[RemedyGuide, ...]


def guide(name: str = "") -> tuple[ModuleGuide, ...]:
    """Every module, in the order in which their decisions are carried out, then what every issue has.

    Args:
        name: of a kind or module, to be told about it and what every issue has, alone.

    Raises:
        SpecError: there is no such kind or module.
    """
    modules = tuple(_module(module) for module in (*MODULES, UNIVERSAL))
    if not name:
        return tuple(m for m in modules if m.kinds or m.remedies)
    known = [*(kind.name for kind in kinds()), *MODULES]
    if name not in known:
        raise SpecError(f"unknown kind '{name}'", available=known, todo=did_you_mean(name, known))
    found = (m if m.name == name else _only(m, name) for m in modules)
    return tuple(m for m in found if m.kinds or m.name in (name, UNIVERSAL))


def documented(model: type[BaseModel]) -> dict[str, str]:
    """What the `Attributes:` of a model and the classes it comes from say about each field.

    Both spellings are read: `Attributes: share: how many; times: how often.` and one field per line.
    """
    found: dict[str, str] = {}
    for cls in reversed(model.__mro__):
        _before, there, listed = inspect.cleandoc(cls.__doc__ or "").partition("Attributes:")
        if there and issubclass(cls, BaseModel):
            found |= _listed(listed, cls.model_fields)
    return found


def _listed(text: str, fields: Iterable[str]) -> dict[str, str]:
    named = "|".join(re.escape(name) for name in fields)
    parts = re.split(rf"(?:^\s*|\n\s*|;\s+)({named}):\s", text) if named else []
    pairs = zip(parts[1::2], parts[2::2], strict=True)
    return {name: " ".join(said.split()).rstrip(";") for name, said in pairs}


def _module(name: str) -> ModuleGuide:
    own = tuple(KindGuide(kind, tuple(_entries(kind.settings))) for kind in kinds() if kind.module == name)
    cures = tuple(_remedy(remedy) for remedy in remedies() if remedy.module == name)
    doc = inspect.getdoc(sys.modules[f"tasks.quality.{name}"]) or ""
    title = "Every issue" if name == UNIVERSAL else module_title(name)
    return ModuleGuide(name, title, " ".join(doc.partition("\n\n")[0].split()), own, cures)


def _remedy(remedy: Remedy) -> RemedyGuide:
    entries = tuple(_entries(remedy.parameters))
    about = inspect.cleandoc(remedy.parameters.__doc__ or "").partition("Attributes:")[0] if entries else ""
    return RemedyGuide(remedy, entries, " ".join(about.split()))


def _only(module: ModuleGuide, kind: str) -> ModuleGuide:
    chosen = tuple(each for each in module.kinds if each.kind.name == kind)
    return ModuleGuide(module.name, module.title, module.doc, chosen, module.remedies)


def _entries(model: type[BaseModel]) -> Iterator[Entry]:
    docs = documented(model)
    for name, field in model.model_fields.items():
        yield Entry(name, _takes(field), _default(field), docs.get(name, ""))


def _default(field: FieldInfo) -> str:
    if field.is_required():
        return ""
    value = field.get_default(call_default_factory=True)
    return json.dumps(value, ensure_ascii=False, default=str)


def _takes(field: FieldInfo) -> str:
    return _type(field.annotation) + "".join(f", {said}" for said in _bounds(field))


_NAMES: Mapping[Any, str] = {
    bool: "true or false",
    int: "whole number",
    float: "number",
    str: "text",
    type(None): "null",
}


def _type(annotation: Any) -> str:
    origin, args = get_origin(annotation), get_args(annotation)
    if origin is Literal:
        return " | ".join(json.dumps(arg, ensure_ascii=False) for arg in args)
    if origin in (tuple, list):
        return f"list of {_type(args[0])}"
    if origin is not None and isinstance(origin, type) and issubclass(origin, Mapping):
        return f"{_type(args[0])} → {_type(args[1])}"
    if args:
        return " or ".join(_type(arg) for arg in args)
    return _NAMES.get(annotation, getattr(annotation, "__name__", str(annotation)).lower())


def _bounds(field: FieldInfo) -> Iterator[str]:
    for bound in field.metadata:
        for sign, name in (("≥", "ge"), (">", "gt"), ("≤", "le"), ("<", "lt"), ("at least", "min_length")):
            if (value := getattr(bound, name, None)) is not None:
                yield f"{sign} {value:g}"
