"""Clean tables of several domains, seeded, made to provoke false alarms.

Names, streets, codes and series that differ by one letter or digit and are all right; categories that are rare and
right; prices that change and customers who move; columns that go together without one determining the other; free
text; gaps that mean nothing. Where a table says that one column follows from another, it does so without exception.
"""

from __future__ import annotations

import datetime as dt
import random
import string
from collections.abc import Callable, Sequence
from itertools import product

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
    "Costa", "Böhm", "Müller", "O'Brien", "van Dijk",
)  # fmt: skip
PLACES = (
    ("10115", "Berlin", "BE"), ("20095", "Hamburg", "HH"), ("50667", "Cologne", "NW"), ("80331", "Munich", "BY"),
    ("60311", "Frankfurt", "HE"), ("15230", "Frankfurt", "BB"), ("70173", "Stuttgart", "BW"),
    ("01067", "Dresden", "SN"),
    ("04109", "Leipzig", "SN"), ("90402", "Nuremberg", "BY"), ("28195", "Bremen", "HB"), ("30159", "Hanover", "NI"),
    ("53111", "Bonn", "NW"), ("24103", "Kiel", "SH"), ("55116", "Mainz", "RP"), ("66111", "Saarbruecken", "SL"),
    ("79098", "Freiburg", "BW"), ("18055", "Rostock", "MV"), ("99084", "Erfurt", "TH"), ("39104", "Magdeburg", "ST"),
)  # fmt: skip
STREETS = (
    "Mill Lane", "Hill Lane", "North Road", "South Road", "Park Street", "Dark Street", "Church Street", "High Street",
)  # fmt: skip
WORDS = (
    "river", "garden", "winter", "silver", "broken", "little", "secret", "northern", "ancient", "quiet",
    "golden", "empty", "hidden", "last", "first", "crimson", "house", "road", "letter", "island", "mirror",
    "shadow", "train", "captain", "daughter", "journey", "stranger", "city", "forest", "window", "summer",
    "night", "café", "naïve",
)  # fmt: skip
MEASURES = (
    ("HF-1", "discharge instructions given", "heart failure"),
    ("HF-2", "left heart function assessed", "heart failure"),
    ("HF-3", "inhibitor given for the left heart", "heart failure"), ("PN-2", "vaccination offered", "pneumonia"),
    ("PN-3b", "culture taken before antibiotic", "pneumonia"), ("PN-4", "advice to stop smoking", "pneumonia"),
    ("PN-5c", "antibiotic within 6 hours", "pneumonia"), ("PN-5d", "antibiotic within 8 hours", "pneumonia"),
    ("IN-1", "antibiotic within one hour of surgery", "infection prevention"),
    ("IN-2", "right antibiotic for the surgery", "infection prevention"),
    ("IN-3", "antibiotic stopped within 24 hours", "infection prevention"),
)  # fmt: skip
BANKS = (
    ("37040044", "Commerce Bank Cologne", "COBADEFF370"), ("50010517", "ING Direct", "INGDDEFFXXX"),
    ("10070000", "German Bank Berlin", "DEUTDEBBXXX"), ("70070010", "German Bank Munich", "DEUTDEMMXXX"),
    ("12030000", "Credit Bank Berlin", "BYLADEM1001"), ("20050550", "Hamburg Savings Bank", "HASPDEHHXXX"),
    ("43060967", "Community Bank", "GENODEM1GLS"), ("60050101", "State Bank Stuttgart", "SOLADEST600"),
)  # fmt: skip


def _table(names: str, rows: Sequence[Sequence[str]]) -> Columns:
    """Records as columns."""
    return {name: list(values) for name, values in zip(names.split(), zip(*rows, strict=True), strict=True)}


def _person(rng: random.Random) -> str:
    return f"{rng.choice(GIVEN)} {rng.choice(FAMILY)}"


def _day(rng: random.Random, first: int, last: int) -> dt.date:
    start = dt.date(first, 1, 1)
    return start + dt.timedelta(days=rng.randrange((dt.date(last, 1, 1) - start).days))


def _phone(rng: random.Random) -> str:
    return f"{rng.randrange(200, 990)}-{rng.randrange(200, 999)}-{rng.randrange(10_000):04}"


def people(rng: random.Random, rows: int) -> Columns:
    """Addresses: zip → city, state; a city is in two states; streets differ by a digit; tiers go with the years."""
    made = []
    for n in range(rows):
        name, joined = _person(rng), _day(rng, 2015, 2025)
        place = rng.choices(PLACES, weights=range(len(PLACES), 0, -1))[0]
        weights = [60, 25, 14, 1] if joined.year > 2018 else [20, 30, 45, 5]
        tier = rng.choices(["basic", "silver", "gold", "founder"], weights=weights)[0]
        mail = f"{name.lower().replace(' ', '.')}{rng.randrange(99)}@example.org"
        phone = _phone(rng) if rng.random() > 0.08 else ""
        street = f"{rng.choice(STREETS)} {rng.randrange(1, 180)}"
        made.append((f"P{n:05}", name, street, *place, mail, phone, joined.isoformat(), tier))
    return _table("id name street zip city state email phone joined tier", made)


