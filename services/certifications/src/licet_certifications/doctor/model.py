"""Differences between the announced and the computed status of an enrolment, and awards without effect."""

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from licet_certifications.enrolments.model import Enrolment, project
from licet_certifications.enrolments.validity import Dated, validity_at
from licet_events.enrolments import EnrolmentStage, EnrolmentStatus


@dataclass(frozen=True, slots=True)
class Examined:
    """An enrolment, with all that its status follows from."""

    enrolment: Enrolment
    listed: EnrolmentStatus
    """The status that lists show at the instant of the examination."""
    credential: Dated | None
    """The credential that it led to, as this service knows it."""


@dataclass(frozen=True, slots=True)
class Difference:
    """An enrolment whose announced status differs from the computed one at an instant."""

    enrolment_id: UUID
    holder_id: UUID
    credential_id: UUID | None
    announced: EnrolmentStatus
    computed: EnrolmentStatus
    since: datetime
    """When the two began to differ; of a status that no change of time explains, when it was announced."""


@dataclass(frozen=True, slots=True)
class AwaitedAward:
    """An award that was published and of which no credential has come back."""

    award_id: UUID
    enrolment_id: UUID
    holder_id: UUID
    credential_type: str
    awarded_at: datetime


def difference(examined: Examined, at: datetime) -> Difference | None:
    """Return the difference at `at`; `None` if there is none.

    A change that time has reversed again counts too: both changes should have been announced.
    """
    enrolment = examined.enrolment
    state = enrolment.state
    if state.superseded_by is not None:
        return None  # it keeps the status that it had
    overdue = [each for each in enrolment.internals.ahead if each.at <= at]
    if overdue and state.stage is EnrolmentStage.COMPLETED:
        return _difference(enrolment, state.status, enrolment.at(at)[0], overdue[0].at)
    known_at = max(at, state.updated_at)
    if any(each.at <= known_at for each in enrolment.internals.ahead):
        return None  # what time has brought since is too young to be missed
    computed = _computed(examined, known_at)
    for shown in (state.status, examined.listed):
        if shown is not computed:
            return _difference(enrolment, shown, computed, state.updated_at)
    return None


def awaited_award(enrolment: Enrolment, at: datetime) -> AwaitedAward | None:
    """Return the award of an enrolment if it was published by `at` and its credential is not known yet."""
    state = enrolment.state
    award = state.award
    # A recertification knows the credential from the beginning, and its validity once that carries the award.
    if award is None or state.validity is not None or award.awarded_at > at or state.stage.terminal:
        return None
    return AwaitedAward(award.id, state.id, state.holder_id, award.credential_type, award.awarded_at)


def _computed(examined: Examined, at: datetime) -> EnrolmentStatus:
    state = examined.enrolment.state
    if state.validity is None or examined.credential is None:
        return project(state.stage, state.validity)
    return project(state.stage, validity_at(examined.credential, at))


def _difference(
    enrolment: Enrolment, announced: EnrolmentStatus, computed: EnrolmentStatus, since: datetime
) -> Difference:
    state = enrolment.state
    return Difference(state.id, state.holder_id, state.credential_id, announced, computed, since)
