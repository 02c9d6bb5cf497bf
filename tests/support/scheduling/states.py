"""Credential and holder states as the service `credentials` would tell them, built from few words."""

from collections.abc import Iterable, Sequence
from datetime import UTC, date, datetime, timedelta
from uuid import UUID

from licet_events import civil
from licet_events.catalogue import Category
from licet_events.civil import Ending, ExpiresAtRule
from licet_events.credentials import (
    CredentialState,
    Expiry,
    FlagKind,
    FlagState,
    RunState,
    TermState,
    Validity,
)
from licet_events.enrolments import EnrolmentKind, EnrolmentStage, EnrolmentState, EnrolmentStatus
from licet_events.holders import HolderKind, HolderState
from licet_events.ids import derived_id
from licet_events.ladder import steps_told
from licet_events.waivers import WaiverReason, WaiverState, WaiverStatus

ENTERED = datetime(2026, 1, 1, 12, tzinfo=UTC)
LADDER = (90, 60, 30, 7, 0, -7)
DAY = timedelta(days=1)


def named(name: object) -> UUID:
    """Return an id that is the same for the same name."""
    return derived_id("test", name)


def term(
    name: str,
    valid_from: date | None,
    expires_on: date | None,
    *,
    time_zone: str = "Europe/Berlin",
    recorded_at: datetime = ENTERED,
    corrected_at: datetime | None = None,
    revision: int = 1,
    announce_reached: bool = True,
    ending: Ending = civil.END_OF_DAY,
    expires_on_month: str | None = None,
) -> TermState:
    begin = valid_from or recorded_at.date()
    return TermState(
        id=named(name),
        revision=revision,
        valid_from=valid_from,
        expires_on=expires_on,
        expiry=Expiry.NEVER if expires_on is None else Expiry.DATED,
        time_zone=time_zone,
        starts_at=civil.starts_at(begin, time_zone),
        expires_at=None if expires_on is None else civil.ends_at(expires_on, time_zone, ending),
        expires_at_rule=ending.rule,
        expires_at_time=ending.time,
        expires_on_month=expires_on_month,
        recorded_at=recorded_at,
        corrected_at=corrected_at,
        announce_reached=announce_reached,
    )


def flag(
    kind: FlagKind, effective_from: datetime, until: datetime | None = None, name: str = "flag"
) -> FlagState:
    return FlagState(id=named(name), kind=kind, effective_from=effective_from, until=until, reason="test")


def runs_of(terms: Iterable[TermState], ladder: Sequence[int]) -> tuple[RunState, ...]:
    """Join terms that touch or overlap, as the service `credentials` does."""
    runs: list[list[TermState]] = []
    for one in sorted(terms, key=lambda each: each.starts_at):
        ends = [each.expires_at for each in runs[-1]] if runs else []
        if runs and (None in ends or one.starts_at <= max(end for end in ends if end is not None)):
            runs[-1].append(one)
        else:
            runs.append([one])
    return tuple(_run(each, ladder) for each in runs)


def _run(terms: Sequence[TermState], ladder: Sequence[int]) -> RunState:
    last = max(terms, key=lambda each: (each.expires_at is None, each.expires_at))
    expiring_at = None
    ending = Ending(last.expires_at_rule or ExpiresAtRule.END_OF_DAY, last.expires_at_time)
    if last.expires_on is not None:
        last_day = ending.last_day(last.expires_on)
        first_step = max(steps_told(ladder, last.valid_from, last_day), default=0)
        if first_step > 0:
            expiring_at = civil.starts_at(last_day - timedelta(days=first_step), last.time_zone)
    return RunState(
        starts_at=min(each.starts_at for each in terms),
        expiring_at=expiring_at,
        expires_at=last.expires_at,
        expires_on=last.expires_on,
        time_zone=last.time_zone,
        term_id=last.id,
        term_revision=last.revision,
        expires_at_rule=last.expires_at_rule,
        expires_at_time=last.expires_at_time,
        expires_on_month=last.expires_on_month,
    )


def credential(
    *terms: TermState,
    name: object = "credential",
    holder: object = "holder",
    version: int = 1,
    ladder: Sequence[int] = LADDER,
    flags: Sequence[FlagState] = (),
    voided: bool = False,
    created_at: datetime = ENTERED,
    updated_at: datetime | None = None,
) -> CredentialState:
    return CredentialState(
        id=named(name),
        version=version,
        holder_id=named(holder),
        type="forklift",
        category=Category.LICENSE,
        name="Forklift",
        terms=terms,
        runs=runs_of(terms, ladder),
        flags=tuple(flags),
        ladder=tuple(ladder),
        validity=Validity.ACTIVE,
        voided=voided,
        created_at=created_at,
        updated_at=updated_at or created_at,
    )


def enrolment(
    *,
    name: object = "enrolment",
    holder: object = "holder",
    version: int = 1,
    deadline_at: datetime | None = None,
    window_opens_at: datetime | None = None,
    created_at: datetime = ENTERED,
) -> EnrolmentState:
    return EnrolmentState(
        id=named(name),
        version=version,
        holder_id=named(holder),
        programme="lifting",
        programme_version=1,
        kind=EnrolmentKind.FIRST,
        stage=EnrolmentStage.IN_PROGRESS,
        status=EnrolmentStatus.IN_PROGRESS,
        deadline_at=deadline_at,
        window_opens_at=window_opens_at,
        opened_at=created_at,
        opened_by="user:planner",
        created_at=created_at,
        updated_at=created_at,
    )


def holder(
    name: object = "holder",
    *,
    version: int = 1,
    active: bool = True,
    team: str | None = None,
    location: str | None = None,
) -> HolderState:
    return HolderState(
        id=named(name),
        version=version,
        kind=HolderKind.EMPLOYEE,
        name="Ada",
        team=team,
        location=location,
        active=active,
        created_at=ENTERED,
        updated_at=ENTERED,
    )


def waiver(
    *, ends_at: datetime, version: int = 2, status: WaiverStatus = WaiverStatus.GRANTED
) -> WaiverState:
    return WaiverState(
        id=named("waiver"),
        version=version,
        holder_id=named("holder"),
        target="role:driver",
        reason=WaiverReason.SUPERVISED,
        status=status,
        starts_at=ENTERED,
        ends_at=ends_at,
        requested_by="user:planner",
        created_at=ENTERED,
        updated_at=ENTERED,
    )
