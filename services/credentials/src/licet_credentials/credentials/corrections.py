"""Corrections of a credential, as one event with the old and the new values."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any
from uuid import UUID

from licet_chassis.errors import Conflict, Invalid
from licet_credentials.credentials.change import Change, announce, require_not_voided
from licet_credentials.credentials.dates import (
    TERM_FIELDS,
    correct_term,
    require_in_sequence,
    require_issued,
    require_order,
    require_usual,
)
from licet_credentials.credentials.flags import correct_flag, undo_flag
from licet_credentials.credentials.model import Credential
from licet_credentials.credentials.terms import Term, in_order, with_ending
from licet_credentials.types.attributes import checked_attributes
from licet_credentials.types.model import CredentialType
from licet_events.civil import Ending, local_date
from licet_events.credentials import CorrectedField, CredentialCorrected, CredentialMoved

FLAG_FIELDS = ("effective_from", "until")
"""Fields of a flag that a correction can change."""

PartialResult = tuple[Credential, tuple[CorrectedField, ...]]
"""A credential after one part of a correction, and the fields that this part changed."""


@dataclass(frozen=True, slots=True)
class Correction:
    """A correction of a term, a flag, the type or the holder; what is left out was right."""

    reason: str
    term_id: UUID | None = None
    """The term to correct; by default the last."""
    term: Mapping[str, Any] = field(default_factory=dict)
    """Right values by name, of `TERM_FIELDS`."""
    withdraw_term: bool = False
    """Whether the term should never have been recorded."""
    flag_id: UUID | None = None
    """The flag to correct."""
    flag: Mapping[str, Any] = field(default_factory=dict)
    """Right values by name, of `FLAG_FIELDS`; imports also correct `reason`."""
    undo_flag: bool = False
    """Whether the flag should never have been set."""
    type: str | None = None
    """The right type, by code or alias."""
    attributes: Mapping[str, Any] | None = None
    """Attributes for the right type; by default the present ones, which then have to fit it."""
    holder_id: UUID | None = None
    """The right holder."""
    unusual: bool = False
    """Whether an expiry more than three validities ahead is what the document says."""


def correct(
    change: Change,
    correction: Correction,
    now: datetime,
    *,
    was: CredentialType,
    rules: CredentialType,
    actor: str,
) -> Change:
    """Apply a correction as one event, then announce validity if it differs.

    `was` is the present type, `rules` the type after the correction. A credential that moves to another
    holder gets its next version under that holder's key, and a tombstone under the old one. Raises `Invalid`
    if nothing differs from the record or the values contradict one another, and `Conflict` for a term that
    other records depend on.
    """
    corrected = apply_correction(change, correction, now, was=was, rules=rules)
    return announce(corrected, now, reason="corrected", actor=actor)


def apply_correction(
    change: Change, correction: Correction, now: datetime, *, was: CredentialType, rules: CredentialType
) -> Change:
    """Apply a correction as `correct` does, but leave the announcement of validity to the caller."""
    before = change.credential
    require_not_voided(before)
    term = _term_meant(before, correction)
    after, wrong_term = _with_term(before, term, correction, rules, now)
    after, wrong_flag = _with_flag(after, correction)
    after, wrong_type = _with_type(after, was, rules, correction.attributes, now)
    if wrong_type:
        last = after.last_term
        today = local_date(now, last.time_zone)
        require_usual(last.expires_on, rules.longest_validity, today, unusual=correction.unusual)
    after, wrong_holder = _with_holder(after, correction.holder_id)
    wrong = (*wrong_term, *wrong_flag, *wrong_type, *wrong_holder)
    if not wrong:
        raise Invalid("Nothing differs from the record, so there is nothing to correct.")
    corrected = change.emit(
        after,
        now,
        lambda state: CredentialCorrected(
            credential=state,
            term_id=None if term is None else term.id,
            flag_id=correction.flag_id,
            corrected=wrong,
            reason=correction.reason,
        ),
    )
    if wrong_holder:
        left = CredentialMoved(
            holder_id=before.holder_id, credential_id=before.id, version=corrected.credential.version
        )
        corrected = replace(corrected, left=(*corrected.left, left))
    if correction.withdraw_term and term is not None:
        corrected = replace(corrected, withdrawn=(*corrected.withdrawn, term.id))
    return corrected


def with_missing_term(change: Change, term: Term, reason: str, now: datetime) -> Change:
    """Add a term that should have been recorded before; the caller announces validity.

    It is not a renewal: reminders that are quiet stay quiet, and a term after the last one raises
    `Conflict`. Raises `Invalid` if it does not fit between its neighbours.
    """
    before = change.credential
    require_not_voided(before)
    terms = in_order((*before.terms, term))
    require_in_sequence(terms, term.id)
    if terms[-1].id == term.id:
        raise Conflict(
            f"The term follows the last one, which ends on {before.last_term.expires_on}: "
            "that is a renewal, not a missing term.",
            pointer="/valid_from",
        )
    return with_term_among(change, term, reason, now)


def with_term_among(change: Change, term: Term, reason: str, now: datetime) -> Change:
    """Add a term where its dates put it, without checking its neighbours.

    For imported histories, in which terms may overlap or contain one another.
    """
    before = change.credential
    terms = in_order((*before.terms, term))
    place = terms.index(term)
    linked = replace(term, previous_term_id=terms[place - 1].id if place else None)
    wrong = tuple(
        CorrectedField(field=name, now=str(value))
        for name in TERM_FIELDS
        if (value := getattr(linked, name)) is not None
    )
    return change.emit(
        replace(before, terms=in_order((*before.terms, linked))),
        now,
        lambda state: CredentialCorrected(
            credential=state, term_id=linked.id, corrected=wrong, reason=reason
        ),
    )


def _term_meant(credential: Credential, correction: Correction) -> Term | None:
    if not correction.term and not correction.withdraw_term:
        if correction.term_id is not None:
            raise Invalid(f"Say what was wrong with the term: {', '.join(TERM_FIELDS)}.", pointer="/term_id")
        return None
    if correction.term_id is None:
        if correction.withdraw_term:
            raise Invalid("Say which term should never have been recorded.", pointer="/term_id")
        return credential.last_term
    for term in credential.terms:
        if term.id == correction.term_id:
            return term
    raise Invalid(f"The credential has no term {correction.term_id}.", pointer="/term_id")


def _with_term(
    credential: Credential, term: Term | None, correction: Correction, rules: CredentialType, now: datetime
) -> PartialResult:
    if term is None:
        return credential, ()
    if correction.withdraw_term:
        if correction.term:
            raise Invalid("A term that is withdrawn has no dates to correct.", pointer="/withdraw_term")
        return _without_term(credential, term)
    corrected, wrong = correct_term(term, correction.term, rules.ending, now)
    if not wrong:
        return credential, ()
    terms = in_order(corrected if each.id == term.id else each for each in credential.terms)
    require_in_sequence(terms, term.id)
    if corrected.expires_on != term.expires_on:
        today = local_date(now, corrected.time_zone)
        require_usual(corrected.expires_on, rules.longest_validity, today, unusual=correction.unusual)
        require_issued(credential.issued_on, terms[-1].expires_on, at="/expires_on")
    return replace(credential, terms=terms), wrong


def _without_term(credential: Credential, term: Term) -> PartialResult:
    rests = (
        "It is the only term; void the credential instead."
        if len(credential.terms) == 1
        else "Another term renewed it; withdraw that one first."
        if any(each.previous_term_id == term.id for each in credential.terms)
        else "An image supports it; remove the image first."
        if any(image.term_id == term.id for image in credential.images)
        else "A check of it was noted; correct its dates instead."
        if credential.verification is not None and credential.verification.term_id == term.id
        else None
    )
    if rests is not None:
        raise Conflict(f"The term {term.id} can't be withdrawn. {rests}", pointer="/withdraw_term")
    wrong = tuple(
        CorrectedField(field=name, was=str(value))
        for name in TERM_FIELDS
        if (value := getattr(term, name)) is not None
    )
    return replace(credential, terms=tuple(each for each in credential.terms if each.id != term.id)), wrong


def _with_flag(credential: Credential, correction: Correction) -> PartialResult:
    if correction.flag_id is None:
        if correction.flag or correction.undo_flag:
            raise Invalid("Say which flag was wrong.", pointer="/flag_id")
        return credential, ()
    if correction.undo_flag:
        if correction.flag:
            raise Invalid("A flag that is undone has no dates to correct.", pointer="/undo_flag")
        return undo_flag(credential, correction.flag_id)
    return correct_flag(credential, correction.flag_id, correction.flag)


def _with_type(
    credential: Credential,
    was: CredentialType,
    rules: CredentialType,
    attributes: Mapping[str, Any] | None,
    now: datetime,
) -> PartialResult:
    if rules.code == was.code:
        if attributes is not None:
            raise Invalid("Without another type, attributes are changed by PATCH.", pointer="/attributes")
        return credential, ()
    if rules.retired:
        raise Invalid(f"The credential type {rules.code} is retired.", pointer="/type")
    given = credential.attributes if attributes is None else attributes
    after = replace(
        credential,
        type=rules.code,
        type_version=rules.version,
        category=rules.category,
        # A name that came from the old type becomes that of the right one.
        name=rules.name if credential.name == was.name else credential.name,
        ladder=rules.ladder if credential.own_ladder is None else credential.own_ladder,
        grace_days=rules.grace_days,
        attributes=checked_attributes(rules.attributes, given),
        terms=_with_ending(credential.terms, rules.ending, now),
    )
    wrong = [CorrectedField(field="type", was=was.code, now=rules.code)]
    if after.attributes != credential.attributes:
        wrong.append(CorrectedField(field="attributes"))
    return after, tuple(wrong)


def _with_ending(terms: Iterable[Term], ending: Ending, now: datetime) -> tuple[Term, ...]:
    """Return the terms with their ends as the right type means printed dates."""
    right = in_order(with_ending(term, ending, now) for term in terms)
    for term in right:
        require_order(term.valid_from, term.expires_on, term.ending)
    return right


def _with_holder(credential: Credential, holder_id: UUID | None) -> PartialResult:
    if holder_id is None or holder_id == credential.holder_id:
        return credential, ()
    moved = CorrectedField(field="holder_id", was=str(credential.holder_id), now=str(holder_id))
    return replace(credential, holder_id=holder_id), (moved,)
