"""Requests with something wrong in one place, made from a committed OpenAPI document.

Schemathesis 4.32 went less deep (it knows no ids: 28 of 72 operations never got beyond 404) and took fifteen
times as long. To run it by hand against `make up`:

    st run docs/reference/openapi/credentials.json --url "$CREDENTIALS" \\
        -H "Authorization: Bearer $(licet token)" --checks not_a_server_error,response_schema_conformance
"""

import json
from collections.abc import Awaitable, Callable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any, TypeAlias
from urllib.parse import quote

import httpx

from licet_chassis.http.problems import MEDIA_TYPE

DOCUMENTS = Path(__file__).parents[3] / "docs" / "reference" / "openapi"
UNKNOWN = "00000000-0000-4000-8000-000000000009"

VALUES: tuple[Any, ...] = (
    None, True, 0, -1, 2**31, 2**63, 10**40, 1.5, 1e308, "", " ", "x" * 10_000, "\0", "\ud800", "a\r\nb: c",
    "'\"%_\\;--", "0001-01-01", "9999-12-31", "9000-12-31", "2026-02-30", "0001-01-01T00:00:00+14:00",
    "9999-12-31T23:59:59-14:00", UNKNOWN, "../../etc/passwd", [], [None], [[]], {}, {"a": None}, {"": [{}]},
)  # fmt: skip
"""What is put where something else belongs; some of it is good in some places."""
TEXTS: tuple[str, ...] = (
    "OTIyMzM3MjAzNjg1NDc3NTgwOA", str(2**63), "\0", "", "-1", "\ud7ff\uffff", "x" * 3_000, "'\"%_\\;--",
    "0001-01-01", "9999-12-31", "9999-12-31T23:59:59-14:00", UNKNOWN, "a\r\nb: c", "((((a+)+)+)+)$",
)  # fmt: skip
"""What is put into paths and queries; the first is a cursor with 2⁶³."""
_ALWAYS = 3
BODIES: tuple[bytes, ...] = (
    b"", b"nul", b"null", b"7", b"[]", b'"x"', b"{", b'{"a":NaN}', b"{}\0", b"\xff\xfe{}", b'{"a":"\xff"}',
    b'{"a":1,"a":2}', b"[" * 100_000, b'{"a":' * 900 + b"1" + b"}" * 900, b'{"a":' + b"9" * 5_000 + b"}",
    b'{"attributes":{"a":1e999}}',
)  # fmt: skip


HEADERS: tuple[str, ...] = (
    "", "*", '"1", "2"', 'W/"1"', '"999999999999999999"', '"-1"', '"0"', "\xff" * 300, "\xff",
)  # fmt: skip
Place: TypeAlias = tuple[str | int, ...]
"""Where in a body something stands."""


@dataclass(frozen=True)
class Request:
    """One request; `wrong` says what is odd about it, `refused` whether it can't be taken for good."""

    method: str
    path: str
    wrong: str
    query: Mapping[str, str] = field(default_factory=dict)
    headers: Mapping[str, str] = field(default_factory=dict)
    content: bytes | None = None
    refused: bool = False
    versioned: bool = False
    """Whether it needs the version that is there, in `If-Match`."""

    @property
    def url(self) -> str:
        """The path with its query."""
        given = "&".join(f"{quote(name)}={_quoted(text)}" for name, text in self.query.items())
        return f"{self.path}?{given}" if given else self.path


def _quoted(text: str) -> str:
    return quote(text.encode("utf-8", "surrogatepass"), safe="")


@dataclass(frozen=True)
class Operation:
    """An operation of a service."""

    method: str
    path: str
    declared: Mapping[str, Any]
    document: Mapping[str, Any]

    def requests(self, known: Mapping[str, Any], *, thinned: int = 1) -> Iterator[Request]:
        """Yield requests, each wrong in one place; `known` has what is good, by the name of the field.

        Under a path it has fields of that body which need not be there, and without which it is not taken.

        Where it is `thinned`, each place has only some of the values, others than the place before.
        """
        return _Making(self, known).requests(thinned)


@cache  # every client of every test asks for them
def operations(service: str) -> tuple[Operation, ...]:
    """Return the operations that are a service's own."""
    document = json.loads((DOCUMENTS / f"{service}.json").read_text(encoding="utf-8"))
    return tuple(
        Operation(method.upper(), path, declared, document)
        for path, methods in document["paths"].items()
        for method, declared in methods.items()
        if not {"operations", "schemas"} & set(declared["tags"])
    )


async def fault_of(client: httpx.AsyncClient, request: Request) -> str | None:
    """Send it; returns what is wrong with the answer, `None` where nothing is."""
    headers = dict(request.headers)
    if request.versioned:
        headers["If-Match"] = (await client.get(request.path)).headers.get("etag", '"1"')
    sent = [(name.encode(), text.encode("latin-1")) for name, text in headers.items()]
    answer = await client.request(request.method, request.url, headers=sent, content=request.content)
    said = (
        f"{request.method} {request.url[:120]} with {request.wrong}: {answer.status_code} {answer.text[:300]}"
    )
    if answer.status_code < 400:
        return f"{said}, which should be refused" if request.refused else None
    if answer.headers.get("content-type") != MEDIA_TYPE or answer.json()["status"] != answer.status_code:
        return f"{said}, which is no problem document"
    return None if answer.status_code < 500 else said


async def faults(
    client: httpx.AsyncClient,
    service: str,
    known: Callable[[int], Awaitable[Mapping[str, Any]]],
    *,
    thinned: int = 1,
) -> list[str]:
    """Send everything to every operation; `known(n)` makes what the n-th of them may use up."""
    found = []
    for number, operation in enumerate(operations(service)):
        for request in operation.requests(await known(number), thinned=thinned):
            fault = await fault_of(client, request)
            if fault is not None:
                found.append(fault)
    return found


