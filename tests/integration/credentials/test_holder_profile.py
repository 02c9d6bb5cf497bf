"""What is shown of one holder: all credentials with what their records lack, and every change."""

from typing import Any

from .conftest import made


async def test_a_profile_shows_each_credential_with_validity_days_left_and_what_it_lacks(
    http, service, credential, ana
):
    await made(
        http, "credential-types", code="pass", name="Pass", category="license", renewal_evidence="image"
    )
    await made(
        http,
        "credential-types",
        code="check",
        name="Check",
        category="other",
        renewal_evidence="verification",
    )
    await made(http, "credentials", holder_id=ana["id"], type="pass")
    await made(http, "credentials", holder_id=ana["id"], type="check", expires_on="2026-03-11")
    voided = await made(http, "credentials", holder_id=ana["id"], type="licence")
    await made(http, f"credentials/{voided['id']}/void", reason="duplicate")

    answer = await http.get(f"/v1/holders/{ana['id']}/profile")
    assert answer.status_code == 200, answer.text
    body = answer.json()
    assert (body["holder"], body["merged"], body["more"]) == (ana, [], False)
    assert [(each["type"], each["validity"], each["lacks"]) for each in body["credentials"]] == [
        ("licence", "active", []),
        ("pass", "incomplete", ["expiry", "evidence"]),
        ("check", "expiring", ["verification"]),
    ]
    assert [each["days_left"] for each in body["credentials"]] == [121, None, 10]
    assert "days_left" in body["credentials"][0]


async def test_a_profile_shows_no_more_than_its_bound_and_says_so(
    http, service, credential, ana, monkeypatch
):
    await made(http, "credentials", holder_id=ana["id"], type="licence")
    monkeypatch.setattr("licet_credentials.profiles.routes.MOST", 1)
    body = (await http.get(f"/v1/holders/{ana['id']}/profile")).json()
    assert (len(body["credentials"]), body["more"]) == (1, True)


async def test_the_history_of_a_holder_shows_who_changed_what_when_and_why(http, service, ana):
    service.clock.advance(hours=1)
    await http.patch(
        f"/v1/holders/{ana['id']}", json={"team": "blue", "phone": "+49 30 1"}, headers={"If-Match": '"1"'}
    )
    await made(http, f"holders/{ana['id']}/deactivate", reason="left", note="for good")
    await made(http, f"holders/{ana['id']}/reactivate", reason="rehired")

    async def lines(**params: Any) -> Any:
        return (await http.get(f"/v1/holders/{ana['id']}/history", params=params)).json()

    page = await lines(limit=3)
    rest = await lines(cursor=page["next_cursor"])
    told = [
        (line["version"], line["event_type"].split(".")[2], line["changed"], line["reason"], line["note"])
        for line in (*page["items"], *rest["items"])
    ]
    assert told == [
        (1, "registered", [], None, None),
        (2, "updated", ["phone", "team"], None, None),
        (3, "deactivated", ["active"], "left", "for good"),
        (4, "reactivated", ["active"], "rehired", None),
    ]
    assert {line["actor"] for line in page["items"]} != {""}
    assert page["items"][0]["at"] == "2026-03-01T12:00:00Z"
    assert page["items"][1]["at"] == "2026-03-01T13:00:00Z"


async def test_an_unknown_holder_has_neither_profile_nor_history(http):
    for path in ("profile", "history"):
        answer = await http.get(f"/v1/holders/00000000-0000-7000-8000-000000000000/{path}")
        assert answer.status_code == 404
