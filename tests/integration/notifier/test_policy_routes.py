"""Saying who is told, asking beforehand who is, and the mails that then go to them."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import timedelta
from typing import Any
from uuid import uuid4

import httpx
import pytest_asyncio

from licet_events.catalogue import TeamChanged, TeamState
from licet_events.credentials import CredentialRenewed
from licet_events.holders import HolderRegistered
from licet_notifier.explaining.routes import router as explaining
from licet_notifier.policy.routes import router as policy
from support.edge.issuer import Issuer
from support.edge.service import client_of, edge_app
from support.mailing.cases import CREATED, expired, expiring, holder_state, renewed
from support.mailing.office import Office, open_office

ISSUER = Issuer()
AS_IN_THE_ISSUE = {
    "rules": [
        {"event": "credential.expiring", "steps": [90, 60], "tell": ["holder"]},
        {
            "event": "credential.expired",
            "tell": ["holder", "manager", {"address": "desk@example.org"}],
        },
    ],
    "note": "Managers hear of the end only.",
}


@pytest_asyncio.fixture
async def office(database_url, smtp):
    async with open_office(database_url, smtp.url) as opened:
        yield opened


@asynccontextmanager
async def administrator(office: Office, **claims: Any) -> AsyncIterator[httpx.AsyncClient]:
    app = edge_app(ISSUER, policy, explaining, database=office.database, clock=office.clock)
    app.state.post = office.post
    token = ISSUER.token(**({"scope": "notifications:read notifications:write"} | claims))
    async with client_of(app, token) as client:
        yield client


async def test_a_policy_says_who_gets_mails_and_explains_it_beforehand(office, smtp):
    _, licence = await office.employ()
    async with administrator(office) as client:
        assert (await client.get("/v1/policy")).json()["version"] == 0
        saved = await client.put("/v1/policy", json=AS_IN_THE_ISSUE)
        assert (saved.status_code, saved.json()["version"]) == (200, 1)
        assert saved.json()["rules"] == AS_IN_THE_ISSUE["rules"]
        again = await client.put("/v1/policy", json=AS_IN_THE_ISSUE)
        assert again.json() == saved.json()

        async def explained(**asked: Any) -> tuple[str, list[str]]:
            body = {"credential_id": str(licence.id)} | asked
            found = (await client.post("/v1/policy/explain", json=body)).json()
            return found["rule"], [each["circle"] for each in found["told"] if each["told"]]

        assert await explained(step=60) == ("rule 1", ["holder"])
        assert await explained(step=30) == ("default", ["holder", "manager"])
        assert await explained() == ("rule 2", ["holder", "manager", "address"])
        assert await explained(step=30, draft={"rules": [{"tell": ["manager"]}]}) == ("rule 1", ["manager"])

    await office.read(expired(licence))
    office.clock.at = expired(licence).at + timedelta(hours=12)
    await office.deliver()
    assert sorted(mail.recipient for mail in smtp.messages) == [
        "ada@example.org", "desk@example.org", "max@example.org",
    ]  # fmt: skip
    rows = await office.rows()
    assert {(row["circle"], row["rule"], row["policy_version"]) for row in rows} == {
        ("holder", "rule 2", 1), ("manager", "rule 2", 1), ("address", "rule 2", 1),
    }  # fmt: skip


async def test_versions_are_compared_and_restored_and_a_dry_run_changes_nothing(office):
    _, licence = await office.employ()
    await office.read(expiring(licence))  # two mails wait for the morning
    async with administrator(office) as client:
        tried = await client.put(
            "/v1/policy", json={"rules": [{"type": "forklift", "tell": ["holder"]}], "dry_run": True}
        )
        assert tried.status_code == 200, tried.text
        assert tried.json()["rules"] == [{"rule": "rule 1", "credentials": 1}]
        assert (tried.json()["waiting"], tried.json()["dropped"]) == (2, 1)
        assert (await client.get("/v1/policy")).json()["version"] == 0
        await client.put("/v1/policy", json=AS_IN_THE_ISSUE)
        await client.put("/v1/policy", json={"rules": []}, headers={"If-Match": '"1"'})
        stale = await client.put("/v1/policy", json=AS_IN_THE_ISSUE, headers={"If-Match": '"1"'})
        assert stale.status_code == 412
        changes = (await client.get("/v1/policy/comparison?from=1&to=2")).json()["changes"]
        assert [each["pointer"] for each in changes] == ["/rules/0", "/rules/1"]
        restored = (await client.post("/v1/policy/restore", json={"version": 1})).json()
        assert (restored["version"], restored["restored_from"]) == (3, 1)
        assert restored["rules"] == AS_IN_THE_ISSUE["rules"]
        listed = (await client.get("/v1/policy/versions?limit=2")).json()
        assert [each["version"] for each in listed["items"]] == [3, 2]
        rest = (await client.get(f"/v1/policy/versions?cursor={listed['next_cursor']}")).json()
        assert [each["version"] for each in rest["items"]] == [1]
        assert (await client.post("/v1/policy/restore", json={"version": 9})).status_code == 422


AFTER_A_DAY = {"after_days": 1, "tell": ["manager"]}
WRONG: list[tuple[dict[str, Any], str]] = [
    ({"rules": [{"tell": [{"circle": "a"}]}], "circles": {"a": [{"circle": "a"}]}}, "/circles/a/0"),
    ({"rules": [{"tell": [{"address": "nobody"}]}]}, "/rules/0/tell/0/address"),
    ({"rules": [{"event": "credential.gone", "tell": []}]}, "/rules/0/event"),
    ({"rules": [{"event": "credential.expiring", "steps": [-7], "tell": []}]}, "/rules/0"),
    ({"rules": [{"tell": ["boss"]}]}, "/rules/0/tell/0"),
    ({"rules": [{"teams": ["x"], "tell": []}]}, "/rules/0/teams"),
    ({"rules": [{"event": "credential.expired", "tell": ["deciders"]}]}, "/rules/0"),
    (
        {"rules": [{"event": "enrolment.applied", "tell": [], "escalate": [AFTER_A_DAY]}]},
        "/rules/0",
    ),
]


async def test_a_policy_that_makes_no_sense_is_refused_where_it_does(office):
    async with administrator(office) as client:
        for body, pointer in WRONG:
            refused = await client.put("/v1/policy", json=body)
            assert refused.status_code == 422
            assert pointer in [each["pointer"] for each in refused.json()["errors"]]
        assert (await client.get("/v1/policy")).json()["version"] == 0


async def test_a_token_of_a_team_explains_its_own_people_only_and_sees_no_rules(office):
    _, licence = await office.employ(team="east")
    asked = {"credential_id": str(licence.id), "step": 30}
    async with administrator(office, licet_teams=["east"]) as client:
        assert (await client.post("/v1/policy/explain", json=asked)).status_code == 200
        assert (await client.get("/v1/policy")).status_code == 403
    async with administrator(office, licet_teams=["west"]) as client:
        assert (await client.post("/v1/policy/explain", json=asked)).status_code == 404
    async with administrator(office, scope="notifications:read") as client:
        assert (await client.put("/v1/policy", json=AS_IN_THE_ISSUE)).status_code == 403
        unknown = await client.post("/v1/policy/explain", json={"credential_id": str(uuid4()), "step": 30})
        assert unknown.status_code == 404


async def test_supervisors_are_told_after_a_week_once_and_not_after_a_renewal(office, smtp):
    boss = uuid4()
    team = TeamState(
        code="east", version=1, name="East", supervisor_ids=(boss,), created_at=CREATED, updated_at=CREATED
    )
    await office.read(
        HolderRegistered(holder=holder_state(boss, name="Ida Chefin", email="ida@example.org")),
        TeamChanged(team=team),
    )
    _, idle = await office.employ(team="east")
    _, quick = await office.employ(team="east", email="eva@example.org")
    rule = {"tell": ["holder"], "escalate": [{"after_days": 7, "tell": ["team_supervisors"]}]}
    async with administrator(office) as client:
        assert (await client.put("/v1/policy", json={"rules": [rule]})).status_code == 200
    await office.read(expiring(idle), expiring(quick))
    await office.deliver()
    after = renewed(quick)
    await office.read(
        CredentialRenewed(
            credential=after, term_id=after.terms[1].id, previous_term_id=after.terms[0].id, mode="explicit"
        )
    )
    office.clock.at += timedelta(days=6)
    await office.deliver()
    assert len(smtp.messages) == 2
    office.clock.at += timedelta(days=1)
    await office.read(expiring(idle, step=23))  # the next step comes, with an escalation of its own
    await office.deliver()
    to_boss = [mail for mail in smtp.messages if mail.recipient == "ida@example.org"]
    assert len(to_boss) == 1
    assert "Nobody has acted" in to_boss[0].message["Subject"]
    office.clock.at += timedelta(days=9)
    await office.deliver()
    assert len([mail for mail in smtp.messages if mail.recipient == "ida@example.org"]) == 1
    escalations = await office.rows("after_days = 7")
    assert sorted((row["state"], row["reason"]) for row in escalations) == [
        ("sent", "due"), ("skipped", "renewed"), ("skipped", "repeated"),
    ]  # fmt: skip


async def test_copies_are_one_mail_with_the_others_named(office, smtp):
    _, licence = await office.employ()
    async with administrator(office) as client:
        rule = {"tell": ["holder", "manager"], "delivery": "copies"}
        await client.put("/v1/policy", json={"rules": [rule]})
    await office.read(expiring(licence))
    await office.deliver()
    assert sorted(mail.recipient for mail in smtp.messages) == ["ada@example.org", "max@example.org"]
    for mail in smtp.messages:
        assert "ada@example.org" in mail.message["To"]
        assert "max@example.org" in mail.message["Cc"]
        assert "your Forklift licence" in mail.message.get_body(("plain",)).get_content()
