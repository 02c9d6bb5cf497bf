"""Pure steps of commands and imports: each returns the change with its event."""

from collections.abc import Collection, Sequence
from dataclasses import replace
from datetime import datetime
from uuid import UUID

from licet_credentials.credentials.change import ITSELF, Change, announce
from licet_credentials.credentials.model import Credential, CredentialFacts, Flag
from licet_credentials.credentials.runs import runs_of
from licet_credentials.credentials.state import state_of
from licet_credentials.credentials.terms import Term, in_order, with_ending
from licet_credentials.credentials.validity import validity
from licet_credentials.types.model import CredentialType
from licet_events.civil import Ending
from licet_events.credentials import CredentialCreated, CredentialRenewed, CredentialUpdated, Origin
from licet_events.ids import uuid7


def new_credential(
    facts: CredentialFacts,
    rules: CredentialType,
    terms: Sequence[Term],
    flags: tuple[Flag, ...],
    origin: Origin,
    now: datetime,
) -> Change:
    """Return a new credential with all its terms and flags, and its one event."""
    ladder = facts.ladder if facts.ladder is not None else rules.ladder
    ordered = in_order(terms)
    credential = Credential(
        id=uuid7(),
        version=1,
        holder_id=facts.holder_id,
        type=rules.code,
        type_version=rules.version,
        category=rules.category,
        name=facts.name or rules.name,
        number=facts.number,
        country=facts.country,
        subdivision=facts.subdivision,
        issuer=facts.issuer,
        issued_on=facts.issued_on,
        notes=facts.notes,
        own_ladder=facts.ladder,
        ladder=ladder,
        grace_days=rules.grace_days,
        attributes=facts.attributes,
        terms=ordered,
        flags=flags,
        images=(),
        verification=None,
        voided=False,
        submitted_at=None,
        quiet_until=None,
        announced=validity(runs_of(ordered, ladder), flags, now),
        announced_at=now,
        created_at=now,
        updated_at=now,
    )
    return Change(credential, (CredentialCreated(credential=state_of(credential), origin=origin),))


def with_new_term(
    change: Change,
    term: Term,
    mode: str,
    now: datetime,
    *,
    number: str | None = None,
    image_ids: Collection[UUID] = (),
) -> Change:
    """Append a term as a renewal, which ends a quiet period of reminders.

    The images of `image_ids` support the new term.
    """
    before = change.credential
    after = replace(
        before,
        terms=in_order((*before.terms, term)),
        images=tuple(
            replace(image, term_id=term.id) if image.id in image_ids else image for image in before.images
        ),
        number=number or before.number,
        submitted_at=None,
        quiet_until=None,
    )
    return change.emit(
        after,
        now,
        lambda state: CredentialRenewed(
            credential=state, term_id=term.id, previous_term_id=before.last_term.id, mode=mode
        ),
    )


def with_flags(change: Change, after: Credential, reason: str, actor: str, now: datetime) -> Change:
    """Announce the change of validity that the flags cause, or emit an update if they cause none yet."""
    announced = announce(replace(change, credential=after), now, reason=reason, actor=actor)
    if len(announced.events) > len(change.events):
        return announced
    return announced.emit(
        announced.credential,
        now,
        lambda state: CredentialUpdated(credential=state, changed=("flags",), reason=reason),
    )


TOLD_ANEW = 0
"""The type version that a migration gives to credentials whose reminders follow new rules."""


def apply_rules(change: Change, rules: CredentialType, now: datetime) -> Change:
    """Apply the present ladder, grace and meaning of printed dates of the type.

    Terms that have ended by the rule before and by the present one stay as they are, so that no answer about
    the past changes. A voided credential emits no event. One of type version 0 always does: an upgrade has
    changed when its reminders are told.
    """
    before = change.credential
    if before.voided:
        return replace(change, credential=replace(before, type_version=rules.version))
    ladder = rules.ladder if before.own_ladder is None else before.own_ladder
    after = replace(
        before,
        type_version=rules.version,
        ladder=ladder,
        grace_days=rules.grace_days,
        terms=_with_ending(before.terms, rules.ending, now),
    )
    changed = tuple(
        name
        for name, field in (("expires_at_rule", "terms"), ("grace_days", "grace_days"), ("ladder", "ladder"))
        if getattr(after, field) != getattr(before, field)
    )
    if before.type_version == TOLD_ANEW and not changed:
        changed = ("ladder",)
    if not changed:
        return replace(change, credential=after)
    updated = change.emit(after, now, lambda state: CredentialUpdated(credential=state, changed=changed))
    return announce(updated, now, reason="type_changed", actor=ITSELF)


def _with_ending(terms: Sequence[Term], ending: Ending, now: datetime) -> tuple[Term, ...]:
    """Return the terms with their ends as `ending` says, except those that have ended either way.

    A revision stays, so that no reminder of the term is told again or lost. One that had ended, and by the
    present rule has not, gets its next: its end will be told of again.
    """
    moved = []
    for term in terms:
        revised = with_ending(term, ending, now)
        if _ended(term, now):
            moved.append(term if _ended(revised, now) else revised)
        else:
            moved.append(replace(revised, revision=term.revision, corrected_at=term.corrected_at))
    return in_order(moved)


def _ended(term: Term, now: datetime) -> bool:
    return term.expires_at is not None and term.expires_at <= now
