"""Dirt of every sort over clean tables of our own, seeded, with the truth beside it.

The clean tables come from several domains and are made to provoke false alarms: names and streets that differ by one
letter or digit and are both right, rare categories, codes, prices that change, free text, columns that go together
without one determining the other, customers who moved. The dirt is what people and programs do to such tables.

    python tests/benchmarks/dirt.py --out DIR [--rows 1500] [--seed 1]

writes `DIR/<domain>-<seed>/{dirty,clean,types}.csv`; `types.csv` names the kind of dirt of every erroneous cell.
"""

from __future__ import annotations

import argparse
import csv
import datetime as dt
import random
import string
from collections.abc import Callable, Sequence
from pathlib import Path

Columns = dict[str, list[str]]

GIVEN = (
    "Anna", "Anne", "Hanna", "Marie", "Maria", "Marta", "Martha", "John", "Jon", "Johan", "Erik", "Erika",
    "Eric", "Paul", "Paula", "Pauline", "Lena", "Lea", "Leo", "Leon", "Peter", "Petra", "Karl", "Carl", "Carla",
    "Clara", "Nina", "Mina", "Tina", "Tim", "Tom", "Jan", "Jana", "Ian", "Ivan", "Sofia", "Sophie", "Jonas",
    "Jona", "Emil", "Emilia", "Zoë", "René", "Jürgen",
)  # fmt: skip
FAMILY = (
    "Meier", "Meyer", "Maier", "Mayer", "Schmidt", "Schmitt", "Smith", "Smyth", "Hansen", "Jansen", "Janssen",
    "Johnson", "Jonsson", "Miller", "Muller", "Mueller", "Berg", "Borg", "Burger", "Berger", "Fischer",
    "Fisher", "Weber", "Becker", "Beck", "Wagner", "Hoffmann", "Hofmann", "Braun", "Brown", "Rossi", "Russo",
    "Costa", "Böhm", "Müller",
)  # fmt: skip
PLACES = (
    ("10115", "Berlin", "BE"), ("20095", "Hamburg", "HH"), ("50667", "Cologne", "NW"), ("80331", "Munich", "BY"),
    ("60311", "Frankfurt", "HE"), ("15230", "Frankfurt", "BB"), ("70173", "Stuttgart", "BW"),
    ("01067", "Dresden", "SN"),
    ("04109", "Leipzig", "SN"), ("90402", "Nuremberg", "BY"), ("28195", "Bremen", "HB"), ("30159", "Hanover", "NI"),
    ("53111", "Bonn", "NW"), ("24103", "Kiel", "SH"), ("55116", "Mainz", "RP"), ("66111", "Saarbruecken", "SL"),
    ("79098", "Freiburg", "BW"), ("18055", "Rostock", "MV"), ("99084", "Erfurt", "TH"), ("39104", "Magdeburg", "ST"),
)  # fmt: skip
STREETS = [
    "Mill Lane",
    "Hill Lane",
    "North Road",
    "South Road",
    "Park Street",
    "Dark Street",
    "Church Street",
    "High Street",
]
WORDS = (
    "river", "garden", "winter", "silver", "broken", "little", "secret", "northern", "ancient", "quiet",
    "golden", "empty", "hidden", "last", "first", "crimson", "house", "road", "letter", "island", "mirror",
    "shadow", "train", "captain", "daughter", "journey", "stranger", "city", "forest", "window", "summer",
    "night", "café", "naïve",
)  # fmt: skip


def people(rng: random.Random, rows: int) -> Columns:
    """Addresses: zip → city, city and state go together, Frankfurt is in two states; streets differ by a digit."""
    columns: Columns = {n: [] for n in ("id", "name", "street", "zip", "city", "state", "email", "joined", "tier")}
    for n in range(rows):
        name = f"{rng.choice(GIVEN)} {rng.choice(FAMILY)}"
        zip_code, city, state = rng.choices(PLACES, weights=range(len(PLACES), 0, -1))[0]
        joined = dt.date(2015, 1, 1) + dt.timedelta(days=rng.randrange(3600))
        values = (
            f"P{n:05}", name, f"{rng.choice(STREETS)} {rng.randrange(1, 180)}", zip_code, city, state,
            f"{name.lower().replace(' ', '.')}{rng.randrange(99)}@example.org", joined.isoformat(),
            rng.choices(["basic", "silver", "gold", "founder"], weights=[60, 25, 14, 1])[0],
        )  # fmt: skip
        _append(columns, values)
    return columns


