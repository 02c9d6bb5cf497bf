"""Decisions about notices, in the database."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Generic, TypeVar
from uuid import UUID

from licet_chassis.connection import Connection
from licet_events.notifications import NotificationReason, RecipientRole
from licet_notifier.facts.model import AnyNotice, EnrolmentNotice, Notice
from licet_notifier.notifications.model import (
    CHANNEL,
    Decision,
    Detour,
    Outcome,
    State,
    notification_id,
    template_of,
)
from licet_notifier.notifications.notices import QUERIES, enrolment_notice_of_row, notice_of_row
from licet_notifier.templates.rendering import Letter, Value

N = TypeVar("N", Notice, EnrolmentNotice)
"""The kind of notice that a mail is about."""


@dataclass(frozen=True, slots=True)
class Claimed(Generic[N]):
    """A mail that may leave, with its row locked."""

    notification_id: UUID
    told: RecipientRole
    decider_id: UUID | None
    attempts: int
    """How often it was begun: the number tells one attempt from another."""
    uncharged_attempts: int
    """Those of them that the mail server's own trouble ended: they do not count."""
    unknown_attempts: int
    resent: int
    notice: N
    later_notice_at: datetime | None
    not_before: datetime
    silenced: bool
    """Whether a stop held it, and was ended with the order to drop what it held."""
    created_at: datetime
    """When the notice arrived, in business time."""
    reason: NotificationReason
    version: int
    role: RecipientRole = RecipientRole.HOLDER
    circle: str | None = None
    fixed_address: str | None = None
    after_days: int = 0
    digest_id: UUID | None = None

    @property
    def recipient(self) -> Decision:
        """For whom it was decided, as a decision that says nothing else."""
        return Decision(
            self.told,
            self.role,
            decider_id=self.decider_id,
            circle=self.circle,
            fixed_address=self.fixed_address,
            after_days=self.after_days,
        )


@dataclass(frozen=True, slots=True)
class Lost:
    """A mail whose sender was lost before it noted the outcome, with its row locked."""

    notification_id: UUID
    role: RecipientRole
    recipient_id: UUID | None
    template_version: str | None
    attempts: int
    uncharged_attempts: int
    unknown_attempts: int
    resent: int
    notice: AnyNotice
    after_days: int


@dataclass(frozen=True, slots=True)
class Begun:
    """A mail that is about to be sent."""

    claimed: Claimed[Any]
    decision: Decision
    message_id: str
    letter: Letter
    values: Mapping[str, Value]
    """What the letter is rendered with."""
    written_for: Decision
    """The recipient for whom it is written: the first of several who get copies."""
    copies: tuple[Decision, ...] = ()
    """The others who get a copy."""
    told_too: tuple["Begun", ...] = ()
    """Of a digest: the other mails that it stands for. Their outcome is that of this one."""


@dataclass(frozen=True, slots=True)
class Escalated:
    """An escalation that was begun, and to whom (see `Decision.to`)."""

    notification_id: UUID
    credential_id: UUID
    term_id: UUID | None
    to: str


@dataclass(frozen=True, slots=True)
class Attempted:
    """What one attempt came to, and which attempt it was."""

    outcome: Outcome
    attempts: int
    unknown: bool
    uncharged: bool = False
    """Whether the mail server's own trouble ended it, so that it does not count."""


@dataclass(frozen=True, slots=True)
class Notification:
    """A decision as it is kept."""

    id: UUID
    event_id: UUID
    event_name: str
    credential_id: UUID | None
    enrolment_id: UUID | None
    holder_id: UUID
    told: RecipientRole
    role: RecipientRole
    recipient_id: UUID | None
    channel: str
    state: State
    reason: NotificationReason
    detour: Detour | None
    circle: str
    after_days: int
    rule: str | None
    policy_version: int | None
    not_before: datetime | None
    stop_id: UUID | None
    digest_id: UUID | None
    attempts: int
    """Those that count."""
    unknown_attempts: int
    smtp_status: int | None
    smtp_answer: str | None
    resent: int
    message_id: str | None
    template: str | None
    template_version: str | None
    version: int
    created_at: datetime
    updated_at: datetime


