"""Sound tables of many domains, seeded, right as they are and made to look suspicious.

Codes with leading zeros and near neighbours, models that differ by one sign, versions, log lines, free text, answers to
surveys, names in several scripts, JSON in cells, currencies that go with countries but for some, categories that are
rare and right.
"""

from __future__ import annotations

import datetime as dt
import json
import random
import string
from collections.abc import Callable
from typing import Any

from tables import FAMILY, PLACES, WORDS, Columns, _day, _person, _table


def _choice(rng: random.Random, weighted: dict[str, int]) -> str:
    return rng.choices(list(weighted), weights=list(weighted.values()))[0]


def gazetteer(rng: random.Random, rows: int) -> Columns:
    """Places of several countries: postal codes of many forms, names that many places share, coordinates."""
    forms = {
        "DE": lambda: f"{rng.randrange(1000, 99999):05}",
        "US": lambda: f"{rng.randrange(501, 99950):05}",
        "GB": lambda: f"{rng.choice('ABCEGLMNS')}{rng.randrange(1, 99)} {rng.randrange(1, 9)}{_letters(rng, 2)}",
        "NL": lambda: f"{rng.randrange(1000, 9999)} {_letters(rng, 2)}",
        "CA": lambda: f"{_letters(rng, 1)}{rng.randrange(9)}{_letters(rng, 1)} {rng.randrange(9)}{_letters(rng, 1)}1",
    }
    countries = {"DE": 40, "US": 35, "GB": 15, "NL": 8, "CA": 2}
    names = ("Springfield", "Spring Field", "Newport", "New Port", "Neustadt", "Neustedt", "Aach", "Aachen", "Bad Ems")
    made = []
    for n in range(rows):
        country = _choice(rng, countries)
        name = rng.choice(names) if rng.random() < 0.3 else rng.choice(PLACES)[1]
        suffix = rng.choice(["", "", "", " West", " East", " (Village)"])
        people = str(int(rng.lognormvariate(8, 2))) if rng.random() > 0.03 else ""
        where = (f"{rng.uniform(-35, 60):.5f}", f"{rng.uniform(-120, 20):.5f}")
        height = str(rng.randrange(-4, 1900))
        made.append((f"{2_800_000 + n * 7}", name + suffix, country, forms[country](), *where, height, people))
    return _table("id name country postcode latitude longitude elevation population", made)


def _letters(rng: random.Random, count: int) -> str:
    return "".join(rng.choices(string.ascii_uppercase, k=count))


def products(rng: random.Random, rows: int) -> Columns:
    """Articles: models that differ by one sign, SKUs and EANs, hierarchies of categories, prices in .99, few brands."""
    tree = {"Kitchen > Kettles": 30, "Kitchen > Mugs": 30, "Office > Lamps": 20, "Office > Lamp": 18, "Garden": 2}
    made = []
    for n in range(rows):
        brand = rng.choice(["Acme", "Acma", "Bosk", "Bosch", "Nordik", "Nordika"])
        model = f"Model {rng.choice('AB')}{rng.randrange(1, 30)}{rng.choice(['', '', 's', 'x', ' Pro', ' Plus'])}"
        path = _choice(rng, tree)
        size = rng.choice(["S", "M", "L", "XL", "XXL", "one size"])
        colour = _choice(rng, {"black": 40, "blue": 30, "blau": 1, "grey": 15, "gray": 10, "off-white": 4})
        price = f"{rng.randrange(2, 300)}.{rng.choice(['99', '95', '00', '49'])}"
        ean = f"{4_000_000_000_000 + n * 97 + rng.randrange(97)}"
        made.append(
            (f"{n:06}", f"SKU-{rng.randrange(100):02}-{_letters(rng, 3)}", ean, brand, model, path, size, colour, price)
        )
    return _table("article sku ean brand model category size colour price", made)


