"""Credentials as held on a day by the knowledge of an instant, and lines of history."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass, replace
from datetime import date, datetime
from typing import Any
from uuid import UUID

from licet_credentials.credentials.model import Flag, Image
from licet_credentials.credentials.runs import Run, runs_of
from licet_credentials.credentials.terms import Term
from licet_credentials.credentials.validity import Transition, transitions, validity
from licet_events.civil import expires_at, starts_at
from licet_events.credentials import Validity


@dataclass(frozen=True, slots=True)
class KnownCredential:
    """A credential as known at an instant: its terms, flags and type."""

    id: UUID
    type: str
    name: str
    number: str | None
    ladder: tuple[int, ...]
    terms: tuple[Term, ...]
    flags: tuple[Flag, ...]
    images: tuple[Image, ...]
    """Those of today."""


@dataclass(frozen=True, slots=True)
class HeldCredential:
    """A credential with a run that covers a day, or a part of it."""

    credential: KnownCredential
    run: Run
    validity: Validity
    """At the day's first instant in the run's zone, or when the run starts within the day."""
    changes: tuple[Transition, ...]
    """How validity changed later that day."""


def held_on(known: KnownCredential, day: date) -> HeldCredential | None:
    """Return how a credential was held on a civil day in its own zone; `None` if no term covers it."""
    runs = runs_of(known.terms, known.ladder)
    for run in runs:
        begins, ends = starts_at(day, run.time_zone), expires_at(day, run.time_zone)
        if run.starts_at < ends and (run.expires_at is None or begins < run.expires_at):
            first = max(begins, run.starts_at)
            at_first = validity(runs, known.flags, first)
            later = transitions(runs, known.flags, start=at_first, after=first, until=ends)
            return HeldCredential(known, run, at_first, tuple(each for each in later if each.at < ends))
    return None


@dataclass(frozen=True, slots=True)
class HistoryLine:
    """A change of a credential: what, by whom, when and why."""

    version: int
    holder_id: UUID
    """The holder from then on."""
    event_type: str
    details: Mapping[str, Any]
    reason: str | None
    note: str | None
    actor: str
    at: datetime


_HOLDER_ID = "holder_id"
_BETWEEN = ("was", "now")


def holders_of(line: HistoryLine) -> frozenset[UUID]:
    """Return the holder, and also the previous one if this change moved the credential."""
    moves = (each for each in line.details.get("corrected", ()) if each["field"] == _HOLDER_ID)
    return frozenset({line.holder_id, *(UUID(each[name]) for each in moves for name in _BETWEEN)})


def redact(line: HistoryLine, unseen: Collection[UUID]) -> HistoryLine:
    """Return the line without the ids of unseen holders, and without its note if it concerns one."""
    if holders_of(line).isdisjoint(unseen):
        return line
    hidden = {str(each) for each in unseen}
    details = dict(line.details)
    if "corrected" in details:
        details["corrected"] = [
            each | {name: None for name in _BETWEEN if each["field"] == _HOLDER_ID and each[name] in hidden}
            for each in details["corrected"]
        ]
    return replace(line, details=details, note=None)
