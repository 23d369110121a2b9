"""Names of months, in full and short, in the languages that dates are read and written in."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from functools import cache
from typing import Literal, TypeAlias, get_args

from tasks.quality.words import unaccented

Locale: TypeAlias = Literal["en", "de", "fr", "es", "it", "nl", "pt", "sv"]
"""A language; of dates it says how months are called, of numbers what separates decimals."""

LOCALES: tuple[Locale, ...] = get_args(Locale)

DECIMAL_MARK: Mapping[Locale, Literal[".", ","]] = {locale: "." if locale == "en" else "," for locale in LOCALES}

_FULL: Mapping[Locale, str] = {
    "en": "January February March April May June July August September October November December",
    "de": "Januar Februar März April Mai Juni Juli August September Oktober November Dezember",
    "fr": "janvier février mars avril mai juin juillet août septembre octobre novembre décembre",
    "es": "enero febrero marzo abril mayo junio julio agosto septiembre octubre noviembre diciembre",
    "it": "gennaio febbraio marzo aprile maggio giugno luglio agosto settembre ottobre novembre dicembre",
    "nl": "januari februari maart april mei juni juli augustus september oktober november december",
    "pt": "janeiro fevereiro março abril maio junho julho agosto setembro outubro novembro dezembro",
    "sv": "januari februari mars april maj juni juli augusti september oktober november december",
}
_SHORT: Mapping[Locale, str] = {
    "en": "Jan Feb Mar Apr May Jun Jul Aug Sep Oct Nov Dec",
    "de": "Jan Feb Mär Apr Mai Jun Jul Aug Sep Okt Nov Dez",
    "fr": "janv févr mars avr mai juin juil août sept oct nov déc",
    "es": "ene feb mar abr may jun jul ago sep oct nov dic",
    "it": "gen feb mar apr mag giu lug ago set ott nov dic",
    "nl": "jan feb mrt apr mei jun jul aug sep okt nov dec",
    "pt": "jan fev mar abr mai jun jul ago set out nov dez",
    "sv": "jan feb mar apr maj jun jul aug sep okt nov dec",
}
_ALSO: Mapping[Locale, Mapping[str, int]] = {"de": {"jänner": 1, "mrz": 3}, "es": {"setiembre": 9}}
SHORTEST = 3


@cache
def month_names(locale: Locale, *, short: bool) -> tuple[str, ...]:
    """The twelve names as they are written."""
    return tuple((_SHORT if short else _FULL)[locale].split())


@cache
def months(locale: Locale) -> Mapping[str, int]:
    """The bare names, and their beginnings of three letters and more that no other month has, and the numbers.

    >>> months("fr")["juil"], months("fr").get("jui"), months("en")["sept"]
    (7, None, 9)
    """
    known: dict[str, set[int]] = {}
    told = [(name, n) for n, name in enumerate(month_names(locale, short=False), 1)]
    told += _ALSO.get(locale, {}).items()
    for name, number in told:
        bare = unaccented(name)
        for length in range(SHORTEST, len(bare) + 1):
            known.setdefault(bare[:length], set()).add(number)
    found = {name: numbers.pop() for name, numbers in known.items() if len(numbers) == 1}
    return found | {unaccented(name): n for n, name in enumerate(month_names(locale, short=True), 1)}


def language(words: Iterable[tuple[str, int]]) -> Locale:
    """The language in which most rows name a month, English before others; words that are no month say nothing."""
    rows = dict.fromkeys(LOCALES, 0)
    for word, n in words:
        for locale in LOCALES:
            rows[locale] += n * (unaccented(word) in months(locale))
    return max(LOCALES, key=lambda locale: rows[locale])


@cache
def are_month_names(words: frozenset[str]) -> bool:
    """Whether all are names of months in one language.

    >>> are_month_names(frozenset({"Juni", "JULI"})), are_month_names(frozenset({"Juni", "July"}))
    (True, False)
    """
    return any({unaccented(word.casefold()) for word in words} <= months(locale).keys() for locale in LOCALES)
