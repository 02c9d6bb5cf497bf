"""Reading the cells of a row by a mapping, with every error of the row."""

from collections.abc import Callable, Sequence
from datetime import date
from functools import partial
from typing import Any

from licet_chassis.http.csv import restored
from licet_chassis.office.lines import DIGITS_LOST, is_scientific
from licet_chassis.office.typed import TYPED, plain
from licet_credentials.imports.file.mapping import (
    AttributeSource,
    FlagMapping,
    Mapping,
    SeveralSource,
    Source,
)
from licet_credentials.imports.file.values import READERS, Reader
from licet_credentials.imports.formats.cells import CellFormats
from licet_credentials.imports.formats.dates import End
from licet_credentials.imports.model import RowError
from licet_credentials.imports.rows import CredentialInput, FlagInput, HolderInput, SourceRow, TermInput
from licet_credentials.iso3166 import lies_in
from licet_events.credentials import FlagKind
from licet_events.sameness import normal

LONGEST_VALUE = 200
"""Characters of a value that an error shows."""
_CACHE_SIZE = 4_000
_ERROR = f"{TYPED}e"
_REPLACEMENT = "\ufffd"
"""Replaces bytes that could not be decoded."""

_HOLDER_KINDS = {
    "kind": "holder kind", "name": "line", "email": "email", "phone": "phone", "time_zone": "zone",
    "locale": "locale", "team": "code", "location": "code", "birth_date": "",
}  # fmt: skip
_CREDENTIAL_KINDS = {
    "name": "line", "country": "country", "subdivision": "subdivision", "issuer": "line", "issued_on": "",
    "notes": "note",
}  # fmt: skip
"""The kind of each fact's reader; an empty one stands for a date in the formats of the mapping."""


class Cells:
    """The cells of one row, and the errors found in them so far."""

    __slots__ = ("_cells", "_places", "errors")

    def __init__(self, cells: Sequence[str], places: dict[str, int]) -> None:
        self._cells = cells
        self._places = places
        self.errors: list[RowError] = []

    def refuse(self, column: str, value: str, detail: str) -> None:
        """Add an error."""
        self.errors.append(RowError(column, value[:LONGEST_VALUE], detail))

    def raw(self, column: str) -> str:
        """Return the text of a cell in its normal form."""
        return normal(restored(plain(self._cells[self._places[column]])))

    def typed(self, source: Source) -> str | None:
        """Return the cell of a source with its type, if it stands for itself; `None` if it has none."""
        if len(source.named) != 1 or source.values is not None or source.prefix:
            return None
        cell = self._cells[self._places[source.named[0]]]
        return cell if cell.startswith(TYPED) and not cell.startswith(_ERROR) else None

    def text(self, source: Source | None, *, required: bool = False) -> str | None:
        """Return the text of a source; `None` if it has none or it is wrong."""
        if source is None:
            return None
        texts = [text for column in source.named if (text := self.raw(column))]
        raw = texts[0] if len(texts) == 1 else source.separator.join(texts)
        if not raw:
            if source.constant is None and (required or source.required):
                self.refuse(source.place, "", "must not be empty")
            return source.constant
        fault = self._fault(source, raw)
        if fault is not None:
            self.refuse(source.place, raw.replace("\0", _REPLACEMENT), fault)
            return None
        if source.values is not None:
            if raw not in source.values:
                self.refuse(source.place, raw, f"must be one of {', '.join(sorted(source.values))}")
                return None
            raw = source.values[raw]
        return source.prefix + raw

    def _fault(self, source: Source, raw: str) -> str | None:
        """Return why no text stands in the cells of a source."""
        if any(self._cells[self._places[column]].startswith(_ERROR) for column in source.named):
            return "is the error of a formula"
        if is_scientific(raw):
            return DIGITS_LOST
        if "\0" in raw or _REPLACEMENT in raw:
            return "has bytes that are not text in this encoding"
        return None

    def value(
        self, source: Source | None, read: Reader, *, required: bool = False, typed: bool = False
    ) -> Any:
        """Return the parsed text of a source; `None` if it has none or it is wrong.

        `typed` says that `read` knows cells with a type.
        """
        if source is None:
            return None
        text = (self.typed(source) if typed else None) or self.text(source, required=required)
        if text is None:
            return None
        try:
            return read(text)
        except ValueError as error:
            self.refuse(source.place, plain(text), str(error))
            return None


Parsed = tuple[Any, tuple[RowError, ...]]
"""A value, or its errors."""


