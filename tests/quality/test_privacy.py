"""Personal data is found where it is validated, never where it only looks like it, and nothing is done unasked."""

from __future__ import annotations

import random
import time
from dataclasses import replace

import pytest

from tasks.quality.contract import Contract
from tasks.quality.detect import _advised, _detected, configure
from tasks.quality.effects import apply, preview
from tasks.quality.errors import PilotMustDecide
from tasks.quality.model import Severity
from tasks.quality.privacy import TALLIES
from tasks.quality.pseudonyms import SCHEMA, expected, lend
from tasks.quality.registry import find_kind, find_remedy
from tests.quality.opened import KEY, again, opened, values

CARDS = ["4111 1111 1111 1111", "5500-0000-0000-0004", "340000000000009", "6011000000000004", "30000000000004"]
MAILS = [f"person{n}@example.org" for n in range(40)]


def issues(data, **chosen):
    found = _detected(find_kind("personal_data"), data, configure("personal_data", chosen)[0])
    return [_advised(data, issue, {}) for issue in found]


def sorts(columns, contract=None, **chosen):
    with opened(columns, contract) as data:
        found = issues(data, **chosen)
        assert all(issue.recommended == "keep" and issue.confidence == 0 for issue in found)
        return [(issue.columns[0], issue.facts["sort"], issue.count) for issue in found]


def luhn_digit(digits: str) -> str:
    doubled = [int(d) * 2 - 9 * (int(d) > 4) if i % 2 == 0 else int(d) for i, d in enumerate(reversed(digits))]
    return str(-sum(doubled) % 10)


def plain_cards(n):
    rng = random.Random(3)
    return [body + luhn_digit(body) for body in ("4" + "".join(rng.choices("0123456789", k=14)) for _ in range(n))]


@pytest.mark.parametrize(
    ("name", "cells", "sort"),
    [
        ("contact", MAILS, "email"),
        ("note", ["call him", "or write to ann@site.de", "nothing"], "email"),
        ("phone", ["+49 170 1234567", None], "phone"),
        ("x", [f"+49 170 12345{n:02}" for n in range(10)], "phone"),
        ("x", [f"(555) 23{n % 10}-56{n:02}" for n in range(30)], "phone"),
        ("tel", ["030 1234567", "089/7654321"], "phone"),
        ("paid with", CARDS, "card"),
        ("x", plain_cards(10), "card"),
        ("konto", ["DE89 3704 0044 0532 0130 00"], "iban"),
        ("x", ["DE89370400440532013000", "GB82WEST12345698765432", "NO9386011117947"], "iban"),
        ("x", [f"203.0.113.{n}" for n in range(100, 120)], "ip"),
        ("ssn", ["212-45-6780", "212-45-6781"], "ssn"),
        ("x", ["12345678Z", "X1234567L", "Y1234567X", "00000000T", "00000001R"], "dni"),
        ("bsn", ["111222333", "123456782"], "bsn"),
        ("nir", ["2 55 08 14 168 025 38"], "nir"),
        ("steuer id", ["86095742719", "65929970489"], "steuer_id"),
        ("NINO", ["AB 12 34 56 C"], "nino"),
    ],
)
def test_personal_data_is_found(name, cells, sort):
    there = sum(cell is not None for cell in cells) if sort != "email" or name == "contact" else 1
    assert sorts({name: cells, "n": ["7"] * len(cells)}) == [(name, sort, there)]


RNG = random.Random(11)


@pytest.mark.parametrize(
    ("name", "cells"),
    [
        ("order", [str(4_000_000_000_000_000 + 7919 * n) for n in range(500)]),
        ("id", [str(100_000_000 + n) for n in range(500)]),
        ("id", [str(10_000_000_000 + 13 * n) for n in range(500)]),
        ("number", ["".join(RNG.choices("0123456789", k=16)) for _ in range(500)]),
        ("zip", [f"{10000 + n}" for n in range(300)]),
        ("day", [f"2024-0{n % 9 + 1}-1{n % 10}" for n in range(300)]),
        ("time", [f"{n % 24:02}:{n % 60:02}:00" for n in range(300)]),
        ("version", [f"{n % 9}.{n % 20}.{n % 7}.{n % 50}" for n in range(300)]),
        ("host", [f"10.0.{n % 200}.{n % 250}" for n in range(300)]),
        ("code", [f"DE{n:02}{n * 7919:014}"[:18] for n in range(300)]),
        ("isbn", ["978-3-16-148410-0", "978-0-306-40615-7"]),
        ("coordinates", ["+48.8584", "+2.2945"]),
        ("mac", ["aa:bb:cc:dd:ee:ff", "12:34:56:78:9a:bc"]),
        ("handle", ["@ann", "@bob", "a@b"]),
        ("PhoneNumber", ["2053258100", "2563862000"]),
        ("image", ["logo@2x.png", "icon@3x.png"]),
        ("letter code", [f"{n:08}A" for n in range(300)]),
        ("dose", ["123-45-678", "1-2-3"]),
        ("part", [f"{n:03}-{n % 90 + 10}-{n * 37 % 10_000:04}" for n in range(0, 1000, 3)]),
    ],
)
def test_ordinary_values_are_never_taken_for_personal_ones(name, cells):
    assert sorts({name: cells}) == []


def test_the_contract_says_where_personal_data_is_meant_to_be():
    known = Contract.model_validate({"columns": {"mail": {"personal": True}}})
    assert sorts({"mail": MAILS}, known) == []
    forbidden = Contract.model_validate({"columns": {"note": {"personal": False}}})
    with opened({"note": MAILS, "mail": MAILS}, forbidden) as data:
        assert {i.columns[0]: i.severity for i in issues(data)} == {"note": Severity.HIGH, "mail": Severity.INFO}


