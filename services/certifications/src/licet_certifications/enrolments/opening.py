"""Opening an enrolment: who may, on which path, and what it begins with. Pure."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from licet_certifications.enrolments.model import Change, Enrolment, Entry, Internals, Told
from licet_certifications.enrolments.reconsidering import Course, progress_of, reconsider, waiting
from licet_certifications.programmes.model import Definition, Version
from licet_chassis.errors import Conflict
from licet_events import civil
from licet_events.credentials import ChangeCause
from licet_events.enrolments import (
    EnrolmentKind,
    EnrolmentOpened,
    EnrolmentStage,
    EnrolmentState,
    EnrolmentStatus,
)

_CERTIFIED = frozenset({EnrolmentStatus.ACTIVE, EnrolmentStatus.EXPIRING})


@dataclass(frozen=True, slots=True)
class Applicant:
    """The holder, as far as getting in depends on it."""

    holder_id: UUID
    active: bool
    valid_types: Collection[str]
    """Credential types of which the holder has a valid credential now."""
    earlier: Sequence[Enrolment]
    """All enrolments of the holder in any programme, in the order in which they were opened."""


def open_enrolment(
    id: UUID,
    version: Version,
    applicant: Applicant,
    course: Course,
    *,
    entry: Entry,
    actor: str,
    now: datetime,
    note: str | None = None,
) -> Change:
    """Return a new enrolment on a version, with its first events; raises `Conflict` where none may begin."""
    definition = version.definition
    same = [each for each in applicant.earlier if each.state.programme == version.programme]
    previous = same[-1] if same else None
    _require_no_open(same, version.programme)
    if not applicant.active:
        raise Conflict("The holder is not active, so nobody enrols it; reactivate the holder first.")
    _require_entry(definition, entry, applicant, version.programme, now)
    kind, renews = _path(definition, _certified(same), now)
    if previous is not None:
        _require_cooled_off(definition, previous, now)
    applied = definition.approvals.enrolment is not None and entry is Entry.APPLICATION
    state = EnrolmentState(
        id=id,
        version=1,
        holder_id=applicant.holder_id,
        programme=version.programme,
        programme_version=version.number,
        kind=kind,
        stage=EnrolmentStage.APPLIED if applied else EnrolmentStage.IN_PROGRESS,
        status=EnrolmentStatus.APPLIED if applied else EnrolmentStatus.IN_PROGRESS,
        waits_for=waiting("application", definition.approvals.enrolment, now) if applied else None,
        credential_id=renews.state.credential_id if renews else None,
        previous_enrolment_id=previous.state.id if previous else None,
        opened_at=now,
        opened_by=actor,
        entry=entry.value,
        deadline_at=None if definition.deadline is None else now + timedelta(days=definition.deadline.days),
        created_at=now,
        updated_at=now,
    )
    internals = Internals(
        settled_at=now,
        counts_from=_counts_from(definition, same, now),
        term=renews.internals.term if renews else None,
        **_carried(definition, renews),
    )
    enrolment = Enrolment(state, internals)
    # The first event shows what there is to do; what is done already follows as events of its own.
    todo = progress_of(enrolment, Course(definition), now)
    state = state.model_copy(update={"components": todo.components})
    cause = ChangeCause.MANUAL if entry is Entry.STAFF else ChangeCause.AUTOMATIC
    opened = EnrolmentOpened(enrolment=state, cause=cause, actor=actor)
    change = Change(Enrolment(state, internals), (Told(opened, now, actor, note),))
    return reconsider(change, course, now)


def _require_no_open(same: Sequence[Enrolment], programme: str) -> None:
    for each in same:
        if each.open:
            raise Conflict(
                f"The holder has enrolment {each.state.id} in {programme} already; it is "
                f"{each.state.status.value}. Only one may be open."
            )


def _require_entry(
    definition: Definition, entry: Entry, applicant: Applicant, programme: str, now: datetime
) -> None:
    rules = definition.entry
    if entry is Entry.APPLICATION and not rules.self_application:
        raise Conflict(f"Nobody applies to {programme}: its holders are enrolled by staff or by rule.")
    if entry is Entry.STAFF and not rules.staff:
        raise Conflict(f"Staff enrols nobody in {programme}; its holders apply, or are enrolled by rule.")
    certified = {
        each.state.programme
        for each in applicant.earlier
        if each.state.superseded_by is None and each.at(now)[0] in _CERTIFIED
    }
    for code in rules.required_programmes:
        if code not in certified:
            raise Conflict(f"{programme} needs an active certification of programme {code} first.")
    for code in rules.required_credentials:
        if code not in applicant.valid_types:
            raise Conflict(f"{programme} needs a valid credential of type {code} first.")


def _certified(same: Sequence[Enrolment]) -> Enrolment | None:
    """Return the enrolment that has the validity now; `None` where none was ever completed."""
    found = [
        each
        for each in same
        if each.state.completed_at is not None
        and each.state.superseded_by is None
        and not each.state.stage.terminal
    ]
    return found[-1] if found else None


def _path(
    definition: Definition, previous: Enrolment | None, now: datetime
) -> tuple[EnrolmentKind, Enrolment | None]:
    """Return the path, and the enrolment whose credential is renewed; raises `Conflict` before the window."""
    if previous is None:
        return EnrolmentKind.FIRST, None
    status, _ = previous.at(now)
    if status is EnrolmentStatus.CANCELLED:
        return EnrolmentKind.FIRST, None
    renewal, term = definition.recertification, previous.internals.term
    if status is EnrolmentStatus.EXPIRED and term is not None:
        days = None if renewal is None else renewal.full_path_after_days
        lapsed = days is not None and now > term.expires_at + timedelta(days=days)
        full = renewal is None or lapsed
        return (EnrolmentKind.FIRST if full else EnrolmentKind.RECERTIFICATION), previous
    if renewal is None:
        raise Conflict(
            f"The holder's enrolment {previous.state.id} is {status.value}, and version "
            f"{previous.state.programme_version} of the programme has no recertification."
        )
    opens = previous.state.window_opens_at
    if opens is None or now < opens:
        when = "when its credential has an end" if opens is None else f"at {opens.isoformat()}"
        raise Conflict(
            f"The holder's enrolment {previous.state.id} is {status.value}; a recertification may be "
            f"opened {when}."
        )
    return EnrolmentKind.RECERTIFICATION, previous


def _require_cooled_off(definition: Definition, previous: Enrolment, now: datetime) -> None:
    state = previous.state
    if state.stage is not EnrolmentStage.DECLINED or not definition.cool_off_days or not state.decided_at:
        return
    until = state.decided_at + timedelta(days=definition.cool_off_days)
    if now < until:
        raise Conflict(
            f"Enrolment {state.id} was declined; a new one may be opened from {until.isoformat()}."
        )


def _counts_from(definition: Definition, same: Sequence[Enrolment], now: datetime) -> datetime | None:
    if not definition.counts_before_enrolment:
        return now
    # What led to one certification does not lead to the next one too, even if the first was revoked.
    return max(
        (each.state.completed_at for each in same if each.state.completed_at is not None), default=None
    )


def _carried(definition: Definition, previous: Enrolment | None) -> Mapping[str, Any]:
    months = definition.completion.carry_over_months
    if previous is None or previous.state.completed_at is None or not months:
        return {}
    until = civil.add_months(previous.state.completed_at.date(), months)
    return {"carried": previous.state.surplus, "carried_until": until}
