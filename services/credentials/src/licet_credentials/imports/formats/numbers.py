"""Numbers with declared separators, or with those that can mean only one number."""

import re


def read_number(text: str, decimal: str | None, thousands: str | None) -> str | None:
    """Return a number in the form `-1234.50`; `None` if it is none, or if its separators could mean two."""
    sign, body = ("-", text[1:]) if text[:1] in {"-", "\N{MINUS SIGN}"} else ("", text.removeprefix("+"))
    if decimal is None and thousands is None:
        found = _undeclared(body)
    else:
        point = decimal or decimal_beside(thousands)
        found = _declared(body, point, thousands or _ANY_SEPARATOR.replace(point, ""))
    return None if found is None else sign + found


def decimal_beside(thousands: str | None) -> str:
    """Return the decimal separator that goes with one of thousands."""
    return "," if thousands == "." else "."


def _declared(body: str, decimal: str, thousands: str) -> str | None:
    whole, point, fraction = body.partition(decimal)
    if point and not (fraction.isascii() and fraction.isdigit()):
        return None
    digits = _ungrouped(whole, thousands)
    return None if digits is None else f"{digits}.{fraction}" if point else digits


_ANY_SEPARATOR = ".,' \N{RIGHT SINGLE QUOTATION MARK}\N{NO-BREAK SPACE}\N{NARROW NO-BREAK SPACE}"
_GROUPED = re.compile(r"[1-9]\d{0,2}(?:(?P<sign>\D)\d{3})(?:(?P=sign)\d{3})*", re.ASCII)


def _ungrouped(whole: str, separators: str) -> str | None:
    """Return the digits of a whole number in which thousands may be parted by one of the separators."""
    if whole.isascii() and whole.isdigit():
        return whole
    grouped = _GROUPED.fullmatch(whole)
    return whole.replace(grouped["sign"], "") if grouped and grouped["sign"] in separators else None


def _undeclared(body: str) -> str | None:
    """Return a number whose separators are not declared; `None` where they could mean two numbers."""
    points = [sign for sign in body if sign in ".,"]
    if len(set(points)) == 2:
        whole, _, fraction = body.rpartition(points[-1])
        digits = _ungrouped(whole, points[0])
        return f"{digits}.{fraction}" if digits and fraction.isascii() and fraction.isdigit() else None
    if len(points) != 1:
        return _ungrouped(body, _ANY_SEPARATOR)
    whole, _, fraction = body.partition(points[0])
    if not (fraction.isascii() and fraction.isdigit()):
        return None
    if len(fraction) == 3 and len(whole) <= 3 and whole.strip("0"):
        return None  # 1.000 may be one or a thousand; 0.125 and 1234.567 group nothing
    digits = _ungrouped(whole, _ANY_SEPARATOR.replace(points[0], ""))
    return None if digits is None else f"{digits}.{fraction}"
