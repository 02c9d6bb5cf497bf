"""A subscriber gets the schema that an event names without a token, from any service."""

import pytest

from licet_chassis.http.schemas import schemas_router
from licet_chassis.outbox.headers import pack_headers, unpack_headers, unpacker
from licet_events import EVENT_TYPES
from support.edge.issuer import Issuer
from support.edge.service import client_of, edge_app

BASE = "https://licet.example.org/schemas"
TYPE = "licet.credential.renewed.v1"


@pytest.fixture
async def http():
    issuer = Issuer()
    async with client_of(edge_app(issuer, schemas_router(BASE))) as client:
        yield client


async def test_the_address_in_an_event_leads_to_its_schema_without_a_token(http):
    packed = pack_headers(
        [("ce_type", TYPE.encode()), ("ce_dataschema", f"urn:licet:schema:{TYPE}".encode())]
    )
    headers = dict(unpacker(BASE)(packed))
    assert headers["ce_type"] == TYPE.encode()
    address = headers["ce_dataschema"].decode()
    answer = await http.get(address.removeprefix("https://licet.example.org"))
    assert answer.status_code == 200
    assert answer.json()["$id"] == address
    assert "max-age" in answer.headers["cache-control"]
    again = await http.get(f"/schemas/{TYPE}.json", headers={"If-None-Match": answer.headers["etag"]})
    assert (again.status_code, again.content) == (304, b"")


def test_without_an_address_events_name_their_schema_as_ever():
    packed = pack_headers([("ce_dataschema", b"urn:licet:schema:x")])
    assert unpacker(None)(packed) == unpack_headers(packed)


async def test_every_type_the_headers_and_the_asyncapi_document_are_there_and_nothing_else(http):
    for name in EVENT_TYPES:
        assert (await http.get(f"/schemas/{name}.json")).status_code == 200
    assert "ce_id" in (await http.get("/schemas/headers.json")).json()["properties"]
    assert (await http.get("/schemas/asyncapi.json")).json()["asyncapi"] == "3.0.0"
    for name in ("licet.credential.renewed.v9", "..%2Fasyncapi", "golden"):
        answer = await http.get(f"/schemas/{name}.json")
        assert (answer.status_code, answer.headers["content-type"]) == (404, "application/problem+json")
