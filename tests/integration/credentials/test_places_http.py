"""Locations and teams over HTTP."""

from uuid import UUID

import pytest

PLACES = ("locations", "teams")


@pytest.mark.parametrize("places", PLACES)
async def test_supervisors_must_be_holders_and_unknown_ids_are_named(http, service, ana, places):
    nobody = [str(UUID(int=number)) for number in (3, 4)]
    answer = await http.put(
        f"/v1/{places}/one", json={"name": "One", "supervisor_ids": [nobody[0], ana["id"], nobody[1]]}
    )
    assert (answer.status_code, answer.json()["errors"][0]["pointer"]) == (422, "/supervisor_ids")
    assert all(each in answer.json()["detail"] for each in nobody)
    assert ana["id"] not in answer.json()["detail"]
    assert (await http.get(f"/v1/{places}/one")).status_code == 404


@pytest.mark.parametrize("places", PLACES)
async def test_a_supervisor_named_twice_is_stored_once(http, service, ana, places):
    await service.published()
    for supervisors in ([ana["id"], ana["id"]], [ana["id"]]):
        answer = await http.put(f"/v1/{places}/one", json={"name": "One", "supervisor_ids": supervisors})
        assert (answer.json()["supervisor_ids"], answer.json()["version"]) == ([ana["id"]], 1)
    assert len(await service.told()) == 1


async def test_a_location_keeps_zone_jurisdiction_and_fallback(http):
    said = {
        "name": "Plant", "time_zone": "America/Chicago", "country": "US", "subdivision": "US-IL",
        "supervisor_ids": [], "fallback_email": "plant@example.org",
    }  # fmt: skip
    await http.put("/v1/locations/plant", json=said)
    shown = (await http.get("/v1/locations/plant")).json()
    assert {name: shown[name] for name in said} == said


@pytest.mark.parametrize(
    ("said", "pointer"),
    [
        ({"country": "XX"}, "/country"),
        ({"country": "US", "subdivision": "US-ZZ"}, "/subdivision"),
        ({"country": "US", "subdivision": "DE-BE"}, "/subdivision"),
        ({"time_zone": "Europe/Nowhere"}, "/time_zone"),
        ({"fallback_email": "nobody"}, "/fallback_email"),
    ],
)
async def test_an_invalid_country_subdivision_zone_or_address_is_refused(http, said, pointer):
    answer = await http.put("/v1/locations/plant", json={"name": "Plant", **said})
    assert (answer.status_code, answer.json()["errors"][0]["pointer"]) == (422, pointer)
