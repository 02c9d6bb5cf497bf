"""Writing the words of mails: saving, previewing, testing, and the mails that then say them."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import timedelta
from typing import Any

import httpx
import pytest_asyncio

from licet_events.holders import HolderUpdated
from licet_notifier.explaining.routes import router as explaining
from licet_notifier.facts.mails import EVENTS
from licet_notifier.templates.routes import router as templates
from support.edge.issuer import Issuer
from support.edge.service import client_of, edge_app
from support.mailing.cases import expiring, holder_state
from support.mailing.office import Office, open_office

ISSUER = Issuer()
EXPIRING = "/v1/templates/credential.expiring"
GERMAN = {
    "language": "de", "recipient": "holder", "subject": "Noch {{ days_left }} Tage: {{ credential_name }}",
    "text": "Guten Tag {{ recipient_name }}, bis {{ expires_on_words }}.",
    "html": "<p>Guten Tag {{ recipient_name }}, bis {{ expires_on_words }}.</p>",
}  # fmt: skip


@pytest_asyncio.fixture
async def office(database_url, smtp):
    async with open_office(database_url, smtp.url) as opened:
        yield opened


@asynccontextmanager
async def author(office: Office, **claims: Any) -> AsyncIterator[httpx.AsyncClient]:
    app = edge_app(ISSUER, templates, explaining, database=office.database, clock=office.clock)
    app.state.post = office.post
    token = ISSUER.token(**({"scope": "notifications:read notifications:write"} | claims))
    async with client_of(app, token) as client:
        yield client


async def test_the_words_that_were_saved_are_previewed_and_sent(office, smtp):
    holder_id, licence = await office.employ()
    manager_id = None
    async with office.database.reading() as conn:
        manager_id = await conn.fetchval("select manager_id from holders where id = $1", holder_id)
    german = holder_state(holder_id, version=2, manager_id=manager_id, locale="de-AT")
    await office.read(HolderUpdated(holder=german))
    async with author(office) as client:
        saved = await client.put(EXPIRING, json={"variants": [GERMAN], "note": "shorter"})
        assert saved.status_code == 200, saved.text
        assert (saved.json()["version"], saved.json()["note"]) == (1, "shorter")
        assert saved.headers["etag"] == '"1"'
        spaced = GERMAN | {"text": "a\n\n   b\n"}
        kept = await client.put("/v1/templates/credential.expired", json={"variants": [spaced]})
        assert kept.json()["variants"][0]["text"] == spaced["text"]
        asked = {"credential_id": str(licence.id), "recipient": "holder", "language": "de"}
        preview = (await client.post(f"{EXPIRING}/preview", json=asked)).json()
        assert preview["subject"] == "Noch 30 Tage: Forklift licence"
        assert preview["text"] == "Guten Tag Ada Beispiel, bis Mittwoch, 30. Juni 2027."
        assert (preview["variant"], preview["saved"], preview["version"]) == ("de.holder", True, "1")
        assert "its language de serves the locale de" in preview["because"]
        to_manager = (await client.post(f"{EXPIRING}/preview", json=asked | {"recipient": "manager"})).json()
        assert to_manager["saved"] is False
        all_of_them = (
            await client.post(f"{EXPIRING}/preview", json={"every_variant": True, "step": 7})
        ).json()
        labels = [each["variant"] for each in all_of_them["others"]]
        assert labels == ["de.holder", "en", "de", "fr", "es"]

    await office.read(expiring(licence))
    await office.deliver()
    mails = {mail.recipient: mail.message for mail in smtp.messages}
    assert mails["ada@example.org"]["Subject"] == "Noch 30 Tage: Forklift licence"
    assert mails["max@example.org"]["Subject"].startswith("Ends in 30 days")
    versions = {row["told"]: row["template_version"] for row in await office.rows()}
    assert versions["holder"] == "1/de.holder"
    assert versions["manager"].startswith("shipped-")


async def test_every_mail_has_a_preview_and_a_draft_can_be_tried(office):
    async with author(office) as client:
        for event in EVENTS:
            for recipient in ("holder", "manager", "supervisor", "role", "address", "fallback"):
                found = await client.post(f"/v1/templates/{event}/preview", json={"recipient": recipient})
                assert found.status_code == 200, (event, found.text)
                assert found.json()["subject"]
        draft = {"variants": [GERMAN], "language": "de", "step": 1}
        assert (await client.post(f"{EXPIRING}/preview", json=draft)).json()["subject"].startswith("Noch 1 ")
        assert (await client.get(EXPIRING)).json()["version"] == 0
        assert (await client.get("/v1/templates/credential.gone")).status_code == 404
        wrong = await client.post(f"{EXPIRING}/preview", json={"step": -7})
        assert (wrong.status_code, wrong.json()["errors"][0]["pointer"]) == (422, "/step")


async def test_versions_are_compared_and_restored(office):
    async with author(office) as client:
        await client.put(EXPIRING, json={"variants": [GERMAN], "note": "first"})
        again = await client.put(EXPIRING, json={"variants": [GERMAN]})
        assert again.json()["version"] == 1
        await client.put(
            EXPIRING, json={"variants": [GERMAN | {"text": "Kurz."}]}, headers={"If-Match": '"1"'}
        )
        stale = await client.put(EXPIRING, json={"variants": []}, headers={"If-Match": '"1"'})
        assert stale.status_code == 412
        changes = (await client.get(f"{EXPIRING}/comparison?from=1&to=2")).json()["changes"]
        assert [(each["variant"], each["part"]) for each in changes] == [("de.holder", "text")]
        assert "+Kurz." in changes[0]["diff"]
        restored = (await client.post(f"{EXPIRING}/restore", json={"version": 1})).json()
        assert (restored["version"], restored["restored_from"], restored["note"]) == (3, 1, "first")
        listed = (await client.get(f"{EXPIRING}/versions?limit=2")).json()
        assert [each["version"] for each in listed["items"]] == [3, 2]
        summary = (await client.get("/v1/templates")).json()["items"]
        assert [each["event"] for each in summary] == sorted(EVENTS)
        assert (await client.get(f"{EXPIRING}/versions/9")).status_code == 404


WRONG: list[tuple[dict[str, Any], str, str]] = [
    ({"text": "x\n {{ holder_nam }}"}, "/variants/0/text", "line 2, column 5"),
    ({"text": "{% for i in range(10**9) %}x{% endfor %}"}, "/variants/0/text", "line 1, column 4"),
    ({"text": "{% for a in told %}{% for b in told %}" + "x" * 999 + "{% endfor %}{% endfor %}"},
     "/variants/0/text", "characters"),
    ({"subject": "a\r\nBcc: x@y.org"}, "/variants/0/subject", "U+000D"),
    ({"html": "<script>alert(1)</script>"}, "/variants/0/html", "line 1, column 1"),
    ({"recipient": "boss"}, "/variants/0/recipient", ""),
    ({"language": "xx-none"}, "/variants/0/language", ""),
    ({"text": "x" * 70_000}, "/variants/0/text", "longer"),
]  # fmt: skip


async def test_a_template_that_would_fail_is_refused_with_its_place(office):
    async with author(office) as client:
        for changes, pointer, place in WRONG:
            refused = await client.put(EXPIRING, json={"variants": [GERMAN | changes]})
            assert refused.status_code == 422
            errors = refused.json()["errors"]
            assert [each["pointer"] for each in errors] == [pointer]
            assert place in errors[0]["detail"]
            if "line" in errors[0]["detail"]:
                assert errors[0]["line"] >= 1
        twice = await client.put(EXPIRING, json={"variants": [GERMAN, GERMAN]})
        assert twice.json()["errors"][0]["pointer"] == "/variants/1"
        assert (await client.get(EXPIRING)).json()["version"] == 0


async def test_a_test_goes_to_the_author(office, smtp):
    async with author(office, email="author@example.org") as client:
        sent = await client.post(f"{EXPIRING}/test", json={"variants": [GERMAN], "language": "de"})
        assert (sent.json()["to"], sent.json()["outcome"]) == ("author@example.org", "sent")
    async with author(office) as client:
        assert (await client.post(f"{EXPIRING}/test", json={})).status_code == 422
        assert (await client.post(f"{EXPIRING}/test", json={"to": "me@example.org"})).status_code == 200
    async with author(office, scope="notifications:read") as client:
        assert (await client.post(f"{EXPIRING}/test", json={"to": "me@example.org"})).status_code == 403
    assert [mail.recipient for mail in smtp.messages] == ["author@example.org", "me@example.org"]
    assert smtp.messages[0].message["Subject"] == "Noch 30 Tage: Forklift licence"


async def test_words_that_fail_with_real_values_give_way_to_the_shipped_ones(office, smtp):
    _, licence = await office.employ()
    async with author(office) as client:
        fragile = GERMAN | {"language": "en", "text": "{{ 100 // (days_left - 29) }}"}
        assert (await client.put(EXPIRING, json={"variants": [fragile]})).status_code == 200
    await office.read(expiring(licence))
    office.clock.at += timedelta(days=1)
    await office.deliver()
    assert len(smtp.messages) == 2
    assert all(mail.message["Subject"].startswith("Ends in 29 days") for mail in smtp.messages)
    assert all(row["template_version"].startswith("shipped-") for row in await office.rows())
