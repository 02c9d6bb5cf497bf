"""A credential whose instants are derived again from its dates. Pure."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime

from licet_credentials.credentials.change import ITSELF, Change, announce
from licet_credentials.credentials.terms import Term, in_order, with_instants
from licet_events.credentials import CorrectedField, CredentialCorrected

REASON = "time_zones"
"""Reason code of the correction."""


def derive_again(change: Change, expiring: Sequence[datetime | None], now: datetime) -> Change:
    """Correct the instants that the installed edition derives otherwise, as one event; else change nothing.

    `expiring` are the stored instants from which each run is expiring. The dates were right and stay, and so
    do the revisions of terms: what was announced of a term is not announced again.
    """
    before = change.credential
    terms = tuple(with_instants(term) for term in before.terms)
    moved = [(was, term) for was, term in zip(before.terms, terms, strict=True) if was != term]
    after = replace(before, terms=in_order(terms)) if moved else before
    present = [run.expiring_at for run in after.runs]
    corrected = [field for was, term in moved for field in _fields(was, term)]
    if list(expiring) != present:
        corrected += [
            CorrectedField(field="expiring_at", was=_text(was), now=_text(is_))
            for was, is_ in zip(expiring, present, strict=False)
            if was != is_
        ]
    if not corrected:
        return change
    emitted = change.emit(
        after,
        now,
        lambda state: CredentialCorrected(
            credential=state,
            term_id=moved[-1][1].id if moved else None,
            corrected=tuple(corrected),
            reason=REASON,
        ),
    )
    return announce(emitted, now, reason=REASON, actor=ITSELF)


def _fields(was: Term, term: Term) -> list[CorrectedField]:
    return [
        CorrectedField(field=name, was=_text(getattr(was, name)), now=_text(getattr(term, name)))
        for name in ("starts_at", "expires_at")
        if getattr(was, name) != getattr(term, name)
    ]


def _text(instant: datetime | None) -> str | None:
    return None if instant is None else instant.isoformat()
