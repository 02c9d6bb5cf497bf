"""What the service refuses, each with a sentence that the caller can act on.

`app.py` says which HTTP status each class has.
"""

from collections.abc import Sequence
from uuid import UUID


class Refused(Exception):
    """A request that is understood and not carried out; nothing of it has been done."""

    def __init__(self, detail: str, *, pointer: str | None = None) -> None:
        super().__init__(detail)
        self.detail = detail
        self.pointer = pointer
        """A JSON pointer to the field that is wrong, where one is."""


class NotFound(Refused):
    """There is no such thing."""


class Gone(NotFound):
    """There was such a thing, and it was erased."""


class Invalid(Refused):
    """A value is well formed and makes no sense here."""


class Conflict(Refused):
    """The present state does not allow it."""


class OutOfReach(Refused):
    """It would change somebody, or something that all share, beyond what the token sees."""


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


class StaleVersion(Refused):
    """The caller looked at an older version than the one that is there."""

    def __init__(self, expected: int, actual: int) -> None:
        super().__init__(
            f"If-Match names version {expected}, but version {actual} is current. Fetch it and try again."
        )


class TooLarge(Refused):
    """More bytes than the limit."""


class ImageRefused(Refused):
    """The file is not an image that can be shown safely."""


class Busy(Refused):
    """What would do the work has none of its places free; try again after a while."""


def require_version(expected: int | None, actual: int) -> None:
    """Raise `StaleVersion` unless `expected` is the version that is there; `None` expects nothing."""
    if expected is not None and expected != actual:
        raise StaleVersion(expected, actual)