async def keep_decisions(
    conn: Connection,
    notice: AnyNotice,
    decisions: Sequence[Decision],
    *,
    now: datetime,
    machine_now: datetime,
    policy_version: int | None = None,
) -> set[UUID]:
    """Note decisions and return the ids of those that are new; the others had been made before."""
    states = [State.PENDING if decision.due else State.SKIPPED for decision in decisions]
    rows = await conn.fetch(
        QUERIES["keep_decisions"],
        [notification_id(notice.event_id, each) for each in decisions],
        notice.event_id, None if isinstance(notice, EnrolmentNotice) else notice.credential_id,
        notice.holder_id, CHANNEL, machine_now, policy_version, now,
        [each.told for each in decisions], [each.role for each in decisions],
        [each.recipient_id for each in decisions], [each.detour for each in decisions], states,
        [each.reason for each in decisions], [each.not_before for each in decisions],
        notice.enrolment_id if isinstance(notice, EnrolmentNotice) else None,
        [each.decider_id for each in decisions], [each.circle for each in decisions],
        [each.fixed_address for each in decisions], [each.after_days for each in decisions],
        [each.rule for each in decisions], [template_of(notice, each.after_days) for each in decisions],
        [each.look_again_at for each in decisions],
        [each.digest_id for each in decisions],
    )  # fmt: skip
    return {row["id"] for row in rows}


async def claim_due(
    conn: Connection,
    *,
    now: datetime,
    machine_now: datetime,
    limit: int | None,
    digests: Sequence[UUID] | None = None,
) -> Sequence[Claimed[Notice]]:
    """Lock mails about credentials that may leave now, skipping those that others have locked.

    Those of `digests`, or, without any, those that leave alone.
    """
    rows = await conn.fetch(QUERIES["claim_due"], now, machine_now, limit, digests)
    return [_claimed(row, notice_of_row(row)) for row in rows]


async def claim_due_of_enrolments(
    conn: Connection, *, now: datetime, machine_now: datetime, limit: int
) -> Sequence[Claimed[EnrolmentNotice]]:
    """Lock mails about enrolments that may leave now, skipping those that others have locked."""
    rows = await conn.fetch(QUERIES["claim_due_of_enrolments"], now, machine_now, limit)
    return [_claimed(row, enrolment_notice_of_row(row)) for row in rows]


def _claimed(row: Any, notice: N) -> Claimed[N]:
    return Claimed(
        row["id"],
        RecipientRole(row["told"]),
        row["decider_id"],
        row["attempts"],
        row["uncharged_attempts"],
        row["unknown_attempts"],
        row["resent"],
        notice,
        row["later_notice_at"],
        row["not_before"],
        row["silenced"],
        row["created_at"],
        NotificationReason(row["reason"]),
        row["version"],
        RecipientRole(row["role"]),
        row["circle"],
        row["fixed_address"],
        row["after_days"],
        row["digest_id"],
    )


async def claim_digests(
    conn: Connection, *, now: datetime, machine_now: datetime, limit: int
) -> Sequence[UUID]:
    """Return digests that may leave now and that nobody else begins until the transaction ends."""
    return [row["digest_id"] for row in await conn.fetch(QUERIES["claim_digests"], now, machine_now, limit)]


async def gather(conn: Connection, gathered: Sequence[tuple[UUID, UUID, datetime]], *, now: datetime) -> None:
    """Let mails that would leave alone wait for digests; each comes with the digest and its instant."""
    await conn.execute(QUERIES["gather"], now, *(list(column) for column in zip(*gathered, strict=True)))


async def count_begun(conn: Connection, since: Mapping[UUID, datetime]) -> dict[UUID, int]:
    """Return how many mails to each person were begun alone since an instant; nobody else begins any."""
    await conn.execute(QUERIES["lock_recipients"], list(since))
    rows = await conn.fetch(QUERIES["count_begun"], list(since), list(since.values()))
    return {row["id"]: row["begun"] for row in rows}


async def lock_escalations(conn: Connection, credential_ids: Collection[UUID]) -> frozenset[UUID]:
    """Return the credentials whose escalations nobody else begins until the transaction ends."""
    rows = await conn.fetch(QUERIES["lock_escalations"], sorted(credential_ids))
    return frozenset(row["credential_id"] for row in rows)


async def read_escalated(conn: Connection, credential_ids: Collection[UUID]) -> Sequence[Escalated]:
    """Return the escalations of credentials that were begun."""
    rows = await conn.fetch(QUERIES["read_escalated"], sorted(credential_ids))
    return [Escalated(row["id"], row["credential_id"], row["term_id"], row["recipient"]) for row in rows]


async def wake(
    conn: Connection,
    now: datetime,
    *,
    credential_ids: Collection[UUID] = (),
    enrolment_ids: Collection[UUID] = (),
    holder_ids: Collection[UUID] = (),
) -> None:
    """Let mails about these that are skipped for a temporary reason be decided on again.

    Call it after the statement that wrote the new facts: a mail that is being decided on holds them, and its
    row is seen only once that decision is committed.
    """
    await conn.execute(QUERIES["wake"], now, list(credential_ids), list(enrolment_ids), list(holder_ids))


