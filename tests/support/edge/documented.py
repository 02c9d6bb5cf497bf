"""Whether an answer is one that the committed OpenAPI document tells of."""

import re
from typing import Any

import httpx

from support.edge.wrong import operations


class Documented:
    """Looks at every answer of a client: `event_hooks={"response": [Documented("credentials")]}`.

    Routes that a document does not have are not looked at: they have tests of their own.
    """

    def __init__(self, service: str) -> None:
        # What is fixed in a path comes before what is filled in: `/imports/mine` is no `{id}`.
        declared = sorted(operations(service), key=lambda each: each.path.replace("{", "\x7f"))
        self._answers = [
            (each.method, re.compile(re.sub(r"\{\w+\}", "[^/]+", each.path)), each.declared["responses"])
            for each in declared
        ]

    async def __call__(self, answer: httpx.Response) -> None:
        """Fail where the status or the media type of an answer is not documented."""
        method, path = answer.request.method, answer.request.url.raw_path.decode().partition("?")[0]
        told = next((told for of, at, told in self._answers if of == method and at.fullmatch(path)), None)
        if told is None:
            return
        described: dict[str, Any] | None = told.get(str(answer.status_code))
        if described is None and answer.status_code >= 400:
            described = told.get("default")
        assert described is not None, f"{method} {path}: {answer.status_code} is not in the OpenAPI document"
        media_type = answer.headers.get("content-type", "").partition(";")[0]
        assert media_type in described.get("content", {"": {}}), (
            f"{method} {path}: {answer.status_code} is documented as {list(described.get('content', ()))}, "
            f"it came as {media_type!r}"
        )
