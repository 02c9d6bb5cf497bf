"""What a forecast says beforehand is what is sent when the time has come, with every rule on."""

import random
from collections import Counter
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import timedelta
from uuid import UUID

import pytest_asyncio

from licet_events.civil import local_date, starts_at
from licet_events.credentials import CredentialCreated, FlagKind, FlagState, Origin
from licet_events.holders import HolderRegistered
from licet_events.reminders.decide import decide, next_due
from licet_events.reminders.events import announcements
from licet_events.reminders.model import Timer
from licet_events.reminders.plan import plan_of
from licet_events.schedule import CredentialExpired, CredentialExpiring, CredentialOverdue
from licet_notifier.forecast import routes
from licet_notifier.notifications import store
from licet_notifier.policy.routes import router as policy_router
from licet_notifier.restraint.routes import router as restraint_router
from support.edge.issuer import Issuer
from support.edge.service import client_of, edge_app
from support.mailing.cases import MORNING, ZONE, credential_state, event, expiring, holder_state
from support.mailing.office import open_office

ISSUER = Issuer()
TODAY = local_date(MORNING, ZONE)
END = TODAY + timedelta(days=33)
LADDER = (60, 30, 14, 7, 3, 1, 0, -7)
POLICY = {
    "rules": [
        {
            "event": "credential.expiring", "steps": [30], "tell": ["holder", "manager"],
            "escalate": [{"after_days": 3, "tell": [{"address": "desk@example.org"}]}],
        },
        {"event": "credential.expiring", "steps": [14, 60], "tell": ["holder"]},
        {"event": "credential.overdue", "tell": ["manager", {"address": "desk@example.org"}]},
    ],
    "note": "for a test",
}  # fmt: skip
RESTRAINT = {
    "no_send_days": {"weekdays": ["saturday", "sunday"], "holidays": True},
    "digests": [{"every": "week", "weekday": "tuesday", "recipients": ["manager"]}],
    "urgent_within_days": 3,
    "daily_cap": 1,
}


@pytest_asyncio.fixture
async def office(database_url, smtp):
    async with open_office(database_url, smtp.url) as opened:
        opened.clock.at = MORNING
        yield opened


@asynccontextmanager
async def reader(office, **claims):
    app = edge_app(
        ISSUER, routes.router, restraint_router, policy_router, database=office.database, clock=office.clock
    )
    app.state.post = office.post
    scopes = "notifications:read notifications:write notifications:admin"
    async with client_of(app, ISSUER.token(**({"scope": scopes} | claims))) as client:
        yield client


class Schedule:
    """A scheduler without a database, for the credentials of one office."""

    def __init__(self, states, now):
        self.timers = {
            state.id: Timer(state.id, state.holder_id, state.version, plan_of(state)) for state in states
        }
        for timer in list(self.timers.values()):
            self._decide(timer, now)

    def due(self, now):
        return min(filter(None, (next_due(timer, now) for timer in self.timers.values())), default=None)

    def announce(self, now):
        told = []
        for timer in list(self.timers.values()):
            due = next_due(timer, now)
            if due is not None and due <= now:
                told += self._decide(timer, now)
        kinds = (CredentialExpiring, CredentialExpired, CredentialOverdue)
        return [each for each in told if isinstance(each.data, kinds)]

    def _decide(self, timer, now):
        claim = decide(timer, now)
        self.timers[timer.subject_id] = replace(timer, decided=timer.decided + claim.decisions)
        return announcements(claim, now, now)


async def hire(office):
    """Enter some people with credentials that end on many days; some rest, some have nobody to tell."""
    chance = random.Random(7)  # the same world each time
    managers = [UUID(int=900 + number) for number in range(3)]
    await office.read(
        *(
            HolderRegistered(
                holder=holder_state(one, name=f"Boss {one.int}", email=f"b{one.int}@example.org")
            )
            for one in managers
        )
    )
    states = []
    for number in range(8):
        holder_id = UUID(int=1000 + number)
        holder = holder_state(
            holder_id,
            name=f"Person {number}",
            email=None if number == 5 else f"p{number}@example.org",
            manager_id=managers[number % 3],
            team="north" if number % 2 else "south",
            time_zone=ZONE if number % 4 else "America/New_York",
        )
        await office.read(HolderRegistered(holder=holder))
        end = TODAY + timedelta(days=chance.randrange(20, 50))
        for _ in range(2):
            # Some have two that end on one day, which is more than the cap of a day.
            end = end if number % 2 else TODAY + timedelta(days=chance.randrange(-3, 55))
            state = credential_state(UUID(int=chance.getrandbits(100)), holder_id, end, ladder=LADDER)
            rest = starts_at(TODAY + timedelta(days=chance.randrange(5, 30)), ZONE)
            if number == 3:
                state = state.model_copy(update={"quiet_until": rest})
            if number == 4:
                flag = FlagState(
                    id=UUID(int=chance.getrandbits(100)), kind=FlagKind.SUSPENDED, effective_from=MORNING,
                    until=rest, reason="review", actor="user:boss",
                )  # fmt: skip
                state = state.model_copy(update={"flags": (flag,)})
            if number == 6:
                state = state.model_copy(update={"voided": True})
            states.append(state)
    await office.read(*(CredentialCreated(credential=state, origin=Origin.API) for state in states))
    return states


