"""What the service refuses, each with a sentence that the caller can act on.

`app.py` says which HTTP status each class has.
"""


class Refused(Exception):
    """A request that is understood and not carried out; nothing of it has been done."""

    def __init__(self, detail: str, *, pointer: str | None = None) -> None:
        super().__init__(detail)
        self.pointer = pointer
        """A JSON pointer to the field that is wrong, where one is."""


class NotFound(Refused):
    """There is no such thing, or none that the caller may see."""


class Invalid(Refused):
    """A value is well formed and makes no sense here."""


class StaleVersion(Refused):
    """The caller looked at an older version than the one that is there."""

    def __init__(self, expected: int, actual: int) -> None:
        super().__init__(
            f"If-Match names version {expected}, but version {actual} is current. Fetch it and try again."
        )
