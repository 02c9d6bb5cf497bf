"""A newer edition of the time zone database: what was derived by the older one is derived again, once."""

from datetime import UTC, datetime

from licet_chassis.rederiving import Rederiving, count_left, read_progress
from licet_credentials.rederiving.commands import CREDENTIALS
from licet_events.credentials import CredentialCorrected
from support.editions import OLD, old_edition

from .conftest import made

BEFORE, AFTER = datetime(2027, 1, 1, 8, tzinfo=UTC), datetime(2027, 1, 1, 7, tzinfo=UTC)


def job(service, size=1):
    return Rederiving((CREDENTIALS,), service.database, service.clock, page_size=size)


async def finish(rederiving):
    steps = 0
    while await rederiving.step():
        steps += 1
    return steps


async def test_instants_are_derived_again_in_every_table_with_one_correction_each(
    http, service, ana, licence
):
    with old_edition():
        assert await finish(job(service)) == 0
        there = [
            await made(
                http, "credentials", holder_id=ana["id"], type="licence", number=f"BC-{number}",
                valid_from="2026-01-01", expires_on="2026-12-31", time_zone="America/Vancouver",
            )
            for number in range(2)
        ]  # fmt: skip
        await made(
            http, "credentials", holder_id=ana["id"], type="licence", number="B-1",
            valid_from="2026-01-01", expires_on="2026-12-31", time_zone="Europe/Berlin",
        )  # fmt: skip
        async with service.database.reading() as conn:
            assert (await read_progress(conn)).edition == OLD
            assert set(await conn.fetch("select distinct expires_at from runs")) >= {(BEFORE,)}
    await service.published()

    rederiving = job(service)
    assert await rederiving.step()  # the first page; then the process ends
    async with service.database.reading() as conn:
        progress = await read_progress(conn)
        assert (progress.edition, progress.done) == (OLD, False)
        assert await count_left(conn, (CREDENTIALS,), progress) == {"credentials": 2}
    await finish(job(service))

    corrections = [event.data for event in await service.published()]
    assert [type(each) for each in corrections] == [CredentialCorrected] * 2
    assert {str(each.credential.id) for each in corrections} == {each["id"] for each in there}
    for each in corrections:
        assert each.reason == "time_zones"
        assert each.credential.runs[0].expires_at == each.credential.terms[0].expires_at == AFTER
        assert each.credential.terms[0].revision == 1
        assert {(field.was, field.now) for field in each.corrected if field.field == "expires_at"} == {
            (BEFORE.isoformat(), AFTER.isoformat())
        }
    async with service.database.reading() as conn:
        for table in ("terms", "runs"):
            rows = await conn.fetch(f"select expires_at from {table}")
            assert sorted(row["expires_at"] for row in rows) == [
                datetime(2026, 12, 31, 23, tzinfo=UTC),
                AFTER,
                AFTER,
            ]
        progress = await read_progress(conn)
        assert progress.done
        assert progress.changed == 2
        assert await count_left(conn, (CREDENTIALS,), progress) == {}
    shown = (await http.get(f"/v1/credentials/{there[0]['id']}")).json()
    assert shown["expires_at"] == "2027-01-01T07:00:00Z"
    assert await finish(job(service)) == 0
    assert await service.published() == []


async def test_a_process_of_an_older_edition_changes_nothing(service):
    await finish(job(service))
    with old_edition():
        assert await finish(job(service)) == 0
    async with service.database.reading() as conn:
        assert (await read_progress(conn)).edition != OLD


async def test_nothing_known_of_the_edition_is_as_an_old_one(service, credential):
    async with service.database.reading() as conn:
        await conn.execute("update terms set expires_at = expires_at + interval '1 hour'")
    await finish(job(service, 200))
    (correction,) = [event.data for event in await service.published()]
    assert correction.credential.terms[0].expires_at == datetime(2026, 6, 30, 22, tzinfo=UTC)