async def everything(client, path, **query):
    items, cursor = [], None
    while True:
        asked = query | {"limit": 100} | ({"cursor": cursor} if cursor else {})
        answer = await client.get(path, params=asked)
        assert answer.status_code == 200, answer.text
        items += answer.json()["items"]
        cursor = answer.json()["next_cursor"]
        if cursor is None:
            return items


async def test_what_is_foreseen_is_what_is_sent(office, smtp):
    states = await hire(office)
    schedule = Schedule(states, office.clock.at)
    async with reader(office) as client:
        assert (await client.put("/v1/policy", json=POLICY)).status_code in {200, 201}
        assert (await client.put("/v1/restraint", json=RESTRAINT)).status_code == 200
        # Some days go by, so that mails wait, some were sent, and a digest is half full.
        await live(office, schedule, starts_at(TODAY + timedelta(days=6), ZONE) + timedelta(hours=9))
        begin = local_date(office.clock.at, ZONE)
        smtp.messages.clear()
        period = {"from": begin.isoformat(), "to": END.isoformat()}
        items = await everything(client, "/v1/forecast", **period)
        days = await everything(client, "/v1/forecast/days", **period)
    since = office.clock.at
    await live(office, schedule, starts_at(END + timedelta(days=1), ZONE))

    foreseen = Counter(
        (item["at"], item["recipient"], item["credential_id"], item["event"], item["step"], item["digest"])
        for item in items
    )
    sent = Counter(await told_since(office, smtp, since))
    assert foreseen == sent
    assert sum(day["lines"] for day in days) == len(items)
    assert sum(day["mails"] for day in days) == len(smtp.messages)
    events = {item["event"] for item in items}
    assert events == {
        "credential.expiring", "credential.expired", "credential.overdue", "credential.escalated",
    }  # fmt: skip
    assert {item["digest"] for item in items} == {True, False}
    assert {item["role"] for item in items if item["digest"]} == {"holder", "manager"}
    assert "fallback@example.org" in {item["recipient"] for item in items}
    assert len(items) > 30


async def live(office, schedule, until):
    """Turn the clock from one instant at which something is due to the next."""
    while True:
        async with office.database.reading() as conn:
            leaving = await store.next_leaving(conn, office.clock.at)
        due = min(filter(None, (schedule.due(office.clock.at), leaving)), default=None)
        if due is None or due >= until:
            break
        office.clock.at = max(due, office.clock.at)
        told = schedule.announce(office.clock.at)
        if told:
            await office.read(*told)
        await office.deliver()
    office.clock.at = until


async def told_since(office, smtp, since):
    addresses = {mail.message["Message-ID"]: mail.recipient for mail in smtp.messages}
    async with office.database.reading() as conn:
        rows = await conn.fetch(
            """
            select n.*, notice.step from notifications n join notices notice using (event_id)
            where n.state = 'sent' and n.begun_at >= $1
            """,
            since,
        )
    return [
        (
            row["begun_at"].isoformat().replace("+00:00", "Z"), addresses[row["message_id"]],
            str(row["credential_id"]), row["template"].removesuffix(".v1"), row["step"],
            row["digest_id"] is not None,
        )
        for row in rows
    ]  # fmt: skip


async def test_a_narrowed_token_foresees_its_own_people_and_bad_periods_are_refused(office):
    _, licence = await office.employ(team="north")
    await office.employ(team="south", email="sam@example.org")
    await office.read(event(expiring(licence, 90)))
    period = {"from": TODAY.isoformat(), "to": (TODAY + timedelta(days=40)).isoformat()}
    async with reader(office, licet_teams=["south"]) as client:
        items = await everything(client, "/v1/forecast", **period)
        assert {item["recipient"] for item in items} == {"sam@example.org", "max@example.org"}
        assert {item["team"] for item in items} == {"south"}
    async with reader(office) as client:
        by_team = await everything(client, "/v1/forecast/days", by="team", **period)
        assert {day["team"] for day in by_team} == {"north", "south"}
        file = await client.get("/v1/forecast", params=period, headers={"Accept": "text/csv"})
        assert file.text.splitlines()[0].startswith("day,at,recipient,")
        for query, pointer in (
            ({"from": "2027-06-10", "to": "2027-06-01"}, "/to"),
            ({"from": "2027-06-10", "to": "2030-06-01"}, "/to"),
            ({"from": "2040-06-10", "to": "2040-06-11"}, "/to"),
        ):
            refused = await client.get("/v1/forecast", params=query)
            assert refused.status_code == 422
            assert refused.json()["errors"][0]["pointer"] == pointer
        for wrong in ("soon", "9999-12-31", "0001-01-01"):
            for path in ("/v1/forecast", "/v1/forecast/days"):
                assert (await client.get(path, params={"from": wrong})).status_code in {400, 422}
                assert (await client.get(path, params={"to": wrong})).status_code in {400, 422}
        to_sam = await everything(client, "/v1/forecast/days", recipient="Sam@example.org", **period)
        assert {day["recipients"] for day in to_sam} == {1}