def stays(rng: random.Random, rows: int) -> Columns:
    """Hospital stays: diagnosis codes whose neighbours differ by a digit, doses with units, dates in order, gaps."""
    codes = {
        "E11.9": "type 2 diabetes",
        "E10.9": "type 1 diabetes",
        "I10": "hypertension",
        "I50.1": "left heart failure",
        "I50.9": "heart failure",
        "J18.9": "pneumonia",
        "J18.0": "bronchopneumonia",
        "S72.00": "fracture of femur",
        "S72.01": "fracture of femur",
        "Z38.0": "liveborn infant",
        "Z38.00": "liveborn infant",
    }
    drugs = {
        "paracetamol": "500 mg",
        "ibuprofen": "400 mg",
        "insulin": "10 IU",
        "heparin": "5000 IU",
        "digoxin": "0.25 mg",
    }
    made = []
    for n in range(rows):
        code, drug = rng.choice(list(codes)), rng.choice(list(drugs))
        came = _day(rng, 2021, 2024)
        left = came + dt.timedelta(days=int(rng.expovariate(0.2)))
        dose = drugs[drug] if rng.random() < 0.9 else rng.choice(["1000 mg", "20 IU", "250 mg"])
        blood = rng.choices(["A+", "A-", "B+", "B-", "0+", "0-", "AB+", "AB-"], weights=[37, 6, 9, 2, 35, 6, 4, 1])[0]
        outcome = _choice(rng, {"discharged": 90, "transferred": 8, "died": 2, "left against advice": 1})
        alert = _choice(rng, {"none": 80, "penicillin": 15, "latex": 4, "unknown": 2})
        grade = rng.choice(["I", "II", "III", "IV"])
        pressure = f"{rng.randrange(95, 180)}/{rng.randrange(55, 110)}"
        dates = (came.isoformat(), left.isoformat() if rng.random() > 0.02 else "")
        made.append((f"{n + 1:08}", *dates, code, codes[code], drug, dose, pressure, blood, alert, grade, outcome))
    return _table("case admitted discharged icd diagnosis drug dose pressure blood allergy grade outcome", made)


NAMES = (
    "Łukasz Żak", "Đặng Thị Mai", "王小明", "王小朋", "Σωκράτης Παπαδόπουλος", "Анна Иванова",
    "Анна Иванов", "José Núñez", "Jose Nunez", "François Lefèvre", "Francois Lefevre",
    "Nguyễn Văn An", "Nguyễn Văn Ân", "محمد علي", "דוד לוי", "Zoë Ångström", "Þór Jónsson",
    "Þóra Jónsdóttir", "Çağla Şahin", "Ömer Şahin", "Omer Sahin", "O’Neil, Siobhán",
    "O'Neil, Siobhan", "山田太郎", "山田 花子", "김민준", "김민준", "Müller-Lüdenscheidt", "de la Cruz, María",
    "Da Silva, João", "da Silva, Joao",
)  # fmt: skip


def guests(rng: random.Random, rows: int) -> Columns:
    """People of the world: names in scripts and accents of their own, e-mail, phones of many countries, languages."""
    phones = ("+49 30 {}", "+1-202-555-{}", "+33 1 70 18 {}", "0044 20 7946 {}", "(030) {}", "+81-3-{}")
    made = []
    for n in range(rows):
        name = rng.choice(NAMES) if rng.random() < 0.6 else _person(rng)
        phone = rng.choice(phones).format(rng.randrange(1000, 9999)) if rng.random() > 0.1 else ""
        lang = _choice(rng, {"en": 40, "de": 30, "fr": 12, "pt": 8, "pt-BR": 5, "zh-Hans": 3, "no": 2})
        born = _day(rng, 1935, 2010).strftime("%d.%m.%Y")
        mail = f"user{n * 13 % 9973}@{rng.choice(['example.org', 'example.com', 'example.co.uk'])}"
        note = rng.choice(["", "", "", "vegan", "allergic to nuts", "late arrival", "VIP", "N° 12 s.v.p."])
        made.append((f"G-{n:04}", name, mail, phone, lang, born, note))
    return _table("guest name email phone language born note", made)


