"""Following the credential that an enrolment led to: its validity becomes the enrolment's. Pure."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from licet_certifications.enrolments.model import ITSELF, Change, TermReference
from licet_certifications.enrolments.reconsidering import waiting
from licet_certifications.enrolments.transitions import Trigger
from licet_certifications.enrolments.validity import Dated, ahead_of, current_run, trigger_of, validity_at
from licet_certifications.programmes.model import Definition
from licet_events import civil
from licet_events.credentials import ChangeCause, CredentialState, Validity
from licet_events.enrolments import AwardRefusal, EnrolmentStage


@dataclass(frozen=True, slots=True)
class News:
    """A state of a credential, and what brought it."""

    credential: CredentialState
    at: datetime
    """When it happened."""
    cause: ChangeCause = ChangeCause.AUTOMATIC
    actor: str = ITSELF


def settle(change: Change, until: datetime) -> Change:
    """Announce, in order, each change of status that time has brought since the last announcement.

    Settling twice, or at any instants in between, announces the same changes, each once.
    """
    if change.state.superseded_by is not None:
        return change
    for each in change.internals.ahead:
        if each.at <= until:
            change = _turn(change, each.validity, ChangeCause.AUTOMATIC, ITSELF, until, each.at)
    left = tuple(each for each in change.internals.ahead if each.at > until)
    if len(left) == len(change.internals.ahead):
        return change
    return change.keep(ahead=left, settled_at=max(until, change.internals.settled_at))


def follow(change: Change, definition: Definition, news: News, now: datetime) -> Change:
    """Take over what a credential has become; an older or repeated state changes nothing.

    The credential is the award's from the first state that carries the award's id. Until then a
    recertification only learns when the term ends that it is to renew.
    """
    state, credential = change.state, news.credential
    if state.superseded_by is not None or credential.version <= change.internals.credential_version:
        return change
    at = max(news.at, change.internals.settled_at)
    term = _term(credential, at)
    change = settle(change, at).keep(term=term, credential_version=credential.version)
    award = state.award
    carried = award is not None and any(each.award_id == award.id for each in credential.terms)
    if not carried and state.validity is None:
        return change
    change = change.keep(ahead=ahead_of(credential, at))
    opens = window_opens_at(definition, term)
    change = _turn(
        change, validity_at(credential, at), news.cause, news.actor, now, at,
        credential_id=credential.id, window_opens_at=None if state.stage.terminal else opens,
    )  # fmt: skip
    return settle(change, max(now, at))


def refuse_award(change: Change, definition: Definition, refusal: AwardRefusal, now: datetime) -> Change:
    """Put a completed enrolment under review because its award was refused.

    A refusal that is repeated, or of an award that was published again or carried out since, changes nothing.
    """
    state = change.state
    award = state.award
    carried_out = state.validity is not None
    if award is None or award.id != refusal.award_id or award.awarded_at > refusal.awarded_at or carried_out:
        return change
    if change.internals.award_refused is not None or state.stage.terminal:
        return change
    change = change.keep(award_refused=refusal.reason)
    if state.stage is not EnrolmentStage.COMPLETED:
        return change  # it is under review already; approving that publishes the award again
    waits = waiting("award", definition.approvals.completion, now, reason=refusal.reason)
    return change.turn(
        Trigger.AWARD_REFUSED, ChangeCause.AUTOMATIC, ITSELF, now, reason="award_refused",
        stage=EnrolmentStage.ADMIN_REVIEW, waits_for=waits,
    )  # fmt: skip


def restore(change: Change, credential: Dated | None, now: datetime) -> Change:
    """Give an enrolment the validity of its credential back: the renewal that superseded it was refused."""
    change = change.update(now, ITSELF, superseded_by=None)
    if credential is None:
        return change
    change = change.keep(ahead=ahead_of(credential, now), settled_at=max(now, change.internals.settled_at))
    return _turn(change, validity_at(credential, now), ChangeCause.AUTOMATIC, ITSELF, now, now)


def supersede(change: Change, by: Change, now: datetime) -> Change:
    """Let a recertification that was completed have the validity from now on; the status stays as it was."""
    change = settle(change, now).keep(ahead=())
    return change.update(now, ITSELF, superseded_by=by.state.id, window_opens_at=None)


def _turn(
    change: Change,
    validity: Validity,
    cause: ChangeCause,
    actor: str,
    now: datetime,
    at: datetime,
    **updates: Any,
) -> Change:
    before = change.state
    if before.stage is not EnrolmentStage.COMPLETED:
        # The name shown is the enrolment's own; the validity is kept for when the work counts again.
        return change.update(now, actor, validity=validity, **updates)
    trigger = Trigger.CORRECTED if before.validity is None else trigger_of(before.validity, validity)
    if before.validity is None and validity is not Validity.ACTIVE:
        trigger = trigger_of(Validity.ACTIVE, validity)
    return change.turn(trigger, cause, actor, now, at=at, validity=validity, **updates)


def _term(credential: CredentialState, at: datetime) -> TermReference | None:
    run = current_run(credential.runs, at)
    if run is None or run.expires_on is None or run.expires_at is None:
        return None
    return TermReference(
        id=run.term_id,
        expires_on=run.expires_on,
        expires_at=run.expires_at,
        time_zone=run.time_zone,
        last_day=run.last_day,
        expires_on_month=run.expires_on_month,
    )


def window_opens_at(definition: Definition, term: TermReference | None) -> datetime | None:
    """Return when a recertification may begin; `None` where there is none."""
    if term is None or definition.recertification is None:
        return None
    day = term.until - timedelta(days=definition.recertification.window_days)
    return civil.starts_at(day, term.time_zone)
