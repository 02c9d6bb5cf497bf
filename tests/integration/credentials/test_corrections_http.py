"""What a correction can put right beside dates: the type, a flag, a term that was never recorded."""

from datetime import UTC, datetime
from typing import Any
from uuid import UUID

import pytest

from licet_events.credentials import CredentialCorrected, CredentialStatusChanged

from .conftest import NOW, made


async def corrected(http: Any, credential: Any, **body: Any) -> Any:
    return await made(http, f"credentials/{credential['id']}/corrections", reason="misread", **body)


async def refused(http: Any, credential: Any, path: str = "corrections", **body: Any) -> Any:
    answer = await http.post(f"/v1/credentials/{credential['id']}/{path}", json={"reason": "misread", **body})
    assert answer.status_code in {409, 422}, answer.text
    return answer.json()


def fields(event: Any) -> list[tuple[str, str | None, str | None]]:
    assert isinstance(event.data, CredentialCorrected)
    return [(each.field, each.was, each.now) for each in event.data.corrected]


# ── the type ──────────────────────────────────────────────────────────────────────────────────────


@pytest.fixture
async def crane(http: Any) -> Any:
    return await made(
        http, "credential-types", code="crane", name="Crane licence", category="certification",
        validity={"months": 12}, ladder=[150, 0], grace_days=14, aliases=["tower-crane"],
    )  # fmt: skip


@pytest.mark.parametrize("named", ["crane", "tower-crane"])
async def test_a_corrected_type_brings_its_category_ladder_grace_and_name(
    http, service, credential, crane, named
):
    body = await corrected(http, credential, type=named)
    assert (body["type"], body["category"], body["name"]) == ("crane", "certification", "Crane licence")
    assert (body["ladder"], body["grace_days"]) == ([150, 0], 14)
    assert body["validity"] == "expiring"  # 121 days before the end, its ladder begins at 150
    _, told, changed = await service.published()
    assert fields(told) == [("type", "licence", "crane")]
    assert (changed.data.from_, changed.data.to, changed.data.reason) == ("active", "expiring", "corrected")


async def test_a_custom_ladder_and_name_survive_a_corrected_type(http, service, credential, crane):
    path = f"/v1/credentials/{credential['id']}"
    await http.patch(path, json={"ladder": [10], "name": "Ana's"}, headers={"If-Match": '"1"'})
    body = await corrected(http, credential, type="crane")
    assert (body["ladder"], body["name"]) == ([10], "Ana's")


async def test_a_corrected_type_requires_a_number_unique_in_it(http, credential, crane, ana):
    other = await made(http, "credentials", holder_id=ana["id"], type="crane", number="A-1")
    problem = await refused(http, credential, type="crane")
    assert other["id"] in problem["detail"]


async def test_an_unknown_or_retired_type_is_refused_and_so_is_the_same(http, service, credential, crane):
    assert "There is no credential type" in (await refused(http, credential, type="nothing"))["detail"]
    answer = await http.patch(
        "/v1/credential-types/crane", json={"retired": True}, headers={"If-Match": f'"{crane["version"]}"'}
    )
    assert answer.status_code == 200, answer.text
    assert "retired" in (await refused(http, credential, type="crane"))["detail"]
    assert "Nothing differs" in (await refused(http, credential, type="licence"))["detail"]


async def test_attributes_must_fit_the_corrected_type(http, service, credential):
    await made(
        http, "credential-types", code="lorry", name="Lorry", category="license",
        attributes=[{"name": "class", "kind": "choice", "options": ["C", "CE"], "required": True}],
    )  # fmt: skip
    assert (await refused(http, credential, type="lorry"))["errors"][0]["pointer"] == "/attributes/class"
    await service.published()
    body = await corrected(http, credential, type="lorry", attributes={"class": "CE"})
    assert body["attributes"] == {"class": "CE"}
    [told] = await service.published()
    assert [each[0] for each in fields(told)] == ["type", "attributes"]
    # Of the type that it has, attributes are no matter of a correction.
    assert "PATCH" in (await refused(http, credential, attributes={"class": "C"}))["detail"]


# ── flags ─────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("act", ["revoke", "surrender", "suspend"])
async def test_undoing_a_wrong_flag_announces_validity_once(http, service, credential, act):
    flagged = await made(http, f"credentials/{credential['id']}/{act}", reason="mistake")
    [flag] = flagged["flags"]
    await service.published()
    body = await corrected(http, credential, flag_id=flag["id"], undo_flag=True)
    assert body["validity"] == "active"
    assert [each["until"] for each in body["flags"]] == [flag["effective_from"]]
    told, changed = await service.published()
    assert fields(told) == [("flag", flag["kind"], None)]
    assert told.data.flag_id == UUID(flag["id"])
    assert isinstance(changed.data, CredentialStatusChanged)
    assert (changed.data.from_, changed.data.to) == (flag["kind"], "active")
    # It takes commands again, and the flag can't be undone twice.
    await made(http, f"credentials/{credential['id']}/renewals")
    assert (
        "is already undone" in (await refused(http, credential, flag_id=flag["id"], undo_flag=True))["detail"]
    )


