"""Personal data that anyone could read: addresses, numbers of phones, cards, accounts and machines.

Each finding is validated as far as its standard allows (check digits, ranges), so that ordinary numbers are not taken
for personal ones. Nothing is wrong with such values and nothing is recommended: whether they may be loaded, masked or
not at all is the pilot's decision. A column that the contract calls `personal: true` is known and not reported.
"""

from __future__ import annotations

import hashlib
import hmac
import os
import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from ipaddress import ip_address
from typing import Any, Literal

import ibis
from pydantic import Field

from tasks.quality.errors import PilotMustDecide
from tasks.quality.model import Dataset, Dimension, Effect, Finding, Issue, Option, Severity, ValueMap
from tasks.quality.queries import cells_where, rows_where
from tasks.quality.registry import KindSettings, Parameters, Settings, kind, remedy

Sort = Literal["email", "phone", "card", "iban", "ip", "ssn", "nino"]

FORMS: Mapping[Sort, str] = {
    "email": r"^\s*[A-Za-z0-9._%+'-]{1,64}@(?:[A-Za-z0-9-]{1,63}\.)+[A-Za-z]{2,24}\s*$",
    "phone": r"^\s*(?:\+[1-9][0-9 ()./-]{7,20}[0-9]|\(?[0-9]{3}\)?[ .-][0-9]{3}[ .-][0-9]{4})\s*$",
    "card": (
        r"^\s*(?:[3-6][0-9]{3}[ -]?[0-9]{4}[ -]?[0-9]{4}[ -]?[0-9]{1,7}"
        r"|3[47][0-9]{2}[ -]?[0-9]{6}[ -]?[0-9]{5})\s*$"
    ),
    "iban": r"^\s*[A-Z]{2}[0-9]{2}[ ]?[A-Z0-9]{4}(?:[ ]?[A-Z0-9]{1,4}){2,7}\s*$",
    "ip": r"^\s*(?:[0-9]{1,3}\.){3}[0-9]{1,3}\s*$|^\s*(?:[0-9A-Fa-f]{1,4}:){2,7}(?::?[0-9A-Fa-f]{1,4})\s*$",
    "ssn": r"^\s*[0-8][0-9]{2}-[0-9]{2}-[0-9]{4}\s*$",
    "nino": r"^\s*[A-CEGHJ-PR-TW-Z][A-CEGHJ-NPR-TW-Z] ?[0-9]{2} ?[0-9]{2} ?[0-9]{2} ?[A-D]\s*$",
}
"""What each sort of personal data looks like (RE2); `VALID` then looks at check digits and ranges."""

NAMES: Mapping[Sort, str] = {
    "email": "e-mail addresses",
    "phone": "phone numbers",
    "card": "payment card numbers",
    "iban": "bank accounts (IBAN)",
    "ip": "IP addresses",
    "ssn": "US social security numbers",
    "nino": "UK national insurance numbers",
}

IBAN_LENGTHS: Mapping[str, int] = {
    "AD": 24, "AE": 23, "AT": 20, "BE": 16, "BG": 22, "CH": 21, "CY": 28, "CZ": 24, "DE": 22, "DK": 18, "EE": 20,
    "ES": 24, "FI": 18, "FR": 27, "GB": 22, "GR": 27, "HR": 21, "HU": 28, "IE": 22, "IL": 23, "IS": 26, "IT": 27,
    "LI": 21, "LT": 20, "LU": 20, "LV": 21, "MC": 27, "MT": 31, "NL": 18, "NO": 15, "PL": 28, "PT": 25, "RO": 24,
    "SA": 24, "SE": 24, "SI": 19, "SK": 24, "SM": 27, "TR": 26,
}  # fmt: skip
"""Characters of a bank account number per country (ISO 13616)."""


