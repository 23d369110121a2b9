"""`${NAME}` in a pipeline: the environment variable of that name, read when it is used and never kept."""

from __future__ import annotations

import os
import re

from tasks.quality.errors import SpecError

_VARIABLE = re.compile(r"\$\{([A-Za-z_][A-Za-z0-9_]*)\}")


def resolved(text: str, where: str) -> str:
    """The text with each `${NAME}` replaced by the environment variable.

    Raises:
        SpecError: a variable is not set.
    """

    def value(match: re.Match[str]) -> str:
        if match[1] not in os.environ:
            raise SpecError(f"the environment variable {match[1]} is not set", where=where, todo=f"export {match[1]}=…")
        return os.environ[match[1]]

    return _VARIABLE.sub(value, text)
