"""Only documented forms of values are taken: every field and parameter of every OpenAPI document is tried.

Each field of a body, and each parameter, is sent twenty forms that a lenient parser would coerce to its kind.
The answer is a 422 that names it, before anything is looked up: the applications here have no database.
"""

import json
import re
import sys
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from importlib import import_module
from types import SimpleNamespace
from typing import Any
from unittest.mock import AsyncMock

import httpx
import pytest
from pydantic import ValidationError

from licet_certifications.intake.bodies import CompletionIn
from licet_chassis.clock import BusinessClock
from licet_chassis.http.auth import Principal
from licet_chassis.http.problems import json_pointer
from licet_cli.embedded.issuer import SCOPES
from licet_cli.embedded.state import SERVICES
from licet_cli.openapi import _SETTINGS
from licet_cli.settings_table import settings_class
from licet_events.forms import FORMS

ID = "0192d0a1-0000-7000-8000-00000000000a"
WRONG: dict[str, list[Any]] = {
    "date": [
        "2026-1-31", "20260131", "2026-01-31T00:00:00", "2026-01-31T00:00:00Z", "2026-031", "2026-W05-6",
        "31.01.2026", "01/31/2026", "2026/01/31", " 2026-01-31", "2026-01-31 ", "2026-01-31\n", "1769817600",
        1769817600, 1769817600.0, True, ["2026-01-31"], "\uff12\uff10\uff12\uff16-01-31", "today",
        "2026-02-30",
    ],
    "date-time": [
        "2026-01-31 08:00:00Z", "2026-01-31t08:00:00z", "2026-01-31T08:00Z", "2026-01-31T08:00:00+0100",
        "2026-01-31T08:00:00,5Z", "2026-01-31_08:00:00Z", "2026-01-31T08:00:00", "1769846400", "1769846400.5",
        1769846400, 1769846400.5, "2026-01-31T08:00:00\u221201:00", " 2026-01-31T08:00:00Z",
        "2026-01-31T08:00:00Z\n", "20260131T080000Z", "2026-W05-6T08:00:00Z", True, ["2026-01-31T08:00:00Z"],
        "2026-02-30T08:00:00Z", "now",
    ],
    "uuid": [
        ID.replace("-", ""), f"urn:uuid:{ID}", f"{{{ID}}}", f" {ID}", f"{ID} ", f"{ID}\n", ID[:-1], ID + "0",
        ID.replace("-", "_"), ID.replace("0", "\uff10", 1), int(ID.replace("-", ""), 16), 1, 1.5, True, [ID],
        {"id": ID}, "", "null", "0192d0a1-00007000-8000-0000-00000000000a", ID.replace("-", " "),
    ],
    "integer": [
        "24", "24.0", "2.4e1", "+24", "0x18", " 24", "24 ", "24\n", "2_4", "٢٤", "twenty-four", "", 24.0, 1e1,
        24.5, True, False, [24], {"value": 24}, "024",
    ],
    "number": [
        "8", "8.5", "8,5", "+8", " 8", "8 ", "8\n", "1_0", "1e1", "٨", ".5", "5.", "", "nan", "inf",
        "Infinity",
        True, False, [8], {"value": 8},
    ],
    "boolean": [
        "true", "false", "True", "TRUE", "yes", "no", "y", "n", "on", "off", "t", "f", "1", "0", 1, 0, 1.0,
        [True],
        " true", "",
    ],
    "string": [5, 0, -1, 1.5, 1e3, True, False, ["a"], [], {"a": "b"}, {}] + [10**n for n in range(1, 10)],
}  # fmt: skip
"""Wrong forms of each kind as JSON, twenty of each. Those of booleans, numbers and integers that are texts
are
no wrong forms in a query."""
IN_A_QUERY: dict[str, list[str]] = {
    "integer": [
        "24.0", "2.4e1", "+24", "0x18", " 24", "24 ", "24\n", "2_4", "٢٤", "twenty-four", "", "024",
        "-024", "24,0",
        "2 4", "1e1", "true", "null", "--24", "24L",
    ],
    "number": [
        "8,5", "+8", " 8", "8 ", "8\n", "1_0", "1e1", "٨", ".5", "5.", "", "nan", "inf", "Infinity",
        "-inf", "08",
        "0x8", "true", "1.5.0", "null",
    ],
    "boolean": [
        "True", "TRUE", "yes", "no", "y", "n", "on", "off", "t", "f", "1", "0", "1.0", " true", "true ",
        "true\n", "",
        "null", "2", "Yes",
    ],
}  # fmt: skip


def wrong_texts(values: list[str]) -> list[Any]:
    one = values[0]
    forms: list[Any] = [
        one.upper(), one.title(), one.swapcase(), f" {one}", f"{one} ", f"{one}\n", f"{one}s", one[:-1],
        "", 0, 1,
        1.5, True, False, [one], {"value": one}, f'"{one}"', one.replace("_", "-") + "-", "0", "null",
    ]  # fmt: skip
    return [form for form in forms if form not in values] or forms


