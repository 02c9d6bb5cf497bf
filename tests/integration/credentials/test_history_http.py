"""Who held what on which day, by what is known today and by what was known then."""

from typing import Any

from .conftest import NOW, made


async def on(http: Any, holder: dict[str, Any], day: str, **query: str) -> list[dict[str, Any]]:
    answer = await http.get(f"/v1/holders/{holder['id']}/credentials", params={"on": day, **query})
    assert answer.status_code == 200, answer.text
    items: list[dict[str, Any]] = answer.json()["items"]
    return items


async def test_a_credential_was_held_on_the_days_that_a_term_covers(http, ana, credential):
    first, last = await on(http, ana, "2026-01-01"), await on(http, ana, "2026-06-30")
    assert [each["credential_id"] for each in (*first, *last)] == [credential["id"]] * 2
    assert (first[0]["validity"], last[0]["validity"]) == ("active", "expiring")
    assert (first[0]["valid_from"], first[0]["expires_on"]) == ("2026-01-01", "2026-06-30")
    assert await on(http, ana, "2025-12-31") == []
    assert await on(http, ana, "2026-07-01") == []


async def test_a_day_in_a_gap_between_terms_was_not_covered(http, ana, service):
    await made(http, "credential-types", code="t", name="T", category="license")
    path = (await made(http, "credentials", holder_id=ana["id"], type="t", valid_from="2026-01-01",
                       expires_on="2026-01-31"))["id"]  # fmt: skip
    service.clock.advance(days=30)
    await made(http, f"credentials/{path}/renewals", valid_from="2026-03-01", expires_on="2026-12-31")
    assert await on(http, ana, "2026-02-15") == []
    assert len(await on(http, ana, "2026-01-31")) == len(await on(http, ana, "2026-03-01")) == 1


async def test_a_correction_changes_todays_answer_and_not_what_was_known_then(http, ana, service, credential):
    service.clock.advance(days=1)
    path = f"/v1/credentials/{credential['id']}/corrections"
    answer = await http.post(path, json={"expires_on": "2026-02-28", "reason": "misread"})
    assert answer.status_code == 200, answer.text
    assert await on(http, ana, "2026-03-01") == []
    [then] = await on(http, ana, "2026-03-01", known_at=NOW.isoformat())
    assert (then["expires_on"], then["validity"]) == ("2026-06-30", "active")
    assert await on(http, ana, "2026-03-01", known_at="2026-02-01T00:00:00Z") == []


async def test_a_suspension_that_ended_early_was_in_force_as_known_then(http, ana, service, credential):
    base = f"credentials/{credential['id']}"
    await made(http, f"{base}/suspend", reason="not_paid", until="2026-03-31")
    suspended = service.clock.now()
    service.clock.advance(days=1)
    await made(http, f"{base}/reinstate", reason="paid")
    [today] = await on(http, ana, "2026-03-15")
    [then] = await on(http, ana, "2026-03-15", known_at=suspended.isoformat())
    assert (today["validity"], then["validity"]) == ("active", "suspended")
    [that_day] = await on(http, ana, "2026-03-01")
    assert that_day["validity"] == "active"
    assert [(change["validity"], change["reason"]) for change in that_day["changes"]] == [
        ("suspended", "not_paid")
    ]


async def test_a_voided_credential_was_held_only_as_known_before_voiding(http, ana, service, credential):
    recorded = service.clock.now()
    service.clock.advance(days=1)
    await made(http, f"credentials/{credential['id']}/void", reason="entered_twice")
    assert await on(http, ana, "2026-03-01") == []
    assert len(await on(http, ana, "2026-03-01", known_at=recorded.isoformat())) == 1


async def test_pages_of_held_credentials_end(http, ana):
    await made(http, "credential-types", code="t", name="T", category="license", number_unique="none")
    for number in range(5):
        ends = f"2026-0{number + 3}-28"
        await made(http, "credentials", holder_id=ana["id"], type="t", expires_on=ends, another=True)
    seen, cursor = [], None
    while True:
        query = {"on": "2026-04-15", "limit": "2", **({"cursor": cursor} if cursor else {})}
        page = (await http.get(f"/v1/holders/{ana['id']}/credentials", params=query)).json()
        seen += [each["expires_on"] for each in page["items"]]
        cursor = page["next_cursor"]
        if cursor is None:
            break
    assert seen == ["2026-04-28", "2026-05-28", "2026-06-28", "2026-07-28"]


async def test_a_holder_nobody_knows_has_no_history(http):
    answer = await http.get("/v1/holders/01920000-0000-7000-8000-000000000000/credentials")
    assert answer.status_code == 404
