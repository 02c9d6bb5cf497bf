"""Every kind of bad request is answered with a problem document that says what to do."""

import json
from datetime import date, datetime
from typing import Annotated, ClassVar, Literal
from uuid import UUID

import asyncpg
import pytest
from fastapi import APIRouter, File, Form, Header, Query, UploadFile
from pydantic import AwareDatetime, BaseModel, Field

from licet_chassis.http.auth import requires
from licet_chassis.http.problems import Conflict, NotFound, Problem, json_pointer, problem_type
from licet_chassis.http.resources import Body
from licet_chassis.outbox.append import RecordTooLarge
from support.edge.issuer import Issuer
from support.edge.service import client_of, edge_app

router = APIRouter(prefix="/v1", dependencies=[requires("credentials:read")])


class Months(Body):
    months: int = Field(ge=1)


class Days(Body):
    days: int = Field(ge=1)


class Address(Body):
    country: str


class Thing(Body):
    """An input with every kind of field."""

    name: str
    on: date | None = None
    at: AwareDatetime | None = None
    id: UUID | None = None
    kind: Literal["employee", "vendor"] = "employee"
    ladder: list[int] = Field(default_factory=list)
    active: bool = True
    validity: Months | Days | None = None
    addresses: list[Address] = Field(default_factory=list)
    by_code: dict[str, Address] = Field(default_factory=dict)


class Shown(BaseModel):
    name: str
    on: date | None


@router.post("/things", response_model=Shown)
async def make(thing: Thing) -> Shown:
    return Shown(name=thing.name, on=thing.on)


@router.delete("/things", status_code=204)
async def clear() -> None:
    return None


@router.get("/things/{thing_id}")
async def read(
    thing_id: UUID,
    limit: Annotated[int, Query(ge=1, le=500)] = 50,
    since: Annotated[datetime | None, Header(alias="X-Since")] = None,
) -> str:
    return "read"


@router.post("/files")
async def take_file(file: Annotated[UploadFile, File()], kind: Annotated[str, Form()]) -> str:
    return kind


class NumberTaken(Exception):
    """A domain error that knows which input it is about."""

    def __init__(self, other: str) -> None:
        super().__init__(f"the number belongs to credential {other}")
        self.pointer = "/number"


class VendorNumberTaken(NumberTaken):
    """A kind of the one above."""


class StaleVersion(Exception):
    """A domain error about no input."""


ERRORS: dict[str, Exception] = {
    "taken": NumberTaken("c-1"),
    "vendor": VendorNumberTaken("c-2"),
    "stale": StaleVersion("it has version 4 by now"),
    "problem": NotFound("There is no holder h-9."),
    "conflict": Conflict("It is revoked.", errors=[{"pointer": "/mode", "detail": "is not possible"}]),
    "bug": ValueError("secret-in-a-message alice@example.org"),
    "database": asyncpg.CannotConnectNowError("the database system is starting up"),
    "network": ConnectionResetError("gone"),
    "slow": TimeoutError(),
    "too_large": RecordTooLarge("licet.holders.v1", 1_000_000),
    "not_a_number": asyncpg.DataError("invalid input for query argument $1"),
    "nul": asyncpg.CharacterNotInRepertoireError("invalid byte sequence"),
}


@router.get("/stored/{number}")
async def store(number: int) -> None:
    try:
        number.to_bytes(8, "big", signed=True)
    except OverflowError as error:  # as the driver does it
        raise asyncpg.DataError("invalid input for query argument $1") from error


@router.get("/raise/{which}")
async def fail(which: str) -> None:
    raise ERRORS[which]


@pytest.fixture(scope="module")
def issuer() -> Issuer:
    return Issuer()


@pytest.fixture
async def client(issuer: Issuer):
    app = edge_app(issuer, router, problems={NumberTaken: 409, StaleVersion: 412})
    async with client_of(app, issuer.token()) as client:
        yield client


def errors_of(answer) -> list[tuple[str, str]]:
    document = answer.json()
    assert answer.headers["content-type"] == "application/problem+json"
    assert document["status"] == answer.status_code
    assert {"type", "title", "status", "detail", "instance"} <= set(document)
    assert document["type"].startswith("urn:licet:problem:")
    return [(next(iter(error.values())), error["detail"]) for error in document.get("errors", [])]