def logs(rng: random.Random, rows: int) -> Columns:
    """Lines of a log: times, levels, ids in hexadecimal, addresses, paths, status codes, durations with a long tail."""
    hosts = [f"web-{n:02}" for n in range(1, 8)] + ["db-01", "db-1a"]
    made = []
    when = dt.datetime(2025, 6, 1, 4, 0, 0)
    for _n in range(rows):
        when += dt.timedelta(milliseconds=rng.randrange(5, 60_000))
        level = _choice(rng, {"INFO": 88, "WARN": 8, "ERROR": 3, "FATAL": 1})
        path = rng.choice(["/", "/login", "/logout", f"/items/{rng.randrange(999)}", "/static/app.js", "/health"])
        status = _choice(rng, {"200": 85, "201": 3, "304": 5, "404": 5, "500": 2})
        took = f"{rng.lognormvariate(3, 1.5):.3f}"
        trace = f"{rng.getrandbits(64):016x}"
        text = rng.choice(["ok", "request done", f"user {rng.randrange(10**5)} logged in", "retry 1/3", "null pointer"])
        address = f"10.{rng.randrange(256)}.{rng.randrange(256)}.{rng.randrange(256)}"
        agent = rng.choice(["curl/8.5.0", "curl/8.4.0", "Mozilla/5.0 (X11; Linux x86_64)", "none"])
        made.append(
            (
                when.isoformat(timespec="milliseconds") + "Z",
                rng.choice(hosts),
                level,
                trace,
                address,
                path,
                status,
                took,
                agent,
                text,
            )
        )
    return _table("time host level trace address path status ms agent message", made)


def releases(rng: random.Random, rows: int) -> Columns:
    """Packages: semantic versions, hashes, licences, sizes in several units, flags, dates with time zones."""
    names = [f"{rng.choice(WORDS)}-{rng.choice(['core', 'cli', 'ui', 'utils', 'util', 'sdk'])}" for _ in range(40)]
    made = []
    for _ in range(rows):
        tail = rng.choices(["", "-rc.1", "-beta.2", "+build.5", ".dev0"], weights=[85, 6, 5, 2, 2])[0]
        version = f"{rng.randrange(4)}.{rng.randrange(20)}.{rng.randrange(12)}{tail}"
        size = rng.choice([f"{rng.randrange(2, 900)} kB", f"{rng.uniform(1, 90):.1f} MB"])
        licence = _choice(
            rng,
            {"MIT": 50, "Apache-2.0": 30, "BSD-3-Clause": 10, "BSD-2-Clause": 7, "GPL-3.0-only": 2, "GPL-2.0-only": 1},
        )
        when = dt.datetime.combine(_day(rng, 2019, 2025), dt.time(rng.randrange(24), rng.randrange(60)))
        flag = _choice(rng, {"false": 97, "true": 3})
        needs = f">={rng.choice(['3.8', '3.9', '3.10', '3.11'])}"
        made.append(
            (
                rng.choice(names),
                version,
                f"{rng.getrandbits(80):020x}",
                licence,
                size,
                when.isoformat() + "+00:00",
                flag,
                needs,
            )
        )
    return _table("package version sha licence size uploaded yanked python", made)


def survey(rng: random.Random, rows: int) -> Columns:
    """Answers: forty columns of scales that go together, "no answer" by code, free text, skipped questions."""
    made = []
    for n in range(rows):
        mood = rng.gauss(3.4, 0.9)
        scales = [str(min(5, max(1, round(rng.gauss(mood, 0.7))))) if rng.random() > 0.03 else "" for _ in range(24)]
        words = [
            _choice(
                rng,
                {
                    "agree": 40,
                    "strongly agree": 20,
                    "disagree": 25,
                    "strongly disagree": 5,
                    "neither": 10,
                    "don't know": 2,
                },
            )
            for _ in range(8)
        ]
        yes = [_choice(rng, {"yes": 60, "no": 38, "n/a for me": 2}) for _ in range(4)]
        age = str(rng.randrange(16, 92))
        income = _choice(rng, {"0-999": 10, "1000-1999": 30, "2000-2999": 35, "3000+": 15, "prefer not to say": 10})
        follow = (
            rng.choice(["good", "too long", "", "", "I liked it", "no comment", "nothing"]) if yes[0] == "yes" else ""
        )
        made.append((f"R{n:04}", age, income, *scales, *words, *yes, follow))
    names = " ".join(
        [
            "respondent",
            "age",
            "income",
            *(f"q{i}" for i in range(1, 25)),
            *(f"a{i}" for i in range(1, 9)),
            *(f"y{i}" for i in range(1, 5)),
            "why",
        ]
    )
    return _table(names, made)


