"""Every statement of the service is one that the migrated schema takes."""

import pytest

from licet_chassis.queries import load_queries

ROOMS = ("credentials", "holders", "imports", "places", "types")
QUERIES = [
    pytest.param(sql, id=f"{room}.{name}")
    for room in ROOMS
    for name, sql in load_queries(f"licet_credentials.{room}").items()
]


@pytest.mark.parametrize("sql", QUERIES)
async def test_a_query_can_be_prepared(service, sql):
    async with service.database.reading() as conn:
        await conn.prepare(sql)


@pytest.mark.parametrize("room", ROOMS)
def test_a_query_says_what_it_is_for(room):
    for name, sql in load_queries(f"licet_credentials.{room}").items():
        assert sql.startswith("-- "), name
