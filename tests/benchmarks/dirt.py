"""Dirt of every sort over clean tables of our own (`tables`), seeded, with the truth beside it.

The dirt is what people and programs do to tables: slips of the keyboard, values read by a scanner, formats of other
systems, words for null in place of gaps, values in the wrong column, entities whose records disagree, sources that
are out of date. Not every sort is in every table, and how much there is differs from seed to seed.

    python tests/benchmarks/dirt.py --out DIR [--rows 1000] [--seed 1] [--domains DOMAIN …]

writes `DIR/<domain>-<seed>/{dirty,clean,types}.csv`; `types.csv` names the kind of dirt of every erroneous cell.
"""

from __future__ import annotations

import argparse
import csv
import datetime as dt
import random
import string
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from scoring import Unusable, normal
from tables import DOMAINS, Columns

Cells = tuple[str, ...]
Dirt = Callable[[random.Random, Cells], Cells | None]
"""What becomes of the cells of one row; None where this dirt cannot fall on them."""

Maker = Callable[[random.Random, Sequence[Sequence[str]]], Dirt]
"""The dirt as it is in one table, from the clean values of its columns."""

SPARED = 0.15
"""Share of the falls of dirt that a table is spared."""

COPIED = 0.8
"""Share of wrong facts that sources have from each other."""

# --- one cell: a slip -----------------------------------------------------------------------------------------------

_ROWS = ("qwertyuiop", "asdfghjkl", "zxcvbnm")
_LOOKS = {"l": "1", "o": "0", "i": "1", "s": "5", "b": "6", "O": "0", "I": "l", "m": "rn", "0": "O", "1": "l", "5": "S"}


def _at(rng: random.Random, value: str, good: Callable[[str], bool]) -> int | None:
    places = [i for i, sign in enumerate(value) if good(sign)]
    return rng.choice(places) if places else None


def _cased(new: str, like: str) -> str:
    return new.upper() if like.isupper() else new


def substituted(rng: random.Random, value: str) -> str | None:
    """A letter becomes any other."""
    if (i := _at(rng, value, str.isalpha)) is None:
        return None
    return value[:i] + _cased(rng.choice(string.ascii_lowercase), value[i]) + value[i + 1 :]


def crossed_out(rng: random.Random, value: str) -> str | None:
    """A letter or digit becomes an x."""
    i = _at(rng, value, str.isalnum)
    return None if i is None else f"{value[:i]}x{value[i + 1 :]}"


def neighbour(rng: random.Random, value: str) -> str | None:
    """A letter becomes its neighbour on the keyboard."""
    if (i := _at(rng, value, lambda sign: sign.isascii() and sign.isalpha())) is None:
        return None
    row = next(row for row in _ROWS if value[i].lower() in row)
    near = [row[n] for n in range(len(row)) if abs(n - row.index(value[i].lower())) == 1]
    return value[:i] + _cased(rng.choice(near), value[i]) + value[i + 1 :]


def deleted(rng: random.Random, value: str) -> str | None:
    """A letter is left out."""
    i = _at(rng, value, str.isalpha)
    return None if i is None or len(value) <= 3 else value[:i] + value[i + 1 :]


def inserted(rng: random.Random, value: str) -> str | None:
    """A letter is typed twice, or another slips in."""
    i = _at(rng, value, str.isalpha)
    return None if i is None else value[:i] + rng.choice([value[i], rng.choice(string.ascii_lowercase)]) + value[i:]


def transposed(rng: random.Random, value: str) -> str | None:
    """Two neighbours change places."""
    i = _at(rng, value[:-1], str.isalpha)
    return None if i is None else value[:i] + value[i + 1] + value[i] + value[i + 2 :]


def misread(rng: random.Random, value: str) -> str | None:
    """A sign becomes one that looks like it, as a scanner reads it."""
    i = _at(rng, value, lambda sign: sign in _LOOKS)
    return None if i is None else value[:i] + _LOOKS[value[i]] + value[i + 1 :]