async def test_a_credential_that_expired_under_an_undone_flag_is_announced_as_expired_once(
    http, service, credential
):
    flagged = await made(http, f"credentials/{credential['id']}/revoke", reason="mistake")
    service.clock.advance(days=200)
    await service.published()
    body = await corrected(http, credential, flag_id=flagged["flags"][0]["id"], undo_flag=True)
    assert body["validity"] == "expired"
    assert await service.told() == ["credential.corrected", "credential.status_changed"]


async def test_a_wrong_start_of_a_flag_is_corrected(http, service, credential):
    flagged = await made(http, f"credentials/{credential['id']}/revoke", reason="fraud")
    [flag] = flagged["flags"]
    await service.published()
    body = await corrected(http, credential, flag_id=flag["id"], effective_from="2026-04-01")
    assert (body["validity"], body["flags"][0]["effective_from"]) == ("active", "2026-03-31T22:00:00Z")
    told, changed = await service.published()
    assert fields(told) == [("effective_from", NOW.isoformat(), "2026-03-31T22:00:00+00:00")]
    assert (changed.data.from_, changed.data.to) == ("revoked", "active")
    service.clock.advance(days=60)
    await corrected(http, credential, expires_on="2026-07-31")
    [changed, told] = await service.published()
    assert (changed.data.to, changed.data.effective_at, changed.data.reason) == (
        "revoked", datetime(2026, 3, 31, 22, tzinfo=UTC), "fraud",
    )  # fmt: skip


@pytest.mark.parametrize(
    ("body", "says"),
    [
        ({"flag_id": str(UUID(int=4)), "undo_flag": True}, "no flag"),
        ({"undo_flag": True}, "which flag"),
        ({"effective_from": "2026-04-01"}, "which flag"),
        ({"flag_id": "the flag", "until": "2026-04-01"}, "final"),
        ({"flag_id": "the flag", "undo_flag": True, "effective_from": "2026-04-01"}, "no dates"),
        ({"flag_id": "the flag"}, "Nothing differs"),
    ],
)
async def test_a_correction_of_a_flag_that_makes_no_sense_is_refused(http, service, credential, body, says):
    flagged = await made(http, f"credentials/{credential['id']}/revoke", reason="fraud")
    if body.get("flag_id") == "the flag":
        body = {**body, "flag_id": flagged["flags"][0]["id"]}
    await service.published()
    assert says in (await refused(http, credential, **body))["detail"]
    assert await service.told() == []


# ── terms ─────────────────────────────────────────────────────────────────────────────────────────


async def test_a_term_that_was_missing_is_recorded_without_a_renewal(http, service, credential):
    answer = await http.post(
        f"/v1/credentials/{credential['id']}/terms",
        json={"valid_from": "2024-01-01", "expires_on": "2024-12-31", "reason": "found_in_archive"},
        headers={"If-Match": '"1"'},
    )
    assert answer.status_code == 201, answer.text
    [told] = await service.published()
    assert fields(told) == [
        ("valid_from", None, "2024-01-01"), ("expires_on", None, "2024-12-31"), ("expiry", None, "dated"),
        ("time_zone", None, "Europe/Berlin"),
    ]  # fmt: skip
    assert told.data.reason == "found_in_archive"
    assert [str(run.expires_on) for run in told.data.credential.runs] == ["2024-12-31", "2026-06-30"]
    assert told.data.term_id in {term.id for term in told.data.credential.terms}


async def test_a_missing_term_that_makes_the_credential_valid_is_announced_once(http, service, ana, licence):
    body = await made(
        http, "credentials", holder_id=ana["id"], type="licence", valid_from="2026-09-01",
        expires_on="2026-12-31",
    )  # fmt: skip
    assert body["validity"] == "pending"
    await service.published()
    body = await made(
        http, f"credentials/{body['id']}/terms", valid_from="2026-01-01", expires_on="2026-06-30",
        reason="late_paper",
    )  # fmt: skip
    assert (body["validity"], body["expires_on"]) == ("active", "2026-06-30")
    _, changed = await service.published()
    assert (changed.data.from_, changed.data.to, changed.data.cause) == ("pending", "active", "manual")


@pytest.mark.parametrize(
    ("body", "says"),
    [
        ({"valid_from": "2026-07-01", "expires_on": "2026-12-31"}, "renewal"),
        ({"valid_from": "2026-02-01", "expires_on": "2026-05-31"}, "must end later"),
        ({"valid_from": "2026-01-01", "expires_on": "2026-06-30"}, "later than"),
        ({"valid_from": "2025-01-01", "expires_on": "2026-06-30"}, "must end later"),
        ({"valid_from": "2024-12-31", "expires_on": "2024-01-01"}, "before valid_from"),
        ({"valid_from": "2024-12-31", "expiry": "never"}, "never ends"),
    ],
)
async def test_a_missing_term_has_to_fit_between_its_neighbours(http, service, credential, body, says):
    assert says in (await refused(http, credential, "terms", **body))["detail"]
    assert await service.told() == []


