"""What is known here of facts that other services own."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from licet_events.civil import Ending, ExpiresAtRule


@dataclass(frozen=True, slots=True)
class TypeFacts:
    """What is known of a credential type."""

    code: str
    aliases: tuple[str, ...] = ()
    expires: bool = True
    retired: bool = False


def ending_of(told: Mapping[str, Any]) -> Ending:
    """Return how a run, given as JSON, means its printed date; from older builds, the whole day is valid."""
    rule = told.get("expires_at_rule") or ExpiresAtRule.END_OF_DAY
    return Ending(ExpiresAtRule(rule), told.get("expires_at_time"))