async def claim_resting(conn: Connection, *, now: datetime, limit: int) -> Sequence[Claimed[Notice]]:
    """Lock mails about credentials that are skipped and may be decided on again, skipping locked ones."""
    rows = await conn.fetch(QUERIES["claim_resting"], now, limit)
    return [_claimed(row, notice_of_row(row)) for row in rows]


async def claim_resting_of_enrolments(
    conn: Connection, *, now: datetime, limit: int
) -> Sequence[Claimed[EnrolmentNotice]]:
    """Lock mails about enrolments that are skipped and may be decided on again, skipping locked ones."""
    rows = await conn.fetch(QUERIES["claim_resting_of_enrolments"], now, limit)
    return [_claimed(row, enrolment_notice_of_row(row)) for row in rows]


async def resume(
    conn: Connection, resumed: Sequence[tuple[UUID, Decision]], *, now: datetime, machine_now: datetime
) -> None:
    """Let these mails leave after all, each from the instant that its decision says."""
    await conn.execute(
        QUERIES["resume"], now, machine_now, [each[0] for each in resumed],
        [each[1].not_before for each in resumed], [each[1].role for each in resumed],
        [each[1].recipient_id for each in resumed], [each[1].detour for each in resumed],
    )  # fmt: skip


async def rest(conn: Connection, resting: Sequence[tuple[UUID, datetime | None]]) -> None:
    """Leave these mails until the given instants."""
    await conn.execute(QUERIES["rest"], [each[0] for each in resting], [each[1] for each in resting])


async def follow_credentials(conn: Connection, moved: Sequence[Notice]) -> None:
    """Let notices, with all decisions about them, be those of the holders that they name now."""
    holders = {notice.event_id: notice.holder_id for notice in moved}
    await conn.execute(QUERIES["follow_credentials"], list(holders), list(holders.values()))


async def try_again(conn: Connection, ids: Sequence[UUID], next_try: datetime) -> None:
    """Leave these mails until this machine time."""
    await conn.execute(QUERIES["try_again"], next_try, ids)


async def mark_sending(
    conn: Connection, begun: Sequence[Begun], *, lease_until: datetime, now: datetime
) -> None:
    """Note that these mails are begun."""
    begun = [one for each in begun for one in (each, *each.told_too)]
    await conn.execute(
        QUERIES["mark_sending"], lease_until, now,
        [each.claimed.notification_id for each in begun], [each.decision.role for each in begun],
        [each.decision.recipient_id for each in begun], [each.decision.detour for each in begun],
        [each.message_id for each in begun], [each.letter.label for each in begun],
    )  # fmt: skip


async def mark_unsent(conn: Connection, ended: Sequence[tuple[Outcome, Decision]], *, now: datetime) -> None:
    """Note why these mails are not sent after all."""
    await conn.execute(
        QUERIES["mark_unsent"], now, [each.notification_id for each, _ in ended],
        [each.state for each, _ in ended], [each.reason for each, _ in ended],
        [each.role for each, _ in ended], [each.recipient_id for each, _ in ended],
        [decision.detour for _, decision in ended],
        [decision.look_again_at if each.state is State.SKIPPED else None for each, decision in ended],
    )  # fmt: skip


async def hold(conn: Connection, held: Sequence[tuple[UUID, UUID]], *, now: datetime) -> None:
    """Let stops hold these mails; each mail comes with the stop's id."""
    await conn.execute(QUERIES["hold"], now, [each[0] for each in held], [each[1] for each in held])


async def postpone(conn: Connection, later: Sequence[tuple[UUID, datetime | None]], *, now: datetime) -> None:
    """Keep these mails until their recipients' day begins."""
    await conn.execute(QUERIES["postpone"], now, [each[0] for each in later], [each[1] for each in later])


async def extend_leases(conn: Connection, ids: Sequence[UUID], *, lease_until: datetime) -> None:
    """Note that these mails are still on their way."""
    await conn.execute(QUERIES["extend_leases"], lease_until, ids)


