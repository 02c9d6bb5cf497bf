"""Who calls, and whose data the token lets them see."""

from dataclasses import dataclass

from licet_chassis.http.problems import Forbidden


@dataclass(frozen=True, slots=True)
class Principal:
    """The caller that a token stands for."""

    subject: str
    scopes: frozenset[str] = frozenset()
    teams: frozenset[str] | None = None
    """The only teams whose people this token sees; `None`: all, empty: none."""
    locations: frozenset[str] | None = None
    """The only locations whose people this token sees; `None`: all, empty: none."""
    email: str | None = None
    """The claim `email` (OpenID Connect), where the issuer gives it."""

    @property
    def actor(self) -> str:
        """What causes and histories call this principal."""
        return f"user:{self.subject}"

    def may_see(self, *, team: str | None, location: str | None) -> bool:
        """Whether someone of that team at that location is within both claims."""
        return (self.teams is None or team in self.teams) and (
            self.locations is None or location in self.locations
        )

    @property
    def narrowed(self) -> bool:
        """Whether the token is limited to teams or locations."""
        return self.teams is not None or self.locations is not None

    def must_see_everyone(self) -> None:
        """Raise a 403 where the token is limited to teams or locations."""
        if self.narrowed:
            raise Forbidden(
                "This needs a token that sees everyone; this one is limited to teams or locations."
            )

    def must_have(self, scope: str, *instead: str) -> None:
        """Raise the 403 that names `scope`, unless the token has it or one of those that do `instead`."""
        if scope not in self.scopes and self.scopes.isdisjoint(instead):
            raise Forbidden(
                f"This token lacks the scope {scope}.",
                headers={"WWW-Authenticate": f'Bearer error="insufficient_scope", scope="{scope}"'},
            )
