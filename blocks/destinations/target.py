"""What a load into a table has to know of the destination that it is for."""

from __future__ import annotations

from typing import Literal, Protocol

from pydantic import BaseModel, ConfigDict, Field

from blocks.destinations.base import WrongTypes


class Validity(BaseModel):
    """The columns that say from when to when a version of a row holds; the current one has no end."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    since: str = Field(default="valid_from", min_length=1)
    until: str = Field(default="valid_to", min_length=1)
    absent: Literal["keep", "end"] = Field(
        default="keep", description="rows whose key the data does not have: they go on, or end"
    )


class Target(Protocol):
    """A table of a database, and how rows get into it."""

    @property
    def table(self) -> str:
        """Its name, without its schema."""
        ...

    @property
    def schema_name(self) -> str | None:
        """Its schema; by default the connection's."""
        ...

    @property
    def mode(self) -> Literal["append", "replace", "merge", "history"]:
        """What becomes of the rows that are there."""
        ...

    @property
    def key(self) -> tuple[str, ...]:
        """Columns that tell rows apart."""
        ...

    @property
    def validity(self) -> Validity:
        """Columns of mode history."""
        ...

    @property
    def keep_former(self) -> bool:
        """Whether what a load replaces is kept."""
        ...

    @property
    def wrong_types(self) -> WrongTypes:
        """What becomes of values that are not of the contract's type."""
        ...

    def describe(self) -> str:
        """The destination in words, without secrets."""
        ...

    def name(self) -> str:
        """The table's name, with its schema."""
        ...
