"""An award of a programme issues or renews a credential once, whatever tells of it and how often."""

from datetime import UTC, date, datetime, timedelta
from typing import Any
from uuid import UUID, uuid4

import pytest

from licet_chassis.cause import Cause
from licet_chassis.consuming import Effect, MissingPrerequisite
from licet_events import Event
from licet_events.enrolments import (
    AwardRefused,
    AwardState,
    CertificationAwarded,
    EnrolmentKind,
    EnrolmentSnapshot,
    EnrolmentStage,
    EnrolmentState,
    EnrolmentStatus,
)

from .conftest import AWARDS, NOW, made

CAUSE = Cause.new("service:credentials")


def award(holder: Any, credential: Any = None, *, type: str = "licence", **facts: Any) -> AwardState:
    enrolment_id = uuid4()
    return AwardState(
        **{
            "id": AwardState.id_of(enrolment_id),
            "enrolment_id": enrolment_id,
            "holder_id": UUID(holder["id"]),
            "credential_type": type,
            "completed_on": date(2026, 2, 20),
            "time_zone": "Europe/Berlin",
            "credential_id": None if credential is None else UUID(credential["id"]),
            "awarded_at": NOW - timedelta(minutes=1),
        }
        | facts
    )


def enrolment(awarded: AwardState | None, holder_id: UUID) -> EnrolmentState:
    return EnrolmentState(
        id=uuid4() if awarded is None else awarded.enrolment_id, version=5, holder_id=holder_id,
        programme="lifting", programme_version=1, kind=EnrolmentKind.FIRST, stage=EnrolmentStage.COMPLETED,
        status=EnrolmentStatus.ADMIN_REVIEW, award=awarded, opened_at=NOW, opened_by="user:x",
        created_at=NOW, updated_at=NOW,
    )  # fmt: skip


def event_of(awarded: AwardState) -> Event[CertificationAwarded]:
    data = CertificationAwarded(enrolment=enrolment(awarded, awarded.holder_id), award=awarded)
    return Event.of(data, source="/licet/certifications", time=NOW, recorded_time=NOW, correlation_id="c")


async def tell(service: Any, awarded: AwardState) -> None:
    await service.tell(CertificationAwarded(enrolment=enrolment(awarded, awarded.holder_id), award=awarded))


async def snapshot(service: Any, awarded: AwardState | None, holder_id: UUID) -> None:
    await service.tell(EnrolmentSnapshot(enrolment=enrolment(awarded, holder_id)))


async def decided(http: Any, awarded: AwardState) -> Any:
    (found,) = (await http.get("/v1/awards", params={"id": str(awarded.id)})).json()["items"]
    return found


async def refused(http: Any, service: Any, awarded: AwardState) -> str:
    """Let the service read an award; return why it refused it, having changed nothing."""
    before = await service.count("terms")
    await tell(service, awarded)
    (told,) = [event.data for event in await service.published()]
    assert isinstance(told, AwardRefused)
    assert await service.count("terms") == before
    found = await decided(http, awarded)
    assert (told.refusal.award_id, told.refusal.reason) == (awarded.id, found["reason"])
    assert (found["outcome"], found["term_id"]) == ("refused", None)
    return str(found["reason"])


async def test_an_award_issues_a_credential_from_the_day_of_completion(http, service, ana, licence):
    await service.published()
    awarded = award(ana)
    await tell(service, awarded)
    (created,) = [event.data for event in await service.published()]
    assert created.event_type == "licet.credential.created.v1"
    assert (created.origin, created.credential.holder_id) == ("programme", UUID(ana["id"]))
    (term,) = created.credential.terms
    assert (term.valid_from, term.expires_on) == (date(2026, 2, 20), date(2027, 2, 20))
    assert term.award_id == awarded.id
    found = await decided(http, awarded)
    assert (found["outcome"], found["credential_id"], found["term_id"]) == (
        "issued", str(created.credential.id), str(term.id),
    )  # fmt: skip


async def test_the_day_of_completion_is_that_of_the_holders_location(http, service, ana, licence):
    answer = await http.put("/v1/locations/TYO", json={"name": "Tokyo", "time_zone": "Asia/Tokyo"})
    assert answer.status_code == 201, answer.text
    entry = await http.get(f"/v1/holders/{ana['id']}")
    await http.patch(
        f"/v1/holders/{ana['id']}", json={"location": "TYO"}, headers={"If-Match": entry.headers["ETag"]}
    )
    await service.published()
    await tell(service, award(ana, completed_at=datetime(2026, 2, 20, 22, 30, tzinfo=UTC)))
    (created,) = [event.data for event in await service.published()]
    assert created.credential.terms[0].valid_from == date(2026, 2, 21)