class _Field:
    """Parses one value of a row, with a cache: the same texts occur in many rows."""

    __slots__ = ("_build", "_known", "_place", "_places", "_several")

    def __init__(self, build: Callable[[Cells], Any], columns: Sequence[str], places: dict[str, int]) -> None:
        self._build = build
        self._places = places
        self._place = places[columns[0]] if columns else None
        self._several = tuple(places[column] for column in columns) if len(columns) > 1 else ()
        self._known: dict[object, Parsed] = {}

    @property
    def from_columns(self) -> bool:
        """Whether it depends on the row; otherwise it is a constant."""
        return self._place is not None

    def read(self, row: Sequence[str]) -> Parsed:
        """Return the value of the row, or its errors."""
        if self._several:
            key: object = tuple([row[place] for place in self._several])
        else:
            key = None if self._place is None else row[self._place]
        found = self._known.get(key)
        if found is None:
            cells = Cells(row, self._places)
            value = self._build(cells)
            found = (None, tuple(cells.errors)) if cells.errors else (value, ())
            if len(self._known) >= _CACHE_SIZE:
                self._known.clear()
            self._known[key] = found
        return found


class _Facts:
    """Parses several facts of a row; constants are parsed once."""

    def __init__(self, fields: Sequence[tuple[str, _Field]]) -> None:
        errors: list[RowError] = []
        self._fields = [(name, field) for name, field in fields if field.from_columns]
        self._same = _read_fields(
            [(name, field) for name, field in fields if not field.from_columns], (), errors
        )

    def read(self, cells: Sequence[str], errors: list[RowError]) -> tuple[tuple[str, Any], ...]:
        """Return the facts of the row; appends to `errors`."""
        return self._same + _read_fields(self._fields, cells, errors)


def _read_fields(
    fields: Sequence[tuple[str, _Field]], cells: Sequence[str], errors: list[RowError]
) -> tuple[tuple[str, Any], ...]:
    facts = []
    for name, field in fields:
        value, wrong = field.read(cells)
        if wrong:
            errors += wrong
        elif value is not None:
            facts.append((name, value))
    return tuple(facts)


