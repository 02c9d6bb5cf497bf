"""Audits that recur: one in each period, of what is in scope then."""

from datetime import UTC, date, datetime, timedelta

from integration.certifications.conftest import NOW, credential, event_of, holder, run
from licet_certifications.audit_schedules import commands
from licet_certifications.consumers import apply_instant
from licet_chassis.cause import Cause
from licet_events.schedule import InstantReached

LICENCE = run(date(2026, 1, 1), date(2027, 1, 1))
QUARTERLY = {
    "name": "Quarterly", "rule": "FREQ=MONTHLY;INTERVAL=3;BYMONTHDAY=1;BYHOUR=8",
    "time_zone": "Europe/Berlin",
    "starts_on": "2026-01-01", "due_within_days": 14, "scope": {"teams": ["north"]},
    "sample": {"share": 0.5, "seed": 7},
}  # fmt: skip


async def due(service, schedule, at, now):
    event = InstantReached(
        about="audit_schedule", about_id=schedule["id"], about_version=schedule["version"], instant="due",
        at=at, notify=True,
    )  # fmt: skip
    async with service.database.transaction(Cause.new("service:certifications")) as tx:
        await apply_instant(tx, event_of(event), now)


async def test_each_period_opens_one_audit_and_a_long_rest_one_in_all(service, http):
    await service.tell(
        holder(1, team="north"), *(credential(number, 1, LICENCE) for number in range(11, 19)),
        holder(2, team="south"), credential(21, 2, LICENCE),
    )  # fmt: skip
    made = await http.post("/v1/audit-schedules", json=QUARTERLY)
    assert made.status_code == 201, made.text
    schedule = made.json()
    first = datetime.fromisoformat(schedule["next_at"])
    assert first > NOW or first > datetime.now(UTC)
    assert made.headers["location"] == f"/v1/audit-schedules/{schedule['id']}"

    for _ in range(2):  # the event may be read twice
        await due(service, schedule, first, first + timedelta(minutes=1))
    (audit,) = (await http.get("/v1/audits")).json()["items"]
    assert (audit["schedule_id"], audit["counts"]["items"]) == (schedule["id"], 4)
    assert date.fromisoformat(audit["due_on"]) == first.date() + timedelta(days=14)

    after = (await http.get(f"/v1/audit-schedules/{schedule['id']}")).json()
    assert (after["opened"], after["version"], after["problem"]) == (1, 2, None)
    second = datetime.fromisoformat(after["next_at"])
    assert second > first + timedelta(days=80)
    await due(service, after, second, second + timedelta(days=200))
    audits = (await http.get("/v1/audits")).json()["items"]
    assert len(audits) == 2
    assert [each["sample"]["seed"] for each in audits] == [8, 7]
    later = (await http.get(f"/v1/audit-schedules/{schedule['id']}")).json()
    assert datetime.fromisoformat(later["next_at"]) > second + timedelta(days=200)

    ended = await http.post(f"/v1/audit-schedules/{schedule['id']}/end", headers={"If-Match": '"3"'})
    assert (ended.status_code, ended.json()["next_at"]) == (200, None)
    assert (await http.post(f"/v1/audit-schedules/{schedule['id']}/end")).status_code == 409
    await due(service, later, datetime.fromisoformat(later["next_at"]), second + timedelta(days=400))
    assert len((await http.get("/v1/audits")).json()["items"]) == 2
    async with service.database.transaction(Cause.new("service:certifications")) as tx:
        (snapshot,), _ = await commands.schedule_snapshots(tx.conn, None, 10)
    assert snapshot.audit_schedule.version == 4


async def test_a_period_in_which_nothing_is_in_scope_is_told_and_the_schedule_goes_on(service, http):
    schedule = (await http.post("/v1/audit-schedules", json=QUARTERLY)).json()
    at = datetime.fromisoformat(schedule["next_at"])
    await due(service, schedule, at, at)
    (shown,) = (await http.get("/v1/audit-schedules")).json()["items"]
    assert "nothing to audit" in shown["problem"]
    assert shown["opened"] == 0
    assert shown["next_at"] > schedule["next_at"]
    assert (await http.get("/v1/audits")).json()["items"] == []


async def test_a_rule_that_never_fires_is_refused(http):
    for rule in ("FREQ=QUARTERLY", "FREQ=YEARLY;BYMONTH=2;BYMONTHDAY=30"):
        refused = await http.post("/v1/audit-schedules", json=QUARTERLY | {"rule": rule})
        assert refused.status_code == 422
        assert refused.json()["errors"][0]["pointer"] == "/rule"
    assert (await http.get("/v1/audit-schedules")).json()["items"] == []
