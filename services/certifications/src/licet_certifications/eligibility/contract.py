"""Timelines as the event contract has them, and as they are stored."""

import json
from collections.abc import Iterable
from datetime import datetime
from uuid import UUID

from licet_certifications.eligibility.model import FUTURE, PAST, Assessment, Decision, Stretch
from licet_certifications.eligibility.model import Reason as PlainReason
from licet_events.eligibility import (
    EligibilityChanged,
    EligibilityEnded,
    EligibilityState,
    FactVersion,
    Interval,
    Reason,
)


def state_of(
    holder_id: UUID, target: str, location: str, version: int, decision: Decision, now: datetime
) -> EligibilityState:
    """Return a decision as the state that is stored and published."""
    return EligibilityState.model_construct(
        holder_id=holder_id,
        target=target,
        location=location,
        version=version,
        intervals=tuple(map(interval_of, decision.stretches)),
        facts=tuple(
            FactVersion.model_construct(kind=fact.kind, id=fact.id, version=fact.version)
            for fact in decision.facts
        ),
        computed_at=now,
    )


def changed_event(
    holder_id: UUID, target: str, location: str, version: int, decision: Decision, now: datetime
) -> EligibilityChanged:
    """Return the event of a decision."""
    return EligibilityChanged.model_construct(
        eligibility=state_of(holder_id, target, location, version, decision, now)
    )


def ended_event(holder_id: UUID, target: str, location: str, version: int) -> EligibilityEnded:
    """Return the tombstone of a timeline that there is no more."""
    return EligibilityEnded(holder_id=holder_id, target=target, location=location, version=version)


def interval_of(stretch: Stretch) -> Interval:
    """Return one stretch of a timeline."""
    start, end, (verdict, reasons) = stretch
    return Interval.model_construct(
        start=start, end=end, verdict=verdict, reasons=tuple(map(reason_of, reasons))
    )


def reason_of(reason: PlainReason) -> Reason:
    """Return one reason."""
    code, type_code, requirement_id, credential_id, waiver_id, condition = reason
    return Reason.model_construct(
        code=code, type=type_code, requirement_id=requirement_id, credential_id=credential_id,
        waiver_id=waiver_id, condition=condition,
    )  # fmt: skip


def stored_assessment(assessment: Assessment) -> str:
    """Return an assessment as the text that is stored: JSON without what is null."""
    verdict, reasons = assessment
    return f'{{"verdict":"{verdict.value}","reasons":[{",".join(map(_stored_reason, reasons))}]}}'


def _stored_reason(reason: PlainReason) -> str:
    # Written by hand, since this is done for each reason of each timeline: codes and ids need no escapes.
    code, type_code, requirement_id, credential_id, waiver_id, condition = reason
    text = f'{{"code":"{code.value}"'
    if type_code is not None:
        text += f',"type":"{type_code}"'
    for name, value in (
        ("requirement_id", requirement_id),
        ("credential_id", credential_id),
        ("waiver_id", waiver_id),
    ):
        if value is not None:
            text += f',"{name}":"{value}"'
    if condition is not None:
        text += f',"condition":{json.dumps(condition)}'
    return text + "}"


def clipped(
    intervals: Iterable[Interval], start: datetime | None, end: datetime | None
) -> tuple[Interval, ...]:
    """Return the part of a timeline that lies in [start, end)."""
    low, high = start or PAST, end or FUTURE
    return tuple(
        one.model_copy(
            update={
                "start": start if (one.start or PAST) <= low else one.start,
                "end": end if (one.end or FUTURE) >= high else one.end,
            }
        )
        for one in intervals
        if (one.start or PAST) < high and low < (one.end or FUTURE)
    )
