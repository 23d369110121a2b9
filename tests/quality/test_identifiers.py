"""The engine's checks of identifiers agree with the standards' own examples and with checks written out in Python."""

from __future__ import annotations

import random

import ibis
import pytest

from tasks.quality.identifiers import FORMS, IBAN_LENGTHS, form

SEED = random.Random(7)


def judged(name: str, texts: list[str]) -> list[bool]:
    table = ibis.memtable({"place": range(len(texts)), "text": texts})
    query = table.select("place", ok=form(name).valid(table.text)).order_by("place")
    return ibis.duckdb.connect().to_pyarrow(query)["ok"].to_pylist()


@pytest.mark.parametrize(
    ("name", "right", "wrong"),
    [
        ("email", ["a.b@example.org", "write to x@y.co now", "<ann@site.de>"], ["a@b", "img@2x.png", "git@host.com:x"]),
        ("phone", ["+49 170 1234567", "+1 (555) 123-4567"], ["+5 1", "12 345 678 901", "+1 2 3 4"]),
        ("phone_plain", ["+491701234567", "00491701234567"], ["491701234567", "+1234", "+0491701234567"]),
        ("phone_american", ["(555) 234-5678", "555-234-5678", "1 555.234.5678"], ["2024-01-02", "5552345678"]),
        ("card", ["4111 1111 1111 1111", "378282246310005", "30569309025904"], ["4111111111111112", "4" + "0" * 15]),
        ("iban", ["DE89 3704 0044 0532 0130 00", "GB82WEST12345698765432"], ["DE88370400440532013000", "ZZ89370400"]),
        ("iban", ["MT84MALT011000012345MTLCAST001S", "NO9386011117947"], ["NO93860111179470", "no9386011117947"]),
        ("ip", ["203.0.113.7", "8.8.114.8"], ["10.0.0.100", "192.168.100.1", "1.2.3.4", "256.100.1.1", "172.20.100.1"]),
        ("ipv6", ["2001:db8::1", "2001:0db8:85a3:0000:0000:8a2e:0370:7334"], ["12:30:45", "aa:bb:cc:dd:ee:ff"]),
        ("ssn", ["212-45-6780"], ["000-12-3456", "666-12-1234", "900-12-3456", "212-00-1234", "212-45-0000"]),
        ("nino", ["AB 12 34 56 C", "ab123456c".upper()], ["GB123456A", "QQ123456C", "AB123456E"]),
        ("steuer_id", ["86095742719", "65 929 970 489"], ["86095742718", "06095742719"]),
        ("dni", ["12345678Z", "X1234567L", "Y-1234567-X"], ["12345678A", "1234567Z"]),
        ("nir", ["2 55 08 14 168 025 38"], ["255081416802539", "355081416802538"]),
        ("bsn", ["111222333", "123456782"], ["123456789", "12345678"]),
    ],
)
def test_the_standards_examples_are_told_apart(name, right, wrong):
    assert judged(name, right) == [True] * len(right)
    assert judged(name, wrong) == [False] * len(wrong)


def luhn(digits: str) -> bool:
    doubled = [int(d) * 2 - 9 * (int(d) > 4) if i % 2 else int(d) for i, d in enumerate(reversed(digits))]
    return sum(doubled) % 10 == 0


def mod_97(iban: str) -> bool:
    return int("".join(str(int(sign, 36)) for sign in iban[4:] + iban[:4])) % 97 == 1


def mod_11_10(digits: str) -> bool:
    product = 10
    for digit in digits[:-1]:
        total = (int(digit) + product) % 10 or 10
        product = total * 2 % 11
    return (11 - product) % 10 == int(digits[-1])


def number(length: int, first: str = "") -> str:
    return first + "".join(SEED.choices("0123456789", k=length - len(first)))


def account() -> str:
    country = SEED.choice(sorted(IBAN_LENGTHS))
    rest = "".join(SEED.choices("0123456789ABCXYZ", k=IBAN_LENGTHS[country] - 4))
    check = 98 - int("".join(str(int(sign, 36)) for sign in rest + country + "00")) % 97
    return f"{country}{(check + SEED.choice((0, 0, 1))) % 100:02}{rest}"


@pytest.mark.parametrize(
    ("name", "texts", "check"),
    [
        ("card", [number(16, "4") for _ in range(400)], luhn),
        ("card", [number(15, "37") for _ in range(200)], luhn),
        ("steuer_id", [number(11, SEED.choice("123456789")) for _ in range(400)], mod_11_10),
        ("iban", [account() for _ in range(400)], mod_97),
        ("dni", [number(8) + SEED.choice("TRWAGMYFPDXBNJZSQVHLCKE") for _ in range(400)],
         lambda t: "TRWAGMYFPDXBNJZSQVHLCKE"[int(t[:8]) % 23] == t[8]),
        ("bsn", [number(9) for _ in range(400)],
         lambda t: sum(int(d) * w for d, w in zip(t, (9, 8, 7, 6, 5, 4, 3, 2, -1), strict=True)) % 11 == 0),
    ],
)  # fmt: skip
def test_the_engine_checks_as_the_standard_says(name, texts, check):
    assert judged(name, texts) == [check(text) for text in texts]


@pytest.mark.parametrize("name", [form.name for form in FORMS])
def test_hostile_texts_are_no_identifiers(name):
    texts = [
        "",
        " ",
        "\x00",
        "9" * 100_000,
        "a@" * 5000,
        "+" * 50,
        "::",
        "A" * 34,
        "٤١١١١١١١١١١١١١١١",
        "=1+1",
        "\ud7ff",
    ]
    assert judged(name, texts) == [False] * len(texts)
