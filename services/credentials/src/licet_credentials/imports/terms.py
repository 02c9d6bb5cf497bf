"""Which term a row is about: one that is recorded, one that was recorded wrong, or a new one."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from typing import Any

from licet_credentials.credentials.change import Change
from licet_credentials.credentials.corrections import with_term_among
from licet_credentials.credentials.dates import decide_expiry
from licet_credentials.credentials.renewal import EXPLICIT
from licet_credentials.credentials.steps import with_new_term
from licet_credentials.credentials.terms import Term, term_of
from licet_credentials.imports.model import OnTermChange, Outcome, SourceRow, TermSaid
from licet_credentials.imports.sorting import IMPORTED, Ruling, Sorting
from licet_credentials.types.model import CredentialType
from licet_events.credentials import Expiry
from licet_events.ids import uuid7

MOST_TERMS = 1_000
"""Of one credential: its state goes into one event."""


def match_terms(
    rows: Sequence[SourceRow],
    terms: Sequence[Term],
    rules: CredentialType,
    time_zone: str,
    work: Sorting,
    now: datetime,
) -> None:
    """Find for each row the term that it is about, or that it is a new one."""
    recorded: dict[str, list[Term]] = {}
    for term in terms:
        recorded.setdefault(term.source_key or "", []).append(term)
    by_hand = {_dates(term) for term in recorded.pop("", ())}
    said: dict[str, set[_Dates]] = {}
    for row in sorted(rows, key=lambda row: (row.rank, row.line)):
        key = row.term.key
        term = _term(row.term, row.credential.time_zone or time_zone, rules, work.ruling, now)
        dates, known, others = _dates(term), recorded.get(key, []), said.setdefault(key, set())
        if dates in others or any(_dates(each) == dates for each in known):
            work.told(row, Outcome.UNCHANGED)
        elif known or others:
            if not _differs(row, term, known, others, work):
                continue
        elif dates in by_hand:
            work.told(row, Outcome.UNCHANGED)  # somebody entered it; it is this one
        else:
            work.told(row, Outcome.CREATED)
            work.added.append((row, term))
        others.add(dates)
    if len(terms) + len(work.added) > MOST_TERMS:
        for row, _ in work.added:
            detail = f"would be one of more than {MOST_TERMS:,} terms of one credential"
            work.reject(row, *_key(row, work), detail)
        work.added.clear()


def _differs(row: SourceRow, term: Term, known: Sequence[Term], others: "set[_Dates]", work: Sorting) -> bool:
    """Do what the mapping wants where a key has other dates; returns whether the row's dates hold."""
    on_change, dates = work.ruling.on_term_change, _dates(term)
    contradicting = others - {_dates(each) for each in known}
    if on_change is OnTermChange.RENEW:
        work.told(row, Outcome.CREATED)
        work.added.append((row, term))
        return True
    if contradicting:
        detail = f"another row says {_spoken(min(contradicting, key=repr))} under this key"
        work.reject(row, *_key(row, work), detail)
    elif on_change is OnTermChange.KEEP:
        work.told(row, Outcome.UNCHANGED)
    elif on_change is OnTermChange.REJECT:
        recorded = _spoken(_dates(known[0]))
        detail = f"the term is recorded {recorded}, the row says {_spoken(dates)}; term.on_change is reject"
        work.reject(row, *_key(row, work), detail)
    else:
        work.told(row, Outcome.CORRECTED)
        work.corrections.append((row, known[0]))
        return True
    return False


_Dates = tuple[Any, Any, Expiry]


def _dates(term: Term) -> _Dates:
    return term.valid_from, term.expires_on, term.expiry


def _spoken(dates: _Dates) -> str:
    start, end, expiry = dates
    return f"from {start or 'an unknown day'} to {end or expiry.value}"


def _key(row: SourceRow, work: Sorting) -> tuple[str, str]:
    return work.ruling.columns.key, row.term.key


def _term(said: TermSaid, time_zone: str, rules: CredentialType, ruling: Ruling, now: datetime) -> Term:
    return term_of(
        uuid7(),
        valid_from=said.valid_from,
        expires_on=said.expires_on,
        expiry=decide_expiry(
            Expiry.NEVER if said.never else None, said.expires_on, type_expires=rules.expires
        ),
        time_zone=time_zone,
        recorded_at=now,
        announce_reached=ruling.announce_reached,
        source_key=said.key,
    )


def right_term(row: SourceRow) -> Mapping[str, Any]:
    """Return what is right about a term that is recorded wrong, as a correction takes it."""
    said = row.term
    expiry = Expiry.NEVER if said.never else Expiry.DATED if said.expires_on else Expiry.UNKNOWN
    return {"valid_from": said.valid_from, "expires_on": said.expires_on, "expiry": expiry}


def with_term(change: Change, row: SourceRow, term: Term, work: Sorting, now: datetime) -> Change:
    """Return the change with a new term: after the last one a renewal, else where its dates belong."""
    before = change.credential
    last = before.last_term
    later = term.first_day > last.first_day and (
        last.expires_on is not None and (term.expires_on is None or term.expires_on > last.expires_on)
    )
    if later:
        work.told(row, Outcome.RENEWED)
        return with_new_term(change, replace(term, previous_term_id=last.id), EXPLICIT, now)
    work.told(row, Outcome.ADDED)
    return with_term_among(change, term, IMPORTED, now)