def garbled(rng: random.Random, value: str) -> str | None:
    """A digit becomes a letter or sign."""
    i = _at(rng, value, str.isdigit)
    return None if i is None else value[:i] + rng.choice("xoOl#") + value[i + 1 :]


def miscounted(rng: random.Random, value: str) -> str | None:
    """A digit becomes another one."""
    i = _at(rng, value, str.isdigit)
    return None if i is None else value[:i] + rng.choice("123456789") + value[i + 1 :]


# --- one cell: another spelling of the same --------------------------------------------------------------------------


def recased(rng: random.Random, value: str) -> str | None:
    """In capitals, in small letters, or the one for the other."""
    return rng.choice([value.upper(), value.lower(), value.swapcase()])


def spaced(rng: random.Random, value: str) -> str | None:
    """A no-break space for a space, or a space that is lost."""
    if " " not in value:
        return rng.choice([f"{value}\u00a0", f"\u00a0{value}"])
    return value.replace(" ", rng.choice(["\u00a0", ""]), 1)


def misdecoded(rng: random.Random, value: str) -> str | None:
    """Letters with accents, read in the wrong encoding."""
    return None if value.isascii() else value.encode().decode("cp1252")


def grouped(rng: random.Random, value: str) -> str | None:
    """Thousands are separated."""
    try:
        number = float(value)
    except ValueError:
        return None
    places = len(value.partition(".")[2])
    return f"{number:,.{places}f}" if abs(number) >= 1000 else None


def padded(rng: random.Random, value: str) -> str | None:
    """A whole number gets a decimal."""
    return f"{value}.0" if value.isdigit() and not value.startswith("0") else None


def unpadded(rng: random.Random, value: str) -> str | None:
    """A code loses the zeros that it begins with."""
    return value.lstrip("0") if value.startswith("0") and value.strip("0") else None


def other_signs(rng: random.Random, value: str) -> str | None:
    """A space or a point between digits in place of a hyphen."""
    return value.replace("-", rng.choice(" ."), 1) if "-" in value else None


def in_words(rng: random.Random, value: str) -> str | None:
    """The word for a letter."""
    return {"M": "Male", "F": "Female", "Y": "Yes", "N": "No"}.get(value)


def minus_behind(rng: random.Random, value: str) -> str | None:
    """The minus stands behind the number, as SAP writes it."""
    return f"{value[1:]}-" if value.startswith("-") and value[1:].replace(".", "", 1).isdigit() else None


def in_degrees(rng: random.Random, value: str) -> str | None:
    """A number gets degrees Celsius."""
    plain = value.removeprefix("-").replace(".", "", 1).isdigit()
    return f"{value}{rng.choice(['°C', ' °C'])}" if plain else None


def out_of_ten(rng: random.Random, value: str) -> str | None:
    """Points get the scale that they are on."""
    return f"{value}/10" if value.replace(".", "", 1).isdigit() and float(value) <= 10 else None


def in_number_words(rng: random.Random, value: str) -> str | None:
    """A number in words."""
    words = {"1": "one", "2": "two", "3": "three", "4": "four", "5": "five", "10": "ten"}
    return words.get(value)


def in_hours(rng: random.Random, value: str) -> str | None:
    """Minutes become hours."""
    number, _space, unit = value.partition(" ")
    return f"{int(number) / 60:g} h" if unit == "min" and int(number) % 3 == 0 else None


def in_grams(rng: random.Random, value: str) -> str | None:
    """Kilograms become grams."""
    number, _space, unit = value.partition(" ")
    return f"{float(number) * 1000:.0f} g" if unit == "kg" else None


def emptied(rng: random.Random, value: str) -> str | None:
    """The value is gone."""
    return ""


def _each(change: Callable[[random.Random, str], str | None]) -> Maker:
    """Dirt that falls on one value, whatever the others are."""

    def dirt(rng: random.Random, cells: Cells) -> Cells | None:
        new = change(rng, cells[0]) if cells[0] else None
        return None if new is None else (new,)

    return lambda _rng, _columns: dirt


# --- dirt that has a way of its own in each table --------------------------------------------------------------------