def luhn(text: str) -> bool:
    """Whether a card number's check digit is right (ISO/IEC 7812-1) and it has 13 to 19 digits.

    >>> luhn("4111 1111 1111 1111"), luhn("4111 1111 1111 1112")
    (True, False)
    """
    digits = [int(c) for c in re.sub(r"[^0-9]", "", text)]
    doubled = [d * 2 - 9 * (d > 4) if i % 2 else d for i, d in enumerate(reversed(digits))]  # noqa: PLR2004
    return 13 <= len(digits) <= 19 and sum(doubled) % 10 == 0 and len(set(digits)) > 1  # noqa: PLR2004


def iban(text: str) -> bool:
    """Whether a bank account number has its country's length and a right check sum (ISO 13616).

    >>> iban("DE89 3704 0044 0532 0130 00"), iban("DE88 3704 0044 0532 0130 00")
    (True, False)
    """
    plain = re.sub(r"\s", "", text)
    moved = plain[4:] + plain[:4]
    return IBAN_LENGTHS.get(plain[:2]) == len(plain) and int("".join(str(int(c, 36)) for c in moved)) % 97 == 1


def _address(text: str) -> bool:
    try:
        return bool(ip_address(text.strip()))
    except ValueError:
        return False


def _ssn(text: str) -> bool:
    area, group, serial = text.strip().split("-")
    return area not in ("000", "666") and group != "00" and serial != "0000"


VALID: Mapping[Sort, Callable[[str], bool]] = {"card": luhn, "iban": iban, "ip": _address, "ssn": _ssn}


class PersonalSettings(KindSettings):
    """Attributes: share: of a column's values that must be personal data of one sort for it to be reported, 0 to 1."""

    share: float = Field(0.05, gt=0, le=1)


class Masked(Parameters):
    """Attributes: sort: what the values are; keep: how many characters at the end stay readable."""

    sort: Sort
    keep: int = Field(4, ge=0, le=8)


class Hashed(Parameters):
    """Attributes: sort: what the values are; key_variable: environment variable that holds the secret key."""

    sort: Sort
    key_variable: str = Field(pattern="^[A-Za-z_][A-Za-z0-9_]*$")


class Tokenised(Parameters):
    """Attributes: sort: what the values are; prefix: what tokens begin with."""

    sort: Sort
    prefix: str = Field("", max_length=20)


def _personal_options(data: Dataset, issue: Issue) -> Iterator[Option]:  # noqa: ARG001  (a Recommender)
    sort = {"sort": issue.facts["sort"]}
    yield Option(
        "mask", "mask_values", "mask them, a few characters stay readable", sort, "equal masks may be different people"
    )
    yield Option(
        "tokenise", "tokenise", "number them: equal values get equal tokens", sort, "joins still work in this table"
    )
    why = "name the environment variable that holds the key; equal values stay equal across tables"
    yield Option("hash", "keyed_hash", "hash them with a secret key", sort, why, needs=("key_variable",))
    yield Option("drop-column", "drop_column", "drop the column")


@kind(
    "Exposed personal data",
    dimension=Dimension.CONFIDENTIALITY,
    settings=PersonalSettings,
    recommend=_personal_options,
)
def personal_data(data: Dataset, settings: Settings[PersonalSettings]) -> Iterable[Finding]:
    """Validated e-mail addresses, phone and card numbers, bank accounts, IP addresses and national ids.

    The cells are not wrong, so the confidence is 0; severity is information, as only the pilot knows who may read them.
    """
    counts = _counts(data)
    for column in data.profile.columns:
        if data.contract.column(column.name).personal or not column.present_count:
            continue
        for sort, rows in counts.get(column.name, {}).items():
            if rows < settings.of(column.name).share * column.present_count:
                continue
            looks = _looks(sort)
            if sort in VALID and not _validated(data, column.name, sort):
                continue
            count = rows_where(data, column.name, looks)
            yield Finding(
                (column.name,),
                cells_where(data, column.name, looks),
                count,
                column.present_count,
                f"{count:,} of {column.present_count:,} values are {NAMES[sort]}",
                Severity.INFO,
                title=f"{NAMES[sort][0].upper()}{NAMES[sort][1:]} in {column.name}",
                facts={"sort": sort},
            )
            break


