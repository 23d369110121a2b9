"""A messy table of orders of any size, written by DuckDB: the same seed and size give the same rows.

Every value is computed from its row's number and the seed by a hash, never drawn, so that threads change nothing.
Twenty columns: keys, padded and mixed-case names, e-mails, dates in three formats, numbers with units, categories
with typos, words for null, a total that is quantity × price but for some rows, 1 % repeated rows. More columns are
more blocks of twenty with other values.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

BLOCK = 20
"""Columns of one block."""

_GIVEN = ("Ada", "Grace", "Alan", "Edsger", "Barbara", "Donald", "Tim", "Radia", "Jürgen", "Zoë", "Emmy", "Max")
_FAMILY = ("Meier", "Meyer", "Smith", "Smyth", "Hopper", "Weber", "Müller", "Berg", "Borg", "Fischer", "Rossi", "Fox")
_CITIES = (
    "Berlin", "Hamburg", "Munich", "Cologne", "Frankfurt", "Stuttgart", "Dresden", "Leipzig", "Bremen", "Hanover",
    "Bonn", "Kiel", "Mainz", "Freiburg", "Rostock", "Erfurt", "Essen", "Ulm", "Jena", "Trier",
)  # fmt: skip
_THINGS = ("kettle", "mug", "teapot", "grinder", "scale", "filter", "spoon", "tray", "lamp", "chair", "desk", "shelf")
_COLOURS = ("red", "blue", "green", "black", "white", "grey", "silver", "golden")
_CATEGORIES = ("kitchen", "office", "garden", "lighting", "furniture", "gifts")
_STATES = ("shipped", "delivered", "open", "returned", "cancelled")
_CHANNELS = ("web", "phone", "shop", "partner")


@dataclass(frozen=True)
class _Block:
    """The expressions of one block of columns; each takes its chances from its own place in the hash."""

    number: int
    seed: int
    rows: int

    def chance(self, what: str, place: int, of: int) -> str:
        """A number below `of` for each value of an expression."""
        return f"(hash({what}, {self.seed * 10_000 + self.number * 100 + place}) % {of})::BIGINT"

    def pick(self, values: Sequence[str], what: str, place: int) -> str:
        """One of some texts for each value of an expression."""
        listed = ", ".join(f"'{value}'" for value in values)
        return f"([{listed}])[1 + {self.chance(what, place, len(values))}]"

    def rarely(self, place: int, per_mille: int, then: str, otherwise: str) -> str:
        """Something else in so many of a thousand rows."""
        return f"CASE WHEN {self.chance('k', place, 1000)} < {per_mille} THEN {then} ELSE {otherwise} END"

    def bases(self) -> Iterator[tuple[str, str]]:
        """What the columns are made of: customer, place, article, amounts, days."""
        yield "c", self.chance("k", 1, max(10, self.rows // 20))
        yield "z", self.chance("c", 2, 60)
        yield "p", self.chance("k", 3, 500)
        yield "q", f"1 + {self.chance('k', 4, 12)}"
        yield "cents", f"199 + {self.chance('p', 5, 49_800)}"
        yield "day", f"DATE '2022-01-01' + {self.chance('k', 6, 1000)}::INTEGER"
        yield "given", self.pick(_GIVEN, "c", 7)
        yield "family", self.pick(_FAMILY, "c", 8)
        yield "town", self.pick(_CITIES, "z", 9)

    def columns(self) -> Iterator[tuple[str, str]]:
        """Name and expression of each column, over the bases and `k`, the number that a row is made from."""
        name = f"given || ' ' || chr((65 + {self.chance('c', 10, 26)})::INTEGER) || '. ' || family"
        typo = "left({0}, 2) || substr({0}, 4)".format
        category, state = self.pick(_CATEGORIES, "p", 20), self.pick(_STATES, "k", 21)
        money = "printf('%.2f', {0} / 100.0)".format
        kilos = f"printf('%.1f', (5 + {self.chance('p', 22, 300)}) / 10.0)"
        percent = f"(5 * {self.chance('k', 23, 8)})::VARCHAR"
        later = f"(day + {self.chance('k', 24, 15)}::INTEGER)::VARCHAR"
        seconds = f"day::TIMESTAMP + to_seconds({self.chance('k', 25, 86_400)})"
        article = f"{self.pick(_COLOURS, 'p', 26)} || ' ' || {self.pick(_THINGS, 'p', 27)} || ' ' || (p % 90)"
        yield "order_id", "printf('O-%08d', k)"
        yield "customer_id", "printf('C%06d', c)"
        yield "customer", self.rarely(30, 20, f"'  ' || {name} || ' '", self.rarely(31, 30, f"upper({name})", name))
        mail = "lower(replace(family, 'ü', 'ue')) || c || '@example.org'"
        yield "email", self.rarely(32, 5, f"replace({mail}, '@', ' at ')", mail)
        yield (
            "phone",
            f"CASE WHEN c % 10 = 0 THEN 'N/A' ELSE printf('+49 30 %07d', {self.chance('c', 33, 10_000_000)}) END",
        )
        yield "zip", "printf('%05d', 1000 + 1571 * z)"
        yield "city", self.rarely(34, 2, self.pick(_CITIES, "k", 35), self.rarely(36, 5, "upper(town)", "town"))
        yield "sku", "printf('SKU-%04d', p)"
        yield "product", self.rarely(37, 5, typo(f"({article})"), article)
        yield "category", self.rarely(38, 5, typo(category), self.rarely(39, 10, f"upper({category})", category))
        yield "quantity", self.rarely(40, 5, "q || ' pcs'", "q::VARCHAR")
        yield "unit_price", self.rarely(41, 30, f"{money('cents')} || ' EUR'", money("cents"))
        wrong = self.rarely(43, 500, "''", money("q * cents + 100"))
        yield "total", self.rarely(42, 10, wrong, money("q * cents"))
        yield "weight", self.rarely(44, 150, f"{kilos} || ' kg'", self.rarely(45, 50, f"{kilos} || 'kg'", kilos))
        none = self.rarely(47, 500, "NULL", self.pick(("N/A", "-", "none"), "k", 48))
        yield "discount", self.rarely(46, 600, none, self.rarely(49, 300, f"{percent} || '%'", percent))
        yield "channel", self.rarely(50, 2, "'pohne'", self.pick(_CHANNELS, "c", 51))
        yield "status", self.rarely(52, 5, typo(state), state)
        other = self.rarely(54, 700, "strftime(day, '%d.%m.%Y')", "strftime(day, '%b %-d, %Y')")
        yield "ordered_at", self.rarely(53, 100, other, "day::VARCHAR")
        gap = self.rarely(56, 800, "NULL", self.rarely(57, 500, "'NULL'", "'1900-01-01'"))
        yield "delivered_at", self.rarely(55, 120, gap, later)
        yield "updated_at", f"strftime({seconds}, '%Y-%m-%d %H:%M:%S')"


def query(rows: int, columns: int = BLOCK, seed: int = 1) -> str:
    """The SELECT that gives `_row` and the columns as text."""
    blocks = [_Block(number, seed, rows) for number in range(-(-columns // BLOCK))]
    wanted: list[str] = []
    layers = [f"SELECT range AS _row, {_source(seed)} AS k FROM range({rows})"]
    for block in blocks:
        made = {f"{name}_{block.number + 1}" if block.number else name: text for name, text in block.columns()}
        cells = [f'({text})::VARCHAR AS "{name}"' for name, text in made.items()]
        inner = layers[-1]
        for base, text in block.bases():
            inner = f"SELECT * REPLACE ({text} AS {base}) FROM ({inner})" if block.number else _added(inner, text, base)
        layers.append(f"SELECT *, {', '.join(cells)} FROM ({inner})")
        wanted += [f'"{name}"' for name in made]
    return f"SELECT _row, {', '.join(wanted[:columns])} FROM ({layers[-1]})"


def _added(inner: str, text: str, base: str) -> str:
    return f"SELECT *, {text} AS {base} FROM ({inner})"


def _source(seed: int) -> str:
    """The row itself, or, for one row of a hundred, one of the hundred before it: that row again."""
    again = f"hash(range, {seed * 10_000 + 9_998}) % 100 = 0 AND range > 100"
    return f"CASE WHEN {again} THEN range - 1 - (hash(range, {seed * 10_000 + 9_999}) % 100)::BIGINT ELSE range END"


def write(path: Path, rows: int, columns: int = BLOCK, seed: int = 1) -> None:
    """Write the table as a snapshot is written: Parquet, in the order of `_row`."""
    import duckdb

    from blocks.row_file import GROUP_ROWS

    with duckdb.connect() as connection:
        connection.execute("SET preserve_insertion_order = true")
        connection.execute("SET enable_progress_bar = false")
        options = f"FORMAT parquet, COMPRESSION zstd, ROW_GROUP_SIZE {GROUP_ROWS}"
        connection.execute(f"COPY ({query(rows, columns, seed)}) TO '{path}' ({options})")
