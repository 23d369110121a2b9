"""What personal data looks like, and the check digits that tell it from other numbers.

Every form is an expression of the engine, so that what was found can be asked for again from the table alone. `chance`
is how often an arbitrary text of the form passes its check: a column is believed when as many different values as it
has would hardly all pass by chance.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import reduce
from typing import Any, Literal, TypeAlias

import ibis

Family: TypeAlias = Literal[
    "email", "phone", "card", "iban", "ip", "ssn", "nino", "steuer_id", "dni", "nir", "bsn"
]  # fmt: skip

NAMES: Mapping[Family, str] = {
    "email": "e-mail addresses",
    "phone": "phone numbers",
    "card": "payment card numbers",
    "iban": "bank accounts (IBAN)",
    "ip": "public IP addresses",
    "ssn": "US social security numbers",
    "nino": "UK national insurance numbers",
    "steuer_id": "German tax numbers",
    "dni": "Spanish identity numbers",
    "nir": "French social security numbers",
    "bsn": "Dutch citizen numbers",
}

HINTS: Mapping[Family, frozenset[str]] = {
    "email": frozenset(("email", "mail")),
    "phone": frozenset(
        ("phone", "phones", "tel", "telephone", "mobile", "cell", "cellphone", "fax", "telefon", "telefono", "whatsapp")
    ),
    "card": frozenset(("card", "cc", "pan", "creditcard", "visa", "mastercard")),
    "iban": frozenset(("iban", "account", "konto", "bank")),
    "ip": frozenset(("ip", "ipv4", "ipv6", "ipaddress", "remote", "client")),
    "ssn": frozenset(("ssn", "social", "sozial", "tin", "itin")),
    "nino": frozenset(("nino", "ni", "insurance")),
    "steuer_id": frozenset(("steuer", "steuerid", "idnr", "tin", "steueridentifikationsnummer")),
    "dni": frozenset(("dni", "nie", "nif")),
    "nir": frozenset(("nir", "insee", "secu", "securite")),
    "bsn": frozenset(("bsn", "burgerservicenummer", "sofi", "sofinummer")),
}
"""Words in a column's name that let expect it."""


@dataclass(frozen=True)
class Form:
    """One way in which a sort of personal data is written.

    Attributes:
        shape: RE2, of the whole text but for `email`, which may stand within one.
        check: whether a text of the shape is valid; null counts as no.
        chance: how often an arbitrary text of the shape is valid.
        pure: the share of a column's texts of the shape that must be valid, 0 to 1.
        alone: the share of a column's values that must be such where its name gives no hint; above 1: it must.
    """

    name: str
    family: Family
    shape: str
    check: Callable[[Any], Any] | None = None
    chance: float = 0.0
    pure: float = 0.9
    alone: float = 0.0

    def shaped(self, text: Any) -> Any:
        """Whether a text has the shape."""
        return text.re_search(self.shape)

    def valid(self, text: Any) -> Any:
        """Whether a text has the shape and passes the check; the check is only made of texts of the shape."""
        if self.check is None:
            return self.shaped(text)
        return self.shaped(text).ifelse(self.check(text).fill_null(False), False)


def any_of(forms: tuple[Form, ...]) -> Callable[[Any], Any]:
    """Whether a text is valid in one of these forms."""
    return lambda text: reduce(lambda a, b: a | b, (form.valid(text) for form in forms))


# --- checks -----------------------------------------------------------------------------------------------------


def _digits(text: Any) -> Any:
    return text.re_replace("[^0-9]", "")


@ibis.udf.scalar.builtin(name="substr")  # type: ignore[untyped-decorator]
def _cut(text: str, start: int, length: int) -> str:  # type: ignore[empty-body]
    """DuckDB's own, from 1 on; Ibis would allow for negative positions, ten times as long."""


def _digit(text: Any, place: int) -> Any:
    return _cut(text, place + 1, 1).try_cast("int64")


def luhn(text: Any) -> Any:
    """Whether the check digit of up to 19 digits is right (ISO/IEC 7812-1, annex B)."""
    padded = _digits(text).lpad(20, "0")
    doubled = padded.re_replace("(.)(.)", r"\1").translate("0123456789", "0246813579")
    return (doubled + padded.re_replace("(.)(.)", r"\2")).split("").try_cast("array<int64>").sums() % 10 == 0


CARDS = (
    "^(?:4(?:[0-9]{12}|[0-9]{15}|[0-9]{18})|5[1-5][0-9]{14}"
    "|2(?:22[1-9]|2[3-9][0-9]|[3-6][0-9]{2}|7[01][0-9]|720)[0-9]{12}|3[47][0-9]{13}|3(?:0[0-5]|[689][0-9])[0-9]{11}"
    "|35(?:2[89]|[3-8][0-9])[0-9]{12}|6(?:011|4[4-9][0-9]|5[0-9]{2})[0-9]{12}|62[0-9]{14,17})$"
)
"""Issuers' first digits and lengths: Visa, Mastercard, American Express, Diners, JCB, Discover, UnionPay."""


