"""YAML as people write answers: every value is the text that stands there.

YAML reads `NO` as false, `007` as 7, `12:30` as 750 and `1.50` as 1.5; an answer that fills gaps means what was
written. Where a number or a truth value is wanted, the remedy's parameters read it from the text.
"""

from __future__ import annotations

from collections.abc import Hashable
from typing import Any

import yaml

from tasks.quality.errors import AnswerError


class _Twice(yaml.MarkedYAMLError):
    """A key is there twice."""


class _AsWritten(yaml.SafeLoader):
    """Reads nothing into a plain value, but knows nothing (`null`, `~`, no value) when it sees it."""

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Hashable, Any]:  # noqa: FBT001, FBT002  (of PyYAML)
        seen = set[str]()
        for key, _ in node.value:
            if (name := str(key.value)) in seen:
                raise _Twice(problem=f"'{name}' is there twice", problem_mark=key.start_mark)
            seen.add(name)
        return super().construct_mapping(node, deep)


_AsWritten.yaml_implicit_resolvers = {
    first: [(tag, pattern) for tag, pattern in resolvers if tag == "tag:yaml.org,2002:null"]
    for first, resolvers in yaml.SafeLoader.yaml_implicit_resolvers.items()
}


def as_written(text: str, where: str) -> Any:
    """What YAML says; every value is a text or None, no key is there twice.

    Args:
        text: of one document; nothing in it is nothing.
        where: it stands, for errors.

    Raises:
        AnswerError: it is no such YAML; names the line.

    >>> as_written("issue: {value: NO, at: 12:30, code: 007, none: }", "here")
    {'issue': {'value': 'NO', 'at': '12:30', 'code': '007', 'none': None}}
    """
    try:
        return yaml.load(text, Loader=_AsWritten)  # noqa: S506  (a SafeLoader)
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        line = f", line {mark.line + 1}" if mark else ""
        what = error.problem if isinstance(error, _Twice) else f"not YAML: {error.problem}"
        raise AnswerError(f"{what}{line}", where=where, todo="correct it there") from error
    except (yaml.YAMLError, RecursionError) as error:
        raise AnswerError(f"not YAML: {str(error).partition(chr(10))[0]}", where=where, todo="correct it") from error
