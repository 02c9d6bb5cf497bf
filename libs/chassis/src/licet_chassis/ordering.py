"""What lists can be ordered by."""

from enum import StrEnum


class Ordering(StrEnum):
    """A list's order: the name of what it is ordered by, with `-` before it backwards."""

    @property
    def key(self) -> str:
        """What it is ordered by, without direction."""
        return self.value.removeprefix("-")

    @property
    def backwards(self) -> bool:
        """Whether the order is reversed."""
        return self.value.startswith("-")

    @property
    def clause(self) -> str:
        """The condition under which a template of `queries.sql` orders so, such as `name_down`."""
        return f"{self.key}_{'down' if self.backwards else 'up'}"
