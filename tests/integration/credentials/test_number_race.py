"""Two who record the same number at the same moment: one has it, the other is told whose it is."""

import asyncio
from typing import Any

import httpx


async def test_the_loser_of_a_race_for_a_number_learns_which_credential_won(http, ana, licence):
    async def record() -> httpx.Response:
        body = {"holder_id": ana["id"], "type": "licence", "number": "A-1", "expires_on": "2026-12-31"}
        return await http.post("/v1/credentials", json=body)

    answers = await asyncio.gather(*(record() for _ in range(8)))
    [won] = [answer.json()["id"] for answer in answers if answer.status_code == 201]
    lost = [answer for answer in answers if answer.status_code == 409]
    assert len(lost) == 7
    for answer in lost:
        assert won in answer.json()["detail"], answer.text


async def test_the_loser_of_a_race_by_changing_a_number_learns_the_winner_too(http, ana, licence):
    async def recorded() -> Any:
        answer = await http.post(
            "/v1/credentials", json={"holder_id": ana["id"], "type": "licence", "another": True}
        )
        return answer.json()

    several = [await recorded() for _ in range(4)]

    async def take(credential: Any) -> httpx.Response:
        path = f"/v1/credentials/{credential['id']}"
        return await http.patch(path, json={"number": "B-2"}, headers={"If-Match": '"1"'})

    answers = await asyncio.gather(*(take(each) for each in several))
    [won] = [answer.json()["id"] for answer in answers if answer.status_code == 200]
    assert all(won in answer.json()["detail"] for answer in answers if answer.status_code == 409)
    assert sorted(answer.status_code for answer in answers) == [200, 409, 409, 409]