def orders(rng: random.Random, rows: int) -> Columns:
    """Order lines: total = quantity × price; prices change, customers move, some states are rare."""
    customers = [(f"C{n:04}", _person(rng), rng.choice(PLACES)[1]) for n in range(max(2, rows // 9))]
    articles = [
        (f"{rng.choice(WORDS).title()} {rng.choice(WORDS)} {n}", rng.randrange(99, 19_999) / 100) for n in range(60)
    ]
    made = []
    for n in range(rows):
        customer, name, city = rng.choice(customers)
        city = rng.choice(PLACES)[1] if rng.random() < 0.02 else city
        article, price = rng.choice(articles)
        price = price if n < rows * 0.7 else round(price * 1.1, 2)
        quantity = rng.choices([1, 2, 3, 5, 10, 48], weights=[50, 20, 12, 10, 7, 1])[0]
        day = dt.date(2024, 1, 1) + dt.timedelta(days=n * 300 // rows)
        state = rng.choices(["shipped", "open", "returned", "lost"], weights=[80, 12, 7, 1])[0]
        amounts = (str(quantity), f"{price:.2f}", f"{quantity * price:.2f}")
        shipped = "" if state == "open" else day.isoformat()
        made.append((f"{100_000 + n}", customer, name, city, article, *amounts, state, shipped))
    return _table("order customer name city product quantity price total status shipped", made)


def sensors(rng: random.Random, rows: int) -> Columns:
    """Readings: noise with real outliers, a station's coordinates, codes with leading zeros, gaps."""
    stations = [(f"{n:04}", f"ST-{rng.choice(string.ascii_uppercase)}{n}", 47 + rng.random() * 7) for n in range(40)]
    made = []
    for n in range(rows):
        code, label, latitude = rng.choice(stations)
        temperature = rng.gauss(12, 6) if rng.random() > 0.004 else rng.choice([-31.5, 44.2])
        time = dt.datetime(2024, 3, 1) + dt.timedelta(minutes=10 * n)
        humidity = str(min(100, max(3, round(rng.gauss(60, 18))))) if rng.random() > 0.06 else ""
        pressure = f"{rng.gauss(1013, 8):.1f}" if rng.random() > 0.05 else ""
        state = rng.choices(["ok", "warming", "service"], weights=[95, 4, 1])[0]
        place = (code, label, f"{latitude:.4f}")
        made.append((*place, time.isoformat(sep=" "), f"{temperature:.1f}", humidity, pressure, state))
    return _table("station label latitude time temperature humidity pressure state", made)


def catalogue(rng: random.Random, rows: int) -> Columns:
    """Clinics × measures: everything about a clinic follows from its number, about a measure from its code."""
    clinics = []
    for n in range(max(2, rows // len(MEASURES))):
        zip_code, city, state = rng.choice(PLACES)
        name = f"{rng.choice(['saint', 'city', 'county'])} {rng.choice(WORDS)} {rng.choice(['hospital', 'clinic'])}"
        owner = rng.choices(["voluntary, private", "government, district", "owner, other"], weights=[6, 3, 1])[0]
        where = (f"{rng.randrange(100, 9999)} {rng.choice(STREETS).lower()}", city.lower(), state.lower(), zip_code)
        clinics.append((f"{10_001 + 7 * n}", name, *where, _phone(rng), owner, rng.choice(["yes", "yes", "no"])))
    made = []
    for clinic, (code, text, condition) in list(product(clinics, MEASURES))[:rows]:
        few = rng.random() < 0.12
        score = ("", "") if few else (f"{rng.randrange(40, 101)}%", f"{rng.randrange(11, 700)} patients")
        made.append((*clinic, code, text, condition, *score, f"{clinic[4]}_{code.lower()}"))
    names = "number name address city state zip phone owner emergency code measure condition score sample average"
    return _table(names, made)


def library(rng: random.Random, rows: int) -> Columns:
    """Books: free text, series that differ by a number, publishers in one city, years that are not known."""
    publishers = [(f"{f} & {rng.choice(['Sons', 'Co.', 'Daughters'])}", rng.choice(PLACES)[1]) for f in FAMILY]
    made = []
    for n in range(rows):
        volume = rng.choice(["", "", f", volume {rng.randrange(1, 9)}"])
        title = f"The {rng.choice(WORDS)} {rng.choice(WORDS)}{volume}"
        year = str(rng.randrange(1890, 2024)) if rng.random() > 0.06 else ""
        language = rng.choices(["English", "German", "French", "Frisian"], weights=[55, 30, 14, 1])[0]
        isbn = f"978-{rng.randrange(10)}-{rng.randrange(10**5):05}-{n:04}-{rng.randrange(10)}"
        pages = f"{rng.randrange(48, 900)}" if rng.random() > 0.05 else ""
        author = f"{rng.choice(FAMILY)}, {rng.choice(GIVEN)}"
        made.append((isbn, title, author, *rng.choice(publishers), year, pages, language))
    return _table("isbn title author publisher place year pages language", made)


def films(rng: random.Random, rows: int) -> Columns:
    """Films: durations with a unit, dates with names of months, lists of genres, one number with separators."""
    genres = ("Drama", "Comedy", "Crime", "Horror", "War", "Western", "Musical")
    directors = [_person(rng) for _ in range(max(2, rows // 12))]
    made = []
    for n in range(rows):
        day = _day(rng, 1950, 2022)
        genre = ", ".join(sorted(rng.sample(genres, rng.choice([1, 1, 2]))))
        title = f"{rng.choice(WORDS).title()} {rng.choice(WORDS)} {rng.choice(WORDS)} {n % 7 or ''}".strip()
        rating = f"{min(9.8, max(1.1, rng.gauss(6.2, 1.3))):.1f}" if rng.random() > 0.05 else ""
        when, length = f"{day.day} {day:%B} {day.year}", f"{rng.randrange(62, 210)} min"
        votes, takings = f"{rng.randrange(10**2, 10**6)}", f"{rng.randrange(10**4, 10**8):,}"
        made.append((title, when, length, rating, genre, rng.choice(directors), votes, takings))
    return _table("title released duration rating genre director votes takings", made)


def offers(rng: random.Random, rows: int) -> Columns:
    """One product described by eight shops, each with a price of its own."""
    made: list[tuple[str, ...]] = []
    for n in range(max(1, rows // 8)):
        brand, weight, price = rng.choice(FAMILY), f"{rng.randrange(1, 90) * 50}", rng.randrange(500, 90_000)
        day = _day(rng, 2018, 2024).isoformat()
        for shop in range(8):
            own = f"{price * (0.9 + rng.random() / 5) / 100:.2f}"
            made.append((f"{len(made)}", f"shop{shop}.example", f"X-{n:03}", brand, weight, day, own))
    return _table("offer shop product brand weight released price", made)


def timetable(rng: random.Random, rows: int) -> Columns:
    """Journeys as seven web sites tell them: planned and actual times, the platform."""
    sites = ("rail-one", "railtwo", "stations", "mytrain", "timely", "departures", "board")
    made: list[tuple[str, ...]] = []
    for n in range(max(1, rows // len(sites))):
        leave = rng.randrange(5 * 60, 22 * 60)
        arrive, late = leave + rng.randrange(30, 300), rng.choice([0, 0, 1, 3, 7, 12, 26, 48])
        times = [leave, leave + late, arrive, arrive + max(0, late - rng.randrange(9))]
        facts = (*(_clock(minutes) for minutes in times), str(rng.randrange(1, 15)))
        train = f"{rng.choice(['IC', 'EC', 'RE'])}-{100 + n}-{rng.choice(PLACES)[1][:3].upper()}"
        made += [(site, train, *facts) for site in sites]
    names = "site train planned_departure departure planned_arrival arrival platform"
    return _table(names, sorted(made, key=lambda row: row[0]))


def _clock(minutes: int) -> str:
    hour, minute = divmod(minutes % 1440, 60)
    return f"{hour % 12 or 12}:{minute:02} {'a.m.' if hour < 12 else 'p.m.'}"


def transactions(rng: random.Random, rows: int) -> Columns:
    """Bookings: IBANs whose bank code tells bank and BIC, amounts with a sign, free text, rare categories."""
    accounts = []
    for _ in range(max(2, rows // 6)):
        code, bank, bic = rng.choice(BANKS)
        accounts.append((_person(rng), iban("DE", f"{code}{rng.randrange(10**10):010}"), bank, bic))
    texts = ("Invoice {}", "Rent {}", "Salary {}", "Order no. {}", "Refund {}", "Membership {}")
    made = []
    for n in range(rows):
        day = dt.date(2025, 1, 1) + dt.timedelta(days=n * 360 // rows)
        amount = rng.choice([-1, -1, -1, 1]) * round(rng.lognormvariate(4.2, 1.2), 2)
        text = rng.choice(texts).format(rng.randrange(1000, 9999)) if rng.random() > 0.06 else ""
        kind = rng.choices(["transfer", "card payment", "standing order", "chargeback"], weights=[50, 35, 14, 1])[0]
        value = (day + dt.timedelta(days=rng.choice([0, 0, 1, 2]))).isoformat()
        money = (f"{amount:.2f}", rng.choices(["EUR", "CHF", "SEK"], weights=[95, 4, 1])[0])
        made.append((f"T{n:06}", day.isoformat(), value, *rng.choice(accounts), *money, kind, text))
    return _table("booking booked value_date holder iban bank bic amount currency kind text", made)


def iban(country: str, account: str) -> str:
    """An IBAN with its check digits (ISO 13616, ISO 7064 mod 97-10).

    >>> iban("DE", "370400440532013000")
    'DE89370400440532013000'
    """
    digits = "".join(str(int(sign, 36)) for sign in f"{account}{country}00")
    return f"{country}{98 - int(digits) % 97:02}{account}"


def contacts(rng: random.Random, rows: int) -> Columns:
    """Customers entered one to five times in different systems, alike in all that is theirs."""
    made: list[tuple[str, ...]] = []
    number = 0
    while len(made) < rows:
        name, place, number = _person(rng), rng.choice(PLACES), number + rng.randrange(1, 4)
        street = f"{rng.choice(STREETS)} {rng.randrange(1, 180)}"
        mail = f"{name.split()[0].lower()}.{number}@example.com"
        born = _day(rng, 1940, 2005).isoformat()
        for _ in range(rng.choice([1, 2, 3, 4, 5])):
            system, entered = rng.choice(["shop", "phone", "branch"]), _day(rng, 2019, 2025).isoformat()
            made.append((system, entered, f"{number:06}", name, street, *place, mail, born))
    made = made[:rows]
    rng.shuffle(made)
    entries = [(f"{n}", *row) for n, row in enumerate(made)]
    return _table("entry system entered customer name street zip city state email born", entries)


def parts(rng: random.Random, rows: int) -> Columns:
    """Spare parts: numbers in several right patterns and one swap apart, dimensions, tolerances, materials, stock."""
    suppliers = [(f"{f} {rng.choice(['GmbH', 'Ltd', 'S.p.A.'])}", rng.choice(PLACES)[1]) for f in FAMILY[::2]]
    materials = ("steel", "stainless steel", "aluminium", "brass", "nylon", "titanium")
    made = []
    for n in range(rows):
        base = f"{rng.choice(['AX', 'AY', 'BX', 'KM'])}-{1000 + n}"
        number = base + rng.choices(["", "-B", "-C", "/2"], weights=[60, 25, 13, 2])[0]
        size = (
            f"{rng.randrange(4, 90)} x {rng.randrange(4, 90)} mm" if rng.random() > 0.3 else f"M{rng.choice([4, 6, 8])}"
        )
        weight = f"{rng.lognormvariate(1, 1):.2f} kg" if rng.random() > 0.04 else ""
        material = rng.choices(materials, weights=[50, 20, 15, 10, 4, 1])[0]
        tolerance = rng.choice(["±0.1", "±0.05", "±0.01"])
        stock = str(rng.choices([0, rng.randrange(1, 40), rng.randrange(400, 3000)], weights=[10, 80, 10])[0])
        changed = _day(rng, 2020, 2025).strftime("%d.%m.%Y")
        made.append((number, size, weight, material, tolerance, *rng.choice(suppliers), stock, changed))
    return _table("part size weight material tolerance supplier city stock changed", made)


def taxpayers(rng: random.Random, rows: int) -> Columns:
    """Tax returns: an area has its state and codes, some of which begin with zeros; rates go with state and income."""
    states = ("MA", "VT", "NJ", "NY", "GA", "OH", "TX", "CA")
    areas = [
        (rng.choice("ABCDEFGHKLMNPRST") + rng.choice(WORDS), state, f"{5 * place + rng.randrange(5):02}{n:03}")
        for n in range(30, 70)
        for place, state in [rng.choice(list(enumerate(states)))]
    ]
    rates = {(state, bracket): f"{rng.randrange(10, 90) / 10:g}" for state in states for bracket in range(3)}
    made = []
    for n in range(rows):
        town, state, code = rng.choice(areas)
        salary = rng.choice([9000, 15000, 25000, 40000, 62500, 90000])
        phone = f"{rng.randrange(200, 990)}-{rng.randrange(10**4):04}"
        rate, child = rates[state, min(salary // 30000, 2)], rng.choice("YN")
        made.append((f"{n + 1}", _person(rng), rng.choice("MF"), phone, town, state, code, child, str(salary), rate))
    return _table("id name gender phone town state zip child salary rate", made)


DOMAINS: dict[str, Callable[[random.Random, int], Columns]] = {
    make.__name__: make
    for make in (
        people, orders, sensors, catalogue, library, films, offers, timetable, transactions, contacts, parts, taxpayers,
    )
}  # fmt: skip
