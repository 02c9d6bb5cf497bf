"""A role is one target, however its code is spelled."""

from datetime import UTC, date, datetime, timedelta
from uuid import UUID

from .conftest import credential, holder, run

START = datetime.now(UTC).replace(microsecond=0) + timedelta(days=3)


async def test_a_role_is_one_target_however_it_is_spelled(service, http):
    rule = {
        "target": "role:Weld",
        "expression": {"all_of": ["licence"]},
        "effective_from": "2026-01-01",
    }
    made = await http.post("/v1/requirements", json=rule)
    assert made.status_code == 201, made.text
    await service.tell(
        holder(1, roles=("WELD",)),
        credential(101, 1, run(date(2026, 1, 1), None)),
        holder(2, roles=("weld",)),
    )
    await service.work_off()

    async def check(number: int, target: str) -> tuple[str, list[str]]:
        shift = {
            "holder_id": str(UUID(int=number)), "target": target, "start": START.isoformat(),
            "end": (START + timedelta(hours=8)).isoformat(),
        }  # fmt: skip
        answer = await http.post("/v1/eligibility/checks", json={"checks": [shift]})
        [verdict] = answer.json()["checks"]
        return verdict["verdict"], [reason["code"] for reason in verdict["reasons"]]

    for target in ("role:weld", "role:Weld", "role:WELD"):
        assert await check(1, target) == ("eligible", ["valid"])
        assert await check(2, target) == ("ineligible", ["missing"])
    assert await check(1, "role:Welder") == ("ineligible", ["unknown_target"])


async def test_words_find_enrolled_holders_without_their_accents(service):
    await service.tell(holder(1, name="Zoë Müller", external_id="E  1"))
    async with service.database.reading() as conn:
        found = await conn.fetch("select id from holders where searchable(name) like '%muller%'")
        assert [row["id"] for row in found] == [UUID(int=1)]
        assert await conn.fetchval("select external_key from holders") == "E 1"
