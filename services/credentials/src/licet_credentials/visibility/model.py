"""The visibility of a token."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Sees:
    """Teams and locations whose holders a token sees; `None` means all, empty means none.

    A holder must be in one of the teams and at one of the locations.
    """

    teams: tuple[str, ...] | None = None
    locations: tuple[str, ...] | None = None

    @property
    def everyone(self) -> bool:
        """Whether it is unlimited."""
        return self.teams is None and self.locations is None

    def may_see(self, *, team: str | None, location: str | None) -> bool:
        """Whether a holder of that team at that location is seen."""
        return (self.teams is None or team in self.teams) and (
            self.locations is None or location in self.locations
        )

    def within(self, other: "Sees") -> bool:
        """Whether the other sees everybody that this sees."""
        return _within(self.teams, other.teams) and _within(self.locations, other.locations)


def _within(codes: tuple[str, ...] | None, others: tuple[str, ...] | None) -> bool:
    return others is None or (codes is not None and set(codes) <= set(others))