async def test_repetitions_and_snapshots_of_an_award_issue_nothing_more(http, service, ana, licence):
    awarded = award(ana)
    await tell(service, awarded)
    await service.published()
    await tell(service, awarded)
    await snapshot(service, awarded, awarded.holder_id)
    assert await service.told() == []
    assert await service.count("credentials") == 1


async def test_a_lost_award_is_processed_from_the_snapshot_of_its_enrolment(http, service, ana, licence):
    await service.published()
    await snapshot(service, None, UUID(ana["id"]))
    assert await service.told() == []
    awarded = award(ana)
    await snapshot(service, awarded, awarded.holder_id)
    assert await service.told() == ["credential.created"]


async def test_an_award_renews_by_the_rules_of_the_type_with_the_completion_as_evidence(http, service, ana):
    await made(
        http, "credential-types", code="licence", name="Licence", category="license", ladder=[30, 0],
        validity={"months": 12}, renewal_window_days=10, renewal_basis="from_expiry",
        renewal_evidence="image",
    )  # fmt: skip
    old = await made(
        http, "credentials", holder_id=ana["id"], type="licence", valid_from="2025-07-01",
        expires_on="2026-06-30", time_zone="Europe/Berlin",
    )  # fmt: skip
    await service.published()
    awarded = award(ana, old)
    await tell(service, awarded)
    (renewed,) = [event.data for event in await service.published()]
    assert (renewed.event_type, renewed.mode) == ("licet.credential.renewed.v1", "from_expiry")
    term = renewed.credential.terms[-1]
    assert (term.valid_from, term.expires_on, term.award_id) == (
        date(2026, 7, 1), date(2027, 6, 30), awarded.id,
    )  # fmt: skip
    assert renewed.credential.terms[0].award_id is None
    await tell(service, awarded)
    assert await service.told() == []


async def test_the_award_stays_with_its_term_when_the_term_is_corrected(http, service, ana, licence):
    awarded = award(ana)
    await tell(service, awarded)
    credential_id = (await decided(http, awarded))["credential_id"]
    await service.published()
    answer = await http.post(
        f"/v1/credentials/{credential_id}/corrections",
        json={
            "term_id": (await decided(http, awarded))["term_id"],
            "expires_on": "2027-03-31",
            "reason": "typo",
        },
    )
    assert answer.status_code in {200, 201}, answer.text
    (corrected,) = [event.data for event in await service.published()]
    (term,) = corrected.credential.terms
    assert (term.revision, term.expires_on, term.award_id) == (2, date(2027, 3, 31), awarded.id)


async def test_without_a_rule_for_the_expiry_the_credential_is_incomplete(http, service, ana):
    await made(http, "credential-types", code="open", name="Open", category="training")
    await service.published()
    await tell(service, award(ana, type="open"))
    (created,) = [event.data for event in await service.published()]
    assert (created.credential.validity, created.credential.terms[0].expiry) == ("incomplete", "unknown")


async def test_an_award_waits_for_an_unknown_holder_and_is_refused_in_the_end(http, service, ana, licence):
    await service.published()
    awarded = award({"id": str(uuid4())})
    with pytest.raises(MissingPrerequisite) as waiting:
        await tell_alone(service, awarded)
    assert waiting.value.reason == "holder_unknown"
    assert await service.count("awards") == 0
    await give_up(service, awarded, waiting.value.reason)
    assert (await decided(http, awarded))["reason"] == "holder_unknown"


async def test_an_award_waits_for_an_unknown_credential(http, service, ana, licence):
    awarded = award(ana, {"id": str(uuid4())})
    with pytest.raises(MissingPrerequisite) as waiting:
        await tell_alone(service, awarded)
    assert waiting.value.reason == "credential_unknown"


async def test_a_retired_type_is_not_issued_but_still_renewed(http, service, ana, credential):
    entry = await http.get("/v1/credential-types/licence")
    answer = await http.patch(
        "/v1/credential-types/licence", json={"retired": True}, headers={"If-Match": entry.headers["ETag"]}
    )
    assert answer.status_code == 200, answer.text
    await service.published()
    assert await refused(http, service, award(ana)) == "type_retired"
    assert await refused(http, service, award(ana, type="nothing")) == "type_unknown"
    await tell(service, award(ana, credential, completed_on=date(2026, 3, 1)))
    assert await service.told() == ["credential.renewed"]


