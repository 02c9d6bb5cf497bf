"""What is wrong with a template, and where. Pure."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Problem:
    """What is wrong with a template, and where: `part` is subject, text or html; lines and columns from 1."""

    part: str
    detail: str
    line: int | None = None
    column: int | None = None

    @property
    def sentence(self) -> str:
        """The detail with its place."""
        return self.detail if self.line is None else f"line {self.line}, column {self.column}: {self.detail}"
