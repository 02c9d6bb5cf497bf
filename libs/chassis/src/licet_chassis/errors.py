"""The errors of all services: one tree, each error with a sentence that the caller can act on.

Pure: models raise these, so nothing here knows of HTTP or a database. `STATUSES` gives the HTTP status of
each class; a subclass without a status of its own has that of its nearest ancestor.
"""

from collections.abc import Mapping
from types import MappingProxyType


class Refused(Exception):
    """A request was understood and refused; it has changed nothing."""

    def __init__(self, detail: str, *, pointer: str | None = None) -> None:
        super().__init__(detail)
        self.detail = detail
        self.pointer = pointer
        """A JSON pointer (RFC 6901) to the field that is wrong, where one is."""


class NotFound(Refused):
    """There is no such thing, or none that the caller may see."""


class Gone(NotFound):
    """There was such a thing, and it was erased."""


class Invalid(Refused):
    """A value is well formed and makes no sense here."""


class Conflict(Refused):
    """The present state does not allow it."""


class OutOfReach(Refused):
    """It would change somebody, or something shared, beyond what the token may see."""


class StaleVersion(Refused):
    """The caller looked at an older version than the current one."""

    def __init__(self, expected: int, actual: int) -> None:
        super().__init__(
            f"If-Match names version {expected}, but version {actual} is current. Fetch it and try again."
        )


class TooLarge(Refused):
    """More bytes than the limit."""


class Busy(Refused):
    """Every worker that could do this is occupied; try again after a while."""


STATUSES: Mapping[type[Exception], int] = MappingProxyType(
    {
        NotFound: 404,
        Gone: 410,
        OutOfReach: 403,
        Conflict: 409,
        StaleVersion: 412,
        TooLarge: 413,
        Invalid: 422,
    }
)
"""The HTTP status of each refusal that every service may raise."""


def require_version(expected: int | None, actual: int) -> None:
    """Raise `StaleVersion` unless `expected` is the current version; `None` expects nothing."""
    if expected is not None and expected != actual:
        raise StaleVersion(expected, actual)
