"""Makes `data/orders.csv`: the orders of a small shop, with every kind of mess that gonogo looks for.

The same bytes every time: `python deployments/pipelines/make_orders.py [FILE]`. Each mess is one function below; its
docstring says which kind of issue it makes, and it only touches rows that no other mess has touched.
"""

from __future__ import annotations

import csv
import datetime as dt
import io
import itertools
import random
import sys
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import TypeVar

SEED = 20260105
ORDERS = 2960
FIRST_DAY = dt.date(2026, 1, 5)
DAYS = 300
ON_TIME = 0.93
REORDERED = 0.06
OLD_ORDERS = 100
MAKES = Path(__file__).parent / "data" / "orders.csv"

COLUMNS = (
    "order_id", "ordered_at", "promised_at", "delivered_at", "status", "channel", "customer_id", "customer",
    "email", "phone", "zip", "city", "sku", "product", "supplier", "weight_kg", "quantity", "unit_price",
    "total", "currency", "fax", "reorder_of", "note", "updated_at",
)  # fmt: skip

CITIES = {
    "10115": "Berlin", "20095": "Hamburg", "80331": "München", "50667": "Köln", "60311": "Frankfurt am Main",
    "70173": "Stuttgart", "40213": "Düsseldorf", "04109": "Leipzig", "01067": "Dresden", "28195": "Bremen",
}  # fmt: skip
FIRST_NAMES = (
    "Ada", "Grace", "Alan", "Edsger", "Barbara", "Katherine", "Donald", "Margaret", "Tim", "Radia", "Jürgen",
    "Zoë", "Konrad", "Emmy", "Sofia", "Johannes", "Renée", "Carl", "Lise", "Max",
)  # fmt: skip
LAST_NAMES = (
    "Lovelace", "Hopper", "Turing", "Dijkstra", "Liskov", "Johnson", "Knuth", "Hamilton", "Weber", "Perlman",
    "Müller", "Schäfer", "Zuse", "Noether", "Kowalewski", "Kepler", "Dubois", "Gauss", "Meitner", "Planck",
)  # fmt: skip
PRODUCTS = (
    ("KET-01", "Kettle", "Nordwind", "1.20", "39.90"), ("MUG-02", "Mug, blue", "Nordwind", "0.35", "8.50"),
    ("TEA-03", "Green tea", "Teehaus", "0.10", "6.20"), ("TEA-04", "Earl Grey", "Teehaus", "0.10", "5.90"),
    ("POT-05", "Teapot", "Keramik Ost", "0.90", "49.00"), ("CUP-06", 'Cup "Hanse"', "Keramik Ost", "0.25", "12.00"),
    ("FIL-07", "Paper filters", "Nordwind", "0.15", "3.40"), ("GRI-08", "Grinder", "Mahlwerk", "0.80", "64.50"),
    ("SCA-09", "Scale", "Mahlwerk", "0.60", "29.90"), ("ESP-10", "Espresso machine", "Mahlwerk", "7.50", "1249.00"),
)  # fmt: skip
CHANNELS = ("web", "web", "web", "phone", "shop")

Row = dict[str, str]
T = TypeVar("T")


class Dice:
    """Chance that falls the same on every Python: only `random()` is promised to stay as it is."""

    def __init__(self, seed: int) -> None:
        self._random = random.Random(seed)

    def below(self, limit: int) -> int:
        """A whole number from 0 to `limit` - 1."""
        return int(self._random.random() * limit)

    def chance(self, probability: float) -> bool:
        """True with this probability."""
        return self._random.random() < probability

    def one(self, things: Sequence[T]) -> T:
        """One of the things."""
        return things[self.below(len(things))]


# --- the shop as it should be -----------------------------------------------------------------------------------


def customers(dice: Dice) -> list[Row]:
    """A customer for each pair of names, with an address and a way to be reached."""
    return [
        {
            "customer_id": f"C{1000 + number}",
            "customer": f"{first} {last}",
            "email": f"{_ascii(first)}.{_ascii(last)}@example.{dice.one(('com', 'org', 'net'))}",
            "phone": f"+49 {dice.one(('30', '40', '89', '221'))} 555{dice.below(9000) + 1000}",
            "zip": (code := dice.one(tuple(CITIES))),
            "city": CITIES[code],
        }
        for number, (first, last) in enumerate(itertools.product(FIRST_NAMES, LAST_NAMES))
    ]


