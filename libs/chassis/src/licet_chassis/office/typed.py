"""Cells of workbooks as text that keeps their types, in a file of comma-separated values."""

TYPED = "\x1f"
"""Begins a cell with a type, before a letter and a value.

`d2027-03-15` is a date, `m2027-03` a month, `n1.5` a number, `b1` a truth value, `e#N/A` a formula's error.
"""


def plain(cell: str) -> str:
    """Return the text of a cell, also of one with a type."""
    if not cell.startswith(TYPED):
        return cell
    kind, value = cell[1:2], cell[2:]
    return {"1": "true", "0": "false"}[value] if kind == "b" else value
