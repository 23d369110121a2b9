"""A pipeline's YAML: read with its line numbers, so that every fault names its line, its path and the fix."""

from __future__ import annotations

import datetime as dt
import re
import types
import typing
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeAlias, TypeVar

from pydantic import BaseModel, ValidationError

from tasks.quality.errors import SpecError, did_you_mean
from tasks.quality.secrets import mask
from tasks.quality.wording import plural

if TYPE_CHECKING:
    from ruamel.yaml import YAML
    from ruamel.yaml.nodes import ScalarNode

LARGEST = 1_000_000
"""Bytes of the largest file that is read."""

MOST_NODES = 100_000
"""Values in the largest file that is read, aliases written out."""

DEEPEST = 50

_WHOLE = re.compile(r"-?(0|[1-9][0-9]*)")

INTERNAL = frozenset({"folder"})
"""Fields that are no business of the file."""

Where: TypeAlias = tuple[str | int, ...]
M = TypeVar("M", bound=BaseModel)


@dataclass(frozen=True)
class Document:
    """A YAML file as plain data, with the line of every key and item."""

    name: str
    data: Any
    lines: Mapping[Where, int]

    def line(self, where: Where) -> int:
        """The 1-based line of a path, or of the nearest part of it that is there."""
        while where and where not in self.lines:
            where = where[:-1]
        return self.lines.get(where, 1)


@dataclass(frozen=True, order=True)
class Fault:
    """One thing wrong with a file."""

    line: int
    path: str
    what: str


def read_document(path: Path) -> Document:
    """Read a YAML file.

    Raises:
        SpecError: it is not there, not readable, or no YAML mapping.
    """
    text = _text(path)
    data = _parsed(path.name, text)
    if data is None:
        raise SpecError(f"{path.name} is empty", todo="write at least name, source and destination")
    lines: dict[Where, int] = {(): 1}
    plain = _Plain(path.name, lines).of(data, ())
    if not isinstance(plain, dict):
        raise _fault(path.name, 1, "", "a pipeline is a mapping of 'key: value' lines", "begin with 'name: …'")
    return Document(path.name, plain, lines)


def validated(document: Document, model: type[M], context: Mapping[str, Any]) -> tuple[M | None, list[Fault]]:
    """The model that a document describes, or all that is wrong with it; `context` is no business of the file."""
    found = [
        Fault(document.line((key,)), key, _unknown(key, _keys_at(model, (), context)))
        for key in context
        if key in document.data
    ]
    try:
        return model.model_validate({**document.data, **context}), found
    except ValidationError as error:
        return None, found + faults(document, model, error)


def refused(document: Document, found: Sequence[Fault]) -> SpecError:
    """One error that tells all faults, one per line."""
    return SpecError(mask("\n".join(_told(document, fault) for fault in sorted(set(found)))))


def _told(document: Document, fault: Fault) -> str:
    return ": ".join(part for part in (f"{document.name}:{fault.line}", fault.path, fault.what) if part)


def faults(document: Document, model: type[BaseModel], error: ValidationError) -> list[Fault]:
    """What pydantic found, in the words and places of the file; one fault per place."""
    found: dict[Where, Fault] = {}
    for detail in error.errors(include_url=False):
        where = _place(document.data, detail["loc"], detail["type"])
        what = _in_words(detail, where, model, document.data)
        found.setdefault(where, Fault(document.line(where), dotted(where), what))
    # Of the members of a union only the one that got furthest says something useful.
    return [fault for where, fault in found.items() if not any(_is_inside(other, where) for other in found)]


def _is_inside(where: Where, outer: Where) -> bool:
    return len(where) > len(outer) > 0 and where[: len(outer)] == outer


def dotted(where: Where) -> str:
    """A path as people write it.

    >>> dotted(("contract", "rules", 0, "name"))
    'contract.rules[0].name'
    """
    return "".join(f"[{part}]" if isinstance(part, int) else f".{part}" for part in where).removeprefix(".")


def _text(path: Path) -> str:
    if path.is_dir():
        files = sorted(p.name for p in path.iterdir() if p.suffix in (".yaml", ".yml"))
        raise SpecError(f"{path} is a folder, not a pipeline", available=files, todo="name one of its YAML files")
    if not path.exists():
        raise missing_file(path)
    try:
        raw = path.read_bytes()
    except OSError as error:
        raise SpecError(f"cannot read {path}: {error.strerror}", todo="check its permissions") from error
    if len(raw) > LARGEST:
        raise SpecError(f"{path.name} has {plural(len(raw), 'byte')}", todo=f"a pipeline has at most {LARGEST:,}")
    try:
        return raw.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = raw.count(b"\n", 0, error.start) + 1
        raise SpecError(f"{path.name}:{line}: not UTF-8", todo="save the file with UTF-8 encoding") from error


