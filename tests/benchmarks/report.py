"""What a benchmark says, and the table that `make bench` prints.

A target is a ratio of two things that ran alternately, or a count; never a time. A benchmark module
has `async def run() -> list[Result]`.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from statistics import median


@dataclass(frozen=True)
class Result:
    """One target and what was measured."""

    name: str
    target: str
    """Such as `>= 2 x`; begins with `>=` or `<=`."""
    seen: float
    runs: int
    note: str = ""

    @property
    def met(self) -> bool:
        """Whether what was seen is on the right side of the target's first number."""
        relation, number = self.target.split()[:2]
        return self.seen >= float(number) if relation == ">=" else self.seen <= float(number)


def ratio_of(numerators: Sequence[float], denominators: Sequence[float]) -> float:
    """Return the median of the pairwise ratios; each pair ran back to back."""
    return median(upper / lower for upper, lower in zip(numerators, denominators, strict=True))


def print_table(results: Sequence[Result]) -> None:
    """Print all results, one a line."""
    rows = [("", "what", "target", "seen", "runs", "note")]
    rows += [
        (
            "" if result.met else "!",
            result.name,
            result.target,
            f"{result.seen:.3g}",
            str(result.runs),
            result.note,
        )
        for result in results
    ]
    widths = [max(len(row[column]) for row in rows) for column in range(6)]
    for row in rows:
        print("  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip())
    missed = sum(not result.met for result in results)
    print(f"{len(results)} targets, {missed} missed")
