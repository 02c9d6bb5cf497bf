"""Whose data a caller may see, as lists and counts of this service ask for it in SQL."""

from dataclasses import dataclass
from typing import Any, Self

from licet_chassis.http.auth import Principal


@dataclass(frozen=True, slots=True)
class Visibility:
    """The teams and locations whose people are seen; `None` does not restrict, empty shows nobody."""

    teams: tuple[str, ...] | None = None
    locations: tuple[str, ...] | None = None

    @classmethod
    def of(cls, principal: Principal) -> Self:
        """Return what a token sees."""
        return cls(
            None if principal.teams is None else tuple(sorted(principal.teams)),
            None if principal.locations is None else tuple(sorted(principal.locations)),
        )

    def parameters(self) -> dict[str, Any]:
        """Return the parameters `teams_seen` and `locations_seen` of a template."""
        return {"teams_seen": self.teams, "locations_seen": self.locations}