def card(text: Any) -> Any:
    """Whether a card number has an issuer's first digits and length and a right check digit."""
    digits = _digits(text)
    varied = ~digits.re_search("^[0-9]0+$")
    return digits.re_search(CARDS) & varied & luhn(digits)


IBAN_LENGTHS: Mapping[str, int] = {
    "AD": 24, "AE": 23, "AL": 28, "AT": 20, "AZ": 28, "BA": 20, "BE": 16, "BG": 22, "BH": 22, "BR": 29, "BY": 28,
    "CH": 21, "CR": 22, "CY": 28, "CZ": 24, "DE": 22, "DK": 18, "DO": 28, "EE": 20, "EG": 29, "ES": 24, "FI": 18,
    "FO": 18, "FR": 27, "GB": 22, "GE": 22, "GI": 23, "GL": 18, "GR": 27, "GT": 28, "HR": 21, "HU": 28, "IE": 22,
    "IL": 23, "IQ": 23, "IS": 26, "IT": 27, "JO": 30, "KW": 30, "KZ": 20, "LB": 28, "LC": 32, "LI": 21, "LT": 20,
    "LU": 20, "LV": 21, "MC": 27, "MD": 24, "ME": 22, "MK": 19, "MR": 27, "MT": 31, "MU": 30, "NL": 18, "NO": 15,
    "PK": 24, "PL": 28, "PS": 29, "PT": 25, "QA": 29, "RO": 24, "RS": 22, "SA": 24, "SC": 31, "SE": 24, "SI": 19,
    "SK": 24, "SM": 27, "ST": 25, "SV": 28, "TL": 23, "TN": 24, "TR": 26, "UA": 29, "VA": 22, "VG": 24, "XK": 20,
}  # fmt: skip
"""Characters of a bank account number per country (ISO 13616, SWIFT registry)."""

_FIRST, _NEXT, _LONGEST_NUMBER = 9, 7, 68


def iban(text: Any) -> Any:
    """Whether a bank account number has its country's length and leaves 1 modulo 97 (ISO 13616, ISO 7064)."""
    plain = text.re_replace(r"[\s]", "").upper()
    lengths = [f"{country}{length}" for country, length in IBAN_LENGTHS.items()]
    known = (plain.left(2) + plain.length().cast("string")).isin(lengths)
    letters = ibis.literal("0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ")
    signs = (_cut(plain, 5, 30) + plain.left(4)).split("")
    moved = signs.map(lambda sign: letters.find(sign).cast("string")).join("")
    rest = _cut(moved, 1, _FIRST).try_cast("int64") % 97
    for start in range(_FIRST + 1, _LONGEST_NUMBER + 1, _NEXT):
        rest = (rest.cast("string") + _cut(moved, start, _NEXT)).try_cast("int64") % 97
    return known & (rest == 1)


def enough_digits(text: Any) -> Any:
    """Whether a number has as many digits as a phone's (ITU-T E.164: 15 at most)."""
    return _digits(text).length().between(8, 15)


def public_ip(text: Any) -> Any:
    """Whether an IPv4 address is of no private or special range, and has a part that no version number has."""
    private = r"^\s*(?:0|10|127|255|22[4-9]|2[3-5][0-9]|192\.168|169\.254|172\.(?:1[6-9]|2[0-9]|3[01]))\."
    return ~text.re_search(private) & text.re_search(r"(?:^|\.)\s*[0-9]{3}\s*(?:\.|$)")


def ssn(text: Any) -> Any:
    """Whether area, group and serial number are given out (US Social Security Administration)."""
    return ~text.re_search(r"^\s*(?:000|666|9[0-9]{2})-|-00-|-0000\s*$|^\s*(?:123-45-6789|078-05-1120|219-09-9999)")


def nino(text: Any) -> Any:
    """Whether the prefix is given out (HM Revenue and Customs, NIM39110)."""
    return ~text.re_search(r"(?i)^\s*(?:BG|GB|KN|NK|NT|TN|ZZ)")


def steuer_id(text: Any) -> Any:
    """Whether the last of eleven digits is the check digit (ISO 7064, MOD 11,10)."""
    plain = _digits(text)
    product = ibis.literal(10)
    for place in range(10):
        product = (((_digit(plain, place) + product + 9) % 10 + 1) * 2) % 11
    return (11 - product) % 10 == _digit(plain, 10)


def dni(text: Any) -> Any:
    """Whether the letter is that of the number modulo 23; X, Y, Z of foreigners stand for 0, 1, 2."""
    plain = text.re_replace(r"[\s-]", "").upper()
    first = {"X": "0", "Y": "1", "Z": "2"}
    started = ibis.cases(*((plain.left(1) == letter, digit) for letter, digit in first.items()), else_=plain.left(1))
    number = (started + _cut(plain, 2, 7)).try_cast("int64")
    return _cut("TRWAGMYFPDXBNJZSQVHLCKE", number % 23 + 1, 1) == plain.right(1)


def nir(text: Any) -> Any:
    """Whether the key is 97 less the number modulo 97; 2A and 2B of Corsica stand for 19 and 18 (INSEE)."""
    plain = text.re_replace(r"[\s.-]", "").upper()
    department = _cut(plain, 6, 2).replace("2A", "19").replace("2B", "18")
    number = (plain.left(5) + department + _cut(plain, 8, 6)).try_cast("int64")
    return 97 - number % 97 == _cut(plain, 14, 2).try_cast("int64")


