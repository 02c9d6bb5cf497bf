"""Requirements over HTTP."""

from datetime import date, datetime
from typing import Annotated, Any, Literal, Self
from uuid import UUID

from fastapi import APIRouter, Query, Request
from pydantic import BaseModel, Field, model_validator
from starlette.responses import Response

from licet_certifications.codes import Code, Target
from licet_certifications.requirements import commands, store
from licet_certifications.requirements.model import Rule, today_in
from licet_chassis.database import Transaction
from licet_chassis.http.auth import requires
from licet_chassis.http.csv import CSV_TOO, listed
from licet_chassis.http.paging import Page, PageQuery, PageRequest, page_of
from licet_chassis.http.resources import LEFT_OUT, Body, IfMatch, MergePatch, resource
from licet_chassis.http.serving import serving
from licet_chassis.http.writes import Write
from licet_events.catalogue import Expression, RequirementState, Severity
from licet_events.event import Instant

router = APIRouter(prefix="/v1/requirements", tags=["requirements"])

Day = Annotated[date, Field(ge=date(1900, 1, 1), le=date(9999, 12, 30))]
Types = Annotated[list[Code], Field(min_length=1, max_length=50)]


class KOf(Body):
    """At least `k` of some credential types."""

    k: int = Field(ge=1, le=50)
    types: Types


class ExpressionBody(Body):
    """Which credential types are asked for: exactly one of the three."""

    all_of: Types | None = None
    any_of: Types | None = None
    k_of: KOf | None = None

    @model_validator(mode="after")
    def _is_one(self) -> Self:
        if sum(one is not None for one in (self.all_of, self.any_of, self.k_of)) != 1:
            raise ValueError("must have exactly one of all_of, any_of and k_of")
        return self

    def expression(self) -> Expression:
        """Return it as the contract has it."""
        if self.k_of is not None:
            return Expression(kind="k_of", types=tuple(self.k_of.types), k=self.k_of.k)
        kind: Literal["all_of", "any_of"] = "any_of" if self.all_of is None else "all_of"
        return Expression(kind=kind, types=tuple(self.all_of or self.any_of or ()))

    @classmethod
    def of(cls, expression: Expression) -> Self:
        """Show it as it was given."""
        types = list(expression.types)
        if expression.kind == "k_of":
            return cls(k_of=KOf(k=expression.k or 1, types=types))
        return cls(all_of=types) if expression.kind == "all_of" else cls(any_of=types)


class RequirementBody(Body):
    """A requirement to make."""

    target: Target
    expression: ExpressionBody
    locations: list[Code] = Field(default=[], max_length=500)
    """Where it applies; empty means everywhere."""
    severity: Severity = Severity.MANDATORY
    match_jurisdiction: bool = False
    """Whether a credential must be of the location's country and subdivision."""
    min_days_remaining: int = Field(default=0, ge=0, le=3650)
    effective_from: Day | None = None
    """The first day on which it applies; today, where it is left out."""
    effective_until: Day | None = None
    """The last day on which it applies."""
    time_zone: str | None = None
    """Where its dates begin and end; the deployment's, where it is left out."""


class RequirementPatch(MergePatch):
    """What is to be changed (RFC 7396); the target of a requirement never changes."""

    expression: ExpressionBody = LEFT_OUT
    locations: Annotated[list[Code], Field(max_length=500)] | None = None
    """Where it applies; null or empty means everywhere."""
    severity: Severity = LEFT_OUT
    match_jurisdiction: bool = LEFT_OUT
    min_days_remaining: Annotated[int, Field(ge=0, le=3650)] = LEFT_OUT
    effective_from: Day = LEFT_OUT
    effective_until: Day | None = None
    time_zone: str = LEFT_OUT

    def changes(self) -> dict[str, Any]:
        """Return the fields of the rule to change."""
        changes = {name: getattr(self, name) for name in self.model_fields_set}
        if "expression" in changes:
            changes["expression"] = self.expression.expression()
        if "locations" in changes:
            changes["locations"] = tuple(self.locations or ())
        return changes


class RequirementView(BaseModel):
    """A requirement."""

    id: UUID
    version: int
    target: str
    locations: list[str]
    expression: dict[str, Any]
    severity: Severity
    match_jurisdiction: bool
    min_days_remaining: int
    effective_from: date
    effective_until: date | None
    time_zone: str
    starts_at: Instant
    ends_at: Instant | None
    created_at: Instant
    updated_at: Instant

    @classmethod
    def of(cls, state: RequirementState) -> Self:
        """Show a requirement."""
        return cls.model_validate(
            state.model_dump()
            | {"expression": ExpressionBody.of(state.expression).model_dump(exclude_none=True)}
        )


@router.post(
    "",
    status_code=201,
    response_model=RequirementView,
    dependencies=[requires("certifications:write", everyone=True)],
)
async def post_requirement(body: RequirementBody, request: Request, write: Write) -> Response:
    """Make a requirement."""
    running = serving(request)
    time_zone = body.time_zone or running.settings.default_time_zone

    async def command(tx: Transaction, now: datetime) -> RequirementState:
        rule = Rule(
            target=body.target,
            expression=body.expression.expression(),
            locations=tuple(body.locations),
            severity=body.severity,
            match_jurisdiction=body.match_jurisdiction,
            min_days_remaining=body.min_days_remaining,
            effective_from=body.effective_from or today_in(time_zone, now),
            effective_until=body.effective_until,
            time_zone=time_zone,
        )
        return await commands.make_requirement(tx, rule, now=now)

    return await write(
        command, view=RequirementView.of, status=201, location=lambda state: f"/v1/requirements/{state.id}"
    )


@router.get(
    "",
    response_model=Page[RequirementView],
    dependencies=[requires("certifications:read")],
    responses=CSV_TOO,
)
async def list_requirements(
    request: Request, page: PageQuery, target: Annotated[Target | None, Query()] = None
) -> Response:
    """List requirements, oldest first; of one target, if one is given."""

    async def read(asked: PageRequest) -> Page[RequirementView]:
        async with serving(request).database.reading() as conn:
            rows = await store.list_requirements(
                conn, after=asked.after(UUID), target=target, limit=asked.limit + 1
            )
        return page_of(rows, asked.limit, lambda state: state.id, RequirementView.of)

    return await listed(request, page, read, RequirementView)


@router.get(
    "/{requirement_id}", response_model=RequirementView, dependencies=[requires("certifications:read")]
)
async def get_requirement(requirement_id: UUID, request: Request) -> Response:
    """Return one requirement."""
    async with serving(request).database.reading() as conn:
        return resource(RequirementView.of(await store.read_requirement(conn, requirement_id)))


@router.patch(
    "/{requirement_id}",
    response_model=RequirementView,
    dependencies=[requires("certifications:write", everyone=True)],
)
async def patch_requirement(
    requirement_id: UUID, body: RequirementPatch, expected_version: IfMatch, write: Write
) -> Response:
    """Change a requirement.

    What asks for something else takes over at its own `effective_from`, and the version before holds
    until then; what only moves dates takes the place of the version before.
    """
    return await write(
        lambda tx, now: commands.change_requirement(
            tx, requirement_id, body.changes(), expected_version=expected_version, now=now
        ),
        view=RequirementView.of,
    )
