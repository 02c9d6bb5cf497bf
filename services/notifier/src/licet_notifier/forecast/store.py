"""What a forecast rests on, in the database."""

from collections.abc import Collection, Mapping, Sequence
from datetime import datetime
from uuid import UUID

from licet_chassis.connection import Connection
from licet_chassis.queries import load_queries
from licet_events.notifications import RecipientRole
from licet_notifier.facts.model import Needs, Notice
from licet_notifier.facts.store import day_number, read_known_of, read_plans
from licet_notifier.forecast.model import Known, Waiting
from licet_notifier.notifications.model import Decision
from licet_notifier.notifications.notices import notice_of_row

QUERIES = load_queries(__package__)


async def page_credentials(
    conn: Connection, after: UUID | None, now: datetime, until: datetime, limit: int
) -> Sequence[UUID]:
    """Return credentials about which a mail may leave until then, in order of ids."""
    rows = await conn.fetch(QUERIES["page_credentials"], after, day_number(now), day_number(until), limit)
    return [row["id"] for row in rows]


async def read_known(conn: Connection, credential_ids: Collection[UUID], needs: Needs) -> Sequence[Known]:
    """Return what is known of credentials whose holders are known."""
    facts = await read_known_of(conn, credential_ids, needs)
    plans = await read_plans(conn, credential_ids)
    ids = sorted(credential_ids)
    notices: dict[UUID, list[Notice]] = {}
    by_event: dict[UUID, Notice] = {}
    for row in await conn.fetch(QUERIES["read_notices"], ids):
        notice = by_event[row["event_id"]] = notice_of_row(row)
        notices.setdefault(notice.credential_id, []).append(notice)
    waiting: dict[UUID, list[Waiting]] = {}
    for row in await conn.fetch(QUERIES["read_waiting"], ids):
        notice = by_event[row["event_id"]]
        decision = Decision(
            RecipientRole(row["told"]),
            RecipientRole(row["role"]),
            decider_id=row["decider_id"],
            circle=row["circle"],
            fixed_address=row["fixed_address"],
            after_days=row["after_days"],
            digest_id=row["digest_id"],
        )
        waiting.setdefault(notice.credential_id, []).append(Waiting(notice, decision, row["at"], row["id"]))
    escalated: dict[UUID, dict[UUID | None, frozenset[str]]] = {}
    for row in await conn.fetch(QUERIES["read_escalated"], ids):
        of_term = escalated.setdefault(row["credential_id"], {})
        of_term[row["term_id"]] = of_term.get(row["term_id"], frozenset()) | {row["recipient"]}
    return [
        Known(
            facts.facts_about(each),
            plans.get(each),
            notices.get(each, ()),
            waiting.get(each, ()),
            escalated.get(each, {}),
        )
        for each, credential in facts.credentials.items()
        if credential.holder_id in facts.holders
    ]


async def read_begun(conn: Connection, since: datetime) -> Mapping[UUID, Sequence[datetime]]:
    """Return when mails were begun alone to each person since an instant."""
    found: dict[UUID, list[datetime]] = {}
    for row in await conn.fetch(QUERIES["read_begun"], since):
        found.setdefault(row["recipient_id"], []).append(row["begun_at"])
    return found
