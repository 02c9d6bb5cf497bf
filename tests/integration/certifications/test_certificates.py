"""Certificates: given to whoever is certified, with what is known of them, and to nobody else."""

from dataclasses import replace
from datetime import date, timedelta
from typing import Any
from uuid import UUID

import pytest

from licet_certifications.certificates import routes, store
from licet_events.enrolments import EnrolmentStatus

from .conftest import credential, holder, run
from .test_programmes import defined, drafted, published, type_told


@pytest.fixture
async def certified(http, service, token) -> Any:
    """An enrolment whose credential was issued, and what its certificate was made of."""
    token.principal = replace(token.principal, scopes=token.principal.scopes | {"certifications:approve"})
    await service.tell(type_told(), holder(1, name="山田太郎", team="kitchen"))
    await defined(http)
    await drafted(http, approvals={}, certificate="plain")
    await published(http)
    body = {"holder_id": str(UUID(int=1)), "programme": "food-safety"}
    return (await http.post("/v1/enrolments", json=body)).json()


async def test_who_is_not_certified_gets_no_certificate(http, certified):
    answer = await http.get(f"/v1/enrolments/{certified['id']}/certificate")
    assert (answer.status_code, "in_progress" in answer.json()["detail"]) == (409, True)
    assert (await http.get(f"/v1/enrolments/{UUID(int=9)}/certificate")).status_code == 404


async def test_a_certificate_says_name_programme_number_and_dates(http, service, certified, monkeypatch):
    now = service.runtime.clock.now()
    made: list[Any] = []

    def render(document: Any) -> bytes:
        made.append(document)
        return b"%PDF-"

    monkeypatch.setattr(routes, "render", render)
    real = store.read_subject

    async def as_certified(conn, enrolment, definition, **more):
        state = enrolment.state.model_copy(update={"credential_id": UUID(int=7), "completed_at": now})
        subject = await real(conn, replace(enrolment, state=state), definition, **more)
        return replace(subject, status=EnrolmentStatus.ACTIVE, reason=None)

    monkeypatch.setattr(store, "read_subject", as_certified)
    path = f"/v1/enrolments/{certified['id']}/certificate"
    early = await http.get(path)
    assert (early.status_code, "being issued" in early.json()["detail"]) == (409, True)
    first, last = now.date() - timedelta(days=1), date(now.year + 2, 3, 31)
    issued = credential(7, 1, run(first, last), type="food-safety")
    await service.tell(issued.model_copy(update={"number": "FS-4711"}))
    answer = await http.get(path)
    assert (answer.status_code, answer.headers["content-type"]) == (200, "application/pdf")
    said = " ".join(getattr(part, "text", "") for part in made[0].parts)
    link = f"http://certifications/v1/enrolments/{certified['id']}"
    for what in ("山田太郎", "Food safety manager", "Number: FS-4711", f"Valid until: {last}", link):
        assert what in said
    assert not made[0].landscape


async def test_a_narrowed_token_gets_certificates_of_its_people_only(http, certified, token):
    token.principal = replace(token.principal, teams=frozenset({"bar"}))
    assert (await http.get(f"/v1/enrolments/{certified['id']}/certificate")).status_code == 404
