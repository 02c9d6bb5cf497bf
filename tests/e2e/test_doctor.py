"""`licet doctor` finds what was announced wrongly, and knows what is still on its way."""

import asyncio
from typing import Any

import asyncpg
import pytest


@pytest.fixture
def licence(world, tag):
    world.type(f"type-{tag}")
    days = {"valid_from": world.day(-400), "expires_on": world.day(400)}
    made = world.credential(world.holder("Dora Helm"), f"type-{tag}", number=f"N-{tag}", **days)
    world.quiet()
    return made


def in_database(run: Any, service: str, statement: str, *values: Any) -> None:
    async def work() -> None:
        server = run.state["database"]["url"].rsplit("/", 1)[0]
        conn = await asyncpg.connect(f"{server}/licet_{service}")
        assert await conn.execute(statement, *values) == "UPDATE 1"
        await conn.close()

    asyncio.run(work())


def test_where_everything_agrees_the_doctor_says_so(cli, licence):
    examined = cli("doctor", "--older-than", "0", "--json").good().json
    assert examined["checked"] >= 1
    assert examined["items"] == []


def test_an_announcement_that_nothing_explains_is_found_and_told(run, cli, world, licence):
    wrong = "update credentials set announced = $2 where id = $1"
    in_database(run, "credentials", wrong, licence["id"], "expired")
    examined = cli("doctor", "--older-than", "0")
    assert examined.code == 1
    assert licence["id"] in examined.out
    assert "NOTHING EXPLAINS IT" in examined.out
    world.target.service("credentials").send(
        "PATCH", f"/v1/credentials/{licence['id']}", json={"issuer": "State"}, headers={"If-Match": '"1"'}
    )
    assert cli("doctor", "--older-than", "0").code == 0
