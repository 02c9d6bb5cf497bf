"""Audits over HTTP: what is in scope, who may attest, and a result that can be checked elsewhere."""

import json
from collections.abc import Sequence
from dataclasses import replace
from datetime import date, timedelta
from typing import Any
from uuid import UUID

import httpx
import jwt
import pytest
from jwt.api_jws import PyJWS

from integration.certifications.conftest import NOW, Certifications, credential, event_of, holder, run
from licet_certifications.app import ACTOR, create_service
from licet_chassis.cause import Cause
from licet_chassis.http.auth import Principal
from licet_events import Event
from licet_events.audits import AuditClosed, AuditOpened
from licet_events.credentials import (
    ChangeCause,
    CredentialCorrected,
    CredentialState,
    CredentialStatusChanged,
    Validity,
)

LICENCE = run(date(2026, 1, 1), date(2027, 1, 1))
DUE = {"due_on": "9999-12-30"}


async def two_teams(service: Certifications) -> None:
    """Two holders in team north with one credential each, one in team south with two."""
    await service.tell(
        holder(1, team="north"), holder(2, team="north", location="BER"), holder(3, team="south"),
        credential(11, 1, LICENCE), credential(12, 2, LICENCE),
        credential(13, 3, LICENCE), credential(14, 3, LICENCE, type="first-aid"),
    )  # fmt: skip


async def opened(http: httpx.AsyncClient, **body: Any) -> dict[str, Any]:
    answer = await http.post("/v1/audits", json={"name": "Q4", **DUE, **body})
    assert answer.status_code == 201, answer.text
    return dict(answer.json())


async def items_of(http: httpx.AsyncClient, audit: dict[str, Any], **query: Any) -> list[dict[str, Any]]:
    answer = await http.get(f"/v1/audits/{audit['id']}/items", params=query)
    assert answer.status_code == 200, answer.text
    return list(answer.json()["items"])


async def attest(
    http: httpx.AsyncClient, audit: dict[str, Any], items: Sequence[dict[str, Any]], **said: Any
) -> list[dict[str, Any]]:
    answer = await http.post(
        f"/v1/audits/{audit['id']}/attestations",
        json={"attestations": [{"item": item["id"], "outcome": "confirmed", **said} for item in items]},
    )
    assert answer.status_code == 200, answer.text
    return list(answer.json()["results"])


async def test_a_scope_takes_in_only_its_teams_and_types(service: Certifications, http: httpx.AsyncClient):
    await two_teams(service)
    north = await opened(http, scope={"teams": ["north"]})
    assert {item["credential_id"] for item in await items_of(http, north)} == {
        str(UUID(int=11)), str(UUID(int=12)),
    }  # fmt: skip
    first_aid = await opened(http, scope={"teams": ["south"], "types": ["first-aid"]})
    assert first_aid["counts"] == {
        "items": 1, "open": 1, "confirmed": 0, "corrected": 0, "not_verifiable": 0,
    }  # fmt: skip


async def test_neither_voided_credentials_nor_those_of_leavers_are_audited(
    service: Certifications, http: httpx.AsyncClient
):
    await service.tell(
        holder(1), holder(2, active=False), credential(11, 1, LICENCE),
        credential(12, 1, LICENCE, voided=True), credential(13, 2, LICENCE),
    )  # fmt: skip
    audit = await opened(http)
    assert [item["credential_id"] for item in await items_of(http, audit)] == [str(UUID(int=11))]


async def test_the_same_seed_samples_the_same_credentials(service: Certifications, http: httpx.AsyncClient):
    await service.tell(holder(1), *(credential(number, 1, LICENCE) for number in range(11, 31)))
    samples = [
        {item["credential_id"] for item in await items_of(http, await opened(http, sample=sample))}
        for sample in ({"share": 0.25, "seed": 7}, {"share": 0.25, "seed": 7}, {"share": 0.25, "seed": 8})
    ]
    assert len(samples[0]) == 5
    assert samples[0] == samples[1] != samples[2]


@pytest.mark.parametrize(
    ("body", "pointer"),
    [
        ({"scope": {"teams": ["nobody"]}}, "/scope"),
        ({"due_on": "2026-01-01"}, "/due_on"),
        ({"time_zone": "Mars/Olympus"}, "/time_zone"),
        ({"sample": {"share": 0, "seed": 1}}, "/sample/share"),
        ({"sample": {"share": 1.1, "seed": 1}}, "/sample/share"),
    ],
)
async def test_an_audit_that_makes_no_sense_is_refused_and_opens_nothing(
    service: Certifications, http: httpx.AsyncClient, body: dict[str, Any], pointer: str
):
    await two_teams(service)
    answer = await http.post("/v1/audits", json={"name": "Q4", **DUE, **body})
    assert answer.status_code == 422
    assert [error["pointer"] for error in answer.json()["errors"]] == [pointer]
    assert (await http.get("/v1/audits")).json()["items"] == []