def bsn(text: Any) -> Any:
    """Whether nine digits pass the Dutch elevenfold test."""
    digits, weights = _digits(text), (9, 8, 7, 6, 5, 4, 3, 2, -1)
    return reduce(lambda a, b: a + b, (_digit(digits, i) * weight for i, weight in enumerate(weights))) % 11 == 0


# --- forms ------------------------------------------------------------------------------------------------------

LOCAL, DOMAIN = r"[A-Za-z0-9][A-Za-z0-9._%+'-]{0,63}", r"(?:[A-Za-z0-9-]{1,63}\.)+[A-Za-z]{2,24}"
EMAIL = rf"({LOCAL})@({DOMAIN})"
_FILE = r"(?i)@[0-9]x?\.|\.(?:png|jpe?g|gif|svg|webp|css|js|ts|py|json|xml|html?|pdf|zip|exe)(?:[^A-Za-z0-9.-]|$)|git@"


def _no_file(text: Any) -> Any:
    return ~text.re_search(_FILE)


_AMERICAN = r"^\s*(?:1[ .-])?(?:\([2-9][0-9]{2}\) ?|[2-9][0-9]{2}[ .-])[2-9][0-9]{2}[ .-][0-9]{4}\s*$"
_CARD = (
    r"^\s*[2-6][0-9]{3}(?:[ -]?[0-9]{4}){2}[ -]?[0-9]{1,7}\s*$"
    r"|^\s*3[0-9]{3}[ -]?[0-9]{6}[ -]?[0-9]{4,5}\s*$"
)
_FRENCH = r"^\s*[12] ?[0-9]{2} ?(?:0[1-9]|1[0-2]|[2-9][0-9]) ?(?:[0-9]{2}|2[AB]) ?[0-9]{3} ?[0-9]{3} ?[0-9]{2}\s*$"
_OCTET = "(?:25[0-5]|2[0-4][0-9]|1[0-9]{2}|[1-9]?[0-9])"
_GROUP = "[0-9A-Fa-f]{1,4}"

FORMS: tuple[Form, ...] = (
    Form("email", "email", EMAIL, _no_file, pure=0.0),
    Form(
        "phone", "phone", r"^\s*\+[1-9][0-9]{0,3}[ ()./-][0-9 ()./-]{4,20}[0-9]\s*$", enough_digits, 0.05, alone=0.05
    ),
    Form("phone_plain", "phone", r"^\s*(?:\+|00)[1-9][0-9]{9,14}\s*$", None, 0.2, alone=0.5),
    Form("phone_american", "phone", _AMERICAN, None, 0.5, alone=0.9),
    Form("phone_local", "phone", r"^\s*\(?0[0-9]{1,5}\)?[ ./-][0-9][0-9 ./-]{3,12}[0-9]\s*$", enough_digits, alone=2.0),
    Form("card", "card", _CARD, card, 0.03),
    Form("iban", "iban", r"^\s*[A-Z]{2}[0-9]{2}(?: ?[A-Z0-9]{1,4}){3,8}\s*$", iban, 0.001, pure=0.5),
    Form("ip", "ip", rf"^\s*(?:{_OCTET}\.){{3}}{_OCTET}\s*$", public_ip, 0.2, pure=0.3, alone=0.3),
    Form(
        "ipv6", "ip",
        rf"^\s*[23][0-9A-Fa-f]{{3}}(?:(?::{_GROUP}){{7}}|(?::{_GROUP}){{0,6}}::(?:{_GROUP}(?::{_GROUP}){{0,5}})?)\s*$",
        None, 0.01,
    ),
    Form("ssn", "ssn", r"^\s*[0-9]{3}-[0-9]{2}-[0-9]{4}\s*$", ssn, 0.89, pure=0.98, alone=0.9),
    Form("nino", "nino", r"^\s*[A-CEGHJ-PR-TW-Z][A-CEGHJ-NPR-TW-Z] ?(?:[0-9]{2} ?){3}[A-D]\s*$", nino, 0.5, alone=0.5),
    Form("steuer_id", "steuer_id", r"^\s*[1-9][0-9](?: ?[0-9]{3}){3}\s*$", steuer_id, 0.1, alone=0.5),
    Form("dni", "dni", r"^\s*(?:[0-9]{8}|[XYZ]-?[0-9]{7})-?[A-Z]\s*$", dni, 1 / 23, alone=0.05),
    Form("nir", "nir", _FRENCH, nir, 0.01, alone=0.05),
    Form("bsn", "bsn", r"^\s*[0-9]{9}\s*$", bsn, 1 / 11, alone=2.0),
)  # fmt: skip
"""Every form, those that are harder to mistake first."""

SHORTEST, LONGEST = 7, 45
"""Characters of texts that can be personal data as a whole."""

WITHIN = 10_000
"""Longer texts are not searched for what may stand within them."""


def form(name: str) -> Form:
    """The form with this name."""
    return next(each for each in FORMS if each.name == name)