class Document:
    """An OpenAPI document: what of a schema has a kind, and bodies made of wrong forms."""

    def __init__(self, document: dict[str, Any]) -> None:
        self.document = document

    def operations(self) -> Iterator[tuple[str, str, dict[str, Any]]]:
        for path, methods in self.document["paths"].items():
            for method, operation in methods.items():
                yield path, method, operation

    def resolved(self, schema: dict[str, Any]) -> dict[str, Any]:
        while "$ref" in schema:
            schema = self.document["components"]["schemas"][schema["$ref"].rpartition("/")[2]]
        return schema

    def branches(self, schema: dict[str, Any]) -> list[dict[str, Any]]:
        schema = self.resolved(schema)
        if alternatives := schema.get("anyOf", schema.get("oneOf")):
            found = [branch for each in alternatives for branch in self.branches(each)]
            return [branch for branch in found if branch.get("type") != "null"]
        if isinstance(schema.get("type"), list):  # of something that may be null
            return [{**schema, "type": each} for each in schema["type"] if each != "null"]
        return [schema]

    def kinds(self, schema: dict[str, Any]) -> set[str]:
        return {_kind(branch) for branch in self.branches(schema)}

    def wrong(self, schema: dict[str, Any], at: int, branch: int, depth: int = 0) -> tuple[Any, list[str]]:
        """Return a value with a wrong form in every field, and the pointers of the fields."""
        branches = self.branches(schema)
        chosen = branches[branch % len(branches)]
        kind = _kind(chosen)
        if kind == "object" and "properties" in chosen:
            value, pointers = {}, []
            for name, each in chosen["properties"].items():
                if "const" in (fixed := self.resolved(each)):
                    value[name] = fixed["const"]
                elif depth < 5:
                    value[name], inner = self.wrong(each, at, branch, depth + 1)
                    pointers += [f"/{name}{pointer}" for pointer in inner]
            return value, pointers
        if kind == "array":
            inner_value, inner = self.wrong(chosen.get("items", {}), at, branch, depth + 1)
            return [inner_value], [f"/0{pointer}" for pointer in inner]
        kinds = {_kind(each) for each in branches}
        if kinds & {"object", "array", "any"}:
            return {}, []  # of what may be an object or a text only the other branches are tried
        forms = wrong_texts(chosen.get("enum") or [chosen["const"]]) if kind == "enum" else WRONG[kind]
        form = forms[at % len(forms)]
        if len(kinds) > 1 and any(_fits(form, each) for each in kinds):
            form = {"none": "of these"}
        return form, [""]


def _kind(schema: dict[str, Any]) -> str:
    if "enum" in schema or "const" in schema:
        return "enum"
    kind = schema.get("type", "any")
    return schema["format"] if kind == "string" and schema.get("format") in WRONG else kind


def _fits(form: Any, kind: str) -> bool:
    if isinstance(form, bool):
        return kind == "boolean"
    if isinstance(form, int):
        return kind in {"integer", "number"}
    if isinstance(form, float):
        return kind == "number" or (kind == "integer" and form.is_integer())
    if isinstance(form, str):
        core = {"date-time": "datetime"}.get(kind, kind)
        return kind in {"string", "enum"} or (core in FORMS and FORMS[core].fits(form))
    return False


class Caller:
    """Stands in for the authenticator of an application that was never started."""

    async def authenticate(self, _headers: Any) -> Principal:
        return Principal("somebody", frozenset(SCOPES))


class Nowhere:
    """Stands in for the database of the one route that notes what it refuses."""

    @asynccontextmanager
    async def reading(self) -> AsyncIterator[Any]:
        yield AsyncMock()


@pytest.fixture(scope="module", params=SERVICES)
def application(request: pytest.FixtureRequest) -> Any:
    app = import_module(f"licet_{request.param}.app").create_app(settings_class(request.param)(**_SETTINGS))
    app.state.runtime = SimpleNamespace(
        authenticator=Caller(), database=Nowhere(), clock=BusinessClock(movable=False)
    )
    return app


@pytest.fixture
async def client(application: Any):
    transport = httpx.ASGITransport(application)
    async with httpx.AsyncClient(transport=transport, base_url="http://licet") as client:
        yield client


def named(answer: httpx.Response) -> set[str]:
    assert answer.status_code == 422, f"{answer.request.method} {answer.request.url}: {answer.text[:500]}"
    return {
        error.get("pointer", error.get("parameter", error.get("header"))) for error in answer.json()["errors"]
    }


def wrong_in_item(body: dict[str, Any]) -> set[str]:
    """A completion that is malformed is answered in its place, with 200 for the others."""
    with pytest.raises(ValidationError) as malformed:
        CompletionIn.model_validate(body["completions"][0])
    return {json_pointer(["completions", 0, *error["loc"]]) for error in malformed.value.errors()}


def path_of(path: str) -> str:
    path = re.sub(r"\{[a-z_]*_id\}", ID, path)
    return path.replace("{number}", "1").replace("{version}", "1").replace("{", "").replace("}", "")