async def test_people_whose_work_changed_while_their_records_did_not_come_first(
    service: Certifications, http: httpx.AsyncClient
):
    await two_teams(service)
    first = await opened(http)
    assert not any(item["reassigned"] for item in await items_of(http, first))
    await attest(http, first, await items_of(http, first))
    later = service.runtime.clock.now() + timedelta(hours=1)

    def at(data: Any, hours: int = 0) -> Event[Any]:
        return replace(event_of(data), time=later + timedelta(hours=hours))

    await service.tell_batch(
        at(holder(1, 2, team="north", roles=("welder",))), at(holder(3, 2, team="south", location="BER"))
    )
    await service.tell_batch(
        at(with_time_alone(credential(13, 3, LICENCE, version=2))),
        at(by_hand(credential(14, 3, LICENCE, type="first-aid", version=2)), hours=1),
    )
    second = await opened(http)
    flagged = [item["reassigned"] for item in await items_of(http, second)]
    assert flagged == [True, True, False, False]
    assert {item["credential_id"] for item in (await items_of(http, second))[:2]} == {
        str(UUID(int=11)), str(UUID(int=13)),
    }  # fmt: skip


def with_time_alone(state: CredentialState) -> CredentialStatusChanged:
    return CredentialStatusChanged(
        credential=state, from_=Validity.ACTIVE, to=Validity.EXPIRED, effective_at=NOW,
        cause=ChangeCause.AUTOMATIC, reason="expired", actor="service:scheduler",
    )  # fmt: skip


def by_hand(state: CredentialState) -> CredentialCorrected:
    return CredentialCorrected(credential=state, corrected=(), reason="date_wrong")


async def test_each_attestation_is_answered_in_order_and_one_refusal_stops_no_other(
    service: Certifications, http: httpx.AsyncClient
):
    await two_teams(service)
    audit = await opened(http)
    first, second, third, fourth = await items_of(http, audit)
    answer = await http.post(
        f"/v1/audits/{audit['id']}/attestations",
        json={
            "attestations": [
                {"item": first["id"], "outcome": "confirmed"},
                {"item": second["id"], "outcome": "corrected"},
                {"item": third["id"], "outcome": "not_verifiable"},
                {"item": str(UUID(int=99)), "outcome": "confirmed"},
                {"item": fourth["id"], "outcome": "not_verifiable", "note": "The issuer has closed."},
            ]
        },
    )
    results = answer.json()["results"]
    assert [result["recorded"] for result in results] == [True, False, False, False, True]
    assert "has not changed since" in results[1]["problem"]["detail"]
    assert "needs a note" in results[2]["problem"]["detail"]
    assert "There is no item" in results[3]["problem"]["detail"]
    progress = (await http.get(f"/v1/audits/{audit['id']}")).json()["counts"]
    assert progress == {"items": 4, "open": 2, "confirmed": 1, "corrected": 0, "not_verifiable": 1}


async def test_a_correction_counts_once_it_has_arrived(service: Certifications, http: httpx.AsyncClient):
    await service.tell(holder(1), credential(11, 1, LICENCE))
    audit = await opened(http)
    [item] = await items_of(http, audit)
    assert item["corrections"] == f"/v1/credentials/{UUID(int=11)}/corrections"
    [refused] = await attest(http, audit, [item], outcome="corrected")
    assert not refused["recorded"]
    await service.tell(credential(11, 1, run(date(2026, 1, 1), date(2026, 6, 1)), version=2))
    [recorded] = await attest(http, audit, [item], outcome="corrected")
    assert recorded["recorded"]
    [shown] = await items_of(http, audit)
    assert (shown["credential_version"], shown["attested_version"]) == (1, 2)


async def test_an_attestation_is_changed_only_by_who_says_so(
    service: Certifications, http: httpx.AsyncClient
):
    await service.tell(holder(1), credential(11, 1, LICENCE))
    audit = await opened(http)
    [item] = await items_of(http, audit)
    await attest(http, audit, [item])
    [refused] = await attest(http, audit, [item], outcome="not_verifiable", note="Lost.")
    assert "attested as confirmed by user:ada" in refused["problem"]["detail"]
    [replaced] = await attest(http, audit, [item], outcome="not_verifiable", note="Lost.", replace=True)
    assert replaced["recorded"]


async def test_a_narrowed_token_sees_counts_and_attests_only_its_people(
    service: Certifications, http: httpx.AsyncClient, token: Any
):
    await two_teams(service)
    audit = await opened(http)
    everyone = await items_of(http, audit)
    token.principal = Principal(
        "mara", frozenset({"certifications:read", "certifications:write"}), teams=frozenset({"south"})
    )
    mine = await items_of(http, audit)
    assert {item["team"] for item in mine} == {"south"}
    assert (await http.get(f"/v1/audits/{audit['id']}")).json()["counts"]["items"] == 2
    assert (await http.get("/v1/audits")).json()["items"][0]["counts"]["items"] == 2
    others = [item for item in everyone if item["team"] == "north"]
    assert [result["recorded"] for result in await attest(http, audit, [*mine, *others])] == [
        True, True, False, False,
    ]  # fmt: skip
    assert (await http.post("/v1/audits", json={"name": "Mine", **DUE})).status_code == 403
    assert (await http.post(f"/v1/audits/{audit['id']}/close", json={})).status_code == 403


