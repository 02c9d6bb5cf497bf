"""What callers say of requirements, and what they are shown."""

from collections.abc import Sequence
from datetime import date
from typing import Annotated, Any, Literal, Self, TypeAlias
from uuid import UUID

from pydantic import BaseModel, BeforeValidator, Field, StringConstraints, model_validator

from licet_certifications.codes import Code, Target
from licet_certifications.requirements.expressions import expression_of, tree_of
from licet_chassis.http.resources import LEFT_OUT, Body, MergePatch
from licet_events.catalogue import (
    AttributeCondition,
    AttributeValue,
    Expression,
    Operand,
    RequirementState,
    Severity,
)
from licet_events.event import Instant

Day = Annotated[date, Field(ge=date(1900, 1, 1), le=date(9999, 12, 30))]
Kind: TypeAlias = Literal["all_of", "any_of", "k_of"]
Text = Annotated[str, StringConstraints(min_length=1, max_length=200)]
Value = Annotated[bool | int | Text | tuple[Text, ...], Field(union_mode="left_to_right")]


class ConditionBody(Body):
    """What one attribute of a credential has to be. Every comparison that is given has to hold."""

    attribute: Text
    equals: Value | None = None
    in_: list[Value] | None = Field(default=None, alias="in", min_length=1, max_length=100)
    """For an attribute with several choices, one of the choices has to be among these."""
    at_least: int | Text | None = None
    """An integer, a decimal or a date; so is `at_most`."""
    at_most: int | Text | None = None

    @model_validator(mode="after")
    def _compares(self) -> Self:
        if all(one is None for one in (self.equals, self.in_, self.at_least, self.at_most)):
            raise ValueError("must have at least one of equals, in, at_least and at_most")
        return self


def _type_by_name(value: Any) -> Any:
    return {"type": value} if isinstance(value, str) else value


class KOf(Body):
    """At least `k` of some parts."""

    k: int = Field(ge=1, le=50)
    types: "Parts"


class PartBody(Body):
    """A part of an expression: a credential type with conditions, or an expression again.

    A credential type without conditions may be written as its code alone.
    """

    type: Code | None = None
    where: list[ConditionBody] | None = Field(default=None, max_length=20)
    verified_within_days: int | None = Field(default=None, ge=1, le=3650)
    """The latest check confirmed the credential, and is no older than this."""
    issued_by: list[Text] | None = Field(default=None, min_length=1, max_length=50)
    """Names of issuers, one of which has to be the credential's."""
    match_jurisdiction: bool | None = None
    min_days_remaining: int | None = Field(default=None, ge=0, le=3650)
    all_of: "Parts | None" = None
    any_of: "Parts | None" = None
    k_of: KOf | None = None

    @model_validator(mode="after")
    def _is_one(self) -> Self:
        if sum(one is not None for one in (self.type, self.all_of, self.any_of, self.k_of)) != 1:
            raise ValueError("must have exactly one of type, all_of, any_of and k_of")
        if self.type is None and any(one is not None for one in self._conditions):
            raise ValueError("conditions go with a type, not with all_of, any_of or k_of")
        return self

    @property
    def _conditions(self) -> Sequence[object]:
        return (
            self.where, self.verified_within_days, self.issued_by, self.match_jurisdiction,
            self.min_days_remaining,
        )  # fmt: skip

    def operand(self) -> Operand:
        """Return it as the contract has it."""
        if self.type is None:
            return _operand(self.all_of, self.any_of, self.k_of)
        return Operand(
            type=self.type,
            where=tuple(
                AttributeCondition(
                    attribute=one.attribute,
                    equals=one.equals,
                    one_of=tuple(one.in_ or ()),
                    at_least=one.at_least,
                    at_most=one.at_most,
                )
                for one in self.where or ()
            ),
            verified_within_days=self.verified_within_days,
            issued_by=tuple(self.issued_by or ()),
            match_jurisdiction=bool(self.match_jurisdiction),
            min_days_remaining=self.min_days_remaining or 0,
        )


Parts = Annotated[
    list[Annotated[PartBody, BeforeValidator(_type_by_name, json_schema_input_type=Code | PartBody)]],
    Field(min_length=1, max_length=50),
]


class ExpressionBody(Body):
    """What is asked for: exactly one of the three, at most four levels deep."""

    all_of: Parts | None = None
    any_of: Parts | None = None
    k_of: KOf | None = None

    @model_validator(mode="after")
    def _is_one(self) -> Self:
        if sum(one is not None for one in (self.all_of, self.any_of, self.k_of)) != 1:
            raise ValueError("must have exactly one of all_of, any_of and k_of")
        return self

    def expression(self) -> Expression:
        """Return it as the contract has it."""
        return expression_of(_operand(self.all_of, self.any_of, self.k_of))


def _operand(
    all_of: Sequence[PartBody] | None, any_of: Sequence[PartBody] | None, k_of: KOf | None
) -> Operand:
    if k_of is not None:
        return Operand(kind="k_of", k=k_of.k, operands=tuple(part.operand() for part in k_of.types))
    kind: Kind = "any_of" if all_of is None else "all_of"
    return Operand(kind=kind, operands=tuple(part.operand() for part in all_of or any_of or ()))


def expression_view(expression: Expression) -> dict[str, Any]:
    """Show an expression as it was given."""
    return _group_view(tree_of(expression))


def _group_view(part: Operand) -> dict[str, Any]:
    parts = [_part_view(one) for one in part.operands]
    return {"k_of": {"k": part.k, "types": parts}} if part.kind == "k_of" else {str(part.kind): parts}


def _part_view(part: Operand) -> dict[str, Any] | str | None:
    if part.kind is not None:
        return _group_view(part)
    shown = part.model_dump(mode="json", exclude_defaults=True)
    if part.where:
        shown["where"] = [
            {("in" if name == "one_of" else name): value for name, value in one.items()}
            for one in shown["where"]
        ]
    return part.type if shown.keys() == {"type"} else shown


class RequirementBody(Body):
    """A requirement to make."""

    target: Target
    code: Code | None = None
    """What people and files of rules call it; no other requirement has the same."""
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

    code: Code | None = None
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
    code: str | None
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
        return cls.model_validate(state.model_dump() | {"expression": expression_view(state.expression)})


__all__ = ["AttributeValue", "ExpressionBody", "RequirementBody", "RequirementPatch", "RequirementView"]
