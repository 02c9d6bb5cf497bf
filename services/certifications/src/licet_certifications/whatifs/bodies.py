"""Changes to be tried, as they come in."""

from datetime import date, datetime
from typing import Annotated, Any, Literal, Self, TypeAlias
from uuid import UUID

from pydantic import Discriminator, Field, Tag, model_validator

from licet_certifications.codes import Code, Target
from licet_certifications.requirements.bodies import RequirementPatch
from licet_certifications.requirements.model import Rule, today_in
from licet_certifications.whatifs.model import (
    MOST_CHANGES,
    Change,
    ChangedGrace,
    ChangedHolder,
    ChangedRequirement,
    MovedExpiry,
    MovedWaiverEnd,
    NewRequirement,
)
from licet_chassis.http.resources import LEFT_OUT, Body, MergePatch
from licet_events.event import Instant

Day = Annotated[date, Field(ge=date(1900, 1, 1), le=date(9999, 12, 30))]
Codes = Annotated[list[Code], Field(max_length=200)]


class RequirementChange(RequirementPatch):
    """A requirement that is new, or with `requirement_id` one that is changed or ended.

    The fields are those of POST and PATCH of /v1/requirements.
    """

    kind: Literal["requirement"]
    requirement_id: UUID = LEFT_OUT
    target: Target = LEFT_OUT

    @model_validator(mode="after")
    def _is_new_or_changes_something(self) -> Self:
        given = self.model_fields_set
        if "requirement_id" in given:
            if "target" in given:
                raise ValueError(
                    "has a target and a requirement_id; the target of a requirement never changes"
                )
            if given == {"kind", "requirement_id"}:
                raise ValueError("changes nothing; give the fields that would differ")
        elif not {"target", "expression"} <= given:
            raise ValueError("needs a requirement_id, or target and expression for a new requirement")
        return self

    def change(self, default_zone: str, now: datetime) -> Change:
        """Return it as the model has it."""
        changes = {
            name: value
            for name, value in self.changes().items()
            if name not in {"kind", "requirement_id", "target"}
        }
        if "requirement_id" in self.model_fields_set:
            return ChangedRequirement(self.requirement_id, changes)
        zone = changes.pop("time_zone", None) or default_zone
        effective_from = changes.pop("effective_from", None) or today_in(zone, now)
        return NewRequirement(
            Rule(target=self.target, time_zone=zone, effective_from=effective_from, **changes)
        )


class TypeChange(Body):
    """A credential type with other days of grace.

    Its ladder moves reminders and its validity the terms that are yet to be entered: neither decides who may
    work, so there is nothing of theirs to be tried.
    """

    kind: Literal["type"]
    type: Code
    """Its code or an alias."""
    grace_days: int = Field(ge=0, le=3650)

    def change(self, _default_zone: str, _now: datetime) -> Change:
        """Return it as the model has it."""
        return ChangedGrace(self.type, self.grace_days)


class CredentialChange(Body):
    """A credential whose latest term ends on another day."""

    kind: Literal["credential"]
    credential_id: UUID
    expires_on: Day | None
    """The expiry date that its document would print; null for one that does not expire."""

    def change(self, _default_zone: str, _now: datetime) -> Change:
        """Return it as the model has it."""
        return MovedExpiry(self.credential_id, self.expires_on)


class HolderChange(MergePatch):
    """A holder with other work, in another place, or gone."""

    kind: Literal["holder"]
    holder_id: UUID
    roles: Codes | None = None
    """All that it would have."""
    queues: Codes | None = None
    location: Code | None = None
    active: bool = LEFT_OUT

    @model_validator(mode="after")
    def _changes_something(self) -> Self:
        if self.model_fields_set <= {"kind", "holder_id"}:
            raise ValueError("changes nothing; give roles, queues, location or active")
        return self

    def change(self, _default_zone: str, _now: datetime) -> Change:
        """Return it as the model has it."""
        changes = self.given()
        del changes["kind"], changes["holder_id"]
        return ChangedHolder(self.holder_id, changes)


class WaiverChange(Body):
    """A waiver that ends at another time: exactly one of a last day and an instant."""

    kind: Literal["waiver"]
    waiver_id: UUID
    ends_on: Day | None = None
    """The last day, in the zone of the holder's location, else in the deployment's."""
    ends_at: Instant | None = None

    @model_validator(mode="after")
    def _ends_once(self) -> Self:
        if (self.ends_on is None) == (self.ends_at is None):
            raise ValueError("needs exactly one of ends_on and ends_at")
        return self

    def change(self, _default_zone: str, _now: datetime) -> Change:
        """Return it as the model has it."""
        return MovedWaiverEnd(self.waiver_id, self.ends_on, self.ends_at)


_KINDS = ("requirement", "type", "credential", "holder", "waiver")


def _kind(value: Any) -> str | None:
    kind = value.get("kind") if isinstance(value, dict) else getattr(value, "kind", None)
    # With a space no tag is the name of a field, which a pointer would take for a part of the document.
    return f"{kind} change" if kind in _KINDS else None


ChangeBody: TypeAlias = Annotated[
    Annotated[RequirementChange, Tag("requirement change")]
    | Annotated[TypeChange, Tag("type change")]
    | Annotated[CredentialChange, Tag("credential change")]
    | Annotated[HolderChange, Tag("holder change")]
    | Annotated[WaiverChange, Tag("waiver change")],
    Discriminator(
        _kind,
        custom_error_type="unknown_kind",
        custom_error_message="must be an object with kind: " + ", ".join(_KINDS),
    ),
]


class WhatIfBody(Body):
    """Changes to be tried together, in their order."""

    changes: list[ChangeBody] = Field(min_length=1, max_length=MOST_CHANGES)

    def given(self) -> list[dict[str, Any]]:
        """Return the changes as they were sent."""
        return [one.model_dump(mode="json", by_alias=True, exclude_unset=True) for one in self.changes]

    def parsed(self, default_zone: str, now: datetime) -> list[Change]:
        """Return the changes as the model has them; raises `Invalid`."""
        return [one.change(default_zone, now) for one in self.changes]