def disguised(rng: random.Random, columns: Sequence[Sequence[str]]) -> Dirt:
    """A word stands where there is nothing; a table has one such word, or two."""
    known = ["N/A", "NULL", "-", "n/a", "?", "nan", "none", "unknown", "not available", "#N/A", "missing", "--", "."]
    words = rng.sample(known, rng.choice([1, 1, 2]))
    return lambda rng, cells: None if cells[0] else (rng.choice(words),)


def sentinel(rng: random.Random, columns: Sequence[Sequence[str]]) -> Dirt:
    """An impossible number stands where there is nothing."""
    number = rng.choice(["-999", "-9999", "9999", "99999"])
    return lambda _rng, cells: None if cells[0] else (number,)


def other_dates(rng: random.Random, columns: Sequence[Sequence[str]]) -> Dirt:
    """A date written as another system writes it; a table has one such way, or two."""
    ways = rng.sample(["{0.day} {0:%b} {0.year}", "{0:%B} {0.day}, {0.year}", "{0:%d.%m.%Y}", "{0:%Y/%m/%d}"], 2)
    ways = ways[: rng.choice([1, 2])]

    def dirt(rng: random.Random, cells: Cells) -> Cells | None:
        day = _date(cells[0])
        return None if day is None else (rng.choice(ways).format(day),)

    return dirt


def _date(text: str) -> dt.date | None:
    for way in ("%Y-%m-%d", "%d.%m.%Y", "%d %B %Y"):
        try:
            return dt.datetime.strptime(text, way).date()  # noqa: DTZ007  (a day has no time zone)
        except ValueError:
            continue
    return None


def other_times(rng: random.Random, columns: Sequence[Sequence[str]]) -> Dirt:
    """A time to the full minute written as another system writes it; a table has two such ways."""
    ways = rng.sample(["{0:%Y-%m-%dT%H:%M:%S}", "{0:%Y-%m-%d %H:%M}", "{0:%Y-%m-%d %I:%M %p}", "{0}.000"], 2)

    def dirt(rng: random.Random, cells: Cells) -> Cells | None:
        timed = len(cells[0]) == len("2024-03-01 00:00:00") and cells[0].endswith(":00")
        return (rng.choice(ways).format(dt.datetime.fromisoformat(cells[0])),) if timed else None

    return dirt


def with_unit(rng: random.Random, columns: Sequence[Sequence[str]]) -> Dirt:
    """A plain number gets a unit, in the spellings that a table has."""
    unit = rng.choice([("g", " g", " G"), (" oz", " oz.", " ounce"), ("kg", " kg"), (" EUR", "€"), ("%", " %")])

    def dirt(rng: random.Random, cells: Cells) -> Cells | None:
        plain = cells[0].removeprefix("-").replace(".", "", 1).isdigit()
        return (f"{cells[0]}{rng.choice(unit)}",) if plain else None

    return dirt


def decimal_comma(rng: random.Random, columns: Sequence[Sequence[str]]) -> Dirt:
    """A decimal comma."""
    return lambda _rng, cells: (cells[0].replace(".", ","),) if cells[0].count(".") == 1 else None


def renamed(rng: random.Random, columns: Sequence[Sequence[str]]) -> Dirt:
    """A category under another spelling: with hyphen or underscore, an ampersand for “and”, a point at the end."""
    signs = rng.sample([(" ", "-"), (" ", "_"), (" & ", " and "), ("", ".")], 2)

    def dirt(rng: random.Random, cells: Cells) -> Cells | None:
        old, new = rng.choice(signs)
        if not old:
            return (cells[0] + new,) if cells[0] else None
        return (cells[0].replace(old, new),) if old in cells[0] else None

    return dirt


def stray(rng: random.Random, columns: Sequence[Sequence[str]]) -> Dirt:
    """A value of another row: right in itself, wrong here."""
    known = sorted(set(columns[0]) - {""})
    return lambda rng, cells: (rng.choice(known),) if cells[0] else None


def swapped(rng: random.Random, columns: Sequence[Sequence[str]]) -> Dirt:
    """Two values in each other's column."""
    return lambda _rng, cells: (cells[1], cells[0]) if all(cells) else None