def _looks(sort: Sort) -> Callable[[Any], Any]:
    return lambda value: value.re_search(FORMS[sort])


def _counts(data: Dataset) -> dict[str, dict[Sort, int]]:
    """Per column how many rows look like each sort; one query for all columns and sorts."""
    value = data.domains.value
    text = data.domains.filter(value.length().between(7, 100))
    tallies = {sort: text.n.sum(where=text["value"].re_search(form)) for sort, form in FORMS.items()}
    found = text.group_by("column").agg(**tallies).order_by("column")
    return {
        record["column"]: {sort: int(record[sort]) for sort in FORMS if record[sort]}
        for record in found.to_pyarrow().to_pylist()
    }


SAMPLED = 1_000


def _validated(data: Dataset, column: str, sort: Sort) -> bool:
    """Whether nearly all of a column's most frequent candidates pass their check."""
    own = data.domains.filter((data.domains.column == column) & data.domains.value.re_search(FORMS[sort]))
    texts = own.order_by(ibis.desc("n"), "value").limit(SAMPLED).to_pyarrow()["value"].to_pylist()
    return sum(VALID[sort](text) for text in texts) >= 0.9 * len(texts)


def _personal_values(data: Dataset, issue: Issue, sort: Sort) -> list[str]:
    column = issue.columns[0]
    own = data.domains.filter((data.domains.column == column) & data.domains.value.re_search(FORMS[sort]))
    texts: list[str] = own.order_by("value").to_pyarrow()["value"].to_pylist()
    return texts


@remedy("Mask", parameters=Masked)
def mask_values(data: Dataset, issue: Issue, p: Masked) -> tuple[Effect, ...]:
    """Write stars for all letters and digits but the last ones; of an e-mail address the domain stays."""
    pairs = [(text, _masked(text, p)) for text in _personal_values(data, issue, p.sort)]
    return (ValueMap(issue.columns[0], tuple((old, new) for old, new in pairs if old != new)),)


def _masked(text: str, p: Masked) -> str:
    if p.sort == "email":
        name, _at, domain = text.strip().rpartition("@")
        return f"{name[:1]}***@{domain}"
    plain = text.strip()
    kept = max(0, len(plain) - p.keep)
    return re.sub(r"[A-Za-z0-9]", "*", plain[:kept]) + plain[kept:]


@remedy("Hash with a key", parameters=Hashed)
def keyed_hash(data: Dataset, issue: Issue, p: Hashed) -> tuple[Effect, ...]:
    """Write HMAC-SHA-256 of each value (RFC 2104); the key is read where the run is carried out and never recorded."""
    key = os.environ.get(p.key_variable, "").encode()
    if not key:
        raise PilotMustDecide(
            f"the environment variable {p.key_variable} is not set",
            where="the process that carries out the run",
            todo="set it to a secret text, or mask or tokenise instead",
        )
    texts = _personal_values(data, issue, p.sort)
    pairs = ((text, hmac.new(key, text.strip().encode(), hashlib.sha256).hexdigest()) for text in texts)
    return (ValueMap(issue.columns[0], tuple(pairs)),)


@remedy("Tokenise", parameters=Tokenised)
def tokenise(data: Dataset, issue: Issue, p: Tokenised) -> tuple[Effect, ...]:
    """Write a number for each different value, in an order that tells nothing about the values."""
    texts = sorted(_personal_values(data, issue, p.sort), key=lambda text: hashlib.sha256(text.encode()).digest())
    width, prefix = len(str(len(texts))), p.prefix or f"{p.sort}-"
    pairs = tuple((text, f"{prefix}{place:0{width}}") for place, text in enumerate(texts, start=1))
    return (ValueMap(issue.columns[0], pairs),)