def orders(rng: random.Random, rows: int) -> Columns:
    """Order lines: total = quantity × price, prices change over time, customers move, rare status values."""
    customers = [
        (f"C{n:04}", f"{rng.choice(GIVEN)} {rng.choice(FAMILY)}", *rng.choice(PLACES)) for n in range(rows // 9)
    ]
    products = [
        (f"{rng.choice(WORDS).title()} {rng.choice(WORDS)} {n}", rng.randrange(99, 19_999) / 100) for n in range(60)
    ]
    names = ("order", "customer", "name", "city", "product", "quantity", "price", "total", "status", "shipped")
    columns: Columns = {n: [] for n in names}
    for n in range(rows):
        customer, name, _zip, city, _state = rng.choice(customers)
        if rng.random() < 0.02:
            city = rng.choice(PLACES)[1]
        product, price = rng.choice(products)
        price = price if n < rows * 0.7 else round(price * 1.1, 2)
        quantity = rng.choices([1, 2, 3, 5, 10, 48], weights=[50, 20, 12, 10, 7, 1])[0]
        day = dt.date(2024, 1, 1) + dt.timedelta(days=n * 300 // rows)
        status = rng.choices(["shipped", "open", "returned", "lost"], weights=[80, 12, 7, 1])[0]
        values = (f"{100_000 + n}", customer, name, city, product, str(quantity), f"{price:.2f}")
        _append(columns, (*values, f"{quantity * price:.2f}", status, day.isoformat() if status != "open" else ""))
    return columns


def sensors(rng: random.Random, rows: int) -> Columns:
    """Readings: noisy numbers, real outliers, a station's coordinates, codes with leading zeros."""
    stations = [(f"{n:04}", f"ST-{rng.choice(string.ascii_uppercase)}{n}", 47 + rng.random() * 7) for n in range(40)]
    columns: Columns = {n: [] for n in ("station", "label", "latitude", "time", "temperature", "humidity", "state")}
    start = dt.datetime(2024, 3, 1)
    for n in range(rows):
        code, label, latitude = rng.choice(stations)
        temperature = rng.gauss(12, 6) if rng.random() > 0.004 else rng.choice([-31.5, 44.2])
        time = start + dt.timedelta(minutes=10 * n)
        values = (code, label, f"{latitude:.4f}", time.isoformat(sep=" "), f"{temperature:.1f}")
        state = rng.choices(["ok", "warming", "service"], weights=[95, 4, 1])[0]
        _append(columns, (*values, str(min(100, max(3, round(rng.gauss(60, 18))))), state))
    return columns


def library(rng: random.Random, rows: int) -> Columns:
    """Books: free text, series that differ by a number, publishers in one city, years that are not known."""
    publishers = [
        (f"{rng.choice(FAMILY)} & {rng.choice(['Sons', 'Co.', 'Daughters'])}", rng.choice(PLACES)[1]) for _ in range(45)
    ]
    columns: Columns = {n: [] for n in ("isbn", "title", "author", "publisher", "place", "year", "pages", "language")}
    for n in range(rows):
        publisher, place = rng.choice(publishers)
        title = f"The {rng.choice(WORDS)} {rng.choice(WORDS)}" + rng.choice(["", "", f", volume {rng.randrange(1, 9)}"])
        year = str(rng.randrange(1890, 2024)) if rng.random() > 0.06 else ""
        author = f"{rng.choice(FAMILY)}, {rng.choice(GIVEN)}"
        language = rng.choices(["English", "German", "French", "Frisian"], weights=[55, 30, 14, 1])[0]
        isbn = f"978-{rng.randrange(10)}-{rng.randrange(10**5):05}-{n:04}-{rng.randrange(10)}"
        _append(columns, (isbn, title, author, publisher, place, year, f"{rng.randrange(48, 900)}", language))
    return columns


def films(rng: random.Random, rows: int) -> Columns:
    """Films: durations with a unit, dates with names of months, ratings, genres in lists."""
    genres = ("Drama", "Comedy", "Crime", "Horror", "War", "Western", "Musical")
    columns: Columns = {n: [] for n in ("title", "released", "duration", "rating", "genre", "director", "votes")}
    directors = [f"{rng.choice(GIVEN)} {rng.choice(FAMILY)}" for _ in range(rows // 12)]
    for n in range(rows):
        day = dt.date(1950, 1, 1) + dt.timedelta(days=rng.randrange(26_000))
        genre = ", ".join(sorted(rng.sample(genres, rng.choice([1, 1, 2]))))
        title = f"{rng.choice(WORDS).title()} {rng.choice(WORDS)} {rng.choice(WORDS)} {n % 7 or ''}".strip()
        values = (
            title,
            f"{day.day} {day:%B} {day.year}",
            f"{rng.randrange(62, 210)} min",
            f"{rng.gauss(6.2, 1.3):.1f}",
        )
        _append(columns, (*values, genre, rng.choice(directors), f"{rng.randrange(10**3, 10**6):,}"))
    return columns


def offers(rng: random.Random, rows: int) -> Columns:
    """One product described by several shops."""
    shops = [f"shop{n}.example" for n in range(8)]
    columns: Columns = {n: [] for n in ("offer", "shop", "product", "brand", "weight", "released")}
    number = 0
    for n in range(max(1, rows // len(shops))):
        brand, weight = rng.choice(FAMILY), f"{rng.randrange(1, 90) * 50}"
        day = (dt.date(2018, 1, 1) + dt.timedelta(days=rng.randrange(2000))).isoformat()
        for shop in shops:
            _append(columns, (str(number), shop, f"X-{n:03}", brand, weight, day))
            number += 1
    return columns


def _append(columns: Columns, values: Sequence[str]) -> None:
    for column, value in zip(columns.values(), values, strict=True):
        column.append(value)


DOMAINS: dict[str, Callable[[random.Random, int], Columns]] = {
    "people": people, "orders": orders, "sensors": sensors, "library": library, "films": films, "offers": offers,
}  # fmt: skip

# --- dirt: what one cell becomes, or "" where this dirt cannot fall on it ---------------------------------------

Dirt = Callable[[random.Random, str], str]
_NEAR = {"a": "s", "e": "r", "i": "o", "n": "m", "t": "z", "o": "p", "r": "t", "s": "d", "l": "k", "u": "i"}
_LOOKS = {"l": "1", "o": "0", "i": "1", "s": "5", "b": "6", "O": "0", "I": "l", "m": "rn", "0": "O", "1": "l"}


def _at(rng: random.Random, value: str, good: Callable[[str], bool]) -> int:
    places = [i for i, sign in enumerate(value) if good(sign)]
    return rng.choice(places) if places else -1


def substituted(rng: random.Random, value: str) -> str:
    """A letter becomes its neighbour on the keyboard, or any other."""
    i = _at(rng, value, str.isalpha)
    new = _NEAR.get(value[i], rng.choice(string.ascii_lowercase)) if i >= 0 else ""
    return value[:i] + new + value[i + 1 :] if i >= 0 else ""


def deleted(rng: random.Random, value: str) -> str:
    """A letter is left out."""
    i = _at(rng, value, str.isalpha)
    return value[:i] + value[i + 1 :] if i >= 0 and len(value) > 3 else ""


def inserted(rng: random.Random, value: str) -> str:
    """A letter is typed twice."""
    i = _at(rng, value, str.isalpha)
    return value[:i] + value[i] + value[i:] if i >= 0 else ""


def transposed(rng: random.Random, value: str) -> str:
    """Two neighbours change places."""
    i = _at(rng, value[:-1], str.isalpha)
    return value[:i] + value[i + 1] + value[i] + value[i + 2 :] if i >= 0 else ""


def misread(rng: random.Random, value: str) -> str:
    """A sign becomes one that looks like it."""
    i = _at(rng, value, lambda sign: sign in _LOOKS)
    return value[:i] + _LOOKS[value[i]] + value[i + 1 :] if i >= 0 else ""


def disguised(rng: random.Random, value: str) -> str:
    """A word for null stands in place of the value."""
    return rng.choice(["N/A", "NULL", "-", "n/a", "?", "nan"])


def emptied(rng: random.Random, value: str) -> str:
    """The value is gone; a blank stands for it here, as an empty text would mean that the dirt does not apply."""
    return "\0"


def mojibake(rng: random.Random, value: str) -> str:
    """Letters with accents were read in the wrong encoding."""
    return "" if value.isascii() else value.encode().decode("cp1252")


def shouted(rng: random.Random, value: str) -> str:
    """The value is in capitals."""
    return value.upper() if value.upper() != value else ""


def other_date(rng: random.Random, value: str) -> str:
    """An ISO date is written with the name of its month, or with points."""
    try:
        day = dt.date.fromisoformat(value)
    except ValueError:
        return ""
    return rng.choice([f"{day.day} {day:%b} {day.year}", f"{day:%B} {day.day}, {day.year}", f"{day:%d.%m.%Y}"])


def with_unit(rng: random.Random, value: str) -> str:
    """A number gets a unit."""
    return f"{value}{rng.choice([' kg', 'kg', ' KG'])}" if value.replace(".", "", 1).isdigit() else ""


def other_unit(rng: random.Random, value: str) -> str:
    """Minutes become hours."""
    number, _space, unit = value.partition(" ")
    return f"{int(number) / 60:g} h" if unit == "min" and int(number) % 3 == 0 else ""


def ungrouped(rng: random.Random, value: str) -> str:
    """Thousands are not separated."""
    return value.replace(",", "") if "," in value else ""


def garbled(rng: random.Random, value: str) -> str:
    """A digit becomes a letter."""
    i = _at(rng, value, str.isdigit)
    return value[:i] + rng.choice("xoOl#") + value[i + 1 :] if i >= 0 else ""


TYPOS: dict[str, Dirt] = {
    "substitution": substituted, "deletion": deleted, "insertion": inserted, "transposition": transposed,
    "look-alike": misread,
}  # fmt: skip

PLANS: dict[str, tuple[tuple[str, dict[str, Dirt], float], ...]] = {
    "people": (
        ("city", TYPOS, 0.03), ("state", {"substitution": substituted}, 0.01),
        ("zip", {"garbled digit": garbled}, 0.02),
        ("tier", TYPOS | {"capitals": shouted}, 0.02), ("joined", {"date format": other_date}, 0.04),
        ("email", {"disguised null": disguised}, 0.02), ("name", {"mojibake": mojibake}, 0.2),
    ),
    "orders": (
        ("name", TYPOS, 0.02), ("product", TYPOS, 0.02), ("quantity", {"garbled digit": garbled}, 0.01),
        ("price", {"disguised null": disguised}, 0.02), ("status", TYPOS, 0.02), ("city", {"capitals": shouted}, 0.01),
        ("total", {"emptied": emptied}, 0.02), ("shipped", {"date format": other_date}, 0.03),
    ),
    "sensors": (
        ("temperature", {"disguised null": disguised}, 0.02), ("humidity", {"garbled digit": garbled}, 0.02),
        ("label", {"substitution": substituted, "look-alike": misread}, 0.02), ("latitude", {"emptied": emptied}, 0.02),
        ("state", TYPOS, 0.01),
    ),
    "library": (
        ("publisher", TYPOS, 0.03), ("place", TYPOS | {"capitals": shouted}, 0.02),
        ("title", {"mojibake": mojibake}, 0.2),
        ("pages", {"disguised null": disguised}, 0.03), ("language", TYPOS, 0.02),
        ("isbn", {"garbled digit": garbled}, 0.01),
    ),
    "films": (
        ("duration", {"other unit": other_unit, "substitution": substituted}, 0.04),
        ("votes", {"separators": ungrouped}, 0.05),
        ("rating", {"disguised null": disguised}, 0.02), ("director", TYPOS, 0.02),
        ("released", {"garbled digit": garbled}, 0.01),
    ),
    "offers": (
        ("brand", TYPOS | {"emptied": emptied}, 0.06), ("weight", {"unit": with_unit}, 0.10),
        ("released", {"emptied": emptied, "disguised null": disguised}, 0.06),
    ),
}  # fmt: skip


def dirtied(rng: random.Random, domain: str, clean: Columns) -> tuple[Columns, Columns]:
    """The table with its domain's dirt, swapped and spilled values, and which kind of dirt is where."""
    dirty = {name: list(values) for name, values in clean.items()}
    types = {name: [""] * len(values) for name, values in clean.items()}
    for column, sorts, rate in PLANS[domain]:
        for row, value in enumerate(clean[column]):
            kind = rng.choice(sorted(sorts))
            if value and rng.random() < rate and (new := sorts[kind](rng, value)) and new != value:
                dirty[column][row], types[column][row] = new.strip("\0"), kind
    for a, b, kind, change in _BETWEEN.get(domain, ()):
        for row in rng.sample(range(len(clean[a])), len(clean[a]) // 100):
            if not types[a][row] and not types[b][row] and clean[a][row] != clean[b][row]:
                dirty[a][row], dirty[b][row] = change(clean[a][row], clean[b][row])
                types[a][row] = types[b][row] = kind
    return dirty, types


def _swap(a: str, b: str) -> tuple[str, str]:
    return b, a


def _spill(a: str, b: str) -> tuple[str, str]:
    return f"{a} {b}", ""


_BETWEEN = {
    "people": (("city", "state", "spilled", _spill), ("zip", "state", "swapped", _swap)),
    "library": (("publisher", "place", "swapped", _swap),),
    "orders": (("customer", "name", "swapped", _swap),),
}


def write_pairs(folder: Path, rows: int, seed: int) -> list[Path]:
    """Write `dirty.csv`, `clean.csv` and `types.csv` of every domain; the directories."""
    made = []
    for domain, make in DOMAINS.items():
        rng = random.Random(f"{domain}-{seed}")
        clean = make(rng, rows)
        dirty, types = dirtied(rng, domain, clean)
        directory = folder / f"{domain}-{seed}"
        directory.mkdir(parents=True, exist_ok=True)
        for name, table in (("dirty", dirty), ("clean", clean), ("types", types)):
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
    parser.add_argument("--rows", type=int, default=1500)
    parser.add_argument("--seed", type=int, default=1)
    given = parser.parse_args()
    for directory in write_pairs(given.out, given.rows, given.seed):
        print(directory)


if __name__ == "__main__":
    main()