async def test_a_refused_award_is_judged_again_only_when_it_is_published_again(http, service, ana, licence):
    await service.published()
    awarded = award(ana, type="later")
    assert await refused(http, service, awarded) == "type_unknown"
    await made(http, "credential-types", code="later", name="Later", category="license")
    await service.published()
    await tell(service, awarded)
    assert await service.told() == []
    again = awarded.model_copy(update={"awarded_at": NOW + timedelta(minutes=1)})
    for _ in range(2):
        await tell(service, again)
    assert await service.told() == ["credential.created"]
    assert (await decided(http, awarded))["outcome"] == "issued"


@pytest.mark.parametrize(
    ("path", "body", "reason"),
    [
        ("void", {"reason": "error"}, "credential_voided"),
        ("revoke", {"reason": "fraud"}, "revoked"),
        ("surrender", {"reason": "given_up"}, "surrendered"),
    ],
)
async def test_a_credential_that_ended_meanwhile_is_not_renewed(
    http, service, ana, credential, path, body, reason
):
    answer = await http.post(f"/v1/credentials/{credential['id']}/{path}", json=body)
    assert answer.status_code == 200, answer.text
    await service.published()
    assert await refused(http, service, award(ana, credential)) == reason


async def test_a_refusal_by_the_rules_is_stored_with_its_reason(http, service, ana):
    await made(
        http, "credential-types", code="licence", name="Licence", category="license",
        validity={"months": 12}, renewal_basis="from_completion",
    )  # fmt: skip
    held = await made(
        http, "credentials", holder_id=ana["id"], type="licence", valid_from="2026-01-01",
        expires_on="2030-06-30", unusual=True, time_zone="Europe/Berlin",
    )  # fmt: skip
    await service.published()
    awarded = award(ana, held)
    assert await refused(http, service, awarded) == "not_accepted"
    assert "2027-02-20" in (await decided(http, awarded))["detail"]


async def test_an_award_does_not_renew_a_credential_of_another_type(http, service, ana, credential):
    await made(http, "credential-types", code="other", name="Other", category="license")
    await service.published()
    assert await refused(http, service, award(ana, credential, type="other")) == "type_differs"


async def test_an_award_follows_a_holder_who_was_merged(http, service, ana, credential):
    other = await made(http, "holders", kind="employee", name="Ana E.", external_id="E-2")
    answer = await http.post(f"/v1/holders/{ana['id']}/merge", json={"into": other["id"], "reason": "same"})
    assert answer.status_code == 200, answer.text
    await service.published()
    await tell(service, award(ana, credential))
    (renewed,) = [event.data for event in await service.published()]
    assert (renewed.event_type, renewed.credential.holder_id) == (
        "licet.credential.renewed.v1", UUID(other["id"]),
    )  # fmt: skip
    await tell(service, award(ana))
    (created,) = [event.data for event in await service.published()]
    assert created.credential.holder_id == UUID(other["id"])


async def test_an_award_does_not_renew_a_credential_of_somebody_else(http, service, ana, credential):
    other = await made(http, "holders", kind="employee", name="Berta", external_id="E-2")
    await service.published()
    assert await refused(http, service, award(other, credential)) == "credential_moved"


async def test_awards_can_be_listed_by_outcome(http, service, ana, licence):
    issued, unknown = award(ana), award(ana, type="nothing")
    await tell(service, issued)
    await tell(service, unknown)
    for query, expected in (
        ({"outcome": "refused"}, [unknown]),
        ({"enrolment_id": str(issued.enrolment_id)}, [issued]),
        ({"holder_id": ana["id"], "limit": "2"}, [unknown, issued]),
    ):
        items = (await http.get("/v1/awards", params=query)).json()["items"]
        assert {item["id"] for item in items} == {str(each.id) for each in expected}


def effect() -> Effect:
    (handler,) = AWARDS.handlers
    assert isinstance(handler, Effect)
    return handler


async def tell_alone(service: Any, awarded: AwardState) -> None:
    """Let the handler itself read an award, without what keeps waiting events."""
    await service.database.run(CAUSE, lambda tx: effect().handle(tx, event_of(awarded), NOW))


async def give_up(service: Any, awarded: AwardState, reason: str) -> None:
    handler = effect().give_up
    assert handler is not None
    await service.database.run(CAUSE, lambda tx: handler(tx, event_of(awarded), reason, NOW))
