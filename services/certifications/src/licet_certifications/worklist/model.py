"""An item of the worklist: what waits for a person, what it needs, and who may decide."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Protocol
from uuid import UUID

from licet_chassis.errors import Conflict, Invalid, OutOfReach


class Verb(StrEnum):
    """What a person may decide about an item."""

    APPROVE = "approve"
    DENY = "deny"
    RETURN = "return"


class Authority(Protocol):
    """Whoever decides, and what the token may do and see; a `Principal` of the chassis is one."""

    @property
    def actor(self) -> str:
        """Such as `user:<subject>`."""

    @property
    def scopes(self) -> frozenset[str]:
        """What the token may do."""

    @property
    def teams(self) -> frozenset[str] | None:
        """The only teams whose people are seen; `None`: all."""

    @property
    def locations(self) -> frozenset[str] | None:
        """The only locations whose people are seen; `None`: all."""

    def may_see(self, *, team: str | None, location: str | None) -> bool:
        """Whether someone of that team at that location is within both."""


@dataclass(frozen=True, slots=True)
class Deciders:
    """Who may decide."""

    scope: str = "certifications:approve"
    teams: tuple[str, ...] = ()
    """A token has to see people of one of these; empty: of any."""
    locations: tuple[str, ...] = ()
    barred: tuple[str, ...] = ()
    """Actors who may not approve: who asked for it, and who has approved it already."""

    def require(self, verb: Verb, by: Authority) -> None:
        """Raise `OutOfReach` or `Conflict` where somebody may not decide."""
        if self.scope not in by.scopes:
            raise OutOfReach(f"This decision needs a token with the scope {self.scope}.")
        for word, asked, seen in (
            ("team", self.teams, by.teams),
            ("location", self.locations, by.locations),
        ):
            if asked and seen is not None and seen.isdisjoint(asked):
                raise OutOfReach(f"This decision is for people of the {word} {' or '.join(asked)}.")
        if verb is Verb.APPROVE and by.actor in self.barred:
            raise Conflict(
                "Whoever applied, or has approved already, can't approve this; somebody else has to."
            )


@dataclass(frozen=True, slots=True)
class Item:
    """Something that waits for a person."""

    id: UUID
    kind: str
    """What kind of decision it is, such as `application` or `unmatched_completion`; its owner decides it."""
    subject: str
    """What waits, as its owner names it; at most one item of a kind is open for it."""
    since: datetime
    needs: str
    """A code of what it needs, such as `approval`."""
    holder_id: UUID | None = None
    enrolment_id: UUID | None = None
    deciders: Deciders = Deciders()
    details: Mapping[str, str] = field(default_factory=dict)
    """Codes and ids that tell what it is about; no free text."""
    closed_at: datetime | None = None
    decision: str | None = None
    decided_by: str | None = None

    def require_open(self) -> None:
        """Raise `Conflict` where it was decided already, saying by whom."""
        if self.closed_at is not None:
            raise Conflict(
                f"Item {self.id} no longer waits: {self.decided_by} closed it with "
                f"{self.decision} at {self.closed_at.isoformat()}."
            )


@dataclass(frozen=True, slots=True)
class Ruling:
    """What a person has decided about an item."""

    verb: Verb
    reason: str | None = None
    components: Sequence[str] = ()
    """Codes of the components to do again, where work is returned."""
    holder_id: UUID | None = None
    """Whose it is, where that was the question."""

    def __post_init__(self) -> None:
        if self.verb is not Verb.APPROVE and not (self.reason or "").strip():
            raise Invalid(f"{self.verb.value} needs a reason in words.", pointer="/reason")
