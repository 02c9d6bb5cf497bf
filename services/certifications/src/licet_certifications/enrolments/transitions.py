"""The table of transitions between the ten statuses, as data. Whatever is not in it does not happen.

The page docs/reference/enrolment-statuses.md is generated from it.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum

from licet_events.credentials import ChangeCause
from licet_events.enrolments import EnrolmentStatus as Status


class Trigger(StrEnum):
    """What leads from one status to another; the `reason` of `enrolment.status_changed`."""

    APPROVED = "approved"
    DENIED = "denied"
    COMPLETED = "completed"
    WORK_COMPLETE = "work_complete"
    RETURNED = "returned"
    NOT_COMPLETED = "not_completed"
    DEADLINE = "deadline"
    INACTIVATED = "inactivated"
    RESUMED = "resumed"
    CANCELLED = "cancelled"
    MERGED = "merged"
    COMPONENT_WITHDRAWN = "component_withdrawn"
    AWARD_REFUSED = "award_refused"
    STEP_REACHED = "step_reached"
    EXPIRED = "expired"
    RENEWED = "renewed"
    EFFECTIVE = "effective"
    SUSPENDED = "suspended"
    SUSPENSION_ENDED = "suspension_ended"
    REVOKED = "revoked"
    SURRENDERED = "surrendered"
    NOT_YET_VALID = "not_yet_valid"
    INCOMPLETE = "incomplete"
    CORRECTED = "corrected"


class Command(StrEnum):
    """What a person may do to an enrolment; the last part of the route's path."""

    APPROVE = "approve"
    DENY = "deny"
    RETURN = "return"
    NOT_COMPLETE = "not-complete"
    INACTIVATE = "inactivate"
    RESUME = "resume"
    CANCEL = "cancel"


AUTOMATIC, MANUAL = frozenset({ChangeCause.AUTOMATIC}), frozenset({ChangeCause.MANUAL})
EITHER = AUTOMATIC | MANUAL

OPEN = frozenset({Status.APPLIED, Status.IN_PROGRESS, Status.ADMIN_REVIEW})
"""Where the work is still going on."""
CERTIFIED = frozenset({Status.ACTIVE, Status.EXPIRING, Status.EXPIRED})
"""Where the credential's validity is shown."""
TERMINAL = frozenset({Status.DECLINED, Status.NOT_COMPLETED})
"""Where only a new enrolment leads on. Cancelled is so too, but for a credential whose end was corrected."""


@dataclass(frozen=True, slots=True)
class Transition:
    """One row of the table."""

    before: frozenset[Status]
    after: frozenset[Status]
    trigger: Trigger
    how: frozenset[ChangeCause]
    what: str
    """What happens, for the page."""
    command: Command | None = None
    """The command that a person gives, where one does."""


def _row(
    before: Iterable[Status],
    after: Iterable[Status],
    trigger: Trigger,
    how: frozenset[ChangeCause],
    what: str,
    command: Command | None = None,
) -> Transition:
    return Transition(frozenset(before), frozenset(after), trigger, how, what, command)


_LIVING = CERTIFIED | {Status.INACTIVE, Status.ADMIN_REVIEW}
_PROJECTED = _LIVING | {Status.CANCELLED}