async def test_no_field_of_a_body_is_coerced(application: Any, client: httpx.AsyncClient) -> None:
    document = Document(application.openapi())
    taken: list[str] = []
    for path, method, operation in document.operations():
        content = operation.get("requestBody", {}).get("content", {})
        if "application/json" not in content or not content["application/json"]["schema"]:
            continue
        schema = content["application/json"]["schema"]
        address = path
        for parameter in operation.get("parameters", []):
            if parameter["in"] == "path":
                kind = _kind(parameter["schema"])
                value = ID if kind == "uuid" else "1" if kind == "integer" else parameter["name"]
                address = address.replace(f"{{{parameter['name']}}}", value)
        for at in range(20):
            for branch in range(_widest(document, schema)):
                body, pointers = document.wrong(schema, at, branch)
                if not pointers:
                    continue
                if path == "/v1/completions":
                    missed = set(pointers) - wrong_in_item(body)
                else:
                    answer = await client.request(
                        method,
                        address,
                        content=json.dumps(body),
                        headers={"content-type": "application/json", "if-match": '"1"'},
                    )
                    missed = set(pointers) - named(answer)
                taken += [f"{method} {path} {pointer}: form {at} of {body!r:.300}" for pointer in missed]
    assert taken == []


def _widest(document: Document, schema: dict[str, Any], depth: int = 0) -> int:
    branches = document.branches(schema)
    inner = [
        _widest(document, each, depth + 1)
        for branch in branches
        if depth < 4
        for each in [*branch.get("properties", {}).values(), branch.get("items", {})]
    ]
    return max([len(branches), *inner])


RIGHT: dict[str, Any] = {
    "date": "2026-01-31", "date-time": "2026-01-31T08:00:00.123456+01:00", "uuid": ID, "integer": 24,
    "number": 8.5, "boolean": True, "string": "a",
}  # fmt: skip


async def test_documented_forms_are_taken(
    application: Any, client: httpx.AsyncClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    document = Document(application.openapi())
    monkeypatch.setattr(sys.modules[__name__], "WRONG", {kind: [form] for kind, form in RIGHT.items()})
    wanted = {form.wanted for form in FORMS.values()}
    for path, method, operation in document.operations():
        content = operation.get("requestBody", {}).get("content", {})
        schema = content.get("application/json", {}).get("schema")
        if not schema or path == "/v1/completions":
            continue
        for branch in range(_widest(document, schema)):
            body, _ = document.wrong(schema, 0, branch)
            answer = await client.request(
                method, path_of(path), json=body | {"no": "field"}, headers={"if-match": '"1"'}
            )
            assert named(answer)
            assert not [
                error
                for error in answer.json()["errors"]
                if error["detail"] in wanted
                and not error.get("pointer", "/approvals/").startswith("/approvals/")
            ], f"{method} {path}: {body}"


async def test_no_parameter_is_coerced(application: Any, client: httpx.AsyncClient) -> None:
    document = Document(application.openapi())
    taken: list[str] = []
    for path, method, operation in document.operations():
        parameters = [
            (parameter, kinds)
            for parameter in operation.get("parameters", [])
            if parameter["in"] in {"path", "query"}
            and (
                kinds := {
                    kind
                    for branch in document.branches(parameter["schema"])
                    for kind in (
                        {_kind(branch)} if branch.get("type") != "array" else document.kinds(branch["items"])
                    )
                }
            )
            and not kinds & {"string", "any", "enum"}
        ]
        for at in range(20) if parameters else ():
            address, query, wrong = path, {}, set()
            for parameter, kinds in parameters:
                kind = min(kinds)
                forms = IN_A_QUERY.get(kind) or [form for form in WRONG[kind] if isinstance(form, str)]
                form = forms[at % len(forms)]
                if any(_fits(form, each) for each in kinds - {kind}):
                    continue
                if parameter["in"] == "query":
                    query[parameter["name"]] = form
                elif form and "/" not in form and kind in form:
                    address = address.replace(f"{{{parameter['name']}}}", form)
                else:
                    continue
                wrong.add(parameter["name"])
            if wrong:
                answer = await client.request(method, address, params=query, headers={"if-match": '"1"'})
                taken += [f"{method} {path} {name}: {query}" for name in wrong - named(answer)]
    assert taken == []


async def test_a_parameter_that_is_not_documented_or_given_twice_is_refused(
    application: Any, client: httpx.AsyncClient
) -> None:
    document = Document(application.openapi())
    for path, method, operation in document.operations():
        if path.startswith("/xapi/"):
            continue  # answers 400 by its specification
        answer = await client.request(method, path_of(path), params={"holderid": ID})
        assert "holderid" in named(answer)
        for parameter in operation.get("parameters", []):
            if (
                parameter["in"] == "query"
                and document.branches(parameter["schema"])[0].get("type") != "array"
            ):
                answer = await client.request(
                    method, path_of(path), params=[(parameter["name"], "1"), (parameter["name"], "1")]
                )
                assert parameter["name"] in named(answer) or "{" in parameter["name"]