def orders(dice: Dice) -> list[Row]:
    """Clean orders, one a row, oldest first."""
    people = customers(dice)
    days = sorted(FIRST_DAY + dt.timedelta(days=dice.below(DAYS)) for _ in range(ORDERS))
    rows = [_order(dice, f"A-{10001 + number}", day, people) for number, day in enumerate(days)]
    for number, row in enumerate(rows):
        if number >= OLD_ORDERS and dice.chance(REORDERED):
            row["reorder_of"] = rows[dice.below(number)]["order_id"]
    return rows


def _order(dice: Dice, order_id: str, day: dt.date, people: list[Row]) -> Row:
    sku, product, supplier, weight, price = dice.one(PRODUCTS)
    quantity = 1 + min(dice.below(6), dice.below(6))
    promised = day + dt.timedelta(days=3 + dice.below(3))
    late = dt.timedelta(days=1 + dice.below(6))
    delivered = promised - dt.timedelta(days=dice.below(3)) if dice.chance(ON_TIME) else promised + late
    returned = dice.chance(0.04)
    return {
        **dict.fromkeys(COLUMNS, ""),
        **dice.one(people),
        "order_id": order_id,
        "ordered_at": day.isoformat(),
        "promised_at": promised.isoformat(),
        "delivered_at": delivered.isoformat(),
        "status": "returned" if returned else "delivered",
        "channel": dice.one(CHANNELS),
        "sku": sku,
        "product": product,
        "supplier": supplier,
        "weight_kg": weight,
        "quantity": str(quantity),
        "unit_price": price,
        "total": _cents(round(float(price) * 100) * quantity),
        "currency": "EUR",
        "note": dice.one(("", "", "", "", "", "gift", "leave at the door", "call first")),
        "updated_at": f"{delivered.isoformat()}T{8 + dice.below(10):02}:{dice.below(60):02}:00",
    }


def _ascii(name: str) -> str:
    return name.lower().translate(str.maketrans({"ü": "ue", "ä": "ae", "ë": "e", "é": "e"}))


def _cents(cents: int) -> str:
    return f"{cents // 100}.{cents % 100:02}"


# --- the mess ---------------------------------------------------------------------------------------------------

Mess = Callable[[Row, Dice], None]
MESS: dict[str, tuple[int, Mess]] = {}


def mess(rows: int) -> Callable[[Mess], Mess]:
    """Register a mess that is made of this many rows."""

    def register(make: Mess) -> Mess:
        MESS[make.__name__] = (rows, make)
        return make

    return register


@mess(120)
def missing(row: Row, dice: Dice) -> None:
    """missing_value: nothing, or nothing but blanks, where there should be something."""
    row[dice.one(("phone", "email", "customer"))] = dice.one(("", "", "   "))


@mess(80)
def disguised(row: Row, dice: Dice) -> None:
    """disguised_missing: words and numbers that stand for "nothing"."""
    column, words = dice.one(
        (
            ("phone", ("n/a", "unknown", "-", "0000000")),
            ("email", ("none", "N/A", "null")),
            ("weight_kg", ("9999", "?")),
        )
    )
    row[column] = dice.one(words)


@mess(12)
def placeholder_date(row: Row, dice: Dice) -> None:  # noqa: ARG001
    """disguised_missing: a day on which nothing was ever delivered."""
    row["delivered_at"] = "1900-01-01"


@mess(45)
def derivable(row: Row, dice: Dice) -> None:  # noqa: ARG001
    """conditional_missing: the total is missing, but quantity and price are there."""
    row["total"] = ""


@mess(30)
def undelivered(row: Row, dice: Dice) -> None:  # noqa: ARG001
    """conditional_missing: delivered, but nobody wrote down when."""
    row["delivered_at"] = ""


@mess(20)
def words_for_numbers(row: Row, dice: Dice) -> None:
    """wrong_type: text in a column of numbers."""
    row["quantity"] = dice.one(("two", "one", "a few"))


@mess(60)
def units(row: Row, dice: Dice) -> None:
    """mixed_number_format: the unit in the value, or another unit."""
    grams = round(float(row["weight_kg"]) * 1000)
    row["weight_kg"] = dice.one((f"{row['weight_kg']} kg", f"{row['weight_kg']}kg", f"{grams} g"))


