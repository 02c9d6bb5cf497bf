"""What the credentials service refuses beside the errors of every service (`licet_chassis.errors`)."""

from collections.abc import Sequence
from uuid import UUID

from licet_chassis.errors import Conflict, Refused


class NamesOthers(Conflict):
    """A conflict whose sentence names somebody beside those whom the request is about."""

    def unnamed(self) -> Conflict:
        """Return the same for who may not see them."""
        raise NotImplementedError


class Taken(NamesOthers):
    """What must be unique is another's."""

    def __init__(self, what: str, other: str, *, pointer: str) -> None:
        super().__init__(f"{what} is already that of {other}.", pointer=pointer)
        self._what = what

    def unnamed(self) -> Conflict:
        """Return that it is taken, not by whom."""
        return Conflict(f"{self._what} is taken already.", pointer=self.pointer)


class NumberTaken(Taken):
    """The number must be unique for its type, and another credential has it."""

    def __init__(self, number: str, other: UUID | None) -> None:
        named = f"credential {other}" if other else "a credential recorded at the same moment"
        super().__init__(f"The number {number!r}", named, pointer="/number")
        self.other = other


class ExternalIdTaken(Taken):
    """Another system's id names one holder, and another has it."""

    def __init__(self, external_id: str, other: UUID | None) -> None:
        named = f"holder {other}" if other else "a holder recorded at the same moment"
        super().__init__(f"The external_id {external_id!r}", named, pointer="/external_id")
        self.other = other


class ManagerCycle(NamesOthers):
    """Somebody would report to themselves in the end."""

    def __init__(self, circle: Sequence[str]) -> None:
        way = " reports to ".join((*circle, circle[0]))
        super().__init__(f"Nobody can report to themselves in the end, as here: {way}. Nothing was changed.")

    def unnamed(self) -> Conflict:
        """Return that there is a circle, not who is in it."""
        return Conflict("Nobody can report to themselves in the end. Nothing was changed.")


class ImageRefused(Refused):
    """The file is not an image that can be shown safely."""