def spilled(rng: random.Random, columns: Sequence[Sequence[str]]) -> Dirt:
    """Two values in one column, the other empty."""
    between = rng.choice([" ", ", "])
    return lambda _rng, cells: (f"{cells[0]}{between}{cells[1]}", "") if all(cells) else None


def out_of_date(rng: random.Random, columns: Sequence[Sequence[str]]) -> Dirt:
    """What a source says of an entity is another value, or nothing; sources differ in how often, and copy each other.

    The columns are source, entity, fact; only the fact changes.
    """
    sources = sorted(set(columns[0]))
    bad = dict(zip(sources, rng.sample(_RATES, len(sources)), strict=True))
    gaps = {source: rng.choice([0.0, 0.0, 0.05, 0.3]) for source in sources}
    known = sorted(set(columns[2]) - {""})
    old = {entity: rng.choice(known) for entity in dict.fromkeys(columns[1])}

    def dirt(rng: random.Random, cells: Cells) -> Cells | None:
        source, entity, fact = cells
        if rng.random() < gaps[source]:
            return source, entity, ""
        return (
            (source, entity, old[entity] if rng.random() < 0.8 else rng.choice(known))
            if (rng.random() < bad[source] and fact)
            else None
        )

    return dirt


_RATES = [0.0, 0.01, 0.02, 0.05, 0.1, 0.2, 0.3, 0.45, 0.02]

SORTS: dict[str, Maker] = {
    "substitution": _each(substituted), "crossed out": _each(crossed_out), "neighbour key": _each(neighbour),
    "deletion": _each(deleted), "insertion": _each(inserted), "transposition": _each(transposed),
    "look-alike": _each(misread), "garbled digit": _each(garbled), "wrong digit": _each(miscounted),
    "case": _each(recased), "white space": _each(spaced), "mojibake": _each(misdecoded),
    "separators": _each(grouped), "decimal added": _each(padded),
    "other unit": _each(lambda rng, value: in_hours(rng, value) or in_grams(rng, value)), "emptied": _each(emptied),
    "disguised null": disguised, "sentinel": sentinel, "date format": other_dates, "unit": with_unit,
    "decimal comma": decimal_comma, "spelling": renamed, "stray value": stray, "swapped": swapped, "spilled": spilled,
    "out of date": out_of_date, "zeros lost": _each(unpadded), "other signs": _each(other_signs),
    "word for letter": _each(in_words), "time format": other_times, "minus behind": _each(minus_behind),
    "degrees": _each(in_degrees), "out of ten": _each(out_of_ten), "number in words": _each(in_number_words),
}  # fmt: skip

# --- where it falls -------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Fall:
    """Kinds of dirt that fall on the rows of a table, each in the given columns; `rate` is of the rows."""

    columns: str
    kinds: tuple[str, ...]
    rate: float


SLIPS = ("substitution", "neighbour key", "deletion", "insertion", "transposition", "look-alike")

_CLINIC = ("name", "address", "city", "state", "zip", "phone", "owner", "emergency", "code", "measure", "condition")
_JOURNEY = ("planned_departure", "departure", "planned_arrival", "arrival", "platform")