TRANSITIONS: tuple[Transition, ...] = (
    _row([Status.APPLIED], [Status.IN_PROGRESS], Trigger.APPROVED, MANUAL,
         "staff approves; components done before count", Command.APPROVE),
    _row([Status.APPLIED], [Status.DECLINED], Trigger.DENIED, MANUAL,
         "staff denies, with a reason", Command.DENY),
    _row([Status.IN_PROGRESS], _PROJECTED, Trigger.COMPLETED, AUTOMATIC,
         "all work is complete and no one has to approve it"),
    _row([Status.IN_PROGRESS], [Status.ADMIN_REVIEW], Trigger.WORK_COMPLETE, AUTOMATIC,
         "all work is complete and waits for approval"),
    _row([Status.ADMIN_REVIEW], _PROJECTED, Trigger.APPROVED, MANUAL,
         "an administrator approves; a credential that is known shows its validity at once", Command.APPROVE),
    _row([Status.ADMIN_REVIEW], [Status.IN_PROGRESS], Trigger.RETURNED, MANUAL,
         "returned with a reason and components to do again", Command.RETURN),
    _row([Status.ADMIN_REVIEW], [Status.IN_PROGRESS], Trigger.COMPONENT_WITHDRAWN, AUTOMATIC,
         "a component no longer counts before the work was approved"),
    _row(CERTIFIED | {Status.INACTIVE}, [Status.ADMIN_REVIEW], Trigger.COMPONENT_WITHDRAWN, AUTOMATIC,
         "a component was withdrawn after completion"),
    _row([Status.ACTIVE], [Status.ADMIN_REVIEW], Trigger.AWARD_REFUSED, AUTOMATIC,
         "the credential of the completion was refused, by its type's rules or since it can't be renewed"),
    _row([Status.IN_PROGRESS], [Status.NOT_COMPLETED], Trigger.NOT_COMPLETED, MANUAL,
         "staff ends it, with a reason", Command.NOT_COMPLETE),
    _row([Status.IN_PROGRESS], [Status.NOT_COMPLETED], Trigger.DEADLINE, AUTOMATIC,
         "the programme's deadline is reached, where one is set"),
    _row(OPEN, [Status.INACTIVE], Trigger.INACTIVATED, MANUAL,
         "staff holds it, with a reason", Command.INACTIVATE),
    _row([Status.INACTIVE], OPEN, Trigger.RESUMED, MANUAL,
         "staff resumes it, to what the facts say", Command.RESUME),
    _row(set(Status) - TERMINAL - {Status.CANCELLED}, [Status.CANCELLED], Trigger.CANCELLED, MANUAL,
         "staff ends it, with a reason", Command.CANCEL),
    _row(OPEN | {Status.INACTIVE}, [Status.CANCELLED], Trigger.MERGED, AUTOMATIC,
         "its holder was merged into one who has an open enrolment in the programme"),
    _row([Status.ACTIVE], [Status.EXPIRING], Trigger.STEP_REACHED, AUTOMATIC,
         "the credential's earliest reminder step is reached"),
    _row([Status.ACTIVE, Status.EXPIRING], [Status.EXPIRED], Trigger.EXPIRED, AUTOMATIC,
         "the credential's last day is over"),
    _row(CERTIFIED, [Status.ACTIVE, Status.EXPIRING], Trigger.RENEWED, EITHER, "the credential is renewed"),
    _row([Status.ADMIN_REVIEW], CERTIFIED, Trigger.EFFECTIVE, EITHER,
         "the credential's first term begins, or its dates are known at last"),
    _row(_LIVING - {Status.INACTIVE}, [Status.INACTIVE], Trigger.SUSPENDED, EITHER,
         "the credential is suspended"),
    _row([Status.INACTIVE], _LIVING - {Status.INACTIVE}, Trigger.SUSPENSION_ENDED, EITHER,
         "the suspension ends"),
    _row(_LIVING, [Status.CANCELLED], Trigger.REVOKED, EITHER, "the credential is revoked"),
    _row(_LIVING, [Status.CANCELLED], Trigger.SURRENDERED, EITHER, "the credential is given up"),
    _row(CERTIFIED, [Status.ADMIN_REVIEW], Trigger.NOT_YET_VALID, EITHER, "the credential is not valid yet"),
    _row(CERTIFIED, [Status.ADMIN_REVIEW], Trigger.INCOMPLETE, EITHER,
         "nobody knows when the credential ends"),
    _row([Status.CANCELLED], _LIVING, Trigger.CORRECTED, EITHER,
         "the end of the credential is taken back by a correction"),
)  # fmt: skip
"""Every transition there is."""

_ALLOWED = frozenset(
    (before, after, row.trigger, how)
    for row in TRANSITIONS
    for before in row.before
    for after in row.after
    for how in row.how
)


def allows(before: Status, after: Status, trigger: Trigger, how: ChangeCause) -> bool:
    """Whether the table has a row for a change of status."""
    return (before, after, trigger, how) in _ALLOWED


def open_commands(status: Status) -> tuple[Command, ...]:
    """Return what a person may do in a status, as far as the table says."""
    return tuple(dict.fromkeys(row.command for row in TRANSITIONS if row.command and status in row.before))
