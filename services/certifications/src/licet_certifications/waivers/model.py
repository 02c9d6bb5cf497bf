"""Waivers: asking, deciding, revoking, ending. A waiver always ends, and is never lengthened."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import date, datetime, timedelta
from types import MappingProxyType
from typing import Any
from uuid import UUID

from licet_chassis.errors import Conflict, Invalid
from licet_events import civil
from licet_events.catalogue import RequirementState
from licet_events.waivers import WaiverReason, WaiverState, WaiverStatus

LONGEST_OVERRIDE = timedelta(hours=48)
"""One shift; what is longer is a waiver, which somebody else has to approve."""

DEFAULT_DAYS: Mapping[WaiverReason, int] = MappingProxyType(
    {
        WaiverReason.EQUIVALENT_HELD: 365,
        WaiverReason.RENEWAL_IN_PROGRESS: 90,
        WaiverReason.SUPERVISED: 90,
        WaiverReason.EMERGENCY: 7,
        WaiverReason.ADMINISTRATIVE: 30,
    }
)
"""The most days of a waiver, where the settings do not say otherwise."""


@dataclass(frozen=True, slots=True)
class Period:
    """When a waiver is asked for: dates, the last day included, or instants."""

    starts_on: date | None = None
    ends_on: date | None = None
    starts_at: datetime | None = None
    ends_at: datetime | None = None

    def instants(self, time_zone: str, now: datetime) -> tuple[datetime, datetime]:
        """Return the half-open period; without a start it begins now. Raises `Invalid`."""
        if self.ends_on is None and self.ends_at is None:
            raise Invalid("A waiver always has an end: give ends_on or ends_at.", pointer="/ends_on")
        for one, other, name in (
            (self.starts_on, self.starts_at, "starts"),
            (self.ends_on, self.ends_at, "ends"),
        ):
            if one is not None and other is not None:
                raise Invalid(f"Give {name}_on or {name}_at, not both.", pointer=f"/{name}_at")
        start = self.starts_at or now
        if self.starts_on is not None:
            start = civil.starts_at(self.starts_on, time_zone)
        end = self.ends_at or now
        if self.ends_on is not None:
            end = civil.expires_at(self.ends_on, time_zone)
        if end <= start:
            pointer = "/ends_on" if self.ends_on is not None else "/ends_at"
            raise Invalid(
                f"A waiver must end after it starts; this one would start at {start.isoformat()} and end at "
                f"{end.isoformat()}.",
                pointer=pointer,
            )
        return start, end


@dataclass(frozen=True, slots=True)
class WaiverRequest:
    """What somebody asks for."""

    holder_id: UUID
    requirement_id: UUID
    reason: WaiverReason
    period: Period
    type: str | None = None
    target: str | None = None
    """As a check: it has to be the requirement's."""
    locations: tuple[str, ...] = ()
    note: str | None = None


@dataclass(frozen=True, slots=True)
class OverrideRequest:
    """What a scheduler decides alone, for one shift."""

    holder_id: UUID
    target: str
    start: datetime
    end: datetime
    reason: WaiverReason
    location: str | None = None
    note: str | None = None


@dataclass(frozen=True, slots=True)
class Waiver:
    """A waiver with the words that stay in the register."""

    state: WaiverState
    note: str | None = None
    decision_note: str | None = None
    """Why it was refused, or what was said when it was granted."""
    revocation_note: str | None = None


@dataclass(frozen=True, slots=True)
class Limits:
    """How long a waiver may be, in days, by the code of its reason."""

    days: Mapping[WaiverReason, int]

    def require_within(self, reason: WaiverReason, start: datetime, end: datetime) -> None:
        """Raise `Invalid` if the period is longer than the reason allows."""
        most = self.days[reason]
        # An hour of grace, so that days around a change of the clocks count as days.
        if end - start > timedelta(days=most, hours=1):
            raise Invalid(
                f"A waiver for {reason.value} lasts at most {most} days; this one would last "
                f"{(end - start).days}. Ask for a shorter one; should it not do, ask for a new one then.",
                pointer="/ends_on",
            )


def ask_for_waiver(
    request: WaiverRequest,
    requirement: RequirementState,
    id: UUID,
    *,
    limits: Limits,
    time_zone: str,
    actor: str,
    now: datetime,
) -> Waiver:
    """Return a requested waiver; `time_zone` is where its dates begin and end. Raises `Invalid`."""
    if request.target not in {None, requirement.target}:
        raise Invalid(
            f"Requirement {requirement.id} is for {requirement.target}, not for {request.target}.",
            pointer="/target",
        )
    if request.type is not None and request.type not in requirement.expression.types:
        raise Invalid(
            f"Requirement {requirement.id} does not ask for {request.type}; it names "
            f"{', '.join(requirement.expression.types)}.",
            pointer="/type",
        )
    elsewhere = sorted(set(request.locations) - set(requirement.locations))
    if requirement.locations and elsewhere:
        raise Invalid(
            f"Requirement {requirement.id} does not apply at {', '.join(elsewhere)}.", pointer="/locations"
        )
    start, end = request.period.instants(time_zone, now)
    if end <= now:
        raise Invalid("A waiver can't be for the past; its end has gone by.", pointer="/ends_on")
    limits.require_within(request.reason, start, end)
    state = WaiverState(
        id=id, version=1, holder_id=request.holder_id, requirement_id=requirement.id, type=request.type,
        target=requirement.target, locations=request.locations, reason=request.reason,
        status=WaiverStatus.REQUESTED, starts_at=start, ends_at=end, requested_by=actor, created_at=now,
        updated_at=now, starts_on=request.period.starts_on, ends_on=request.period.ends_on,
        time_zone=time_zone,
    )  # fmt: skip
    return Waiver(state, request.note)


