"""Renders variants in bounds: a sandbox whose names, filters, time and output are limited.

A template can call nothing but the filters here and loop over nothing but the lists it is given, so its
work is bounded by its own size, by these lists, and by the CPU time that each step over them checks.
"""

import html
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import date
from functools import cached_property
from itertools import islice
from types import MappingProxyType
from typing import Any, Final

from babel import Locale
from jinja2 import StrictUndefined, Template, TemplateError, pass_context
from jinja2.runtime import Context
from jinja2.sandbox import ImmutableSandboxedEnvironment
from markupsafe import Markup

from licet_notifier.mail.message import Content
from licet_notifier.templates import languages
from licet_notifier.templates.model import Variant

Value = str | int | tuple[str, ...] | None
"""What a template is given: nothing that has a way to anything else."""

MOST_CHARACTERS: Final = 1024 * 1024
"""How long a rendered part may be: a digest of thousands of lines fits."""
MOST_SECONDS: Final = 0.5
"""CPU time that one mail may take. It is the thread's own, so a busy machine fails no mail."""
_LARGEST_NUMBER: Final = 10**12


class TemplateFailed(Exception):
    """A template could not be rendered; the message says which and why, without what it was given."""


class _TooMuch(TemplateError):
    """A template took more time, or made more text, than a mail may."""


class _Meter:
    """The CPU time and the text that a rendering may still use."""

    def __init__(self) -> None:
        self._deadline = time.thread_time() + MOST_SECONDS

    def step(self) -> None:
        """Raise `_TooMuch` once the time is over."""
        if time.thread_time() > self._deadline:
            raise _TooMuch(f"it took more than {MOST_SECONDS} s of CPU time")

    def size(self, characters: int) -> None:
        """Raise `_TooMuch` for a text that is longer than a mail may be."""
        self.step()
        if characters > MOST_CHARACTERS:
            raise _TooMuch(f"it made more than {MOST_CHARACTERS} characters")


class _Metered(tuple[str, ...]):  # noqa: SLOT001  # a tuple can have no slots beside its items
    """A list that a template walks; each step checks the time."""

    meter: _Meter

    def __iter__(self) -> Iterator[str]:
        for item in super().__iter__():
            self.meter.step()
            yield item


class _Sandbox(ImmutableSandboxedEnvironment):
    """Jinja2's sandbox with arithmetic on whole numbers only: `"x" * 10**9` and `"%999999999d"` are text."""

    intercepted_binops = frozenset({"+", "-", "*", "/", "//", "%", "**"})

    def call_binop(self, context: Context, operator: str, left: Any, right: Any) -> Any:
        whole = all(isinstance(each, int) and abs(each) <= _LARGEST_NUMBER for each in (left, right))
        if not whole or operator == "**":
            raise _TooMuch(f"{operator} is for whole numbers only, up to {_LARGEST_NUMBER}")
        return super().call_binop(context, operator, left, right)


def _meter(context: Context) -> _Meter:
    meter: _Meter = context["_meter"]
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


def make_environment(*, autoescape: bool) -> ImmutableSandboxedEnvironment:
    """Return a sandbox with the filters above and nothing else to call."""
    environment = _Sandbox(
        undefined=StrictUndefined,
        autoescape=autoescape,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
    # What a template may call is the filters; globals, tests with arguments and the rest only add ways out.
    environment.globals.clear()
    environment.filters = dict(FILTERS)
    environment.tests = {name: environment.tests[name] for name in ("none", "defined", "string", "number")}
    return environment


PLAIN: Final = make_environment(autoescape=False)
HTML: Final = make_environment(autoescape=True)


@dataclass(frozen=True)
class Letter:
    """A variant, ready to be rendered for a reader."""

    event: str
    version: str
    """Says which text it was: the number of a saved version, or `shipped-` and a digest."""
    language: str
    variant: Variant

    @property
    def label(self) -> str:
        """The version and the variant, as decisions record them."""
        return f"{self.version}/{self.variant.conditions.label}"

    @cached_property
    def _parts(self) -> tuple[Template, Template, Template]:
        variant = self.variant
        try:
            return (
                PLAIN.from_string(variant.subject),
                PLAIN.from_string(variant.text),
                HTML.from_string(variant.html),
            )
        except (TemplateError, SyntaxError, RecursionError, MemoryError) as error:
            raise TemplateFailed(f"the template {self.event} ({self.label}) does not compile") from error

    def render(self, values: Mapping[str, Value], reader_locale: str | None = None) -> Content:
        """Return the mail's content; raises `TemplateFailed`."""
        meter = _Meter()
        given: dict[str, Any] = {name: _metered(value, meter) for name, value in values.items()}
        given |= {"_meter": meter, "_locale": languages.locale_for(self.language, reader_locale)}
        subject, text, markup = self._parts
        try:
            # A subject is one line, whatever the names in it hold.
            return Content(
                " ".join(_capped(subject, given, meter).split()),
                _capped(text, given, meter),
                _capped(markup, given, meter),
            )
        except (TemplateError, ArithmeticError, LookupError, TypeError, ValueError, RecursionError) as error:
            why = f": {error}" if isinstance(error, _TooMuch) else ""
            raise TemplateFailed(
                f"the template {self.event} ({self.label}) failed: {type(error).__name__.strip('_')}{why}"
            ) from error


def _metered(value: Value, meter: _Meter) -> Any:
    if not isinstance(value, tuple):
        return value
    items = _Metered(value)
    items.meter = meter
    return items


def _capped(template: Template, given: Mapping[str, Any], meter: _Meter) -> str:
    pieces, characters = template.generate(given), 0
    made: list[str] = []
    # In batches: an endless text is stopped, and the check costs the others little.
    while handful := list(islice(pieces, 256)):
        joined = "".join(handful)
        characters += len(joined)
        meter.size(characters)
        made.append(joined)
    return "".join(made)