def missing_file(path: Path) -> SpecError:
    """The error for a file that is not there, with what is beside it."""
    folder = path.parent
    if not folder.is_dir():
        return SpecError(f"no folder '{folder}'", todo="check the path")
    there = sorted(p.name for p in folder.iterdir() if p.is_file() and not p.name.startswith("."))
    beside = [name for name in there if Path(name).suffix == path.suffix] or there
    todo = did_you_mean(path.name, there)
    return SpecError(f"no file '{path.name}'", where=str(folder), available=beside[:12], todo=todo)


def _parsed(name: str, text: str) -> Any:
    from ruamel.yaml.error import MarkedYAMLError, YAMLError

    try:
        return _reader().load(text)
    except MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        raise _fault(name, (mark.line if mark else 0) + 1, "", *_yaml_fault(str(error.problem))) from error
    except (YAMLError, ValueError, RecursionError) as error:
        raise SpecError(f"{name} is not YAML: {str(error).splitlines()[0]}", todo="check it in an editor") from error


def _reader() -> YAML:
    """Reads whole numbers as such only where they are written so: 007 and +49 are codes, not 7 and 49."""
    from ruamel.yaml import YAML
    from ruamel.yaml.constructor import RoundTripConstructor

    class Constructor(RoundTripConstructor):  # type: ignore[misc]  # it has no types
        def construct_yaml_int(self, node: ScalarNode) -> int | str:
            return int(node.value) if _WHOLE.fullmatch(node.value) else str(node.value)

    Constructor.add_constructor("tag:yaml.org,2002:int", Constructor.construct_yaml_int)
    reader = YAML(typ="rt")
    reader.Constructor = Constructor
    return reader


def _yaml_fault(problem: str) -> tuple[str, str]:
    if "duplicate key" in problem:
        key = re.findall(r'duplicate key "(.*?)"', problem)
        return f"'{key[0] if key else '?'}' is there twice", "keep one"
    if r"\t" in problem or "\t" in problem:
        return "a tab, where YAML takes only spaces", "indent with spaces"
    if "mapping values are not allowed" in problem:
        return "a second ': ' in one line", "put the text in quotes"
    if "cannot start any token" in problem:
        return problem, "put the text in quotes"
    return problem, "check quotes, brackets and indentation above"


def _fault(name: str, line: int, path: str, what: str, todo: str) -> SpecError:
    told = f"{name}:{line}: {path + ': ' if path else ''}{what}"
    return SpecError(told, todo=todo)


class _Plain:
    """Turns ruamel's annotated nodes into plain data and writes down their lines."""

    def __init__(self, name: str, lines: dict[Where, int]) -> None:
        self.name, self.lines, self.nodes = name, lines, 0

    def of(self, node: Any, where: Where) -> Any:
        """The plain data of a node."""
        self.nodes += 1
        if self.nodes > MOST_NODES or len(where) > DEEPEST:
            raise self._fault(where[:1], "too many or too deeply nested values", "use fewer aliases")
        if isinstance(node, Mapping):
            items = {self._key(node, key, where): self.of(value, (*where, str(key))) for key, value in node.items()}
            return {key: value for key, value in items.items() if value is not None}  # a section left empty
        if isinstance(node, Sequence) and not isinstance(node, str):
            return [self._item(node, index, where) for index in range(len(node))]
        return self._scalar(node, where)

    def _key(self, node: Any, key: Any, where: Where) -> str:
        at = (node.lc.data or {}).get(key)
        self.lines[*where, str(key)] = at[0] + 1 if at else self.lines.get(where, 1)
        if isinstance(key, str | int | float | dt.date):
            return str(key)
        raise self._fault((*where, str(key)), "a key that is no text", "name it with a word")

    def _item(self, node: Any, index: int, where: Where) -> Any:
        at = (node.lc.data or {}).get(index)
        self.lines[*where, index] = at[0] + 1 if at else self.lines.get(where, 1)
        return self.of(node[index], (*where, index))

    def _scalar(self, node: Any, where: Where) -> Any:
        if isinstance(node, dt.datetime):
            return dt.datetime.fromisoformat(str(node))
        if node is None or isinstance(node, bool | dt.date):
            return node
        if isinstance(node, str):
            return str(node)
        if isinstance(node, int):
            return int(node)
        if isinstance(node, float):
            return float(node)
        raise self._fault(where, f"a value with the tag {getattr(node, 'tag', '?')}", "leave the tag out")

    def _fault(self, where: Where, what: str, todo: str) -> SpecError:
        return _fault(self.name, self.lines.get(where, 1), dotted(where), what, todo)


# --- pydantic's findings in words ------------------------------------------------------------------------------