PLANS: dict[str, tuple[Fall, ...]] = {
    "people": (
        Fall("city", (*SLIPS, "case"), 0.04),
        Fall("state", ("substitution", "stray value"), 0.015),
        Fall("zip", ("garbled digit", "look-alike"), 0.02),
        Fall("tier", (*SLIPS, "case", "white space"), 0.03),
        Fall("joined", ("date format",), 0.08),
        Fall("phone", ("disguised null",), 0.9),
        Fall("name", ("mojibake",), 0.3),
        Fall("city state", ("spilled",), 0.01),
        Fall("zip state", ("swapped",), 0.01),
    ),
    "orders": (
        Fall("name", SLIPS, 0.02),
        Fall("product", SLIPS, 0.02),
        Fall("quantity", ("garbled digit", "decimal added"), 0.02),
        Fall("status", (*SLIPS, "case"), 0.03),
        Fall("city", ("case", "stray value"), 0.015),
        Fall("total", ("emptied", "wrong digit", "unit"), 0.04),
        Fall("shipped", ("date format",), 0.05),
        Fall("shipped", ("disguised null",), 0.4),
        Fall("customer name", ("swapped",), 0.005),
        Fall("quantity", ("number in words",), 0.02),
    ),
    "sensors": (
        Fall("humidity", ("disguised null", "sentinel"), 0.9),
        Fall("pressure", ("disguised null",), 0.9),
        Fall("temperature", ("garbled digit", "decimal comma"), 0.02),
        Fall("label", ("substitution", "look-alike"), 0.02),
        Fall("latitude", ("emptied", "wrong digit"), 0.02),
        Fall("state", (*SLIPS, "case"), 0.01),
        Fall("humidity", ("unit",), 0.05),
        Fall("time", ("time format",), 0.05),
        Fall("temperature", ("degrees",), 0.03),
    ),
    "catalogue": (
        *(Fall(column, (*SLIPS, "crossed out"), 0.03) for column in _CLINIC),
        Fall("score", ("disguised null",), 0.8),
        Fall("score", ("crossed out",), 0.01),
        Fall("city", ("stray value", "emptied"), 0.01),
        Fall("measure", ("stray value",), 0.01),
    ),
    "library": (
        Fall("publisher", (*SLIPS, "spelling"), 0.04),
        Fall("place", (*SLIPS, "case", "stray value"), 0.03),
        Fall("title", ("mojibake",), 0.3),
        Fall("pages", ("disguised null",), 0.9),
        Fall("year", ("disguised null",), 0.5),
        Fall("language", (*SLIPS, "case"), 0.02),
        Fall("isbn", ("garbled digit",), 0.01),
        Fall("publisher place", ("swapped", "spilled"), 0.01),
    ),
    "films": (
        Fall("duration", ("other unit", "substitution"), 0.06),
        Fall("votes", ("separators",), 0.3),
        Fall("rating", ("disguised null",), 0.9),
        Fall("director", (*SLIPS, "case"), 0.02),
        Fall("released", ("date format",), 0.06),
        Fall("released", ("garbled digit",), 0.01),
        Fall("title director", ("swapped",), 0.005),
        Fall("rating", ("out of ten",), 0.03),
    ),
    "offers": (
        Fall("brand", (*SLIPS, "emptied"), 0.06),
        Fall("weight", ("unit",), 0.3),
        Fall("weight", ("decimal added",), 0.1),
        Fall("released", ("emptied", "date format"), 0.06),
        Fall("shop product brand", ("out of date",), 0.5),
        Fall("price", ("separators",), 0.5),
    ),
    "timetable": (
        *(Fall(f"site train {column}", ("out of date",), 1.0) for column in _JOURNEY),
        Fall("departure", ("white space", "case"), 0.03),
    ),
    "transactions": (
        Fall("booked", ("date format",), 0.1),
        Fall("value_date", ("date format",), 0.04),
        Fall("iban", ("garbled digit", "look-alike"), 0.02),
        Fall("bank", (*SLIPS, "case", "stray value"), 0.03),
        Fall("bic", ("substitution", "look-alike"), 0.02),
        Fall("amount", ("decimal comma", "unit", "separators"), 0.15),
        Fall("currency", ("case", "substitution"), 0.02),
        Fall("kind", ("spelling", "case", *SLIPS), 0.04),
        Fall("text", ("disguised null",), 0.9),
        Fall("iban bic", ("swapped",), 0.005),
        Fall("holder", ("mojibake",), 0.4),
        Fall("amount", ("minus behind",), 0.05),
    ),
    "contacts": (
        Fall("name", (*SLIPS, "case", "white space"), 0.04),
        Fall("street", SLIPS, 0.02),
        Fall("zip", ("wrong digit",), 0.02),
        Fall("city", (*SLIPS, "stray value"), 0.03),
        Fall("email", (*SLIPS, "emptied"), 0.03),
        Fall("born", ("date format",), 0.08),
        Fall("born", ("wrong digit", "emptied"), 0.02),
        Fall("system", ("case",), 0.02),
        Fall("city state", ("spilled",), 0.01),
    ),
    "parts": (
        Fall("material", (*SLIPS, "case", "spelling"), 0.04),
        Fall("weight", ("other unit", "decimal comma"), 0.08),
        Fall("weight", ("disguised null",), 0.9),
        Fall("supplier", (*SLIPS, "white space"), 0.03),
        Fall("city", (*SLIPS, "stray value"), 0.02),
        Fall("stock", ("garbled digit", "unit"), 0.02),
        Fall("changed", ("date format",), 0.06),
        Fall("tolerance", ("mojibake",), 0.05),
        Fall("supplier city", ("swapped",), 0.005),
    ),
    "taxpayers": (
        Fall("zip", ("zeros lost",), 0.3),
        Fall("phone", ("other signs",), 0.03),
        Fall("gender", ("word for letter",), 0.02),
        Fall("child", ("word for letter", "case"), 0.03),
        Fall("town", SLIPS, 0.02),
        Fall("state", ("stray value",), 0.01),
        Fall("salary", ("separators",), 0.02),
        Fall("rate", ("unit",), 0.03),
    ),
}


