"""Renders variants in bounds: a sandbox whose names, filters, time and output are limited.

A template can call nothing but the filters here and loop over nothing but the lists it is given, so its
work is bounded by its own size, by these lists, and by the CPU time that each step over them checks.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from itertools import islice
from typing import Any, Final

from jinja2 import StrictUndefined, Template, TemplateError, UndefinedError
from jinja2.runtime import Context
from jinja2.sandbox import ImmutableSandboxedEnvironment

from licet_notifier.mail.message import Content
from licet_notifier.templates import languages
from licet_notifier.templates.filters import FILTERS, Meter, Metered, TooMuch
from licet_notifier.templates.model import Variant

Value = str | int | tuple[str, ...] | None
"""What a template is given: nothing that has a way to anything else."""

_LARGEST_NUMBER: Final = 10**12


class TemplateFailed(Exception):
    """A template could not be rendered; the message says which and why, without what it was given."""

    def __init__(self, what: str, *, part: str = "text", why: str = "") -> None:
        """`part` is subject, text or html; `why` is a sentence for whoever wrote it."""
        super().__init__(f"{what}: {why}" if why else what)
        self.part = part
        self.why = why


class _Sandbox(ImmutableSandboxedEnvironment):
    """Jinja2's sandbox with arithmetic on whole numbers only: `"x" * 10**9` and `"%999999999d"` are text."""

    intercepted_binops = frozenset({"+", "-", "*", "/", "//", "%", "**"})

    def call_binop(self, context: Context, operator: str, left: Any, right: Any) -> Any:
        whole = all(isinstance(each, int) and abs(each) <= _LARGEST_NUMBER for each in (left, right))
        if not whole or operator == "**":
            raise TooMuch(f"{operator} is for whole numbers only, up to {_LARGEST_NUMBER}")
        return super().call_binop(context, operator, left, right)


def _shown(value: Any) -> Any:
    """Show nothing for what is empty."""
    return "" if value is None else value


def make_environment(*, autoescape: bool) -> ImmutableSandboxedEnvironment:
    """Return a sandbox with the filters above and nothing else to call."""
    environment = _Sandbox(
        undefined=StrictUndefined,
        autoescape=autoescape,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
        finalize=_shown,
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
        meter = Meter()
        given: dict[str, Any] = {name: _metered(value, meter) for name, value in values.items()}
        given |= {"_meter": meter, "_locale": languages.locale_for(self.language, reader_locale)}
        parts: list[str] = []
        for name, template in zip(("subject", "text", "html"), self._parts, strict=True):
            try:
                parts.append(_capped(template, given, meter))
            except (
                TemplateError,
                ArithmeticError,
                LookupError,
                TypeError,
                ValueError,
                RecursionError,
            ) as error:
                raise TemplateFailed(
                    f"the {name} of the template {self.event} ({self.label}) failed",
                    part=name,
                    why=_why(error),
                ) from error
        # A subject is one line, whatever the names in it hold.
        return Content(" ".join(parts[0].split()), parts[1], parts[2])


def _why(error: Exception) -> str:
    """Return why a template failed, without any value that it was given."""
    if isinstance(error, TooMuch):
        return str(error)
    if isinstance(error, UndefinedError):
        return "it uses a name that has no value here"
    return f"an expression does not fit its values ({type(error).__name__})"


def _metered(value: Value, meter: Meter) -> Any:
    if not isinstance(value, tuple):
        return value
    items = Metered(value)
    items.meter = meter
    return items


def _capped(template: Template, given: Mapping[str, Any], meter: Meter) -> str:
    pieces, characters = template.generate(given), 0
    made: list[str] = []
    # In batches: an endless text is stopped, and the check costs the others little.
    while handful := list(islice(pieces, 256)):
        joined = "".join(handful)
        characters += len(joined)
        meter.size(characters)
        made.append(joined)
    return "".join(made)
