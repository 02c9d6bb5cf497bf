"""Errors of the credentials service, in addition to those of every service (`licet_chassis.errors`)."""

from collections.abc import Mapping, Sequence
from typing import Any
from uuid import UUID

from licet_chassis.errors import Conflict, Refused


class NamesOthers(Conflict):
    """A conflict whose detail names holders or credentials other than those of the request."""

    def unnamed(self) -> Conflict:
        """Return the conflict for a token that may not see them."""
        raise NotImplementedError


class Taken(NamesOthers):
    """A value that must be unique belongs to another record."""

    def __init__(self, what: str, other: str, *, pointer: str) -> None:
        super().__init__(f"{what} already belongs to {other}.", pointer=pointer)
        self._what = what

    def unnamed(self) -> Conflict:
        """Return the conflict without the other record."""
        return Conflict(f"{self._what} is already taken.", pointer=self.pointer)


class NumberTaken(Taken):
    """Another credential has the number, which must be unique within its scope."""

    def __init__(self, number: str, other: UUID | None) -> None:
        named = f"credential {other}" if other else "a credential recorded at the same moment"
        super().__init__(f"The number {number!r}", named, pointer="/number")
        self.other = other


class RecordedTwice(NamesOthers):
    """The holder has a credential of the type without a number in an overlapping term."""

    def __init__(self, type_code: str, other: UUID) -> None:
        super().__init__(
            f"The holder has a {type_code} without a number in an overlapping term: credential {other}."
            ' Renew or correct that one, or send "another": true if this is another one.',
            pointer="/another",
        )

    def unnamed(self) -> Conflict:
        """Return the conflict without the other credential."""
        return Conflict(
            "The holder has one without a number in an overlapping term already; send "
            '"another": true if this is another one.',
            pointer=self.pointer,
        )


class ExternalIdTaken(Taken):
    """Another holder has the external id."""

    def __init__(self, external_id: str, other: UUID | None) -> None:
        named = f"holder {other}" if other else "a holder recorded at the same moment"
        super().__init__(f"The external_id {external_id!r}", named, pointer="/external_id")
        self.other = other


class IdentityInDoubt(NamesOthers):
    """An external id comes for somebody whose name and address are both foreign to its record."""

    def __init__(self, external_id: str, holder_id: UUID) -> None:
        super().__init__(
            f"identity_in_doubt: the external_id {external_id!r} belongs to holder {holder_id}, whose name "
            'and address are others. Send it with "identity": "same" if it is the same person, or with "new" '
            "if it is somebody else, who then gets a record without the other's credentials.",
            pointer="/identity",
        )
        self.members = {"reason": "identity_in_doubt"}
        self._external_id = external_id

    def unnamed(self) -> Conflict:
        """Return the conflict without the other record."""
        return Conflict(
            f"identity_in_doubt: the external_id {self._external_id!r} belongs to somebody with another name "
            "and address.",
            pointer=self.pointer,
        )


class ManagerCycle(NamesOthers):
    """A chain of managers would become a cycle."""

    def __init__(self, cycle: Sequence[str]) -> None:
        way = " reports to ".join((*cycle, cycle[0]))
        super().__init__(f"Nobody can report to themselves in the end, as here: {way}. Nothing was changed.")

    def unnamed(self) -> Conflict:
        """Return the conflict without the holders of the cycle."""
        return Conflict("Nobody can report to themselves in the end. Nothing was changed.")


class AlreadyRenewed(Conflict):
    """The renewal repeats the one before; the answer shows the term that it made."""

    def __init__(self, detail: str, term: Mapping[str, Any]) -> None:
        super().__init__(detail)
        self.members = {"term": term}


class ImageRefused(Refused):
    """The file is not an image or document that is accepted."""
