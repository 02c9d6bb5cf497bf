"""Variants of an event's template, and which of them a reader gets. Pure."""

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from types import MappingProxyType
from typing import Final

CHANNEL: Final = "email"
FALLBACK_LANGUAGE: Final = "en"
"""The language of last resort: every event is shipped in it."""

_LANGUAGE = re.compile(r"[A-Za-z]{2,3}(?:[-_][A-Za-z0-9]{2,8})*", re.ASCII)


class Reading(StrEnum):
    """As whom somebody reads a mail; a variant may be for one of them."""

    HOLDER = "holder"
    MANAGER = "manager"
    MANAGERS_MANAGER = "managers_manager"
    SUPERVISOR = "supervisor"
    ROLE = "role"
    """Somebody who is told because of a role."""
    ADDRESS = "address"
    """A fixed address that the policy names."""
    FALLBACK = "fallback"
    """A fallback address, in place of somebody who can't be reached."""


@dataclass(frozen=True, slots=True)
class StepRange:
    """Reminder steps, both ends included: days before the end, negative after it."""

    low: int
    high: int

    def __contains__(self, step: int) -> bool:
        return self.low <= step <= self.high


@dataclass(frozen=True, slots=True)
class Conditions:
    """What a variant is for; `None` is anything."""

    language: str | None = None
    recipient: Reading | None = None
    type: str | None = None
    steps: StepRange | None = None
    channel: str | None = None

    @property
    def named(self) -> tuple[str, ...]:
        """The names of the conditions that are set, in the order in which they count."""
        return tuple(name for name in ("type", "recipient", "steps", "channel") if getattr(self, name))

    @property
    def label(self) -> str:
        """A short name, unique among the variants of an event, such as `de.holder.30-7`."""
        parts = [self.language or "any"]
        parts += [self.recipient.value] if self.recipient else []
        parts += [f"type-{self.type}"] if self.type else []
        parts += [f"steps-{self.steps.high}-{self.steps.low}"] if self.steps else []
        parts += [self.channel] if self.channel else []
        return ".".join(parts)


@dataclass(frozen=True, slots=True)
class Variant:
    """One wording of an event's mail, as Jinja2 source."""

    conditions: Conditions
    subject: str
    text: str
    html: str


@dataclass(frozen=True, slots=True)
class TemplateVersion:
    """What an organisation has saved for an event: its own variants, which lie over the shipped ones."""

    event: str
    version: int
    variants: tuple[Variant, ...]


@dataclass(frozen=True, slots=True)
class Reader:
    """For whom a mail is written, and about what."""

    recipient: Reading
    locale: str | None = None
    type: str | None = None
    step: int | None = None
    channel: str = CHANNEL


@dataclass(frozen=True, slots=True)
class Choice:
    """A variant with the reasons for which it was chosen."""

    variant: Variant
    saved: bool
    """Whether it is one of the organisation's own."""
    language: str
    """The language it is written in."""
    because: tuple[str, ...]


def normal_language(text: str) -> str:
    """Return a language tag in one form: `de`, `de-AT`, `zh-Hant`; raises `ValueError` for other text."""
    if not _LANGUAGE.fullmatch(text):
        raise ValueError(f"{text!r} is no language tag such as de or de-AT (BCP 47)")
    first, *others = re.split("[-_]", text)
    shaped = [
        each.upper() if len(each) == 2 else each.title() if len(each) == 4 else each.lower()
        for each in others
    ]
    return "-".join([first.lower(), *shaped])


def languages_of(locale: str | None) -> tuple[str, ...]:
    """Return the languages that serve a locale, the closest first: `de-AT` is served by `de-AT` and `de`."""
    try:
        tag = normal_language((locale or "").split(".")[0].split("@")[0])
    except ValueError:
        return ()
    parts = tag.split("-")
    return tuple("-".join(parts[:length]) for length in range(len(parts), 0, -1))


def choose(
    saved: Sequence[Variant], shipped: Sequence[Variant], reader: Reader, default_language: str
) -> Choice | None:
    """Return the most specific variant for a reader; `None` where none fits.

    The reader's language comes first, then the deployment's, then English; a variant without a language is
    for every reader. Within a language an organisation's own variant goes before a shipped one; then counts
    how close the language is, how many conditions a variant names, which ones (type, recipient, steps,
    channel), and how narrow its steps are.
    """
    theirs = languages_of(reader.locale)
    chains = [(theirs, True), (languages_of(default_language), False), ((FALLBACK_LANGUAGE,), False)]
    for languages, of_reader in chains:
        for variants, own in ((saved, True), (shipped, False)):
            # One without a language is as good as any in the reader's, and better than any in another's.
            fitting = [
                each
                for each in variants
                if _fits(each.conditions, reader) and each.conditions.language in {*languages, None}
            ]
            if fitting:
                best = min(fitting, key=lambda each: _rank(each.conditions, languages))
                language = best.conditions.language or _first(languages_of(default_language))
                because = _because(best, reader, language, saved=own, of_reader=of_reader)
                return Choice(best, own, language, because)
    return None


def _fits(conditions: Conditions, reader: Reader) -> bool:
    return (
        conditions.recipient in {None, reader.recipient}
        and conditions.type in {None, reader.type}
        and (conditions.steps is None or (reader.step is not None and reader.step in conditions.steps))
        and conditions.channel in {None, reader.channel}
    )


def _rank(conditions: Conditions, languages: Sequence[str]) -> tuple[int, int, tuple[bool, ...], int]:
    named = conditions.named
    closeness = languages.index(conditions.language) if conditions.language in languages else len(languages)
    width = conditions.steps.high - conditions.steps.low if conditions.steps else 0
    return (
        closeness,
        -len(named),
        tuple(name not in named for name in ("type", "recipient", "steps", "channel")),
        width,
    )


def _because(
    variant: Variant, reader: Reader, language: str, *, saved: bool, of_reader: bool
) -> tuple[str, ...]:
    conditions = variant.conditions
    reasons = ["it is one of your own" if saved else "no variant of your own fits, so it is the shipped one"]
    if conditions.language is None:
        reasons.append("it names no language, so it is for every reader")
    elif of_reader:
        reasons.append(f"its language {language} serves the locale {reader.locale}")
    elif reader.locale:
        reasons.append(f"there is none in the language of {reader.locale}, so it is in {language}")
    else:
        reasons.append(f"the recipient has no locale, so it is in {language}")
    values = {
        "type": f"the credential type {conditions.type}",
        "recipient": f"the recipient {conditions.recipient}",
        "steps": f"the step {reader.step}",
        "channel": f"the channel {conditions.channel}",
    }
    reasons += [f"it is for {values[name]}" for name in conditions.named]
    return tuple(reasons)


def _first(languages: Sequence[str]) -> str:
    return languages[-1] if languages else FALLBACK_LANGUAGE


def duplicates(variants: Iterable[Variant]) -> Mapping[int, int]:
    """Return which variants have the same conditions as an earlier one, by their positions."""
    seen: dict[Conditions, int] = {}
    found: dict[int, int] = {}
    for position, variant in enumerate(variants):
        first = seen.setdefault(variant.conditions, position)
        if first != position:
            found[position] = first
    return MappingProxyType(found)