@mess(70)
def money(row: Row, dice: Dice) -> None:
    """mixed_number_format: currency signs, decimal commas, thousands separators."""
    price = row["unit_price"]
    row["unit_price"] = dice.one((f"€{price}", f"{price} EUR", price.replace(".", ","), f"EUR {price}"))
    if float(row["total"]) >= 1000:  # noqa: PLR2004
        row["total"] = f"{float(row['total']):,.2f}"


@mess(90)
def dates(row: Row, dice: Dice) -> None:
    """mixed_date_format: the same day in other notations, some of them ambiguous or with a two-digit year."""
    day = dt.date.fromisoformat(row["ordered_at"])
    row["ordered_at"] = dice.one(
        (f"{day:%d/%m/%Y}", f"{day:%d.%m.%Y}", f"{day:%m/%d/%y}", f"{day:%B} {day.day}, {day.year}")
    )


@mess(8)
def impossible_dates(row: Row, dice: Dice) -> None:
    """out_of_range: days that no calendar has."""
    row["promised_at"] = dice.one(("2026-02-30", "2026-13-01", "2026-06-31"))


@mess(40)
def patterns(row: Row, dice: Dice) -> None:
    """pattern_violation: numbers and codes that are not written as the others."""
    column = dice.one(("phone", "zip", "email"))
    row[column] = {
        "phone": f"0{dice.below(9)}0-555",
        "zip": row["zip"][:4],
        "email": row["email"].replace("@", " at "),
    }[column]


@mess(60)
def spacing(row: Row, dice: Dice) -> None:
    """whitespace_case_escapes: blanks around and inside, shouting, HTML entities."""
    name = row["customer"]
    row["customer"] = dice.one(
        (f" {name}", f"{name}  ", name.replace(" ", "  "), name.upper(), name.replace(" ", "&nbsp;"))
    )


@mess(25)
def entities(row: Row, dice: Dice) -> None:
    """whitespace_case_escapes: quotes as they look after a trip through a web form."""
    row["note"] = dice.one(("gift &amp; card", "&quot;fragile&quot;", "don&#39;t bend"))


@mess(25)
def mojibake(row: Row, dice: Dice) -> None:
    """encoding_damage: UTF-8 read as Latin-1, and characters that were lost."""
    row["zip"], row["city"] = dice.one((("80331", "MÃ¼nchen"), ("50667", "KÃ¶ln"), ("40213", "D\ufffdsseldorf")))


@mess(20)
def spilled(row: Row, dice: Dice) -> None:  # noqa: ARG001
    """value_spilled: the city stands behind the zip code, and its own field is empty."""
    row["zip"], row["city"] = f"{row['zip']} {row['city']}", ""


@mess(60)
def spellings(row: Row, dice: Dice) -> None:
    """inconsistent_spelling: the same supplier, written in other ways."""
    name = row["supplier"]
    row["supplier"] = dice.one((name.upper(), name.lower(), f"{name}.", " ".join(reversed(name.split()))))


@mess(45)
def typos(row: Row, dice: Dice) -> None:
    """typo: one letter too few, too many or swapped in a frequent value."""
    city = row["city"]
    at = 1 + dice.below(len(city) - 2)
    row["city"] = dice.one(
        (
            city[:at] + city[at + 1 :],
            city[:at] + city[at] + city[at:],
            city[:at] + city[at + 1] + city[at] + city[at + 2 :],
        )
    )


@mess(25)
def not_allowed(row: Row, dice: Dice) -> None:
    """not_allowed: a channel and a status that the shop does not have."""
    column, values = dice.one((("channel", ("fax", "carrier pigeon")), ("status", ("lost?", "in limbo"))))
    row[column] = dice.one(values)


@mess(15)
def negative(row: Row, dice: Dice) -> None:
    """out_of_range: fewer than none."""
    row["quantity"] = f"-{1 + dice.below(3)}"


@mess(25)
def backwards(row: Row, dice: Dice) -> None:
    """out_of_range: delivered before it was ordered."""
    day = dt.date.fromisoformat(row["ordered_at"])
    row["delivered_at"] = (day - dt.timedelta(days=1 + dice.below(20))).isoformat()


@mess(8)
def outliers(row: Row, dice: Dice) -> None:
    """outlier: far more than anyone buys, though not impossible."""
    row["sku"], row["product"], row["supplier"], row["weight_kg"], row["unit_price"] = PRODUCTS[6]
    row["quantity"] = dice.one(("150", "250", "400"))
    row["total"] = _cents(round(float(row["unit_price"]) * 100) * int(row["quantity"]))


