"""Programmes and versions as they are shown."""

from typing import Any

from pydantic import BaseModel

from licet_certifications.programmes.model import (
    Approvals,
    CompletionRule,
    Component,
    Deadline,
    Definition,
    EntryRules,
    Programme,
    Recertification,
    Version,
    VersionState,
)
from licet_events.event import Instant


class ProgrammeOut(BaseModel):
    """A programme."""

    code: str
    version: int
    name: str
    credential_type: str | None
    """What versions issue that do not say otherwise."""
    current: int | None
    """The number of the version that new enrolments use; null where none is published."""
    created_at: Instant
    updated_at: Instant

    @classmethod
    def of(cls, programme: Programme, used: Version | None) -> "ProgrammeOut":
        """Show a programme with the version that new enrolments use."""
        return cls(
            code=programme.code,
            version=programme.version,
            name=programme.name,
            credential_type=programme.credential_type,
            current=None if used is None else used.number,
            created_at=programme.created_at,
            updated_at=programme.updated_at,
        )


class VersionOut(BaseModel):
    """A version of a programme, with every default filled in."""

    programme: str
    number: int
    version: int
    """Of this resource, for If-Match; the version of the programme is `number`."""
    state: VersionState
    credential_type: str | None
    components: tuple[Component, ...]
    completion: CompletionRule
    approvals: Approvals
    entry: EntryRules
    deadline: Deadline | None
    recertification: Recertification | None
    cool_off_days: int
    counts_before_enrolment: bool
    certificate: str | None
    created_at: Instant
    updated_at: Instant
    published_at: Instant | None
    retired_at: Instant | None

    @classmethod
    def of(cls, version: Version) -> "VersionOut":
        """Show a version."""
        said: dict[str, Any] = {name: getattr(version.definition, name) for name in Definition.model_fields}
        return cls(
            programme=version.programme,
            number=version.number,
            version=version.version,
            state=version.state,
            created_at=version.created_at,
            updated_at=version.updated_at,
            published_at=version.published_at,
            retired_at=version.retired_at,
            **said,
        )
