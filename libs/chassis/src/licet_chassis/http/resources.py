"""Strict request bodies, entity tags, and the version that a change was made for."""

import re
from collections.abc import Mapping
from typing import Annotated, Any, ClassVar, cast

from fastapi import Depends, Header
from pydantic import BaseModel, ConfigDict, Field, GetCoreSchemaHandler, ValidatorFunctionWrapHandler
from pydantic_core import CoreSchema, PydanticSerializationError, core_schema, to_json
from starlette.responses import Response

from licet_chassis.http.contract import REQUIRED
from licet_chassis.http.problems import BadRequest, PreconditionRequired
from licet_chassis.http.strictness import documented

_NUL = re.compile(rb"(?<!\\)(?:\\\\)*\\u0000")  # a text may well say "\\u0000" in six characters
_ENTITY_TAG = re.compile(r'"(?P<version>0|[1-9][0-9]{0,17})"')
_ENTITY_TAG_IN_SCHEMA = '^"(0|[1-9][0-9]{0,17})"$'


class Body(BaseModel):
    """Base of every input model: unknown fields are refused, and a value has the JSON type it should.

    Texts are normalised (`licet_events.sameness.normal`): form C, single blanks, nothing invisible.
    What pydantic would coerce, such as `"24"` for a number or a Unix time for a date, is an error here: see
    `licet_events.forms`.
    """

    model_config = ConfigDict(extra="forbid")

    VERBATIM: ClassVar[frozenset[str]] = frozenset()
    """Fields whose texts stay as they are sent, such as templates."""

    @classmethod
    def __get_pydantic_core_schema__(cls, source: Any, handler: GetCoreSchemaHandler) -> CoreSchema:
        """Validate Python values, which FastAPI makes of a body, as the JSON that they were."""
        handled: dict[str, Any] = {**handler(source)}
        if handled["type"] == "json-or-python":
            return cast("CoreSchema", handled)  # wrapped before
        # The reference moves to the whole, so that JSON Schemas name the body and do not inline it.
        reference = handled.pop("ref", None)
        schema = documented(cast("CoreSchema", handled), cls.__name__, cls.VERBATIM)

        def as_json(value: Any, validate: ValidatorFunctionWrapHandler) -> Any:
            # Strict about Python values would mean that a date is no text; strict about JSON does not.
            if isinstance(value, dict):
                cls.__pydantic_validator__.validate_json(_document(value), strict=True)
            return validate(value)

        return core_schema.json_or_python_schema(
            json_schema=schema,
            python_schema=core_schema.no_info_wrap_validator_function(as_json, schema),
            ref=reference,
        )


class MergePatch(Body):
    """Base of the bodies of PATCH (RFC 7396): what is left out stays, null clears what can be null.

    No field has a default in its schema: generated clients send defaults, and would overwrite what nobody
    meant to change. An array is nullable, null empties it; a field that can't be null is `LEFT_OUT`.
    """

    def given(self) -> dict[str, Any]:
        """Return the fields that the caller sent, nulls included."""
        return self.model_dump(exclude_unset=True)


LEFT_OUT: Any = Field(default_factory=lambda: None)
"""For a field of a `MergePatch` that may be left out but not be null; `given` never contains the None."""


def _document(value: dict[str, Any]) -> bytes:
    try:
        document = to_json(value)
    except PydanticSerializationError:
        raise ValueError("has text that is not well-formed Unicode") from None
    if _NUL.search(document):
        raise ValueError("has text with the character U+0000, which can't be stored")
    return document


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


def created_too(view: type[BaseModel]) -> dict[int | str, dict[str, Any]]:
    """Return what a PUT declares as its `responses`, so that OpenAPI says that it may create as well."""
    return {201: {"model": view, "description": "It was not there and is created"}}


async def _expected_version(
    if_match: Annotated[
        str | None,
        Header(
            alias="If-Match",
            description='The `ETag` of the version to change, such as `"3"`',
            json_schema_extra={"pattern": _ENTITY_TAG_IN_SCHEMA, REQUIRED: True},
        ),
    ] = None,
) -> int:
    if if_match is None:
        raise PreconditionRequired(
            "A change needs the header If-Match with the ETag of the version it was made for; "
            "read the resource first."
        )
    return _version_of(if_match)


async def _version_if_named(
    if_match: Annotated[
        str | None,
        Header(
            alias="If-Match",
            description='The `ETag` of the version to act on, such as `"3"`',
            json_schema_extra={"pattern": _ENTITY_TAG_IN_SCHEMA},
        ),
    ] = None,
) -> int | None:
    return None if if_match is None else _version_of(if_match)


def _version_of(if_match: str) -> int:
    tag = _ENTITY_TAG.fullmatch(if_match.strip(" \t"))  # RFC 9110, 5.5: not part of the value
    if tag is None:
        raise BadRequest(
            'If-Match must be the ETag of one version, such as "3" with its quotes, no list and no *.',
            errors=[{"header": "If-Match", "detail": 'must be one ETag, such as "3"'}],
        )
    return int(tag["version"])


IfMatch = Annotated[int, Depends(_expected_version)]
"""The version that an update was made for: 428 without `If-Match`, 400 for one that is no such tag."""

MaybeIfMatch = Annotated[int | None, Depends(_version_if_named)]
"""The version that an action was made for, where the caller names one."""
