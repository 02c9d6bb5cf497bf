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


@pytest.fixture
def certified(world, tag):
    """An enrolment that was completed and has its credential."""
    world.type(f"type-{tag}", validity={"months": 12})
    holder = world.holder("Dora Helm", external_id=f"E-{tag}")
    world.quiet()
    certifications = world.target.service("certifications")
    component = {"code": "exam", "name": "Exam", "kind": "exam", "sources": [{"source": "lms", "id": "EX"}]}
    code = f"prog-{tag}"
    certifications.post("/v1/programmes", {"code": code, "name": code, "credential_type": f"type-{tag}"})
    certifications.post(f"/v1/programmes/{code}/versions", {"components": [component]})
    certifications.post(f"/v1/programmes/{code}/versions/1/publish", {})
    body = {"holder_id": holder["id"], "programme": code, "entry": "staff"}
    enrolment = certifications.post("/v1/enrolments", body)
    report = {
        "source": "lms", "source_id": tag, "course": "EX", "result": "passed",
        "learner": {"external_id": f"E-{tag}"}, "completed_at": world.now.isoformat(),
    }  # fmt: skip
    certifications.post("/v1/completions", {"completions": [report]})
    world.quiet()
    return certifications.get(f"/v1/enrolments/{enrolment['id']}")


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


def test_a_status_of_an_enrolment_that_nothing_explains_is_found(run, cli, certified):
    wrong = "update enrolments set status = $2 where id = $1"
    in_database(run, "certifications", wrong, certified["id"], "expired")
    examined = cli("doctor", "--older-than", "0", "--json")
    assert examined.code == 1
    (item,) = examined.json["enrolments"]
    assert (item["enrolment_id"], item["announced"], item["computed"]) == (
        certified["id"], "expired", "active",
    )  # fmt: skip
    in_database(run, "certifications", wrong, certified["id"], "active")
    examined = cli("doctor", "--older-than", "0", "--json").good().json
    assert examined["enrolments_checked"] >= 1
    assert (examined["enrolments"], examined["awaited_awards"]) == ([], [])


def test_an_award_of_which_no_credential_came_back_is_found(run, cli, certified):
    lost = """update enrolments set state = jsonb_set(state, '{validity}', $2::jsonb) where id = $1"""
    in_database(run, "certifications", lost, certified["id"], "null")
    examined = cli("doctor", "--older-than", "0")
    assert examined.code == 1
    assert "1 awards were published, and no credential has come back of them" in examined.out
    assert certified["id"] in examined.out
    in_database(run, "certifications", lost, certified["id"], '"active"')
    assert cli("doctor", "--older-than", "0").code == 0
