"""What the scheduler keeps of a holder who is erased: nothing."""

from datetime import UTC, date, datetime

from licet_chassis.cause import Cause
from licet_chassis.clock import BusinessClock
from licet_chassis.consuming.dispatcher import Dispatcher
from licet_events import Event, EventData
from licet_events.credentials import CredentialCreated, Origin
from licet_events.holders import HolderErased
from licet_scheduler.app import create_service
from licet_scheduler.consumers import STATES
from licet_scheduler.settings import SchedulerSettings
from support.scheduling.database import ENTRY, Scheduler
from support.scheduling.states import credential, holder, named, term
from support.searching.tables import search_database

DAY_ONE = datetime(2026, 9, 2, 9, tzinfo=UTC)


async def test_nothing_of_an_erased_holder_is_kept_or_stored_again(scheduler: Scheduler) -> None:
    state = credential(
        term("first", date(2026, 9, 2), date(2026, 12, 31), recorded_at=ENTRY), created_at=ENTRY
    )
    settings = SchedulerSettings(database_url=scheduler.url, kafka_url="x:1", issuer_url="http://x")
    erase = create_service(settings).erase
    dispatcher = Dispatcher(STATES, scheduler.database, BusinessClock(movable=False), "scheduler", erase)
    await scheduler.apply_holders(holder())
    await scheduler.learn(state)
    await scheduler.decide(DAY_ONE)
    assert await scheduler.rows("select 1 from decisions")

    async def tell(data: EventData) -> None:
        event = Event.of(data, source="/t", time=ENTRY, recorded_time=ENTRY, correlation_id="c")
        async with scheduler.database.transaction(Cause.new("test")) as tx:
            await dispatcher.dispatch(tx, event)

    await tell(HolderErased(holder_id=state.holder_id))
    await tell(CredentialCreated(credential=state, origin=Origin.API))
    async with scheduler.database.reading() as conn:
        found = await search_database(
            conn, [str(state.holder_id), str(named("credential"))], without=["erased_holders"]
        )
        assert [found.where for found in found] == []
        assert await conn.fetchval("select count(*) from erased_holders") == 1
    assert await scheduler.decide(DAY_ONE) == 0