def events(rng: random.Random, rows: int) -> Columns:
    """Events of an application: JSON in cells, lists, UUID-like ids, epoch times, flags, empty payloads."""
    made = []
    for _ in range(rows):
        body: dict[str, Any] = {
            "page": rng.choice(["home", "cart", "pay"]),
            "n": rng.randrange(9),
            "ok": rng.random() > 0.1,
        }
        tags = json.dumps(sorted(rng.sample(["new", "sale", "eu", "b2b", "test"], rng.randrange(4))))
        key = f"{rng.getrandbits(32):08x}-{rng.getrandbits(16):04x}-4{rng.getrandbits(12):03x}"
        kind = _choice(rng, {"view": 70, "click": 20, "purchase": 8, "refund": 1, "purchases": 1})
        spec = json.dumps(body) if rng.random() > 0.1 else "{}"
        amount = f"{rng.lognormvariate(3, 1):.2f}" if kind in ("purchase", "refund") else ""
        made.append(
            (
                key,
                str(1_700_000_000 + rng.randrange(10**7)),
                kind,
                spec,
                tags,
                amount,
                _choice(rng, {"web": 6, "ios": 3, "android": 3}),
            )
        )
    return _table("event at kind payload tags amount client", made)


def invoices(rng: random.Random, rows: int) -> Columns:
    """Invoices: currencies that go with countries but for some, VAT, net + tax = gross, gaps, refunds."""
    vat = {"DE": 19, "FR": 20, "AT": 20, "CH": 8, "GB": 20}
    money = {"DE": "EUR", "FR": "EUR", "AT": "EUR", "CH": "CHF", "GB": "GBP"}
    firms = [(f"{f} {rng.choice(['GmbH', 'SA', 'Ltd', 'AG'])}", rng.choice(list(vat))) for f in FAMILY]
    made, number = [], 24_000
    for _n in range(rows):
        firm, country = rng.choice(firms)
        currency = money[country] if rng.random() > 0.04 else "EUR" if country in ("CH", "GB") else "USD"
        number += rng.choice([1, 1, 1, 2])
        net = rng.lognormvariate(5, 1.2) * (-1 if rng.random() < 0.02 else 1)
        rate = vat[country] if rng.random() > 0.06 else rng.choice([0, 7])
        net = round(net, 2)
        tax = round(net * rate / 100, 2)
        issued = _day(rng, 2023, 2025)
        due = issued + dt.timedelta(days=rng.choice([14, 30, 30, 60]))
        paid = (due + dt.timedelta(days=rng.randrange(-20, 25))).isoformat() if rng.random() > 0.15 else ""
        terms = _choice(rng, {"net 30": 70, "net 14": 20, "net 60": 9, "prepaid": 1})
        made.append(
            (
                f"RE-{number}",
                firm,
                country,
                f"{issued:%m/%d/%Y}",
                f"{due:%m/%d/%Y}",
                paid,
                f"{net:.2f}",
                f"{rate}%",
                f"{tax:.2f}",
                f"{net + tax:.2f}",
                currency,
                terms,
            )
        )
    return _table("invoice customer country issued due paid net rate tax gross currency terms", made)


def codes(rng: random.Random, rows: int) -> Columns:
    """Nothing but codes: leading zeros, letters behind numbers, ranges, slashes, mixed lengths, case that matters."""
    made = []
    for n in range(rows):
        account = f"{rng.randrange(10 ** rng.choice([4, 5, 6])):06}"
        branch = f"{rng.randrange(1, 60):03}"
        short = f"{rng.choice(string.ascii_letters)}{rng.choice(string.ascii_letters)}{rng.randrange(10)}"
        plate = f"{rng.choice(['B', 'HH', 'M', 'KA'])}-{_letters(rng, 2)} {rng.randrange(1, 9999)}"
        room = rng.choice(
            [f"{rng.randrange(1, 5)}.{rng.randrange(1, 30):02}", f"{rng.randrange(1, 5)}.{rng.randrange(1, 30):02}a"]
        )
        line = rng.choice(["1", "2", "2A", "7", "M10", "100", "N5"])
        span = f"{rng.randrange(1, 50)}-{rng.randrange(50, 99)}"
        ref = f"{rng.randrange(1, 400)}/{rng.randrange(18, 26)}"
        grade = rng.choice(["A", "A-", "B+", "B", "B-", "C"])
        made.append((f"{n:05}", account, branch, short, plate, room, line, span, ref, grade))
    return _table("id account branch key plate room line range reference grade", made)


