"""What callers send about audits."""

from datetime import date
from typing import Annotated, Self
from uuid import UUID

from pydantic import Field, StringConstraints, model_validator

from licet_certifications.audits.model import Attestation, AuditPlan
from licet_certifications.codes import Code
from licet_chassis.http.resources import Body
from licet_events.audits import AttestationOutcome, AuditSample, AuditScope

Name = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=200)]
Note = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=2000)]
Codes = Annotated[list[Code], Field(max_length=200)]


class ScopeBody(Body):
    """Which credentials are in scope; what is left out does not restrict."""

    teams: Codes = Field(default_factory=list)
    locations: Codes = Field(default_factory=list)
    types: Codes = Field(default_factory=list)


class SampleBody(Body):
    """A reproducible random part of the scope."""

    share: float = Field(gt=0, le=1)
    seed: int = Field(ge=0, lt=2**53)


class AuditBody(Body):
    """An audit to open."""

    name: Name
    scope: ScopeBody = ScopeBody()
    due_on: date
    """The last day for attestations."""
    time_zone: str | None = None
    """Where that day ends; the deployment's zone, where it is left out."""
    sample: SampleBody | None = None

    def plan(self, default_time_zone: str) -> AuditPlan:
        """Return what is asked for."""
        return AuditPlan(
            name=self.name,
            due_on=self.due_on,
            time_zone=self.time_zone or default_time_zone,
            scope=AuditScope(**self.scope.model_dump()),
            sample=None if self.sample is None else AuditSample(**self.sample.model_dump()),
        )


class AttestationBody(Body):
    """What somebody has found out about one credential."""

    item: UUID
    outcome: AttestationOutcome
    note: Note | None = None
    """Needed for `not_verifiable`: why."""
    replace: bool = False
    """Whether it takes the place of an earlier attestation."""

    def attestation(self) -> Attestation:
        """Return it as the commands take it."""
        return Attestation(self.item, self.outcome, self.note, self.replace)


class AttestationsBody(Body):
    """Attestations, each answered in order."""

    attestations: Annotated[list[AttestationBody], Field(min_length=1, max_length=500)]


class ClosingBody(Body):
    """How an audit is closed."""

    incomplete: bool = False
    """Whether it is closed although attestations are missing."""
    reason: Note | None = None
    """Why it is closed incomplete."""

    @model_validator(mode="after")
    def _has_reason(self) -> Self:
        if self.incomplete and self.reason is None:
            raise ValueError("an incomplete audit needs a reason")
        return self
