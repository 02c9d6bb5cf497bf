"""Use cases of forecasts: which mails leave in a period, if nothing changes."""

from collections.abc import Mapping, Sequence
from datetime import UTC, date, datetime, time, timedelta
from uuid import UUID

from licet_chassis.cause import Cause
from licet_chassis.database import Database, Transaction
from licet_chassis.errors import Invalid
from licet_chassis.http.principal import Principal
from licet_notifier.forecast import store
from licet_notifier.forecast.model import Foreseen, Settings, foresee, within_caps
from licet_notifier.notifications.model import Deployment
from licet_notifier.policy.store import current_policy
from licet_notifier.restraint.store import lock_restraint

LONGEST = timedelta(days=400)
_AT_ONCE = 500
_ZONES_APART = timedelta(hours=15)
"""A day has begun everywhere so long before it begins in UTC, and ends so long after it."""


async def forecast(
    database: Database,
    cause: Cause,
    *,
    begin: date,
    end: date,
    principal: Principal,
    deployment: Deployment,
    now: datetime,
    credential_id: UUID | None = None,
) -> list[Foreseen]:
    """Return the mails that leave on the days from `begin` to `end`, in order, of whom the token may see.

    Days are those of the recipients. All credentials are followed, a batch in each transaction: a cap counts
    mails about holders whom the token does not see. Of one credential alone, `credential_id`, what others
    bring is left out of account. Raises `Invalid`.
    """
    if end < begin:
        raise Invalid(f"to is {end}, before from, which is {begin}.", pointer="/to")
    if end - begin > LONGEST:
        raise Invalid(f"A forecast is for {LONGEST.days} days at most.", pointer="/to")
    until = datetime.combine(end + timedelta(days=1), time(), UTC) + _ZONES_APART
    if until - now > 2 * LONGEST:
        raise Invalid(f"A forecast goes {LONGEST.days} days into the future at most.", pointer="/to")

    async def read_settings(tx: Transaction) -> Settings:
        restraint = await lock_restraint(tx.conn)
        policy = await current_policy(tx.conn)
        return Settings(deployment, policy, restraint.calendar, restraint.stops)

    settings = await database.run(cause, read_settings)
    mails: list[Foreseen] = []
    after = None
    while True:
        async with database.transaction(cause) as tx:
            if credential_id is None:
                ids = await store.page_credentials(tx.conn, after, now, until, _AT_ONCE)
            else:
                ids = [credential_id]
            known = await store.read_known(tx.conn, ids, settings.policy.needs) if ids else []
        for each in known:
            mails += foresee(each, settings, now, until)
        if len(ids) < _AT_ONCE:
            break
        after = ids[-1]
    begun: Mapping[UUID, Sequence[datetime]] = {}
    if settings.calendar.rules.daily_cap is not None:
        async with database.reading() as conn:
            begun = await store.read_begun(conn, now - timedelta(days=2))
    leaving = within_caps(mails, settings.calendar, begun)
    return [each for each in leaving if begin <= each.day <= end and _may_see(principal, each)]


def _may_see(principal: Principal, mail: Foreseen) -> bool:
    holder = mail.facts.holder
    return principal.may_see(team=holder.team, location=holder.location)