@pytest.mark.parametrize(
    ("body", "pointer", "detail"),
    [
        ({}, "/name", "is required"),
        ({"name": 7}, "/name", "must be text"),
        ({"name": "n", "extra": 1}, "/extra", "is no field of this resource"),
        ({"name": "n", "on": "2026-02-30"}, "/on", "must be a date that exists, YYYY-MM-DD"),
        ({"name": "n", "on": 1_700_000_000}, "/on", "must be a date, YYYY-MM-DD"),
        ({"name": "n", "on": "2026-02-03T00:00:00Z"}, "/on", None),
        ({"name": "n", "at": "2026-02-03T00:00:00"}, "/at", None),
        ({"name": "n", "at": 1_700_000_000}, "/at", None),
        ({"name": "n", "id": "no-uuid"}, "/id", "must be an id (a UUID)"),
        ({"name": "n", "kind": "robot"}, "/kind", None),
        ({"name": "n", "active": "yes"}, "/active", "must be true or false"),
        ({"name": "n", "ladder": ["90"]}, "/ladder/0", "must be a whole number"),
        ({"name": "n", "ladder": [90, 30.5]}, "/ladder/1", None),
        ({"name": "n", "ladder": 90}, "/ladder", "must be a list"),
        ({"name": "n", "addresses": [{"country": "DE"}, {}]}, "/addresses/1/country", "is required"),
        ({"name": "n", "by_code": {"a/b~c": {"country": 1}}}, "/by_code/a~1b~0c/country", "must be text"),
        ({"name": "a\u0000b"}, "", None),
        ([], "", "must be an object"),
        ("text", "", "must be an object"),
        (None, "", None),
    ],
)
async def test_wrong_input_is_named_by_a_pointer_into_the_body(client, body, pointer, detail) -> None:
    answer = await client.post("/v1/things", json=body)
    assert answer.status_code == 422, answer.text
    found = errors_of(answer)
    assert found[0][0] == pointer
    assert detail is None or found[0][1] == detail
    assert found[0][1] in answer.json()["detail"]


async def test_several_wrong_inputs_are_all_listed_and_the_detail_shows_the_first(client) -> None:
    answer = await client.post("/v1/things", json={"on": "x", "id": "x", "kind": "x", "active": "x", "z": 1})
    assert {pointer for pointer, _ in errors_of(answer)} == {"/name", "/on", "/id", "/kind", "/active", "/z"}
    assert answer.json()["detail"].endswith("and 3 more")


async def test_pointer_leaves_out_what_only_pydantic_calls_by_name(client) -> None:
    answer = await client.post("/v1/things", json={"name": "n", "validity": {"months": 0}})
    pointers = {pointer for pointer, _ in errors_of(answer)}
    assert "/validity/months" in pointers
    assert not any("Months" in pointer or "Days" in pointer for pointer in pointers)


async def test_value_of_a_wrong_input_is_not_repeated(client) -> None:
    answer = await client.post("/v1/things", json={"name": ["alice@example.org"], "kind": "hunter2"})
    assert "alice" not in answer.text
    assert "hunter2" not in answer.text


async def test_strict_body_still_takes_dates_ids_and_instants_as_json_has_them(client) -> None:
    body = {
        "name": "n", "on": "2026-02-28", "at": "2026-02-28T10:00:00+01:00", "active": False,
        "ladder": [90, -7], "id": "0190b5a8-0000-7000-8000-000000000000", "validity": {"days": 90},
        "addresses": [{"country": "DE"}],
    }  # fmt: skip
    answer = await client.post("/v1/things", json=body)
    assert answer.json() == {"name": "n", "on": "2026-02-28"}


async def test_text_that_only_spells_a_nul_is_taken(client) -> None:
    answer = await client.post("/v1/things", json={"name": "\\u0000"})
    assert answer.json()["name"] == "\\u0000"


def test_body_is_made_in_python_from_python_values() -> None:
    thing = Thing(name="n", on=date(2026, 2, 28), addresses=[Address(country="DE")])
    assert (thing.on, thing.addresses[0].country) == (date(2026, 2, 28), "DE")


@pytest.mark.parametrize(
    "content",
    [b"{", b'{"name": }', b"\xff\xfe", b'{"name": "' + b"\\ud800" + b'"', b"[" * 100_000, b"{'name': 1}"],
)
async def test_malformed_json_is_400(client, content: bytes) -> None:
    answer = await client.post("/v1/things", content=content, headers={"content-type": "application/json"})
    assert answer.status_code == 400, answer.text
    errors_of(answer)


async def test_half_a_surrogate_is_refused_before_it_reaches_the_database(client) -> None:
    content = b'{"name": "\\ud800"}'
    answer = await client.post("/v1/things", content=content, headers={"content-type": "application/json"})
    assert answer.status_code == 422, answer.text


@pytest.mark.parametrize("content_type", ["text/plain", "application/x-www-form-urlencoded", None])
async def test_body_that_is_not_sent_as_json_is_415(client, content_type: str | None) -> None:
    headers = {} if content_type is None else {"content-type": content_type}
    answer = await client.post("/v1/things", content=b'{"name": "n"}', headers=headers)
    assert answer.status_code == 415, answer.text
    assert "application/json" in answer.json()["detail"]


async def test_merge_patch_counts_as_json(client) -> None:
    headers = {"content-type": "application/merge-patch+json"}
    assert (await client.post("/v1/things", content=b'{"name": "n"}', headers=headers)).status_code == 200


async def test_wrong_parameters_and_headers_are_named(client) -> None:
    answer = await client.get("/v1/things/no-uuid?limit=ten", headers={"X-Since": "yesterday"})
    assert answer.status_code == 422
    assert answer.json()["errors"] == [
        {"parameter": "thing_id", "detail": "must be an id (a UUID)"},
        {"parameter": "limit", "detail": "must be a whole number, such as 50"},
        {"header": "X-Since", "detail": "must be an instant with its offset, such as 2026-01-31T08:00:00Z"},
    ]


