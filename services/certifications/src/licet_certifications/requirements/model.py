"""Requirements: what a target asks for, where, how strictly and from when until when."""

from collections.abc import Mapping
from dataclasses import dataclass, fields, replace
from datetime import date, datetime
from typing import Any
from uuid import UUID

from licet_certifications.requirements.expressions import check_expression
from licet_chassis.errors import Invalid
from licet_events import civil
from licet_events.catalogue import Expression, RequirementState, Severity


@dataclass(frozen=True, slots=True)
class Rule:
    """Everything that a person says of a requirement."""

    target: str
    """`role:<code>` or `queue:<code>`; the same for ever."""
    expression: Expression
    effective_from: date
    time_zone: str
    """Where its dates begin and end."""
    effective_until: date | None = None
    """The last day on which it applies."""
    code: str | None = None
    locations: tuple[str, ...] = ()
    severity: Severity = Severity.MANDATORY
    match_jurisdiction: bool = False
    min_days_remaining: int = 0


def today_in(time_zone: str, now: datetime) -> date:
    """Return the civil date in a zone; raises `Invalid` if there is no such zone."""
    _check_zone(time_zone)
    return civil.local_date(now, time_zone)


def made(rule: Rule, id: UUID, now: datetime) -> RequirementState:
    """Return a new requirement; raises `Invalid` if the rule makes no sense."""
    return _state(rule, id=id, version=1, created_at=now, now=now)


def changed(state: RequirementState, changes: Mapping[str, Any], now: datetime) -> RequirementState:
    """Return the next version; the same one where nothing would differ.

    `changes` are fields of `Rule` but the target. Raises `Invalid` if the result makes no sense.
    """
    before = rule_of(state)
    after = replace(before, **changes)
    if after == before:
        return state
    return _state(after, id=state.id, version=state.version + 1, created_at=state.created_at, now=now)


def derive_again(state: RequirementState, now: datetime) -> RequirementState:
    """Return the next version with the instants of its days derived again; the same where none differs."""
    after = with_instants(state)
    return (
        state
        if after == state
        else after.model_copy(update={"version": state.version + 1, "updated_at": now})
    )


def with_instants(state: RequirementState) -> RequirementState:
    """Return the state with the instants of its days."""
    until = state.effective_until
    return state.model_copy(
        update={
            "starts_at": civil.starts_at(state.effective_from, state.time_zone),
            "ends_at": None if until is None else civil.expires_at(until, state.time_zone),
        }
    )


def rule_of(state: RequirementState) -> Rule:
    """Return what a person has said of a requirement."""
    return Rule(**{field.name: getattr(state, field.name) for field in fields(Rule)})


def require_order(before: RequirementState, after: RequirementState) -> None:
    """Raise `Invalid` if the next version asks for something else and begins before the present one.

    The two would overlap, and the present one would never hold without anybody having said so.
    """
    if after.effective_from < before.effective_from and _asks(before) != _asks(after):
        raise Invalid(
            f"Version {before.version} asks for something else from {before.effective_from} on; one that "
            f"begins on {after.effective_from} would overlap it. Begin on {before.effective_from} or later, "
            f"or move the date of version {before.version} first.",
            pointer="/effective_from",
        )


def _asks(state: RequirementState) -> tuple[object, ...]:
    return (
        state.target, frozenset(state.locations), state.expression, state.severity, state.match_jurisdiction,
        state.min_days_remaining,
    )  # fmt: skip


def _state(rule: Rule, *, id: UUID, version: int, created_at: datetime, now: datetime) -> RequirementState:
    _check(rule)
    return RequirementState(
        id=id,
        version=version,
        **{field.name: getattr(rule, field.name) for field in fields(Rule)},
        starts_at=civil.starts_at(rule.effective_from, rule.time_zone),
        ends_at=None
        if rule.effective_until is None
        else civil.expires_at(rule.effective_until, rule.time_zone),
        created_at=created_at,
        updated_at=now,
    )


def _check(rule: Rule) -> None:
    _check_zone(rule.time_zone)
    if rule.effective_until is not None and rule.effective_until < rule.effective_from:
        raise Invalid(
            f"effective_until is the last day on which the requirement applies; {rule.effective_until} lies "
            f"before effective_from, {rule.effective_from}.",
            pointer="/effective_until",
        )
    _must_be_distinct(rule.locations, "/locations")
    check_expression(rule.expression)


def _check_zone(time_zone: str) -> None:
    try:
        civil.zone(time_zone)
    except civil.UnknownZone as error:
        raise Invalid(f"{error}.", pointer="/time_zone") from None


def _must_be_distinct(codes: tuple[str, ...], pointer: str) -> None:
    for index, code in enumerate(codes):
        if code in codes[:index]:
            raise Invalid(f"{code} stands twice in {pointer}; once is enough.", pointer=pointer)
