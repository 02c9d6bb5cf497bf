"""Resources as they go out, and the version that a change was made for: entity tags, `If-Match`."""

import re
from collections.abc import Mapping
from typing import Annotated

from fastapi import Depends, Header
from pydantic import BaseModel
from starlette.responses import Response

from licet_chassis.http.problems import BadRequest, PreconditionRequired

_ENTITY_TAG = re.compile(r'"(?P<version>[0-9]{1,18})"')


def etag(version: int) -> str:
    """Return the strong entity tag of a version."""
    return f'"{version}"'


def resource(view: BaseModel, *, status: int = 200, headers: Mapping[str, str] | None = None) -> Response:
    """Return the answer that shows `view`, with the `ETag` of its `version` if it has one."""
    sent = dict(headers or {})
    version = getattr(view, "version", None)
    if isinstance(version, int):
        sent["ETag"] = etag(version)
    return Response(view.model_dump_json(by_alias=True), status, headers=sent, media_type="application/json")


def _expected_version(
    if_match: Annotated[
        str | None, Header(alias="If-Match", description='The `ETag` of the version to change, such as `"3"`')
    ] = None,
) -> int:
    if if_match is None:
        raise PreconditionRequired(
            "A change needs the header If-Match with the ETag of the version it was made for; "
            "read the resource first."
        )
    tag = _ENTITY_TAG.fullmatch(if_match.strip())
    if tag is None:
        raise BadRequest(
            'If-Match must be the ETag of one version, such as "3" with its quotes, no list and no *.',
            errors=[{"header": "If-Match", "detail": 'must be one ETag, such as "3"'}],
        )
    return int(tag["version"])


IfMatch = Annotated[int, Depends(_expected_version)]
"""The version that an update was made for: 428 without `If-Match`, 400 for one that is no such tag."""