async def test_a_closed_audit_is_signed_so_that_any_change_shows(
    service: Certifications, http: httpx.AsyncClient
):
    await two_teams(service)
    audit = await opened(http, name="Quarter four")
    path = f"/v1/audits/{audit['id']}"
    early = await http.post(f"{path}/close", json={})
    assert early.status_code == 409
    assert "4 of 4 credentials have no attestation yet" in early.json()["detail"]
    assert (await http.get(f"{path}/result")).status_code == 409
    await attest(http, audit, await items_of(http, audit))
    closed = await http.post(f"{path}/close", json={})
    assert closed.status_code == 200, closed.text
    assert closed.json()["counts"]["confirmed"] == 4

    result = await http.get(f"{path}/result")
    assert result.headers["content-type"] == "application/jose"
    [jwk] = (await http.get("/v1/audits/keys")).json()["keys"]
    key = jwt.PyJWK(jwk).key
    payload = json.loads(PyJWS().decode(result.text, key, algorithms=["EdDSA"]))
    assert payload["audit"]["name"] == "Quarter four"
    assert [item["outcome"] for item in payload["items"]] == ["confirmed"] * 4
    header, body, signature = result.text.split(".")
    forged = f"{header}.{body[:-2]}{'A' if body[-2] != 'A' else 'B'}{body[-1]}.{signature}"
    with pytest.raises(jwt.InvalidTokenError):
        PyJWS().decode(forged, key, algorithms=["EdDSA"])

    opened_event, closed_event = (event.data for event in await service.published())
    assert isinstance(opened_event, AuditOpened)
    assert isinstance(closed_event, AuditClosed)
    assert closed_event.audit.version == 2
    assert closed_event.audit.result_sha256 == closed.json()["result_sha256"]


async def test_a_closed_audit_is_final(service: Certifications, http: httpx.AsyncClient):
    await service.tell(holder(1), credential(11, 1, LICENCE))
    audit = await opened(http)
    items = await items_of(http, audit)
    without_reason = await http.post(f"/v1/audits/{audit['id']}/close", json={"incomplete": True})
    assert without_reason.status_code == 422
    closing = {"incomplete": True, "reason": "The office has closed."}
    assert (await http.post(f"/v1/audits/{audit['id']}/close", json=closing)).status_code == 200
    for again in ("close", "attestations"):
        body = closing if again == "close" else {
            "attestations": [{"item": items[0]["id"], "outcome": "confirmed"}]
        }  # fmt: skip
        answer = await http.post(f"/v1/audits/{audit['id']}/{again}", json=body)
        assert answer.status_code == 409
        assert "was closed at" in answer.json()["detail"]


async def test_the_report_is_a_pdf(service: Certifications, http: httpx.AsyncClient):
    await service.tell(holder(1), credential(11, 1, LICENCE), credential(12, 1, LICENCE))
    audit = await opened(http, name="Prüfung Nord")
    [first, _] = await items_of(http, audit)
    await attest(http, audit, [first], outcome="not_verifiable", note="The issuer has closed.")
    report = await http.get(f"/v1/audits/{audit['id']}/report")
    assert report.headers["content-type"] == "application/pdf"
    assert report.content.startswith(b"%PDF-")


async def test_results_of_two_audits_are_signed_with_one_key(
    service: Certifications, http: httpx.AsyncClient
):
    await service.tell(holder(1), credential(11, 1, LICENCE))
    for _ in range(2):
        audit = await opened(http)
        closing = {"incomplete": True, "reason": "Trial."}
        assert (await http.post(f"/v1/audits/{audit['id']}/close", json=closing)).status_code == 200
    assert len((await http.get("/v1/audits/keys")).json()["keys"]) == 1


async def test_items_are_paged_without_loss(service: Certifications, http: httpx.AsyncClient):
    await service.tell(holder(1), *(credential(number, 1, LICENCE) for number in range(11, 18)))
    audit = await opened(http)
    seen: list[str] = []
    cursor: str | None = None
    while True:
        query = {"limit": 3} | ({} if cursor is None else {"cursor": cursor})
        page = (await http.get(f"/v1/audits/{audit['id']}/items", params=query)).json()
        seen += [item["id"] for item in page["items"]]
        cursor = page["next_cursor"]
        if cursor is None:
            break
    assert len(seen) == len(set(seen)) == 7


async def test_an_erased_holder_leaves_only_ids_in_what_was_attested(
    service: Certifications, http: httpx.AsyncClient, settings: Any
):
    await two_teams(service)
    audit = await opened(http)
    items = {item["credential_id"]: item for item in await items_of(http, audit)}
    await attest(http, audit, [items[str(UUID(int=13))]], outcome="not_verifiable", note="Ada lost the card.")
    erase = create_service(settings).erase
    assert erase is not None
    async with service.database.transaction(Cause.new(ACTOR)) as tx:
        await erase(tx, UUID(int=3), NOW)
    left = {item["credential_id"]: item for item in await items_of(http, audit)}
    assert str(UUID(int=14)) not in left
    assert left[str(UUID(int=13))]["note"] is None
    assert left[str(UUID(int=13))]["outcome"] == "not_verifiable"
