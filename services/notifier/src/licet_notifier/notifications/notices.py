"""Notices of credentials and enrolments, in the database."""

import json
from datetime import date, datetime
from typing import Any
from uuid import UUID

from licet_chassis.connection import Connection
from licet_chassis.queries import load_queries
from licet_notifier.facts.model import EnrolmentMail, EnrolmentNotice, Notice, Renewal

QUERIES = load_queries(__package__)


async def keep_notice(conn: Connection, notice: Notice) -> datetime | None:
    """Note what the scheduler announced; returns the latest instant of its term in other notices."""
    latest: datetime | None = await conn.fetchval(
        QUERIES["keep_notice"], notice.event_id, notice.event_name, notice.credential_id, notice.holder_id,
        notice.credential_version, notice.term_id, notice.term_revision, notice.at, notice.notify,
        notice.expires_on, notice.time_zone, notice.step, notice.correlation_id, notice.traceparent,
        notice.next_at,
    )  # fmt: skip
    return latest


async def keep_enrolment_notice(conn: Connection, notice: EnrolmentNotice) -> datetime | None:
    """Note an event of an enrolment; returns the latest instant of other notices of its kind."""
    latest: datetime | None = await conn.fetchval(
        QUERIES["keep_enrolment_notice"], notice.event_id, notice.event_name, notice.mail,
        notice.enrolment_id, notice.enrolment_version, notice.holder_id, notice.at, notice.step,
        _renewal_to_json(notice.renewal), notice.correlation_id, notice.traceparent,
    )  # fmt: skip
    return latest


def notice_of_row(row: Any) -> Notice:
    """Return the notice of a credential that a row holds."""
    return Notice(
        event_id=row["event_id"],
        event_name=row["event_name"],
        credential_id=row["credential_id"],
        holder_id=row["holder_id"],
        credential_version=row["credential_version"],
        term_id=row["term_id"],
        term_revision=row["term_revision"],
        at=row["at"],
        notify=row["notify"],
        expires_on=row["expires_on"],
        time_zone=row["time_zone"],
        step=row["step"],
        correlation_id=row["correlation_id"],
        traceparent=row["traceparent"],
        next_at=row["next_at"],
    )


def enrolment_notice_of_row(row: Any) -> EnrolmentNotice:
    """Return the notice of an enrolment that a row holds."""
    return EnrolmentNotice(
        event_id=row["event_id"],
        event_name=row["event_name"],
        mail=EnrolmentMail(row["mail"]),
        enrolment_id=row["enrolment_id"],
        holder_id=row["holder_id"],
        enrolment_version=row["enrolment_version"],
        at=row["at"],
        step=row["step"],
        renewal=_renewal(row["renewal"]),
        correlation_id=row["correlation_id"],
        traceparent=row["traceparent"],
    )


def _renewal_to_json(renewal: Renewal | None) -> str | None:
    if renewal is None:
        return None
    return json.dumps(
        {
            "term_id": str(renewal.term_id),
            "expires_on": renewal.expires_on.isoformat(),
            "time_zone": renewal.time_zone,
            "start_by": renewal.start_by.isoformat(),
            "components": [[name, start_by.isoformat()] for name, start_by in renewal.components],
            "last_day": renewal.end.expires_on.isoformat(),
            "month": renewal.month,
        }
    )


def _renewal(text: str | None) -> Renewal | None:
    if text is None:
        return None
    kept = json.loads(text)
    return Renewal(
        term_id=UUID(kept["term_id"]),
        expires_on=date.fromisoformat(kept["expires_on"]),
        time_zone=kept["time_zone"],
        start_by=date.fromisoformat(kept["start_by"]),
        components=tuple((name, date.fromisoformat(day)) for name, day in kept["components"]),
        # Kept by builds before, a renewal has neither.
        last_day=date.fromisoformat(kept["last_day"]) if "last_day" in kept else None,
        month=kept.get("month"),
    )
