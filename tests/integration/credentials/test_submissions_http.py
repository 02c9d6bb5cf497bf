"""A renewal that waits for its issuer: shown, prolonged, ended."""

import pytest

from .conftest import made


async def test_a_submission_is_shown_until_it_ends_with_a_reason(http, service, credential):
    path = f"credentials/{credential['id']}"
    body = await made(http, f"{path}/submissions", quiet_until="2026-04-30")
    assert (body["submitted_at"], body["quiet_until"]) == ("2026-03-01T12:00:00Z", "2026-04-30T22:00:00Z")
    service.clock.advance(days=1)
    body = await made(http, f"{path}/submissions", quiet_until="2026-05-31")
    assert (body["submitted_at"], body["quiet_until"]) == ("2026-03-01T12:00:00Z", "2026-05-31T22:00:00Z")
    await service.published()
    body = await made(http, f"{path}/submissions/end", reason="returned", note="a form was missing")
    assert (body["submitted_at"], body["quiet_until"]) == (None, None)
    [told] = await service.published()
    assert (told.data.event_type, told.data.changed, told.data.reason) == (
        "licet.credential.updated.v1", ("quiet_until",), "returned",
    )  # fmt: skip
    assert told.data.credential.quiet_until is None
    line = (await http.get(f"/v1/{path}/history")).json()["items"][-1]
    assert (line["reason"], line["note"]) == ("returned", "a form was missing")


async def test_an_overdue_submission_still_waits(http, service, credential):
    path = f"credentials/{credential['id']}"
    await made(http, f"{path}/submissions", quiet_until="2026-03-02")
    service.clock.advance(days=30)
    shown = (await http.get(f"/v1/{path}")).json()
    assert shown["submitted_at"] == "2026-03-01T12:00:00Z"
    assert (await made(http, f"{path}/renewals"))["submitted_at"] is None


@pytest.mark.parametrize("ended", ["never submitted", "renewed"])
async def test_a_credential_without_a_submission_has_none_to_end(http, service, credential, ended):
    path = f"credentials/{credential['id']}"
    if ended == "renewed":
        await made(http, f"{path}/submissions", quiet_until="2026-04-30")
        await made(http, f"{path}/renewals")
    await service.published()
    answer = await http.post(f"/v1/{path}/submissions/end", json={"reason": "withdrawn"})
    assert answer.status_code == 409
    assert await service.told() == []