class RowReader:
    """Reads rows by a mapping; a row is the cells of `mapping.columns`, in that order."""

    def __init__(self, mapping: Mapping, formats: CellFormats | None = None) -> None:
        self._places = {column: place for place, column in enumerate(mapping.columns)}
        self._mapping = mapping
        self._formats = formats = formats or mapping.formats()
        holder, credential, term, flag = mapping.holder, mapping.credential, mapping.term, mapping.flag
        self._key = _Field(
            partial(self._one_holder, holder.external_id, required=True),
            holder.external_id.named,
            self._places,
        )
        of_holder = [
            (name, self._fact(source, kind, required=name in {"kind", "name"}))
            for name, kind in _HOLDER_KINDS.items()
            if (source := getattr(holder, name)) is not None
        ]
        of_holder += [
            (name, _Field(partial(_codes, source=several), several.named, self._places))
            for name, several in (("roles", holder.roles), ("queues", holder.queues))
            if several is not None
        ]
        self._holder = _Facts(of_holder)
        self._manager = (
            None
            if holder.manager is None
            else _Field(partial(self._one_holder, holder.manager), holder.manager.named, self._places)
        )
        self._holder_attributes = _Facts(
            [(name, self._attribute(source)) for name, source in holder.attributes.items()]
        )
        line = READERS["line"]
        self._code = self._field(mapping.type.code, READERS["code"], required=True)
        self._type_name = self._field(mapping.type.name, line, required=True)
        self._number = self._maybe(credential.number, line, required=True)
        self._time_zone = self._maybe(credential.time_zone, READERS["zone"])
        self._credential = _Facts(
            [
                (name, self._fact(source, kind))
                for name, kind in _CREDENTIAL_KINDS.items()
                if (source := getattr(credential, name)) is not None
            ]
        )
        self._attributes = [
            (name, source.place, self._field(source, str, typed=True))
            for name, source in credential.attributes.items()
        ]
        self._term_key = self._maybe(term.key, line, required=True)
        self._valid_from = self._maybe(term.valid_from, formats.start, typed=True)
        self._expires_on = self._maybe(term.expires_on, formats.end, typed=True)
        self._flag = None if flag is None else _Field(self._reader_of_flag(flag), flag.named, self._places)

    def _field(self, source: Source, read: Reader, *, required: bool = False, typed: bool = False) -> _Field:
        def build(cells: Cells) -> Any:
            return cells.value(source, read, required=required, typed=typed)

        return _Field(build, source.named, self._places)

    def _maybe(
        self, source: Source | None, read: Reader, *, required: bool = False, typed: bool = False
    ) -> _Field | None:
        return None if source is None else self._field(source, read, required=required, typed=typed)

    def _fact(self, source: Source, kind: str, *, required: bool = False) -> _Field:
        """Return the field of a fact; of an empty kind it is a date."""
        read = READERS[kind] if kind else self._formats.day
        return self._field(source, read, required=required, typed=not kind)

    def _attribute(self, source: AttributeSource) -> _Field:
        """Return the field of an attribute of a holder."""
        read = {"integer": self._formats.integer, "boolean": self._formats.boolean}.get(source.kind)
        return self._field(source, read or READERS[source.kind], typed=read is not None)

    def holder_key(self, cells: Sequence[str]) -> str | None:
        """Return the external id of the row's holder; `None` if it can't be read."""
        key: str | None = self._key.read(cells)[0]
        return key

    def read(self, line: int, cells: Sequence[str]) -> SourceRow | tuple[RowError, ...]:
        """Return the row, or all its errors."""
        errors: list[RowError] = []
        holder = HolderInput(
            _read(self._key, cells, errors),
            self._holder.read(cells, errors),
            _read(self._manager, cells, errors),
            self._holder_attributes.read(cells, errors),
        )
        credential = self._read_credential(cells, errors)
        term = self._read_term(cells, errors)
        flag: FlagInput | None = _read(self._flag, cells, errors)
        return tuple(errors) if errors else SourceRow(line, holder, credential, term, flag)

    def _one_holder(self, source: Source, cells: Cells, *, required: bool = False) -> str | None:
        external_id = cells.value(source, READERS["external id"], required=required)
        return None if external_id is None else self._mapping.holder.same_as.get(external_id, external_id)

    def _read_credential(self, cells: Sequence[str], errors: list[RowError]) -> CredentialInput:
        credential = CredentialInput(
            _read(self._code, cells, errors),
            _read(self._type_name, cells, errors),
            _read(self._number, cells, errors),
            _read(self._time_zone, cells, errors),
            self._credential.read(cells, errors),
            tuple(
                (name, place, text)
                for name, place, field in self._attributes
                if (text := _read(field, cells, errors)) is not None
            ),
        )
        subdivision = self._mapping.credential.subdivision
        if subdivision is not None:
            facts = dict(credential.facts)
            country, code = facts.get("country"), facts.get("subdivision")
            if code is not None and not lies_in(code, country):
                detail = f"must lie in the country, which is {country or 'not named'}"
                errors.append(RowError(subdivision.place, code, detail))
        return credential

    def _read_term(self, cells: Sequence[str], errors: list[RowError]) -> TermInput:
        start: date | None = _read(self._valid_from, cells, errors)
        end: End | None = _read(self._expires_on, cells, errors)
        expires_on = None if end is None else end.day
        never = end is not None and end.day is None
        month_only = end is not None and end.month_only
        if start is not None and expires_on is not None and expires_on < start:
            source = self._mapping.term.expires_on
            text = Cells(cells, self._places).text(source)
            detail = f"is before valid_from {start}; must be that day or later"
            errors.append(RowError(source.place if source else "", text or "", detail))
        if self._term_key is None:
            key = f"{start or ''}/{'never' if never else expires_on or ''}"
        else:
            key = _read(self._term_key, cells, errors)
        return TermInput(key, start, expires_on, never, month_only)

    def _reader_of_flag(self, mapping: FlagMapping) -> Callable[[Cells], FlagInput | None]:
        since_source = Source(column=mapping.date)
        until_source = None if mapping.until is None else Source(column=mapping.until)

        def read(cells: Cells) -> FlagInput | None:
            value = cells.raw(mapping.column)
            meaning = mapping.values.get(value)
            if meaning is None:
                cells.refuse(mapping.column, value, f"must be one of {', '.join(sorted(mapping.values))}")
                return None
            if meaning.kind == "none":
                return None
            since = cells.value(since_source, self._formats.day, typed=True)
            if since is None:
                if not cells.errors:
                    cells.refuse(mapping.date, "", f"must be a date where {mapping.column} is {value}")
                return None
            until = None
            if until_source is not None and meaning.kind is FlagKind.SUSPENDED:
                end: End | None = cells.value(until_source, self._formats.end, typed=True)
                until = None if end is None else end.day
                if until is not None and until < since:
                    cells.refuse(until_source.place, str(until), f"must not be before {since}")
            return FlagInput(FlagKind(meaning.kind), meaning.reason, since, until)

        return read


def _read(field: _Field | None, cells: Sequence[str], errors: list[RowError]) -> Any:
    if field is None:
        return None
    value, wrong = field.read(cells)
    if wrong:
        errors += wrong
    return value


def _codes(cells: Cells, source: SeveralSource) -> tuple[str, ...] | None:
    codes: list[str] = []
    for part in cells.raw(source.column).split(source.split):
        text = part.strip()
        if not text:
            continue
        try:
            codes.append(READERS["code"](text))
        except ValueError as error:
            cells.refuse(source.column, text, str(error))
    return tuple(dict.fromkeys(codes)) or None