async def test_form_without_its_file_names_the_part(client) -> None:
    answer = await client.post("/v1/files", data={"kind": "scan"})
    assert (answer.status_code, errors_of(answer)) == (422, [("/file", "is required")])


async def test_path_and_method_that_do_not_exist(client) -> None:
    missing = await client.get("/v1/nothing")
    assert (missing.status_code, missing.json()["detail"]) == (404, "There is nothing at /v1/nothing.")
    assert missing.json()["instance"] == "/v1/nothing"
    wrong = await client.patch("/v1/things")
    assert (wrong.status_code, wrong.headers["allow"]) == (405, "DELETE, POST")
    errors_of(wrong)


@pytest.mark.parametrize(
    ("which", "status", "kind", "errors"),
    [
        ("taken", 409, "number-taken", [("/number", "the number belongs to credential c-1")]),
        ("vendor", 409, "vendor-number-taken", [("/number", "the number belongs to credential c-2")]),
        ("stale", 412, "stale-version", []),
        ("problem", 404, "not-found", []),
        ("conflict", 409, "conflict", [("/mode", "is not possible")]),
    ],
)
async def test_domain_error_has_the_status_of_the_table_and_its_own_words(
    client, which: str, status: int, kind: str, errors: list[tuple[str, str]]
) -> None:
    answer = await client.get(f"/v1/raise/{which}")
    assert (answer.status_code, errors_of(answer)) == (status, errors)
    assert answer.json()["type"] == f"urn:licet:problem:{kind}"
    assert answer.json()["detail"] == getattr(ERRORS[which], "detail", str(ERRORS[which]))


async def test_unexpected_error_is_500_without_its_text(client) -> None:
    answer = await client.get("/v1/raise/bug")
    assert answer.status_code == 500
    assert "secret" not in answer.text
    assert "ValueError" not in answer.text
    assert "correlation id" in answer.json()["detail"]
    assert answer.headers["x-correlation-id"]
    errors_of(answer)


@pytest.mark.parametrize("which", ["database", "network", "slow"])
async def test_dependency_that_is_away_is_503_and_may_be_tried_again(client, which: str) -> None:
    answer = await client.get(f"/v1/raise/{which}")
    assert (answer.status_code, answer.headers["retry-after"]) == (503, "1")
    errors_of(answer)


async def test_text_that_the_database_can_not_store_is_400(client) -> None:
    assert (await client.get("/v1/raise/nul")).status_code == 400


async def test_a_number_that_the_database_can_not_store_is_400(client) -> None:
    answer = await client.get(f"/v1/stored/{2**63}")
    assert answer.status_code == 400
    errors_of(answer)
    assert "larger than any that is stored" in answer.json()["detail"]
    assert (await client.get(f"/v1/stored/{2**63 - 1}")).status_code == 200


async def test_other_data_that_the_driver_does_not_take_is_an_error_of_ours(client) -> None:
    assert (await client.get("/v1/raise/not_a_number")).status_code == 500


async def test_what_is_too_large_to_be_published_is_422(client) -> None:
    answer = await client.get("/v1/raise/too_large")
    assert answer.status_code == 422
    errors_of(answer)
    assert "the most is 900,000 bytes" in answer.json()["detail"]


def test_document_leaves_out_what_is_not_there() -> None:
    assert Problem("d", status=404).document() == {
        "type": "urn:licet:problem:not-found", "title": "Not Found", "status": 404, "detail": "d",
    }  # fmt: skip
    assert json.loads(json.dumps(Conflict("d").document("/v1/x")))["instance"] == "/v1/x"


def test_type_is_the_name_of_the_error() -> None:
    assert problem_type(NumberTaken) == "urn:licet:problem:number-taken"
    assert problem_type("Not Found") == "urn:licet:problem:not-found"


def test_pointer_escapes_as_rfc_6901_says() -> None:
    assert json_pointer(["a/b", "m~n", 0, ""]) == "/a~1b/m~0n/0/"


def test_openapi_describes_the_problem_document(issuer: Issuer) -> None:
    document = edge_app(issuer, router).openapi()
    default = document["paths"]["/v1/things"]["post"]["responses"]["default"]
    assert default["content"]["application/problem+json"]["schema"]["$ref"].endswith("/ProblemDocument")
    assert {"ProblemDocument", "InputError"} <= set(document["components"]["schemas"])


def test_texts_get_their_normal_form_but_for_fields_that_are_kept_verbatim() -> None:
    class Letter(Body):
        VERBATIM: ClassVar[frozenset[str]] = frozenset({"text"})
        subject: str
        text: str

    typed = "  Mu\u0308ller\u00a0 and\u200b  sons "
    letter = Letter.model_validate({"subject": typed, "text": typed})
    assert (letter.subject, letter.text) == ("M\u00fcller and sons", typed)
