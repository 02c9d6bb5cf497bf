"""What a template may call, and what bounds it: filters, CPU time, and length."""

import html
import time
from collections.abc import Callable, Iterator, Mapping
from datetime import date
from types import MappingProxyType
from typing import Any, Final

from babel import Locale
from jinja2 import TemplateError, pass_context
from jinja2.runtime import Context
from markupsafe import Markup

from licet_notifier.templates import languages

MOST_CHARACTERS: Final = 1024 * 1024
"""How long a rendered part may be: a digest of thousands of lines fits."""
MOST_SECONDS: Final = 0.5
"""CPU time that one mail may take. It is the thread's own, so a busy machine fails no mail."""


class TooMuch(TemplateError):
    """A template took more time, or made more text, than a mail may."""


class Meter:
    """The CPU time and the text that a rendering may still use."""

    def __init__(self) -> None:
        self._deadline = time.thread_time() + MOST_SECONDS

    def step(self) -> None:
        """Raise `TooMuch` once the time is over."""
        if time.thread_time() > self._deadline:
            raise TooMuch(f"it took more than {MOST_SECONDS} s of CPU time")

    def size(self, characters: int) -> None:
        """Raise `TooMuch` for a text that is longer than a mail may be."""
        self.step()
        if characters > MOST_CHARACTERS:
            raise TooMuch(f"it made more than {MOST_CHARACTERS} characters")


class Metered(tuple[str, ...]):  # noqa: SLOT001  # a tuple can have no slots beside its items
    """A list that a template walks; each step checks the time."""

    meter: Meter

    def __iter__(self) -> Iterator[str]:
        for item in super().__iter__():
            self.meter.step()
            yield item


def _meter(context: Context) -> Meter:
    meter: Meter = context["_meter"]
    return meter


def _locale(context: Context) -> Locale:
    locale: Locale = context["_locale"]
    return locale


def _text(context: Context, value: Any) -> str:
    text = value if isinstance(value, str) else str(value)
    _meter(context).size(len(text))
    return text


@pass_context
def _join(context: Context, items: Any, separator: str = ", ") -> str:
    """Put the items of a list behind one another."""
    escape = context.eval_ctx.autoescape
    gap = html.escape(str(separator)) if escape and not isinstance(separator, Markup) else str(separator)
    pieces, characters = [], 0
    for item in (items,) if isinstance(items, str) else items:
        piece = html.escape(str(item)) if escape and not isinstance(item, Markup) else str(item)
        characters += len(piece) + len(gap)
        _meter(context).size(characters)
        pieces.append(piece)
    joined = gap.join(pieces)
    return Markup(joined) if escape else joined  # noqa: S704  # every piece is escaped above


@pass_context
def _date(context: Context, value: Any, form: str = "full") -> str:
    """Write a day (`2027-06-30`) in the reader's language: full, long, medium or short."""
    if form not in {"full", "long", "medium", "short"}:
        raise ValueError(f"a date is full, long, medium or short, not {form}")
    return languages.day_in_words(date.fromisoformat(str(value)), _locale(context), form)


@pass_context
def _number(context: Context, value: Any) -> str:
    """Write a whole number with the separators of the reader's language."""
    return languages.number_in_words(int(value), _locale(context))


@pass_context
def _plural(context: Context, value: Any, **forms: str) -> str:
    """Return the form that goes with a number: `days_left | plural(one="# day", other="# days")`."""
    return languages.plural(int(value), _locale(context), {name: str(form) for name, form in forms.items()})


@pass_context
def _upper(context: Context, value: Any) -> str:
    """Write in capitals."""
    return _text(context, value).upper()


@pass_context
def _lower(context: Context, value: Any) -> str:
    """Write in small letters."""
    return _text(context, value).lower()


@pass_context
def _capitalised(context: Context, value: Any) -> str:
    """Write the first letter as a capital and leave the others."""
    text = _text(context, value)
    return text[:1].upper() + text[1:]


@pass_context
def _trim(context: Context, value: Any) -> str:
    """Take away spaces at both ends."""
    return _text(context, value).strip()


@pass_context
def _shorten(context: Context, value: Any, characters: int = 80) -> str:
    """Return no more than so many characters, with an ellipsis where something is left out."""
    text = _text(context, value)
    return text if len(text) <= characters else text[: max(0, characters - 1)].rstrip() + "…"


@pass_context
def _default(_context: Context, value: Any, instead: Any = "") -> Any:
    """Return `instead` where the value is empty."""
    return value or instead


@pass_context
def _length(_context: Context, value: Any) -> int:
    """Return how many items or characters there are."""
    return len(value)


@pass_context
def _first(_context: Context, value: Any) -> Any:
    """Return the first item, nothing of an empty list."""
    return value[0] if value else ""


@pass_context
def _last(_context: Context, value: Any) -> Any:
    """Return the last item, nothing of an empty list."""
    return value[-1] if value else ""


@pass_context
def _escape(_context: Context, value: Any) -> Markup:
    """Escape for HTML; in the HTML part every value is escaped without it."""
    return Markup.escape(value)


FILTERS: Final[Mapping[str, Callable[..., Any]]] = MappingProxyType(
    {
        "join": _join,
        "date": _date,
        "number": _number,
        "plural": _plural,
        "upper": _upper,
        "lower": _lower,
        "capitalize": _capitalised,
        "trim": _trim,
        "truncate": _shorten,
        "default": _default,
        "length": _length,
        "first": _first,
        "last": _last,
        "e": _escape,
        "escape": _escape,
    }
)
"""All that a template may call."""