async def test_a_corrected_term_has_to_fit_between_its_neighbours(http, service, credential):
    renewed = await made(http, f"credentials/{credential['id']}/renewals")  # 1 July 2026 to 30 June 2027
    first, last = credential["term"]["id"], renewed["term"]["id"]
    await service.published()
    for term, dates, says in [
        (last, {"expires_on": "2026-06-30", "valid_from": "2026-02-01"}, "must end later"),
        (last, {"valid_from": "2026-01-01"}, "must start later"),
        (first, {"expires_on": "2027-06-30"}, "must end later"),
        (first, {"expiry": "never"}, "never ends"),
    ]:
        assert says in (await refused(http, credential, term_id=term, **dates))["detail"]
    assert await service.told() == []
    # They may overlap, and a gap may open between them.
    body = await corrected(http, credential, term_id=first, expires_on="2026-07-15")
    assert body["expires_on"] == "2027-06-30"
    body = await corrected(http, credential, term_id=first, expires_on="2026-05-31")
    assert body["expires_on"] == "2026-05-31"


@pytest.mark.parametrize(
    ("expiry", "validity"), [("unknown", "incomplete"), ("never", "active"), ("dated", None)]
)
async def test_expiry_may_become_unknown_or_never_and_dated_again(
    http, service, credential, expiry, validity
):
    if validity is None:
        assert "Nothing differs" in (await refused(http, credential, expiry=expiry))["detail"]
        return
    body = await corrected(http, credential, expiry=expiry)
    assert (body["expiry"], body["expires_on"], body["validity"]) == (expiry, None, validity)
    body = await corrected(http, credential, expires_on="2026-03-15")
    assert (body["expiry"], body["validity"]) == ("dated", "expiring")
    terms = (await http.get(f"/v1/credentials/{credential['id']}/terms")).json()["items"]
    assert [term["expiry"] for term in terms] == ["dated", expiry, "dated"]


async def test_a_term_that_should_never_have_been_recorded_is_withdrawn_and_stays_readable(
    http, service, credential
):
    renewed = await made(http, f"credentials/{credential['id']}/renewals")
    wrong = renewed["term"]
    service.clock.advance(days=150)  # the first term has ended, the renewal goes on
    await made(http, f"credentials/{credential['id']}/suspend", reason="look", until="2026-08-01")
    await service.published()
    before = service.clock.now()
    service.clock.advance(hours=1)
    body = await corrected(http, credential, term_id=wrong["id"], withdraw_term=True)
    assert (body["expires_on"], body["term"]["id"]) == ("2026-06-30", credential["term"]["id"])
    told, *_ = await service.published()
    assert fields(told) == [
        ("valid_from", "2026-07-01", None), ("expires_on", "2027-06-30", None), ("expiry", "dated", None),
        ("time_zone", "Europe/Berlin", None),
    ]  # fmt: skip
    assert told.data.term_id == UUID(wrong["id"])
    shown = (await http.get(f"/v1/credentials/{credential['id']}")).json()
    assert shown["expires_on"] == "2026-06-30"
    first, last = (await http.get(f"/v1/credentials/{credential['id']}/terms")).json()["items"]
    assert (first["known_until"], last["known_until"]) == (
        None,
        service.clock.now().isoformat().replace("+00:00", "Z"),
    )
    path = f"/v1/holders/{credential['holder_id']}/credentials"
    held = (await http.get(path, params={"on": "2026-09-01"})).json()["items"]
    believed = (await http.get(path, params={"on": "2026-09-01", "known_at": before.isoformat()})).json()[
        "items"
    ]
    assert (held, [each["term"]["id"] for each in believed]) == ([], [wrong["id"]])
    # The renewal that was right is recorded as if the wrong one had never been.
    body = await made(http, f"credentials/{credential['id']}/renewals", expires_on="2026-12-31")
    assert body["expires_on"] == "2026-12-31"


async def test_a_term_that_something_depends_on_is_not_withdrawn(http, service, credential):
    first = credential["term"]["id"]
    only = await refused(http, credential, term_id=first, withdraw_term=True)
    assert "only term" in only["detail"]
    renewed = await made(http, f"credentials/{credential['id']}/renewals")
    followed = await refused(http, credential, term_id=first, withdraw_term=True)
    assert "Another term renewed it" in followed["detail"]
    last = renewed["term"]["id"]
    assert "which term" in (await refused(http, credential, withdraw_term=True))["detail"]
    dated = await refused(http, credential, term_id=last, withdraw_term=True, expires_on="2028-01-01")
    assert "no dates" in dated["detail"]
    await made(
        http, f"credentials/{credential['id']}/verifications", source="register", result="confirmed",
        term_id=last,
    )  # fmt: skip
    await service.published()
    checked = await refused(http, credential, term_id=last, withdraw_term=True)
    assert "A check of it" in checked["detail"]
    assert await service.told() == []