def staff(rng: random.Random, rows: int) -> Columns:
    """Employees: departments and teams, titles that differ by a word, skewed salaries, dates of leaving."""
    teams = {
        "Sales": ["Sales North", "Sales South"],
        "IT": ["Platform", "Platforms", "Data"],
        "HR": ["People"],
        "R&D": ["Lab 1", "Lab 2"],
    }
    titles = {
        "Engineer": 40,
        "Sr. Engineer": 20,
        "Engineer II": 15,
        "Engineer III": 10,
        "Manager": 8,
        "Managers' assistant": 2,
        "CEO": 1,
    }
    made = []
    for n in range(rows):
        unit = rng.choices(list(teams), weights=[40, 45, 10, 5])[0]
        began = _day(rng, 2005, 2024)
        gone = (began + dt.timedelta(days=rng.randrange(200, 4000))).isoformat() if rng.random() < 0.3 else ""
        pay = str(int(rng.lognormvariate(10.8, 0.35) // 100 * 100))
        share = _choice(rng, {"100%": 80, "80%": 12, "50%": 7, "0%": 1})
        made.append(
            (
                f"{1000 + n}",
                _person(rng),
                unit,
                rng.choice(teams[unit]),
                _choice(rng, titles),
                began.isoformat(),
                gone,
                pay,
                share,
                _choice(rng, {"M": 50, "F": 48, "X": 2}),
            )
        )
    return _table("number name department team title since until salary share sex", made)


def matches(rng: random.Random, rows: int) -> Columns:
    """Games: scores, teams with namesakes, venues that follow from the home team but for some, attendance, odds."""
    teams = [
        "FC Nord",
        "FC Nordost",
        "SV Süd",
        "SV Sud 04",
        "TSV 1860",
        "TSV 1861",
        "Union",
        "Union II",
        "City",
        "United",
    ]
    grounds = {team: f"{rng.choice(WORDS).title()} Arena" for team in teams}
    made = []
    for n in range(rows):
        home, away = rng.sample(teams, 2)
        ground = grounds[home] if rng.random() > 0.03 else "Neutral Ground"
        goals = (
            rng.choices(range(6), weights=[25, 33, 22, 12, 5, 3])[0],
            rng.choices(range(6), weights=[32, 33, 20, 10, 3, 2])[0],
        )
        crowd = f"{int(rng.lognormvariate(9.5, 0.7)):,}" if rng.random() > 0.05 else ""
        kick = rng.choice(["15:30", "18:30", "20:45", "3:00"])
        odds = [f"{rng.uniform(1.2, 6):.2f}" for _ in range(3)]
        season = rng.choice(["2021/22", "2022/23", "2023/24"])
        made.append(
            (
                season,
                str(n % 34 + 1),
                _day(rng, 2021, 2024).strftime("%d/%m/%y"),
                kick,
                home,
                away,
                f"{goals[0]}:{goals[1]}",
                ground,
                crowd,
                *odds,
            )
        )
    return _table("season round date kickoff home away score ground crowd odds1 oddsx odds2", made)


def recipes(rng: random.Random, rows: int) -> Columns:
    """Ingredients of recipes: quantities as fractions and ranges, units that differ rightly, both cases."""
    made = []
    for _ in range(rows):
        food = rng.choice(
            [
                "flour",
                "sugar",
                "salt",
                "milk",
                "butter",
                "Parmesan",
                "parsley",
                "egg",
                "eggs",
                "egg yolk",
                "crème fraîche",
            ]
        )
        amount = rng.choice(["1", "2", "1/2", "1 1/2", "2-3", "250", "100", "½", "a pinch", "to taste"])
        unit = rng.choice(["g", "kg", "ml", "l", "tbsp", "tsp", "cup", "cups", ""])
        minutes = rng.choice(["10 min", "25 min", "1 h", "1 h 30 min", "90 min"])
        diet = _choice(rng, {"vegetarian": 50, "vegan": 30, "none": 18, "halal": 2})
        made.append(
            (
                f"{rng.choice(WORDS).title()} {rng.choice(['soup', 'cake', 'pie', 'salad'])}",
                food,
                amount,
                unit,
                minutes,
                diet,
            )
        )
    return _table("recipe ingredient amount unit time diet", made)


def genes(rng: random.Random, rows: int) -> Columns:
    """Laboratory results: gene names that look like dates, exponents, detection limits, wells."""
    names = [
        "MARCH1",
        "MARCH2",
        "SEPT1",
        "SEPT2",
        "DEC1",
        "BRCA1",
        "BRCA2",
        "TP53",
        "TP63",
        "IL2",
        "IL2RA",
        "EGFR",
        "ERBB2",
        "ERBB3",
    ]
    made = []
    for n in range(rows):
        p = f"{10 ** rng.uniform(-9, 0):.2e}" if rng.random() < 0.5 else f"{rng.random():.4f}"
        value = f"{rng.lognormvariate(1, 1):.3f}" if rng.random() > 0.08 else "<0.01"
        fold = f"{rng.gauss(0, 1.5):.2f}"
        well = f"{rng.choice('ABCDEFGH')}{rng.randrange(1, 13)}"
        call = _choice(rng, {"+": 45, "-": 45, "+/-": 8, "?": 2})
        made.append(
            (
                f"S{n:05}",
                rng.choice(names),
                value,
                fold,
                p,
                well,
                f"chr{rng.choice([*range(1, 23), 'X', 'Y'])}",
                str(rng.randrange(10**5, 2 * 10**8)),
                rng.choice("+-"),
                call,
            )
        )
    return _table("sample gene level log2fc p well chromosome position strand call", made)


def flats(rng: random.Random, rows: int) -> Columns:
    """Homes for rent: areas and prices, half rooms, floors by name, districts with rare ones, descriptions, years."""
    made = []
    for n in range(rows):
        rooms = rng.choice(["1", "1.5", "2", "2.5", "3", "4", "5+"])
        area = f"{rng.gauss(70, 25):.0f}" if rng.random() < 0.7 else f"{abs(rng.gauss(70, 25)) + 12:.1f}"
        floor = rng.choice(["ground", "1", "2", "3", "4", "attic", "basement"])
        year = str(rng.choice([rng.randrange(1880, 1940), rng.randrange(1950, 2023)]))
        heat = _choice(rng, {"gas": 50, "district": 30, "heat pump": 15, "oil": 4, "wood": 1})
        pets = _choice(rng, {"yes": 30, "no": 40, "on request": 28, "cats only": 2})
        rent = str(int(rng.lognormvariate(6.7, 0.4)))
        text = f"{rng.choice(WORDS).title()} flat, {rng.choice(WORDS)} {rng.choice(WORDS)}; {rng.choice(WORDS)}!"
        made.append(
            (
                f"{n}",
                rng.choice(PLACES)[1],
                rng.choice(["Mitte", "Nord", "Süd", "West", "Westend", "Altstadt", "Altstadt-Nord"]),
                rooms,
                area,
                floor,
                year,
                heat,
                pets,
                rent,
                text,
            )
        )
    return _table("id city district rooms area floor built heating pets rent text", made)


def courses(rng: random.Random, rows: int) -> Columns:
    """Marks of students: course codes and titles, terms, marks in steps, credits, teachers who share courses."""
    made = []
    listed = [
        (
            f"CS{100 + 10 * i}",
            f"{rng.choice(WORDS).title()} Systems {rng.choice(['I', 'II', 'III'])}",
            rng.choice(["5", "6", "10"]),
        )
        for i in range(30)
    ]
    teachers = {code: rng.sample(FAMILY, 2) for code, _t, _c in listed}
    for _ in range(rows):
        code, title, credits = rng.choice(listed)
        mark = rng.choice(["1.0", "1.3", "1.7", "2.0", "2.3", "2.7", "3.0", "3.3", "3.7", "4.0", "5.0"])
        term = rng.choice(["WS 22/23", "SS 23", "WS 23/24", "SS 24"])
        passed = "no" if mark == "5.0" else "yes"
        attempt = _choice(rng, {"1": 90, "2": 9, "3": 1})
        made.append(
            (
                f"{rng.randrange(100000, 102000)}",
                code,
                title,
                credits,
                term,
                rng.choices(teachers[code], weights=[9, 1])[0],
                mark,
                passed,
                attempt,
            )
        )
    return _table("student course title credits term teacher mark passed attempt", made)


def shipments(rng: random.Random, rows: int) -> Columns:
    """Parcels: weights in one unit, dimensions, incoterms, tracking numbers, times of two zones, statuses in order."""
    made = []
    for _n in range(rows):
        sent = dt.datetime.combine(_day(rng, 2024, 2025), dt.time(rng.randrange(24), rng.randrange(60)))
        there = sent + dt.timedelta(hours=rng.expovariate(1 / 50))
        status = _choice(rng, {"delivered": 90, "in transit": 6, "returned": 3, "lost": 1})
        weight = f"{rng.lognormvariate(0, 1):.2f} kg"
        box = f"{rng.randrange(10, 60)}x{rng.randrange(10, 60)}x{rng.randrange(5, 40)}"
        carrier = _choice(rng, {"DHL": 50, "DPD": 30, "GLS": 15, "UPS": 4, "own": 1})
        track = f"{carrier[:2].upper()}{rng.randrange(10**9):09}{rng.choice(['DE', 'FR'])}"
        term = _choice(rng, {"DAP": 70, "DDP": 20, "EXW": 9, "FCA": 1})
        got = f"{there:%Y-%m-%d %H:%M}" if status == "delivered" else ""
        made.append(
            (track, carrier, f"{sent:%Y-%m-%d %H:%M}", got, weight, box, term, status, f"{rng.uniform(3, 80):.2f} €")
        )
    return _table("tracking carrier sent delivered weight box incoterm status cost", made)


def weather(rng: random.Random, rows: int) -> Columns:
    """A long series: values below zero, calm wind, directions, a constant station, rare flags."""
    made = []
    when = dt.datetime(2023, 1, 1)
    for n in range(rows):
        when += dt.timedelta(hours=1)
        cold = f"{8 + 10 * ((n // 24) % 300) / 300 + rng.gauss(0, 4):.1f}"
        wind = rng.choice(["N", "NE", "E", "SE", "S", "SW", "W", "NW", "calm", "VRB"])
        rain = "0.0" if rng.random() < 0.9 else f"{rng.expovariate(0.7):.1f}"
        cloud = f"{rng.randrange(9)}/8"
        flag = _choice(rng, {"": 96, "T": 3, "M": 1})
        made.append(
            ("03987", f"{when:%d/%m/%Y %H:%M}", cold, wind, f"{abs(rng.gauss(9, 5)):.0f} km/h", rain, cloud, flag)
        )
    return _table("station time temp wind speed rain cloud flag", made)


def estimates(rng: random.Random, rows: int) -> Columns:
    """What statistics programs write: all digits of floats, exponents, codes that are a letter apart."""
    made = []
    for n in range(rows):
        slope, error = rng.gauss(0, 1), rng.expovariate(2)
        chance = 10 ** -rng.expovariate(0.4)
        wage = rng.lognormvariate(5.7, 0.6)
        system = _choice(rng, {"mpfi": 45, "2bbl": 32, "idi": 10, "spdi": 9, "1bbl": 3, "spfi": 1})
        fixed = "" if rng.random() < 0.02 else f"{slope / (error + 0.1):.15f}"
        made.append((str(n + 1), repr(slope), repr(error), f"{chance:.3g}", fixed, f"{wage:.7g}", system))
    return _table("model slope error p t wage fuel", made)


TABLES: dict[str, Callable[[random.Random, int], Columns]] = {
    make.__name__: make
    for make in (
        gazetteer, products, stays, guests, logs, releases, survey, events, invoices, codes, staff, matches, recipes,
        genes, flats, courses, shipments, weather, estimates,
    )
}  # fmt: skip
