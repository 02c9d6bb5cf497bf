"""HTTP for credential types."""

from datetime import datetime
from typing import Annotated, Any

from fastapi import APIRouter, Path
from pydantic import AfterValidator, Field, model_validator
from starlette.requests import Request
from starlette.responses import Response

from licet_chassis.database import Transaction
from licet_chassis.http.paging import Page, PageQuery, page_of
from licet_chassis.http.resources import Body, IfMatch, resource
from licet_chassis.http.serving import serving
from licet_chassis.http.writes import Write
from licet_credentials.access import ADMIN, EVERYONE, READ
from licet_credentials.inputs import Code, Ladder, Line
from licet_credentials.types import commands, store
from licet_credentials.types.model import CredentialType, state_of
from licet_events.catalogue import (
    DEFAULT_LADDER,
    AttributeKind,
    Category,
    CredentialTypeState,
    DeclaredAttribute,
    FixedDate,
    NumberUnique,
    Period,
    RenewalBasis,
    RenewalEvidence,
)

router = APIRouter(prefix="/v1/credential-types", tags=["credential types"], dependencies=[EVERYONE])

TypeCode = Annotated[str, Path(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$")]


Option = Annotated[Line, Field(max_length=100)]


class PeriodIn(Body):
    """A length of validity: exactly one of months and days."""

    months: Annotated[int, Field(ge=1, le=1200)] | None = None
    days: Annotated[int, Field(ge=1, le=36500)] | None = None

    @model_validator(mode="after")
    def _one_of_both(self) -> "PeriodIn":
        if (self.months is None) == (self.days is None):
            raise ValueError("must have exactly one of months and days")
        return self


class FixedDateIn(Body):
    """A day of the year on which every term ends; one that a month does not have is its last."""

    month: Annotated[int, Field(ge=1, le=12)]
    day: Annotated[int, Field(ge=1, le=31)]
    at_least_months: Annotated[int, Field(ge=0, le=120)] = 0


def _can_be_brought(evidence: RenewalEvidence) -> RenewalEvidence:
    if evidence is RenewalEvidence.VERIFICATION:
        raise ValueError("must be none or image: verifications are not recorded yet")
    return evidence


Evidence = Annotated[RenewalEvidence, AfterValidator(_can_be_brought)]


class AttributeIn(Body):
    """An attribute that credentials of the type have."""

    name: Annotated[str, Field(pattern=r"^[a-z][a-z0-9_]{0,63}$", examples=["insured_limit"])]
    kind: AttributeKind
    required: bool = False
    options: Annotated[tuple[Option, ...], Field(max_length=200)] = ()
    """Which values a choice has."""


class _Rules(Body):
    expires: bool = True
    validity: PeriodIn | None = None
    ladder: Ladder = DEFAULT_LADDER
    renewal_window_days: Annotated[int, Field(ge=0, le=3650)] | None = None
    grace_days: Annotated[int, Field(ge=0, le=3650)] = 0
    renewal_basis: RenewalBasis | None = None
    fixed_date: FixedDateIn | None = None
    renewal_evidence: Evidence = RenewalEvidence.NONE
    attributes: Annotated[tuple[AttributeIn, ...], Field(max_length=40)] = ()
    aliases: Annotated[tuple[Code, ...], Field(max_length=20)] = ()
    retired: bool = False


class TypeIn(_Rules):
    """A credential type to be defined."""

    code: Code
    name: Line
    category: Category
    number_unique: NumberUnique = NumberUnique.HOLDER


class TypePatch(_Rules):
    """A merge patch (RFC 7396). Code, category and `number_unique` are for good."""

    name: Line = Field(default_factory=str)


def _rules(body: _Rules, *, given_only: bool) -> dict[str, Any]:
    rules: dict[str, Any] = body.model_dump(exclude_unset=given_only)
    if rules.get("validity") is not None:
        rules["validity"] = Period(**rules["validity"])
    if rules.get("fixed_date") is not None:
        rules["fixed_date"] = FixedDate(**rules["fixed_date"])
    if "attributes" in rules:
        rules["attributes"] = tuple(DeclaredAttribute(**each) for each in rules["attributes"])
    return rules


@router.post("", status_code=201, response_model=CredentialTypeState, dependencies=[ADMIN])
async def define(body: TypeIn, write: Write) -> Response:
    """Define a credential type."""
    rules = _rules(body, given_only=False)

    async def command(tx: Transaction, now: datetime) -> CredentialType:
        entry = CredentialType(version=1, created_at=now, updated_at=now, **rules)
        return await commands.define_type(tx, entry, now=now)

    return await write(
        command, view=state_of, status=201, location=lambda entry: f"/v1/credential-types/{entry.code}"
    )


@router.get("", dependencies=[READ])
async def list_(request: Request, page: PageQuery) -> Page[CredentialTypeState]:
    """List credential types by code."""
    async with serving(request).database.reading() as conn:
        rows = await store.list_types(conn, page.after(str), page.limit + 1)
    return page_of(rows, page.limit, lambda entry: entry.code, state_of)


@router.get("/{code}", response_model=CredentialTypeState, dependencies=[READ])
async def show(request: Request, code: TypeCode) -> Response:
    """Show a credential type."""
    async with serving(request).database.reading() as conn:
        return resource(state_of(await store.read_type(conn, code)))


@router.patch("/{code}", response_model=CredentialTypeState, dependencies=[ADMIN])
async def change(code: TypeCode, body: TypePatch, expected: IfMatch, write: Write) -> Response:
    """Change a type's rules; a changed ladder or grace reaches its credentials soon after."""
    rules = _rules(body, given_only=True)
    return await write(
        lambda tx, now: commands.change_type(tx, code, rules, expected_version=expected, now=now),
        view=state_of,
    )
