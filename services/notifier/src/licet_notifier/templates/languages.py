"""Dates, numbers and plurals in the reader's language, by the data of Unicode's CLDR (Babel). Pure."""

import tomllib
from collections.abc import Mapping
from datetime import date, datetime, time
from functools import lru_cache
from importlib.resources import files
from types import MappingProxyType
from typing import Final

from babel import Locale, UnknownLocaleError
from babel.dates import format_date, format_skeleton, format_time, get_datetime_format
from babel.numbers import format_decimal

from licet_notifier.templates.model import FALLBACK_LANGUAGE, languages_of

Phrases = Mapping[str, str]
"""Sentences that mails of one language share, by name; a name in braces stands for what is put there."""

_ENGLISH: Final = "en-GB"
"""English without a country writes `30 June 2027` and `14:05`, which nobody misreads."""


@lru_cache(maxsize=256)
def locale_for(language: str, reader_locale: str | None = None) -> Locale:
    """Return the locale in which values are written in a text of `language`.

    The reader's own, if it is of that language: a reader in Vienna has another January than one in Berlin.
    """
    theirs = languages_of(reader_locale)
    same = theirs and theirs[-1] == language.split("-", maxsplit=1)[0]
    for tag in (*(theirs if same else ()), *languages_of(language)):
        try:
            return Locale.parse(_ENGLISH if tag == "en" else tag, sep="-")
        except (UnknownLocaleError, ValueError):
            continue
    return Locale.parse(_ENGLISH, sep="-")


def is_known_language(language: str) -> bool:
    """Return whether dates, numbers and plurals can be written in this language."""
    try:
        Locale.parse(language, sep="-")
    except (UnknownLocaleError, ValueError):
        return False
    return True


@lru_cache(maxsize=4096)
def day_in_words(day: date, locale: Locale, form: str = "full") -> str:
    """Return a day as `full` (with its weekday), `long`, `medium` or `short`."""
    return str(format_date(day, form, locale=locale))


@lru_cache(maxsize=1024)
def month_in_words(day: date, locale: Locale) -> str:
    """Return the month of a day with its year."""
    return str(format_skeleton("yMMMM", datetime.combine(day, time()), locale=locale))


def day_and_time_in_words(at: datetime, locale: Locale) -> str:
    """Return a day with its weekday, and a time of it, to the minute; `at` is local time."""
    pattern = str(get_datetime_format("medium", locale=locale)).replace("'", "")
    return pattern.replace("{0}", time_in_words(at, locale)).replace("{1}", day_in_words(at.date(), locale))


def time_in_words(instant: datetime, locale: Locale) -> str:
    """Return the time of day that the instant's own zone shows, to the minute."""
    return str(format_time(instant, "short", locale=locale))


def number_in_words(number: int, locale: Locale) -> str:
    """Return a number with the separators of the language."""
    return str(format_decimal(number, locale=locale))


def plural(number: int, locale: Locale, forms: Mapping[str, str]) -> str:
    """Return the form that goes with a number; `#` in it stands for the number.

    The forms are named as CLDR names them (`zero`, `one`, `two`, `few`, `many`, `other`); where one is
    missing, it is `other`. Raises `KeyError` without that.
    """
    form = forms.get(str(locale.plural_form(abs(number)))) or forms["other"]
    return form.replace("#", number_in_words(number, locale))


@lru_cache(maxsize=1)
def _all_phrases() -> Mapping[str, Phrases]:
    text = files(__package__).joinpath("shipped", "phrases.toml").read_text("utf-8")
    return MappingProxyType({code: MappingProxyType(each) for code, each in tomllib.loads(text).items()})


def phrases_of(language: str) -> Phrases | None:
    """Return the shipped sentences of a language; `None` where it is not one of those that are shipped."""
    return next((_all_phrases()[tag] for tag in languages_of(language) if tag in _all_phrases()), None)


def english() -> Phrases:
    """Return the English sentences."""
    return _all_phrases()[FALLBACK_LANGUAGE]


def shipped_languages() -> tuple[str, ...]:
    """Return the languages in which every event is shipped."""
    return tuple(_all_phrases())
