"""The names that a template may use, by event: what each holds, and values to try a template with. Pure."""

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from functools import lru_cache
from importlib.resources import files
from types import MappingProxyType
from typing import Any

from licet_notifier.facts.mails import DIGEST, OF_CREDENTIALS, OF_ENROLMENTS, OF_SHIFTS

Value = str | int | tuple[str, ...] | None


class ValueKind(StrEnum):
    """What a name holds."""

    TEXT = "text"
    DAY = "day"
    """A day as `2027-06-30`, for the filter `date`."""
    NUMBER = "number"
    YES_OR_NO = "yes_or_no"
    LIST = "list"
    """Texts to loop over or to join."""
    LINK = "link"
    """A URL that Licet makes; it may stand alone in an `href`."""


@dataclass(frozen=True, slots=True)
class Name:
    """A name that a template may use."""

    name: str
    kind: ValueKind
    holds: str
    """What it holds, for whoever writes a template."""
    sample: Value
    optional: bool = False
    """Whether it may be empty."""
    in_sentences: bool = False
    """Whether it holds words of the shipped languages, so that templates in others can't use it."""

    @property
    def empty(self) -> Value:
        """The value where there is nothing."""
        if self.kind is ValueKind.LIST:
            return ()
        if self.kind in {ValueKind.NUMBER, ValueKind.YES_OR_NO}:
            return 0
        return None if self.optional else self.sample


@lru_cache(maxsize=1)
def _groups() -> Mapping[str, tuple[Name, ...]]:
    declared = tomllib.loads(files(__package__).joinpath("names.toml").read_text("utf-8"))
    return {group: tuple(_name(name, each) for name, each in of.items()) for group, of in declared.items()}


def _name(name: str, declared: Mapping[str, Any]) -> Name:
    sample = declared["sample"]
    return Name(
        name,
        ValueKind(declared["kind"]),
        declared["holds"],
        tuple(sample) if isinstance(sample, list) else sample,
        declared.get("optional", False),
        declared.get("in_sentences", False),
    )


@lru_cache(maxsize=32)
def names_of(event: str) -> Mapping[str, Name]:
    """Return the names that templates of an event may use."""
    groups = ["shared"]
    if event in OF_CREDENTIALS:
        groups += ["people", "credentials"]
    elif event in OF_ENROLMENTS:
        groups += ["people", "enrolments"]
    elif event in OF_SHIFTS:
        groups += ["shifts"]
    elif event == DIGEST:
        groups += ["digest"]
    return MappingProxyType({each.name: each for group in groups for each in _groups()[group]})


def sample_values(event: str) -> tuple[Mapping[str, Value], ...]:
    """Return made-up values to try a template with: all that there may be, as little, and long lists."""
    names = names_of(event).values()
    much = {each.name: each.sample * 100 if isinstance(each.sample, tuple) else each.sample for each in names}
    return (
        {each.name: each.sample for each in names},
        {each.name: each.empty for each in names},
        much | {"days_left": -1, "days_since": 1, "start_days": -1, "to_holder": 0, "count": 100},
    )