@mess(6)
def infinite(row: Row, dice: Dice) -> None:
    """infinite_truncated: numbers that are none."""
    row["weight_kg"] = dice.one(("inf", "NaN"))


@mess(40)
def wrong_city(row: Row, dice: Dice) -> None:
    """broken_dependency: a city that its zip code does not belong to."""
    row["city"] = dice.one([city for city in CITIES.values() if city != row["city"]])


@mess(40)
def disagreeing(row: Row, dice: Dice) -> None:
    """conflicting_sources: a supplier that gives another weight for a product than the others do."""
    row["supplier"] = dice.one(("Restposten Süd", "Restposten Süd", "Nordwind"))
    row["weight_kg"] = f"{float(row['weight_kg']) + 0.05:.2f}"


@mess(35)
def wrong_total(row: Row, dice: Dice) -> None:
    """cross_field_rule: quantity times price is not the total."""
    row["total"] = _cents(round(float(row["total"]) * 100) + 100 * (1 + dice.below(9)))


@mess(15)
def orphans(row: Row, dice: Dice) -> None:
    """orphan_key: a reorder of an order that never was."""
    row["reorder_of"] = f"A-{90000 + dice.below(9999)}"


@mess(10)
def personal(row: Row, dice: Dice) -> None:
    """personal_data: test numbers of cards and accounts, in a note where they have no business."""
    row["note"] = dice.one(("card 4111 1111 1111 1111", "IBAN DE89 3704 0044 0532 0130 00", "call +49 30 5550199"))


@mess(4)
def hostile(row: Row, dice: Dice) -> None:
    """Nothing is executed: markup, formulas and SQL are text like any other."""
    row["note"] = dice.one(("<script>alert(1)</script>", "=1+1", "'; DROP TABLE orders; --", "line one\nline two"))


# --- rows and lines that should not be there --------------------------------------------------------------------


def exact_duplicates(rows: list[Row], dice: Dice) -> Iterator[Row]:
    """exact_duplicates: whole rows a second time."""
    for _ in range(30):
        yield dict(dice.one(rows))


def key_duplicates(rows: list[Row], dice: Dice) -> Iterator[Row]:
    """key_duplicates: the same order again, updated later."""
    for _ in range(25):
        row = dict(dice.one(rows))
        day = dt.date.fromisoformat(row["updated_at"][:10]) + dt.timedelta(days=2)
        yield row | {"status": "returned", "note": "returned by customer", "updated_at": f"{day.isoformat()}T09:00:00"}


def near_duplicates(rows: list[Row], dice: Dice) -> Iterator[Row]:
    """near_duplicates: an order that was typed in twice, with a slip in the name."""
    for number in range(20):
        row = dict(dice.one(rows))
        name = row["customer"]
        at = 1 + dice.below(len(name) - 2)
        yield row | {"order_id": f"A-{20001 + number}", "customer": name[:at] + name[at + 1 :]}


def malformed(lines: list[str], dice: Dice) -> Iterator[tuple[int, str]]:
    """Lines that are no rows: too few fields, or too many; they go to quarantine as they are."""
    for number in range(7):
        at = 200 + dice.below(len(lines) - 400)
        fields = lines[at].rstrip("\n").split(",")
        yield at, ",".join(fields[:9] if number % 2 else [*fields, "extra", "fields"]) + "\n"


def make() -> bytes:
    """The file, byte for byte."""
    dice = Dice(SEED)
    rows = orders(dice)
    untouched = [row for row in rows if not row["reorder_of"]]
    spare = list(untouched)
    for count, make_mess in MESS.values():
        for _ in range(count):
            make_mess(spare.pop(dice.below(len(spare))), dice)
    extra = [made for source in (exact_duplicates, key_duplicates, near_duplicates) for made in source(spare, dice)]
    for row in extra:
        rows.insert(dice.below(len(rows)), row)
    lines = [_line(COLUMNS), *(_line([row[column] for column in COLUMNS]) for row in rows)]
    for at, line in sorted(malformed(lines, dice), reverse=True):
        lines.insert(at, line)
    return "".join(lines).encode()


def _line(values: Sequence[str]) -> str:
    text = io.StringIO()
    csv.writer(text, lineterminator="\n").writerow(values)
    return text.getvalue()


if __name__ == "__main__":
    target = Path(sys.argv[1]) if len(sys.argv) > 1 else MAKES
    target.write_bytes(make())
    print(f"{target}: {target.stat().st_size:,} bytes")
