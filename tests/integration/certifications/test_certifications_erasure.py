"""What certifications keeps of a holder who is erased: nothing, and its keys on the topic end."""

from uuid import UUID

from licet_certifications.app import ACTOR, create_service
from licet_certifications.consumers import FACTS
from licet_chassis.cause import Cause
from licet_chassis.consuming.dispatcher import Dispatcher
from licet_events.eligibility import EligibilityChanged, EligibilityEnded
from licet_events.holders import HolderErased, HolderSnapshot
from support.searching.tables import search_database

from .conftest import credential, event_of, holder

GONE = UUID(int=1)


async def test_every_timeline_of_an_erased_holder_ends_and_nothing_is_kept(service, settings):
    dispatcher = Dispatcher(
        FACTS, service.database, service.runtime.clock, "certifications", create_service(settings).erase
    )

    async def tell(data) -> None:
        async with service.database.transaction(Cause.new(ACTOR)) as tx:
            await dispatcher.dispatch(tx, event_of(data))

    await service.require()
    await service.tell(holder(1), credential(2, 1), holder(3))
    await service.work_off()
    # A change whose timeline is neither computed nor published yet.
    await service.tell(credential(4, 1))
    before = {
        event.data.key for event in await service.published() if isinstance(event.data, EligibilityChanged)
    }
    await tell(HolderErased(holder_id=GONE))
    await tell(HolderSnapshot(holder=holder(1)))
    await service.work_off()
    told = [event.data for event in await service.published()]
    assert {type(data) for data in told} == {EligibilityEnded}
    assert {data.key for data in told} == {key for key in before if key.startswith(str(GONE))}
    async with service.database.reading() as conn:
        # Tombstones on their way say nothing but their keys.
        found = await search_database(conn, [str(GONE)], without=["erased_holders", "outbox"])
        assert [each.where for each in found] == []
        assert await conn.fetchval("select count(*) from outbox where partition_key = $1", str(GONE)) == len(
            told
        )
