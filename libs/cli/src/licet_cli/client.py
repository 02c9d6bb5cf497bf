"""A client of the services' public HTTP interface, with a bearer token."""

import json
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Self

import httpx

from licet_events.ids import uuid7


class CommandFailed(Exception):
    """A command can't go on; the message is for the person who typed it."""


class Refused(CommandFailed):
    """A service answered with a problem document."""

    def __init__(self, service: str, answer: httpx.Response) -> None:
        try:
            problem: dict[str, Any] = answer.json()
        except ValueError:
            problem = {}
        self.status = answer.status_code
        self.detail = str(problem.get("detail") or answer.reason_phrase)
        self.errors: list[dict[str, str]] = problem.get("errors") or []
        wrong = "".join(f"\n  {_place(error)}: {error['detail']}" for error in self.errors)
        super().__init__(f"{service} answered {self.status}: {self.detail}{wrong}")


def _place(error: dict[str, str]) -> str:
    return error.get("pointer") or error.get("parameter") or error.get("header") or "/"


@dataclass
class ServiceClient:
    """One service of a deployment; every call asks for a token that is still good."""

    name: str
    url: str
    token: Callable[[], str]
    _http: httpx.Client = field(init=False, repr=False)

    def __post_init__(self) -> None:
        self._http = httpx.Client(base_url=self.url, timeout=60.0, follow_redirects=False)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_exception: object) -> None:
        self._http.close()

    def get(self, path: str, **query: Any) -> Any:
        """Return the JSON answer of a GET; raises `Refused` or `CommandFailed`."""
        return self.send("GET", path, params={k: v for k, v in query.items() if v is not None}).json()

    def items(self, path: str, **query: Any) -> Iterator[Any]:
        """Walk a list, page by page."""
        cursor = None
        while True:
            page = self.get(path, cursor=cursor, limit=500, **query)
            yield from page["items"]
            cursor = page["next_cursor"]
            if cursor is None:
                return

    def post(self, path: str, body: Any = None, **options: Any) -> Any:
        """Return the JSON answer of a POST with a fresh `Idempotency-Key`."""
        headers = {"Idempotency-Key": str(uuid7())}
        answer = self.send("POST", path, json=body, headers=headers, **options)
        return answer.json() if answer.content else None

    def lines(self, path: str) -> Iterator[Any]:
        """Walk the JSON lines that a POST answers with, as they come."""
        headers = {"Authorization": f"Bearer {self.token()}"}
        try:
            with self._http.stream("POST", path, headers=headers, timeout=None) as answer:
                if answer.status_code >= 400:
                    answer.read()
                    raise Refused(self.name, answer)
                for line in answer.iter_lines():
                    yield json.loads(line)
        except httpx.HTTPError as error:
            raise CommandFailed(
                f"{self.name} broke off ({type(error).__name__}); it is safe to repeat."
            ) from None

    def download(self, path: str, file: Path, *, accept: str = "*/*") -> None:
        """Write the answer of a GET into a file as it comes; raises `Refused` or `CommandFailed`."""
        headers = {"Authorization": f"Bearer {self.token()}", "Accept": accept}
        try:
            with self._http.stream("GET", path, headers=headers) as answer:
                if answer.status_code >= 400:
                    answer.read()
                    raise Refused(self.name, answer)
                with file.open("wb") as out:
                    for piece in answer.iter_bytes():
                        out.write(piece)
        except httpx.HTTPError as error:
            raise CommandFailed(f"{self.name} broke off ({type(error).__name__}); try again.") from None

    def put(self, path: str, body: Any) -> Any:
        """Return the JSON answer of a PUT."""
        return self.send("PUT", path, json=body).json()

    def patch(self, path: str, body: Any, version: int) -> Any:
        """Return the JSON answer of a merge patch for that version."""
        return self.send("PATCH", path, json=body, headers={"If-Match": f'"{version}"'}).json()

    def send(
        self, method: str, path: str, *, headers: Mapping[str, str] | None = None, **options: Any
    ) -> httpx.Response:
        """Return the answer; raises `Refused` from 400 up, `CommandFailed` if there is none."""
        if options.get("json", ...) is None:
            options.pop("json")
        sent = {"Authorization": f"Bearer {self.token()}", **(headers or {})}
        try:
            answer = self._http.request(method, path, headers=sent, **options)
        except httpx.HTTPError as error:
            raise CommandFailed(
                f"{self.name} at {self.url} does not answer ({type(error).__name__}); is it running?"
            ) from None
        if answer.status_code >= 400:
            raise Refused(self.name, answer)
        return answer