def _place(data: Any, loc: Sequence[str | int], kind: str) -> Where:
    """The path in the file that a pydantic location means; names of union members are left out."""
    where: list[str | int] = []
    for position, part in enumerate(loc):
        if _has(data, part):
            data = data[part]
        elif kind != "missing" or position < len(loc) - 1:
            continue
        where.append(part)
    if kind == "union_tag_invalid" and _has(data, "kind"):
        where.append("kind")
    return tuple(where)


def _has(data: Any, part: str | int) -> bool:
    if isinstance(data, Mapping):
        return part in data
    return isinstance(data, list) and isinstance(part, int) and part < len(data)


def _in_words(detail: Any, where: Where, model: type[BaseModel], data: Any) -> str:
    kind, said, context = detail["type"], detail["msg"], detail.get("ctx", {})
    if kind == "missing":
        return f"is missing{_hint(model, where, data)}"
    if kind == "extra_forbidden":
        return _unknown(str(where[-1]), _keys_at(model, where[:-1], data))
    if kind == "union_tag_not_found":
        return "does not say its 'kind'"
    if kind in ("literal_error", "enum", "union_tag_invalid"):
        tags = context.get("expected") or context.get("expected_tags", "")
        allowed = re.findall(r"'(.*?)'", tags)
        shown = context.get("tag", detail["input"])
        return f"'{shown}' is not one of {', '.join(allowed)}. {did_you_mean(str(shown), allowed)}".strip()
    if kind == "value_error":
        return str(said).removeprefix("Value error, ")
    must = re.sub(r"^Input should be( a valid| an? )?", "must be", said)
    must = re.sub(r"( or (instance of|object to) |, unable to parse ).*$", "", must)
    for theirs, ours in _WORDS:
        must = must.replace(theirs, ours)
    return f"{must}, not {_shown(detail['input'])}"


_WORDS = (
    ("must be dictionary", "must be a mapping of 'key: value' lines"),
    ("must be mapping", "must be a mapping of 'key: value' lines"),
    ("must be string", "must be text"),
    ("must be list", "must be a list"),
    ("must be tuple", "must be a list"),
    ("must be number", "must be a number"),
    ("must be integer", "must be a whole number"),
    ("must be boolean", "must be true or false"),
)


def _shown(value: object) -> str:
    if isinstance(value, Mapping):
        return "a mapping"
    if isinstance(value, Sequence) and not isinstance(value, str):
        return "a list"
    return "nothing" if value is None else f"'{value}'"


def _unknown(name: str, available: Sequence[str]) -> str:
    there = f"; available: {', '.join(available)}" if available else ""
    hint = did_you_mean(name, available)
    return f"unknown key '{name}'{there}{'. ' + hint if hint else ''}"


def _hint(model: type[BaseModel], where: Where, data: Any) -> str:
    found = _model_at(model, where[:-1], data)
    if found is None or where[-1] not in found.model_fields:
        return ""
    description = found.model_fields[str(where[-1])].description
    return f" ({description})" if description else ""


def _keys_at(model: type[BaseModel], where: Where, data: Any) -> list[str]:
    found = _model_at(model, where, data)
    fields = {name: field for name, field in (found.model_fields if found else {}).items() if name not in INTERNAL}
    if "kind" not in fields:
        return list(fields)
    return sorted(fields, key=lambda name: (name != "kind", not fields[name].is_required()))


def _model_at(model: type[BaseModel], where: Where, data: Any) -> type[BaseModel] | None:
    """The model that describes a place in the file."""
    annotation: Any = model
    for part in where:
        data = data[part] if part in data or isinstance(part, int) else {}
        found = _chosen(annotation, data)
        annotation = _inside(found if found is not None else annotation, part)
    return _chosen(annotation, data)


def _inside(annotation: Any, part: str | int) -> Any:
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        field = annotation.model_fields.get(str(part))
        return field.annotation if field else None
    for option in _options(annotation):
        if arguments := typing.get_args(option):
            return arguments[-1] if isinstance(part, str) else arguments[0]
    return None


def _chosen(annotation: Any, data: Any) -> type[BaseModel] | None:
    """The model among an annotation's options: by `kind` where there are several."""
    models = [o for o in _options(annotation) if isinstance(o, type) and issubclass(o, BaseModel)]
    kind = data.get("kind") if isinstance(data, Mapping) else None
    named = [m for m in models if "kind" in m.model_fields and m.model_fields["kind"].default == kind]
    return next(iter(named or models), None)


def _options(annotation: Any) -> Iterator[Any]:
    origin = typing.get_origin(annotation)
    if origin is typing.Annotated:
        yield from _options(typing.get_args(annotation)[0])
    elif origin in (typing.Union, types.UnionType):
        for option in typing.get_args(annotation):
            yield from _options(option)
    else:
        yield annotation
