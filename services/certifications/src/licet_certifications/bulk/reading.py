"""Reading a CSV file of holders to enrol: a row each, with `holder_id` or `external_id`, and `programme`."""

from collections.abc import Sequence
from dataclasses import dataclass
from uuid import UUID

from licet_certifications.bulk.model import MOST
from licet_chassis.errors import Invalid
from licet_chassis.http.csv import restored
from licet_chassis.office.lines import DIGITS_LOST, is_scientific
from licet_chassis.office.tables import read_table
from licet_events.forms import FORMS
from licet_events.sameness import normal

COLUMNS = ("holder_id", "external_id", "programme")
_LONGEST = 300


@dataclass(frozen=True, slots=True)
class Line:
    """One row of a file."""

    holder_id: UUID | None = None
    external_id: str | None = None
    programme: str | None = None
    fault: str | None = None
    """What is wrong with it."""


def read_lines(document: bytes, *, programme: str | None, charset: str | None = None) -> list[Line]:
    """Return the rows of a file; `programme` stands in for the column where it is left out.

    A fault of one row is told with the row. Raises `Invalid` for a file that can't be read as a whole.
    """
    table = read_table(document, lambda names: _unlike(_lower(names), programme), charset)
    head = _lower(table.header)
    _check(head, programme)
    if len(table.rows) > MOST:
        raise Invalid(f"The file has {len(table.rows):,} rows; {MOST:,} is the most at once. Split it.")
    return [_line(head, row, programme) for row in table.rows]


def _lower(names: Sequence[str]) -> list[str]:
    return [name.lower() for name in names]


def _unlike(head: list[str], programme: str | None) -> int:
    """Return how many names a line has too many or lacks to be the header."""
    unknown = sum(name not in COLUMNS for name in head)
    lacking = (("holder_id" in head) == ("external_id" in head)) + (
        "programme" not in head and programme is None
    )
    return unknown + lacking


def _check(head: list[str], programme: str | None) -> None:
    unknown = [name for name in head if name not in COLUMNS]
    if unknown or len(set(head)) < len(head):
        raise Invalid(
            f"The first line must name columns among {', '.join(COLUMNS)}, each once; it has {head}."
        )
    if ("holder_id" in head) == ("external_id" in head):
        raise Invalid("The file needs one of the columns holder_id and external_id.")
    if "programme" not in head and programme is None:
        raise Invalid("The file needs a column programme, or the request the parameter programme.")


def _line(head: list[str], row: list[str], programme: str | None) -> Line:
    if len(row) > len(head):
        return Line(fault=f"The row has {len(row)} cells and the first line {len(head)}.")
    cells = {name: normal(restored(cell)) for name, cell in zip(head, row, strict=True)}
    code = cells.get("programme") or programme
    if code is None:
        return Line(fault="The row names no programme.")
    if any(len(cell) > _LONGEST for cell in cells.values()):
        return Line(fault=f"A cell has more than {_LONGEST} characters.")
    if "external_id" in cells:
        external_id = cells["external_id"]
        fault = None if external_id else "The row has no external_id."
        if is_scientific(external_id):
            fault = f"The external_id {DIGITS_LOST}."
        return Line(external_id=external_id or None, programme=code, fault=fault)
    try:
        return Line(holder_id=UUID(FORMS["uuid"].check(cells["holder_id"])), programme=code)
    except ValueError:
        return Line(programme=code, fault="The holder_id is no UUID.")