async def record_attempts(conn: Connection, attempts: Sequence[Attempted], *, now: datetime) -> set[UUID]:
    """Note what attempts came to; returns the ids of those that count.

    One does not count whose lease ran out, so that it was counted as unknown already.
    """
    rows = await conn.fetch(
        QUERIES["record_outcomes"], now, [each.outcome.notification_id for each in attempts],
        [each.attempts for each in attempts], [each.outcome.state for each in attempts],
        [each.outcome.reason for each in attempts], [each.outcome.smtp_status for each in attempts],
        [int(each.unknown) for each in attempts], [each.outcome.next_try for each in attempts],
        [int(each.uncharged) for each in attempts], [each.outcome.smtp_answer for each in attempts],
        [each.outcome.template_version for each in attempts],
    )  # fmt: skip
    return {row["id"] for row in rows}


async def claim_lost(conn: Connection, *, machine_now: datetime, limit: int) -> Sequence[Lost]:
    """Lock mails whose lease has run out."""
    rows = await conn.fetch(QUERIES["claim_lost"], machine_now, limit)
    of_enrolments = await conn.fetch(QUERIES["claim_lost_of_enrolments"], machine_now, limit)
    return [
        *(_lost(row, notice_of_row(row)) for row in rows),
        *(_lost(row, enrolment_notice_of_row(row)) for row in of_enrolments),
    ]


def _lost(row: Any, notice: AnyNotice) -> Lost:
    return Lost(
        row["id"],
        RecipientRole(row["role"]),
        row["recipient_id"],
        row["template_version"],
        row["attempts"],
        row["uncharged_attempts"],
        row["unknown_attempts"],
        row["resent"],
        notice,
        row["after_days"],
    )


async def forget_holder(conn: Connection, holder_id: UUID) -> None:
    """Delete a holder's notices and all decisions about them, waiting for mails in hand."""
    await conn.execute(QUERIES["forget_decisions"], holder_id)
    await conn.execute(QUERIES["forget_notices"], holder_id)
    await conn.execute(QUERIES["forget_enrolment_notices"], holder_id)
    await conn.execute(QUERIES["forget_answers"], holder_id)


async def count_leaving(conn: Connection, now: datetime) -> int:
    """Count the mails that may leave at this business time, and those on their way."""
    count: int = await conn.fetchval(QUERIES["count_leaving"], now)
    return count


async def next_leaving(conn: Connection, now: datetime) -> datetime | None:
    """Return the next business time after `now` at which a mail may leave."""
    instant: datetime | None = await conn.fetchval(QUERIES["next_leaving"], now)
    return instant


async def list_notifications(
    conn: Connection,
    *,
    holder_id: UUID | None,
    credential_id: UUID | None,
    enrolment_id: UUID | None,
    state: State | None,
    teams: Sequence[str] | None,
    locations: Sequence[str] | None,
    before: tuple[datetime, UUID] | None,
    limit: int,
) -> Sequence[Notification]:
    """Return decisions, newest first."""
    rows = await conn.fetch(
        QUERIES["list_notifications"], holder_id, credential_id, state, teams, locations,
        *(before or (None, None)), limit, enrolment_id,
    )  # fmt: skip
    return [_notification(row) for row in rows]


async def read_notification(
    conn: Connection, id: UUID, *, teams: Sequence[str] | None, locations: Sequence[str] | None
) -> Notification | None:
    """Return one decision, `None` if there is none or its holder is not in these teams and locations."""
    row = await conn.fetchrow(QUERIES["read_notification"], id, teams, locations)
    return None if row is None else _notification(row)


def _notification(row: Any) -> Notification:
    return Notification(
        id=row["id"],
        event_id=row["event_id"],
        event_name=row["event_name"],
        credential_id=row["credential_id"],
        enrolment_id=row["enrolment_id"],
        holder_id=row["holder_id"],
        told=RecipientRole(row["told"]),
        role=RecipientRole(row["role"]),
        recipient_id=row["recipient_id"],
        channel=row["channel"],
        state=State(row["state"]),
        reason=NotificationReason(row["reason"]),
        detour=Detour(row["detour"]) if row["detour"] else None,
        circle=row["circle"] or row["told"],
        after_days=row["after_days"],
        rule=row["rule"],
        policy_version=row["policy_version"],
        not_before=row["not_before"],
        stop_id=row["stop_id"],
        digest_id=row["digest_id"],
        attempts=row["attempts"] - row["uncharged_attempts"],
        unknown_attempts=row["unknown_attempts"],
        smtp_status=row["smtp_status"],
        smtp_answer=row["smtp_answer"],
        resent=row["resent"],
        message_id=row["message_id"],
        template=row["template"],
        template_version=row["template_version"],
        version=row["version"],
        created_at=row["created_at"],
        updated_at=row["updated_at"],
    )