def test_what_is_looked_for_is_a_setting():
    columns = {"mail": MAILS, "note": ["write to a@b.org", *["x"] * 39], "card": CARDS * 8}
    assert [c for c, _s, _n in sorts(columns)] == ["mail", "note", "card"]
    assert [c for c, _s, _n in sorts(columns, sorts=["card"])] == ["card"]
    assert [c for c, _s, _n in sorts(columns, share=0.1)] == ["mail", "card"]


# --- remedies ----------------------------------------------------------------------------------------------------


def remedied(data, issue, remedy, **parameters):
    chosen = find_remedy(remedy)
    return apply(data, chosen.effects(data, issue, chosen.parameters(**parameters))).table


@pytest.mark.parametrize(
    ("name", "cells", "masked"),
    [
        ("mail", ["ann.lee@example.org", None, "x"], ["***@example.org", None, "x"]),
        ("note", ["ask a@b.org or c@d.co.uk"], ["ask ***@b.org or ***@d.co.uk"]),
        ("card", ["4111 1111 1111 1111"], ["**** **** **** 1111"]),
        ("iban", ["DE89370400440532013000"], ["******************3000"]),
        ("ip", ["203.0.113.77"], ["203.0.*.*"]),
        ("phone", ["+49 170 1234567"], ["+** *** ***4567"]),
    ],
)
def test_a_mask_leaves_the_end_or_the_domain(name, cells, masked):
    with opened({name: cells}) as data:
        (issue,) = issues(data)
        after = remedied(data, issue, "mask_values")
        assert values(after, name) == masked
        assert issues(again(data, after)) == []


def test_hashes_are_keyed_and_the_same_for_equal_values():
    with opened({"mail": [MAILS[0], MAILS[1], f" {MAILS[0]} ", None]}) as data:
        (issue,) = issues(data)
        hashes = values(remedied(data, issue, "keyed_hash", space="lab"), "mail")
        assert hashes == [*(expected(KEY, MAILS[n], "lab") for n in (0, 1, 0)), None]
        assert hashes[0] != values(remedied(data, issue, "keyed_hash"), "mail")[0], "another space, another hash"
        tokens = values(remedied(data, issue, "tokenise", prefix="p_", space="lab"), "mail")
        assert tokens == ["p_" + hashes[0][:16], "p_" + hashes[1][:16], "p_" + hashes[0][:16], None]


def test_another_key_gives_other_hashes_and_no_key_gives_none():
    with opened({"mail": MAILS}) as data:
        (issue,) = issues(data)
        first = values(remedied(data, issue, "keyed_hash"), "mail")
        data.table.get_backend().raw_sql(f"DROP SCHEMA {SCHEMA} CASCADE")
        (bare,) = issues(data)
        assert {"hash", "tokenise"}.isdisjoint(option.key for option in bare.options)
        with pytest.raises(PilotMustDecide, match="no key for pseudonyms"):
            remedied(data, issue, "keyed_hash")
        lend(data.table.get_backend(), b"another key, and long enough")
        assert not set(first) & set(values(remedied(data, issue, "keyed_hash"), "mail"))


def test_the_key_is_in_no_query_and_no_option():
    with opened({"mail": MAILS, "card": CARDS * 8}) as data:
        for issue in issues(data):
            told = f"{issue.sql} {issue.why} {issue.facts} {[(o.parameters, o.label, o.why) for o in issue.options]}"
            assert KEY.decode() not in told
            assert KEY.hex() not in told


def test_a_short_key_is_refused():
    with opened({"a": ["1"]}) as data, pytest.raises(ValueError, match="16 bytes"):
        lend(data.table.get_backend(), b"short")


def test_previews_are_known_without_computing_every_hash():
    with opened({"mail": [*MAILS, "no", None]}) as data:
        (issue,) = issues(data)
        for option in issue.options:
            if option.remedy in ("mask_values", "keyed_hash", "tokenise"):
                chosen = find_remedy(option.remedy)
                effects = chosen.effects(data, issue, chosen.parameters(**option.parameters))
                assert option.preview.cells_changed == preview(data, effects).cells_changed == len(MAILS)
                after = values(apply(data, effects).table, "mail")
                assert [after[change.row] for change in option.preview.changes] == [
                    change.after for change in option.preview.changes
                ]


def test_a_key_is_made_once_per_staging_area_and_read_by_its_owner_alone(tmp_path):
    from blocks.staging import Staging

    staging = Staging(str(tmp_path / "staging"))
    first = staging._key()
    assert staging._key() == Staging(str(tmp_path / "staging"))._key() == first
    assert len(first) == 32
    (file,) = (tmp_path / "staging").iterdir()
    assert file.stat().st_mode & 0o777 == 0o600


# --- hostile cells ------------------------------------------------------------------------------------------------


def test_hostile_cells_are_looked_at_in_bounded_time():
    bombs = [
        "a" * 64 + "@" + "a." * 4000,
        "+" * 9000,
        "9" * 2_000_000,
        "@" * 100_000,
        "\x00@\x00",
        "::" * 20,
        " " * 5000,
    ]
    started = time.perf_counter()
    with opened({"mail": [*bombs, *MAILS], "phone": [*bombs, *MAILS]}) as data:
        found = issues(data)
        assert [issue.failed for issue in found] == [False, False]
        assert all(issue.count == len(MAILS) for issue in found)
    assert time.perf_counter() - started < 20


def test_what_was_counted_for_the_profile_is_not_counted_again():
    with opened({"mail": [f"p{n}@example.org" for n in range(20)]}) as data:
        assert [issue.count for issue in issues(data)] == [20]
        assert issues(replace(data, kept={TALLIES: {}})) == [], "what is kept is believed"