def dirtied(rng: random.Random, plan: Sequence[Fall], clean: Columns) -> tuple[Columns, Columns]:
    """The table with dirt, and which kind of dirt is where; a cell has one kind at most."""
    dirty = {name: list(values) for name, values in clean.items()}
    types = {name: [""] * len(values) for name, values in clean.items()}
    for fall in plan:
        spared, rate = rng.random() < SPARED, min(1.0, fall.rate * rng.uniform(0.5, 1.5))
        names = fall.columns.split()
        makers = {kind: SORTS[kind](rng, [clean[name] for name in names]) for kind in fall.kinds}
        for row in range(len(clean[names[0]])):
            if spared or rng.random() >= rate or any(types[name][row] for name in names):
                continue
            kind = rng.choice(fall.kinds)
            old = tuple(clean[name][row] for name in names)
            for name, was, now in zip(names, old, makers[kind](rng, old) or old, strict=True):
                if normal(now) != normal(was):
                    dirty[name][row], types[name][row] = now, kind
    return dirty, types


def pair(domain: str, rows: int, seed: int) -> tuple[Columns, Columns, Columns]:
    """Dirty, clean and types of one domain.

    Raises:
        Unusable: no such domain.
    """
    if domain not in DOMAINS:
        raise Unusable(f"no domain '{domain}'; domains: {', '.join(DOMAINS)}")
    rng = random.Random(f"{domain}-{seed}")
    clean = DOMAINS[domain](rng, rows)
    dirty, types = dirtied(rng, PLANS[domain], clean)
    return dirty, clean, types


def write_pairs(folder: Path, rows: int, seed: int, domains: Sequence[str] | None = None) -> list[Path]:
    """Write `dirty.csv`, `clean.csv` and `types.csv` of every domain; the directories.

    Raises:
        Unusable: no such domain.
    """
    made = []
    for domain in domains or DOMAINS:
        directory = folder / f"{domain}-{seed}"
        tables = pair(domain, rows, seed)
        directory.mkdir(parents=True, exist_ok=True)
        for name, table in zip(("dirty", "clean", "types"), tables, strict=True):
            with (directory / f"{name}.csv").open("w", encoding="utf-8", newline="") as file:
                writer = csv.writer(file)
                writer.writerow(table)
                writer.writerows(zip(*table.values(), strict=True))
        made.append(directory)
    return made


def main() -> None:
    """Write the pairs of one seed."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--out", type=Path, required=True, metavar="DIR")
    parser.add_argument("--rows", type=int, default=1000, help="of each table (default: 1000)")
    parser.add_argument("--seed", type=int, default=1, help="other seeds give other tables and other dirt (default: 1)")
    parser.add_argument("--domains", nargs="+", choices=sorted(DOMAINS), metavar="DOMAIN", help="default: all")
    given = parser.parse_args()
    for directory in write_pairs(given.out, given.rows, given.seed, given.domains):
        print(directory)


if __name__ == "__main__":
    main()
