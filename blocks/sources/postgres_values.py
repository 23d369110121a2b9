"""How values of PostgreSQL are spelt as text: the same whether rows are copied out or fetched one by one.

Dates and times are those of ISO 8601 with six digits below the second, or none, and offsets with their minutes. Those
that Python does not have (`infinity`, years BC or after 9999, 24:00) are spelt as PostgreSQL does.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import pyarrow as pa

SETTINGS = ("datestyle = 'ISO'", "intervalstyle = 'postgres'", "extra_float_digits = 1")
"""What the server is set to in a transaction whose values are spelt here."""

AS_IT_IS = frozenset({20, 21, 23, 25, 1043, 19, 2950, 1082, 1186, 1700})
"""Types that the server spells as we do: integers, texts, uuid, date, interval, numeric."""

CAST = frozenset({16, 1042})
"""Types that a cast to text spells as we do: boolean, blank-padded text."""

_FLOAT8, _DATE, _TIME, _TIMESTAMP, _TIMESTAMPTZ, _INTERVAL, _TIMETZ = 701, 1082, 1083, 1114, 1184, 1186, 1266
_SMALLEST, _LARGEST = 1e-4, 1e15
"""Numbers between them are spelt with all their digits, there as here."""

_HOURS = r"([+-]\d\d)( BC)?$"
_FRACTION = r"\.(\d+)"
_LONG_FRACTION = r"\.(\d{6})0*"


# --- a column at a time -------------------------------------------------------------------------------------------


def respelt(column: pa.Array, type: int) -> pa.Array:
    """A column as the server sent it, spelt as we do.

    Args:
        column: texts.
        type: the server's number of it.
    """
    spell = SPELT.get(type)
    return spell(column) if spell else column


def _floats(column: pa.Array) -> pa.Array:
    """As Python spells them: 2 is 2.0, 1e+15 is 1000000000000000.0, NaN is nan."""
    import pyarrow as pa
    import pyarrow.compute as pc

    number = column.cast(pa.float64())
    size = pc.abs(number)
    alike = pc.or_(pc.equal(number, 0), pc.and_(pc.greater_equal(size, _SMALLEST), pc.less(size, _LARGEST)))
    whole = pc.and_(alike, pc.equal(pc.floor(number), number))
    told = _some(column, whole, lambda values: pc.binary_join_element_wise(values, ".0", ""))
    return _some(told, pc.invert(alike), lambda values: _each(values, lambda value: str(float(value))))


def _moments(column: pa.Array) -> pa.Array:
    """With six digits below the second, or none."""
    import pyarrow.compute as pc

    return _some(column, pc.match_substring(column, "."), _filled_up)


def _filled_up(values: pa.Array) -> pa.Array:
    import pyarrow.compute as pc

    longer = pc.replace_substring_regex(values, _FRACTION, r".\100000")
    return pc.replace_substring_regex(longer, _LONG_FRACTION, r".\1")


def _moments_with_offset(column: pa.Array) -> pa.Array:
    import pyarrow.compute as pc

    return _moments(pc.replace_substring_regex(column, _HOURS, r"\1:00\2"))


def _some(column: pa.Array, which: pa.Array, spell: Callable[[pa.Array], pa.Array]) -> pa.Array:
    """The column, with some of its values spelt otherwise."""
    import pyarrow.compute as pc

    return pc.replace_with_mask(column, which, spell(column.filter(which))) if pc.any(which).as_py() else column


def _each(values: pa.Array, spell: Callable[[str], str]) -> pa.Array:
    import pyarrow as pa

    return pa.array(list(map(spell, values.to_pylist())), pa.string())


SPELT: Mapping[int, Callable[[Any], Any]] = {
    _FLOAT8: _floats,
    _TIME: _moments,
    _TIMESTAMP: _moments,
    _TIMESTAMPTZ: _moments_with_offset,
}
"""Types of which the server spells some values otherwise than we do."""


# --- a value at a time --------------------------------------------------------------------------------------------


def read_exactly(driver: Any) -> None:
    """Let a connection of psycopg give texts for what Python cannot hold, instead of refusing it or changing it.

    Python has no months, so that an interval of one would become 30 days; and JSON that it has read has lost digits,
    keys that were there twice, and what tells its null from the database's.
    """
    from psycopg.pq import Format

    adapters = driver.adapters
    for type, spell in _BEYOND.items():
        adapters.register_loader(type, _or_text(adapters.get_loader(type, Format.TEXT), spell))
    for type in (_INTERVAL, _JSON, _JSONB):
        adapters.register_loader(type, adapters.get_loader(_TEXT, Format.TEXT))


def _or_text(own: Any, spell: Callable[[str], str]) -> Any:
    """A loader that gives a text where psycopg's own has no value."""
    from psycopg import DataError
    from psycopg.adapt import Loader

    class OrText(Loader):
        def __init__(self, oid: int, context: Any = None) -> None:
            super().__init__(oid, context)
            self._own = own(oid, context)

        def load(self, data: Any) -> Any:
            try:
                return self._own.load(data)
            except DataError:
                return spell(bytes(data).decode())

    return OrText


def _in_full(moment: str) -> str:
    """A moment that Python does not have.

    >>> _in_full("10000-01-01 00:00:00.25+00"), _in_full("0044-03-15 00:00:00 BC"), _in_full("-infinity")
    ('10000-01-01 00:00:00.250000+00:00', '0044-03-15 00:00:00 BC', '-infinity')
    """
    with_minutes = re.sub(_HOURS, lambda found: f"{found[1]}:00{found[2] or ''}", moment)
    return re.sub(_FRACTION, lambda found: f".{found[1]:0<6}", with_minutes)


_TEXT, _JSON, _JSONB = 25, 114, 3802
_BEYOND: Mapping[int, Callable[[str], str]] = {_DATE: str} | dict.fromkeys(
    (_TIME, _TIMETZ, _TIMESTAMP, _TIMESTAMPTZ), _in_full
)
"""Types that have values which Python has not → how those are spelt."""
