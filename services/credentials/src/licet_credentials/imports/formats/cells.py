"""How dates, numbers and truth values are written in the cells of a file, as its mapping declares.

A cell of a workbook has a type of its own and is read as what it is, in whatever format the mapping has dates
and numbers.
"""

from dataclasses import dataclass, field
from datetime import date

from licet_chassis.office.typed import TYPED, plain
from licet_credentials.imports.formats.dates import (
    EARLIEST,
    ENDS_PIVOT,
    LATEST,
    POSIX_PIVOT,
    End,
    date_as_written,
    has_day,
    parse_date,
)
from licet_credentials.imports.formats.numbers import decimal_beside, read_number
from licet_events.catalogue import AttributeKind

_LARGEST_INTEGER = 2**53 - 1
TRUE_WORDS = frozenset(
    {
        "true", "yes", "y", "1", "wahr", "ja", "j", "oui", "vrai", "si", "sí", "sì", "verdadero", "vero",
        "sim", "verdadeiro", "tak", "prawda", "ano", "pravda", "igen", "igaz", "да",
    }
)  # fmt: skip
FALSE_WORDS = frozenset(
    {
        "false", "no", "n", "0", "falsch", "nein", "non", "faux", "falso", "não", "nao", "nie", "fałsz", "ne",
        "nepravda", "nem", "hamis", "нет",
    }
)  # fmt: skip
"""Words of European languages for true and false; a mapping may add others."""


@dataclass(frozen=True)
class CellFormats:
    """The formats of a file; each method raises `ValueError` with what is allowed."""

    dates: tuple[str, ...] = ("%Y-%m-%d",)
    """Formats of Python's `strptime`; the first that fits counts. One without a day means a month."""
    year_pivot: int | None = None
    """Years of two digits from it on are of the 1900s, those below of the 2000s.

    By default 69, as POSIX has it, but an end of something is never before 2000.
    """
    decimal_separator: str | None = None
    thousands_separator: str | None = None
    true_words: frozenset[str] = TRUE_WORDS
    false_words: frozenset[str] = FALSE_WORDS
    never: tuple[str, ...] = ()
    """Texts and dates that mean that a term never ends."""
    _never_words: frozenset[str] = field(init=False)
    _never_days: frozenset[date] = field(init=False)

    def __post_init__(self) -> None:
        words = frozenset(_folded(text) for text in self.never)
        days = [parse_date(text, (*self.dates, "%Y-%m-%d"), ENDS_PIVOT) for text in self.never]
        object.__setattr__(self, "_never_words", words)
        object.__setattr__(self, "_never_days", frozenset(found.day for found in days if found and found.day))

    def day(self, text: str) -> date:
        """Return a whole date."""
        found = self._found(text, POSIX_PIVOT)
        if found is None or found.month_only or found.day is None:
            raise ValueError(f"must be a date that exists, written {self._allowed(months=False)}")
        return _meant(found.day)

    def start(self, text: str) -> date:
        """Return the day on which something begins; of a month its first."""
        found = self._found(text, POSIX_PIVOT)
        if found is None or found.day is None:
            raise ValueError(f"must be a date that exists, written {self._allowed()}")
        return _meant(found.day.replace(day=1) if found.month_only else found.day)

    def end(self, text: str) -> End:
        """Return the last day of something; of a month its last; or that it never ends."""
        if _folded(text) in self._never_words:
            return End(None)
        found = self._found(text, ENDS_PIVOT)
        if found is None or found.day is None:
            raise ValueError(
                f"must be a date that exists, written {self._allowed()}, or what `never` of [term] lists"
            )
        return End(None) if found.day in self._never_days else found._replace(day=_meant(found.day))

    def number(self, text: str) -> str:
        """Return a number in the form `-1234.50`."""
        if text.startswith(TYPED):
            found = read_number(plain(text), ".", "'") if text[1] == "n" else None
        else:
            found = read_number(text.strip(), self.decimal_separator, self.thousands_separator)
        if found is None:
            raise ValueError(f"must be a number, written {self._number_as_written()}")
        return found

    def integer(self, text: str) -> int:
        """Return an integer that every JSON parser reads exactly."""
        try:
            whole, _, fraction = self.number(text).partition(".")
        except ValueError as error:
            raise ValueError(f"must be an integer; it {error}") from None
        if fraction.strip("0") or len(whole) > 20 or abs(int(whole)) > _LARGEST_INTEGER:
            raise ValueError("must be an integer between -2^53 and 2^53")
        return int(whole)

    def boolean(self, text: str) -> bool:
        """Return whether a word means true."""
        word = _folded(plain(text))
        if word in self.true_words:
            return True
        if word in self.false_words:
            return False
        raise ValueError("must be true or false, yes or no, 1 or 0, or a word of true_words or false_words")

    def attribute(self, kind: AttributeKind, text: str) -> str:
        """Return the text of a typed attribute as the API has it."""
        match kind:
            case AttributeKind.INTEGER:
                return str(self.integer(text))
            case AttributeKind.DECIMAL:
                return self.number(text)
            case AttributeKind.BOOLEAN:
                return "true" if self.boolean(text) else "false"
            case AttributeKind.DATE:
                return self.day(text).isoformat()
            case _:
                return plain(text)

    def _found(self, text: str, default_pivot: int) -> End | None:
        if text.startswith(TYPED):
            known = {"d": "%Y-%m-%d", "m": "%Y-%m"}.get(text[1])
            return None if known is None else parse_date(text[2:], (known,), default_pivot)
        return parse_date(text, self.dates, default_pivot if self.year_pivot is None else self.year_pivot)

    def _allowed(self, *, months: bool = True) -> str:
        shown = [each for each in self.dates if months or has_day(each)] or ["with its day"]
        return f"{' or '.join(date_as_written(each) for each in shown)}, of the years 1900 to 2199"

    def _number_as_written(self) -> str:
        decimal = self.decimal_separator or decimal_beside(self.thousands_separator)
        if self.decimal_separator is None and self.thousands_separator is None:
            return "1234.5; what may mean two numbers, such as 1.000, needs decimal_separator in the mapping"
        return f"1234{decimal}5"


def _folded(text: str) -> str:
    return " ".join(text.split()).casefold()


def _meant(day: date) -> date:
    if not EARLIEST <= day <= LATEST:
        raise ValueError(
            f"is a date that means none; must be one of {EARLIEST} to {LATEST}. Where it means that a term "
            "never ends, list it under `never` of [term]"
        )
    return day