class _Making:
    def __init__(self, operation: Operation, known: Mapping[str, Any]) -> None:
        self._operation = operation
        self._document = operation.document
        self._known = known
        self._parameters = operation.declared.get("parameters", ())
        content = operation.declared.get("requestBody", {}).get("content", {}).get("application/json")
        self._schema = None if content is None else self._resolved(content["schema"])
        self._body = (
            None if self._schema is None else self._good(self._schema) | known.get(operation.path, {})
        )
        self._path = self._filled()

    def _filled(self, **odd: str) -> str:
        path = self._operation.path
        for each in self._parameters:
            name = each["name"]
            if each["in"] == "path":
                path = path.replace(
                    "{" + name + "}", _quoted(odd.get(name, str(self._known.get(name, UNKNOWN))))
                )
        return path

    def _made(self, wrong: str, **changes: Any) -> Request:
        sent = (
            {"headers": {}}
            if self._body is None
            else {
                "headers": {"content-type": "application/json"},
                "content": json.dumps(self._body).encode(),
            }
        )
        if "headers" in changes:
            changes["headers"] = sent["headers"] | changes["headers"]
        versioned = self._operation.method == "PATCH" and "If-Match" not in changes.get("headers", ())
        return Request(
            **{
                "method": self._operation.method,
                "path": self._path,
                "wrong": wrong,
                "versioned": versioned,
                **sent,
                **changes,
            }
        )

    def requests(self, thinned: int) -> Iterator[Request]:
        """Yield them."""
        yield from self._around(thinned)
        if self._schema is not None:
            yield from self._within(self._schema, thinned)

    def _around(self, thinned: int) -> Iterator[Request]:
        for number, each in enumerate(self._parameters):
            name = each["name"]
            if each["in"] == "header":
                for tag in HEADERS[number % thinned :: thinned]:
                    yield self._made(f"{name}: {tag[:20]!r}", headers={name: tag})
                continue
            for text in (*TEXTS[:_ALWAYS], *TEXTS[_ALWAYS + number % thinned :: thinned]):
                wrong = f"{name}={text[:20]!r}"
                if each["in"] == "query":
                    yield self._made(wrong, query={name: text})
                elif text:
                    yield self._made(wrong, path=self._filled(**{name: text}))

    def _within(self, schema: Mapping[str, Any], thinned: int) -> Iterator[Request]:
        for raw in BODIES:
            yield self._made(f"{raw[:20]!r}", content=raw)
        yield self._made("no JSON", headers={"content-type": "text/plain"}, refused=True)
        if schema.get("additionalProperties") is False:
            more = {**(self._body or {}), "id": UNKNOWN, "version": 7}
            yield self._made("unknown fields", content=json.dumps(more).encode(), refused=True)
        for number, at in enumerate(self._places(schema)):
            for value in VALUES[number % thinned :: thinned]:
                wrong = f"{'/'.join(map(str, at))}={str(value)[:20]!r}"
                yield self._made(wrong, content=json.dumps(_with(self._body, at, value)).encode())

    def _resolved(self, schema: Mapping[str, Any]) -> Mapping[str, Any]:
        """Return the schema itself, without its reference and without null."""
        while True:
            if "$ref" in schema:
                schema = self._document["components"]["schemas"][schema["$ref"].rpartition("/")[2]]
            elif "anyOf" in schema:
                schema = next(each for each in schema["anyOf"] if each.get("type") != "null")
            elif "allOf" in schema:
                schema = schema["allOf"][0]
            elif isinstance(schema.get("type"), list):
                schema = {**schema, "type": next(each for each in schema["type"] if each != "null")}
            else:
                return schema

    def _good(self, schema: Mapping[str, Any], name: str = "") -> Any:
        """Return something that fits, with what is required."""
        if name in self._known:
            return self._known[name]
        schema = self._resolved(schema)
        if "const" in schema:
            return schema["const"]
        if "enum" in schema:
            return schema["enum"][0]
        kind = schema.get("type", "object")
        if kind == "object":
            fields = schema.get("properties", {})
            return {each: self._good(fields[each], each) for each in schema.get("required", ())}
        if kind == "array":
            return [self._good(schema["items"], name)]
        simple: dict[str, Any] = {"integer": 1, "number": 1, "boolean": True, "null": None}
        if kind in simple:
            return simple[kind]
        return {
            "uuid": UNKNOWN, "date": "2026-06-30", "date-time": "2026-06-30T00:00:00Z",
        }.get(schema.get("format", ""), "tried")  # fmt: skip

    def _places(self, schema: Mapping[str, Any], at: Place = ()) -> Iterator[Place]:
        """Yield where something may stand, also what need not be there."""
        for name, declared in schema.get("properties", {}).items():
            yield (*at, name)
            inner = self._resolved(declared)
            if inner.get("type") == "object":
                yield (*at, name, "odd")
                yield from self._places(inner, (*at, name))
            elif inner.get("type") == "array":
                yield (*at, name, 0)
                yield from self._places(self._resolved(inner["items"]), (*at, name, 0))


def _with(document: Any, at: Place, value: Any) -> Any:
    """Return a copy of the document with a value at that place."""
    if not at:
        return value
    first, *rest = at
    if first == 0:
        return [_with({}, tuple(rest), value)]
    inner = document.get(first) if isinstance(document, dict) else None
    return {**(document if isinstance(document, dict) else {}), first: _with(inner, tuple(rest), value)}
