import pytest_asyncio

from licet_chassis.queries import load_queries
from support.mailing.office import open_office


@pytest_asyncio.fixture
async def office(database_url, smtp):
    async with open_office(database_url, smtp.url) as opened:
        yield opened


async def test_due_mails_are_found_by_an_index_not_a_sequential_scan(office):
    async with office.database.reading() as conn:
        await conn.execute(
            """
            insert into notices select gen_random_uuid(), 'licet.credential.expiring.v1', gen_random_uuid(),
                gen_random_uuid(), 1, null, 1, now(), true, now()::date, 'UTC', 30, 'c', null
            from generate_series(1, 20000);
            insert into notifications (id, event_id, credential_id, holder_id, told, channel, role, state,
                reason, not_before, next_try, created_at, updated_at)
            select gen_random_uuid(), event_id, credential_id, holder_id, 'holder', 'email', 'holder',
                case when random() < 0.01 then 'pending' else 'sent' end, 'due', now(), now(), now(), now()
            from notices;
            """
        )
        await conn.execute("analyze notices, notifications")
        query = load_queries("licet_notifier.notifications")["claim_due"]
        now = await conn.fetchval("select now() + interval '1 hour'")
        plan = await conn.fetch(
            "explain "
            + query.replace("$1", "now()").replace("$2", "now()").replace("$3", "8").replace("$4", "null")
        )
    assert now is not None
    text = "\n".join(row[0] for row in plan)
    assert "notifications_pending" in text
    assert "Seq Scan" not in text
