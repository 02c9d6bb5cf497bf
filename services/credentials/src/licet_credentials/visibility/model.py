"""What a token may see."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Sees:
    """The teams and locations whose people are seen; `None` is all of them, empty none.

    Whoever is seen is within both.
    """

    teams: tuple[str, ...] | None = None
    locations: tuple[str, ...] | None = None

    @property
    def everyone(self) -> bool:
        """Whether nobody is hidden."""
        return self.teams is None and self.locations is None

    def may_see(self, *, team: str | None, location: str | None) -> bool:
        """Whether someone of that team at that location is seen."""
        return (self.teams is None or team in self.teams) and (
            self.locations is None or location in self.locations
        )

    def within(self, other: "Sees") -> bool:
        """Whether nobody is seen whom the other does not see."""
        return _within(self.teams, other.teams) and _within(self.locations, other.locations)


def _within(codes: tuple[str, ...] | None, others: tuple[str, ...] | None) -> bool:
    return others is None or (codes is not None and set(codes) <= set(others))
