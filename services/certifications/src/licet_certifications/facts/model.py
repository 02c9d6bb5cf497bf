"""What is known here of facts that other services own."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class TypeFacts:
    """What is known of a credential type."""

    code: str
    aliases: tuple[str, ...] = ()
    expires: bool = True
    retired: bool = False