def override(request: OverrideRequest, id: UUID, *, actor: str, now: datetime) -> Waiver:
    """Return a granted waiver of a shift's length. Raises `Invalid`."""
    if request.end <= request.start:
        raise Invalid("A shift must end after it starts.", pointer="/end")
    if request.end <= now:
        raise Invalid("The shift is over; what is past can't be overridden.", pointer="/end")
    if request.end - request.start > LONGEST_OVERRIDE:
        hours = LONGEST_OVERRIDE // timedelta(hours=1)
        raise Invalid(
            f"An override is for one shift, at most {hours} hours; ask for a waiver instead.", pointer="/end"
        )
    state = WaiverState(
        id=id, version=1, holder_id=request.holder_id, target=request.target,
        locations=() if request.location is None else (request.location,), reason=request.reason,
        status=WaiverStatus.GRANTED, override=True, starts_at=request.start, ends_at=request.end,
        requested_by=actor, decided_by=actor, decided_at=now, created_at=now, updated_at=now,
    )  # fmt: skip
    return Waiver(state, request.note)


def grant(waiver: Waiver, *, actor: str, note: str | None, now: datetime) -> Waiver:
    """Return the granted waiver; raises `Conflict`."""
    state = waiver.state
    _require(state, WaiverStatus.REQUESTED, "approved")
    if actor == state.requested_by:
        raise Conflict("Whoever asked for a waiver can't approve it; somebody else has to.")
    if state.ends_at <= now:
        raise Conflict(
            f"The period asked for ended at {state.ends_at.isoformat()}; refuse it and ask for a new one."
        )
    return _decided(waiver, WaiverStatus.GRANTED, actor, note, now)


def refuse(waiver: Waiver, *, actor: str, note: str, now: datetime) -> Waiver:
    """Return the refused waiver; raises `Conflict`. Whoever asked may take it back so."""
    _require(waiver.state, WaiverStatus.REQUESTED, "refused")
    return _decided(waiver, WaiverStatus.REFUSED, actor, note, now)


def revoke(waiver: Waiver, *, actor: str, note: str, now: datetime) -> Waiver:
    """Return the revoked waiver, which holds no longer from now on; raises `Conflict`."""
    state = waiver.state
    _require(state, WaiverStatus.GRANTED, "revoked")
    if state.ends_at <= now:
        raise Conflict(f"The waiver ended at {state.ends_at.isoformat()}; there is nothing to revoke.")
    # One that had yet to begin never holds: it ends where it starts.
    return Waiver(
        _next(
            state,
            now,
            status=WaiverStatus.REVOKED,
            ends_at=max(now, state.starts_at),
            revoked_by=actor,
            revoked_at=now,
        ),
        waiver.note,
        waiver.decision_note,
        note,
    )


def derive_again(waiver: Waiver, now: datetime) -> Waiver:
    """Return the waiver with the instants of its days derived again; the same where none differs."""
    state = waiver.state
    if state.time_zone is None or state.status not in {WaiverStatus.REQUESTED, WaiverStatus.GRANTED}:
        return waiver
    instants = {}
    if state.starts_on is not None:
        instants["starts_at"] = civil.starts_at(state.starts_on, state.time_zone)
    if state.ends_on is not None:
        instants["ends_at"] = civil.expires_at(state.ends_on, state.time_zone)
    if all(getattr(state, name) == instant for name, instant in instants.items()):
        return waiver
    return replace(waiver, state=_next(state, now, **instants))


def end(waiver: Waiver, now: datetime) -> Waiver:
    """Return the waiver after its end has come; the same where it has not, or was revoked before."""
    state = waiver.state
    if state.status is not WaiverStatus.GRANTED or state.ends_at > now:
        return waiver
    ended = _next(state, now, status=WaiverStatus.ENDED)
    return Waiver(ended, waiver.note, waiver.decision_note, waiver.revocation_note)


def _decided(waiver: Waiver, status: WaiverStatus, actor: str, note: str | None, now: datetime) -> Waiver:
    state = _next(waiver.state, now, status=status, decided_by=actor, decided_at=now)
    return Waiver(state, waiver.note, note)


def _next(state: WaiverState, now: datetime, **changes: Any) -> WaiverState:
    return state.model_copy(update={"version": state.version + 1, "updated_at": now, **changes})


def _require(state: WaiverState, status: WaiverStatus, done: str) -> None:
    if state.status is not status:
        raise Conflict(
            f"Waiver {state.id} is {state.status.value}; only a {status.value} one can be {done}. To go on, "
            "ask for a new one."
        )
