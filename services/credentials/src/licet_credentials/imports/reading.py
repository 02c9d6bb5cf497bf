"""From the cells of a row to what it says, by a mapping; everything that is wrong with a row is told."""

from collections.abc import Callable, Sequence
from datetime import date
from typing import Any, Generic, TypeVar

from licet_credentials.imports.mapping import FlagMapping, Mapping, SeveralSource, Source
from licet_credentials.imports.model import (
    CredentialSaid,
    FlagSaid,
    HolderSaid,
    RowError,
    SourceRow,
    TermSaid,
)
from licet_credentials.imports.values import READERS, Reader, date_reader
from licet_events.credentials import FlagKind

T = TypeVar("T")

LONGEST_VALUE = 200
"""How much of a value an error shows."""
_REMEMBERED = 20_000
_MARK = "\ufffd"
"""What stands where bytes were no text."""

_HOLDER_KINDS = {
    "kind": "holder kind", "name": "line", "email": "email", "phone": "phone", "time_zone": "zone",
    "locale": "locale", "team": "code", "location": "code",
}  # fmt: skip
_CREDENTIAL_KINDS = {
    "name": "line", "country": "country", "subdivision": "subdivision", "issuer": "line", "notes": "note",
}  # fmt: skip


class Cells:
    """The cells of one row, with the errors found in them so far."""

    __slots__ = ("_cells", "_places", "errors")

    def __init__(self, cells: Sequence[str], places: dict[str, int]) -> None:
        self._cells = cells
        self._places = places
        self.errors: list[RowError] = []

    def refuse(self, column: str, value: str, detail: str) -> None:
        """Note what is wrong."""
        self.errors.append(RowError(column, value[:LONGEST_VALUE], detail))

    def raw(self, column: str) -> str:
        """Return what a cell says, without the space around it."""
        return self._cells[self._places[column]].strip()

    def text(self, source: Source | None, *, required: bool = False) -> str | None:
        """Return the text that a source gives; `None` where it gives none."""
        if source is None:
            return None
        said = [text for column in source.named if (text := self.raw(column))]
        raw = said[0] if len(said) == 1 else source.separator.join(said)
        if not raw:
            if source.constant is None and (required or source.required):
                self.refuse(source.place, "", "must not be empty")
            return source.constant
        if "\0" in raw or _MARK in raw:
            self.refuse(source.place, raw.replace("\0", _MARK), "has bytes that are no text in this encoding")
            return None
        if source.values is not None:
            if raw not in source.values:
                self.refuse(source.place, raw, f"must be one of {', '.join(sorted(source.values))}")
                return None
            raw = source.values[raw]
        return source.prefix + raw

    def value(self, source: Source | None, read: Reader, *, required: bool = False) -> Any:
        """Return what the text of a source means; `None` where it has none or a wrong one."""
        text = self.text(source, required=required)
        if text is None or source is None:
            return None
        try:
            return read(text)
        except ValueError as error:
            self.refuse(source.place, text, str(error))
            return None


class _Remembering(Generic[T]):
    """A part of a row; where its cells say the same as before, what was read then is taken again."""

    def __init__(
        self, build: Callable[[Cells], T | None], columns: Sequence[str], places: dict[str, int]
    ) -> None:
        self._build = build
        self._places = places
        self._columns = tuple(sorted({places[column] for column in columns}))
        self._known: dict[tuple[str, ...], tuple[T | None, tuple[RowError, ...]]] = {}

    def read(self, row: Sequence[str]) -> tuple[T | None, tuple[RowError, ...]]:
        """Return what the row says of the part, or what is wrong with it."""
        said = tuple([row[place] for place in self._columns])
        known = self._known.get(said)
        if known is None:
            cells = Cells(row, self._places)
            value = self._build(cells)
            known = (None, tuple(cells.errors)) if cells.errors else (value, ())
            if len(self._known) >= _REMEMBERED:
                self._known.clear()
            self._known[said] = known
        return known


class RowReader:
    """Reads rows by a mapping; a row is the cells of `mapping.columns`, in that order."""

    def __init__(self, mapping: Mapping) -> None:
        self._mapping = mapping
        self._date = date_reader(mapping.date_formats)
        places = {column: place for place, column in enumerate(mapping.columns)}
        self._places = places
        holder, credential, term, flag = mapping.holder, mapping.credential, mapping.term, mapping.flag
        self._key = _Remembering(self._read_key, holder.external_id.named, places)
        self._holder = _Remembering(self._read_holder, _columns(holder), places)
        columns = [*_columns(mapping.type), *_columns(credential)]
        columns += [column for source in credential.attributes.values() for column in source.named]
        self._credential = _Remembering(self._read_credential, columns, places)
        self._term = _Remembering(self._read_term, _columns(term), places)
        self._flag = (
            None if flag is None else _Remembering(self._reader_of_flag(flag), _flag_columns(flag), places)
        )

    def holder_key(self, cells: Sequence[str]) -> str | None:
        """Return the external id of the row's holder, as far as it can be read."""
        return self._key.read(cells)[0]

    def read(self, line: int, cells: Sequence[str]) -> SourceRow | tuple[RowError, ...]:
        """Return what the row says, or everything that is wrong with it."""
        holder, of_holder = self._holder.read(cells)
        credential, of_credential = self._credential.read(cells)
        term, of_term = self._term.read(cells)
        flag, of_flag = (None, ()) if self._flag is None else self._flag.read(cells)
        if holder is None or credential is None or term is None or of_flag:
            return (*of_holder, *of_credential, *of_term, *of_flag)
        return SourceRow(line, holder, credential, term, flag)

    def _read_key(self, cells: Cells) -> str | None:
        mapping = self._mapping.holder
        external_id = cells.value(mapping.external_id, READERS["external id"], required=True)
        return None if external_id is None else mapping.same_as.get(external_id, external_id)

    def _read_holder(self, cells: Cells) -> HolderSaid | None:
        mapping = self._mapping.holder
        external_id = self._read_key(cells)
        facts: list[tuple[str, Any]] = []
        for name, kind in _HOLDER_KINDS.items():
            required = name in {"kind", "name"}
            value = cells.value(getattr(mapping, name), READERS[kind], required=required)
            if value is not None:
                facts.append((name, value))
        for name, source in (("roles", mapping.roles), ("queues", mapping.queues)):
            if source is not None and (codes := _codes(cells, source)):
                facts.append((name, codes))
        return None if external_id is None else HolderSaid(external_id, tuple(facts))

    def _read_credential(self, cells: Cells) -> CredentialSaid | None:
        mapping, types = self._mapping.credential, self._mapping.type
        code = cells.value(types.code, READERS["code"], required=True)
        type_name = cells.value(types.name, READERS["line"], required=True)
        number = cells.value(mapping.number, READERS["line"], required=True)
        time_zone = cells.value(mapping.time_zone, READERS["zone"])
        facts: list[tuple[str, Any]] = []
        for name, kind in _CREDENTIAL_KINDS.items():
            value = cells.value(getattr(mapping, name), READERS[kind])
            if value is not None:
                facts.append((name, value))
        issued_on = cells.value(mapping.issued_on, self._date)
        if issued_on is not None:
            facts.append(("issued_on", issued_on))
        said = dict(facts)
        country, subdivision = said.get("country"), said.get("subdivision")
        if subdivision is not None and not subdivision.startswith(f"{country}-") and mapping.subdivision:
            detail = f"must lie in the country, which is {country or 'not named'}"
            cells.refuse(mapping.subdivision.place, subdivision, detail)
        attributes = []
        for name, source in mapping.attributes.items():
            text = cells.text(source)
            if text is not None:
                attributes.append((name, source.place, text))
        return CredentialSaid(code, type_name, number, time_zone, tuple(facts), tuple(attributes))

    def _read_term(self, cells: Cells) -> TermSaid | None:
        mapping = self._mapping.term
        start: date | None = cells.value(mapping.valid_from, self._date)
        end_text = cells.text(mapping.expires_on)
        never = end_text in mapping.never
        end: date | None = None if never else cells.value(mapping.expires_on, self._date)
        if start is not None and end is not None and end < start and mapping.expires_on:
            cells.refuse(mapping.expires_on.place, end_text or "", f"is before valid_from {start}")
        key = f"{start or ''}/{'never' if never else end or ''}"
        if mapping.key is not None:
            key = cells.value(mapping.key, READERS["line"], required=True)
        return TermSaid(key, start, end, never)

    def _reader_of_flag(self, mapping: FlagMapping) -> Callable[[Cells], FlagSaid | None]:
        def read(cells: Cells) -> FlagSaid | None:
            value = cells.raw(mapping.column)
            meaning = mapping.values.get(value)
            if meaning is None:
                cells.refuse(mapping.column, value, f"must be one of {', '.join(sorted(mapping.values))}")
                return None
            if meaning.kind == "none":
                return None
            since = cells.value(Source(column=mapping.date), self._date)
            if since is None:
                if not cells.errors:
                    cells.refuse(mapping.date, "", f"must be a date where {mapping.column} is {value}")
                return None
            until = None
            if mapping.until is not None and meaning.kind is FlagKind.SUSPENDED:
                until = cells.value(Source(column=mapping.until), self._date)
                if until is not None and until < since:
                    cells.refuse(mapping.until, str(until), f"is before {since}; must not be")
            return FlagSaid(FlagKind(meaning.kind), meaning.reason, since, until)

        return read


def _codes(cells: Cells, source: SeveralSource) -> tuple[str, ...]:
    codes: list[str] = []
    for part in cells.raw(source.column).split(source.split):
        text = part.strip()
        if not text:
            continue
        try:
            codes.append(READERS["code"](text))
        except ValueError as error:
            cells.refuse(source.column, text, str(error))
    return tuple(dict.fromkeys(codes))


def _columns(part: object) -> list[str]:
    sources = [getattr(part, name) for name in type(part).model_fields]  # type: ignore[attr-defined]
    return [
        column for source in sources if isinstance(source, Source | SeveralSource) for column in source.named
    ]


def _flag_columns(mapping: FlagMapping) -> list[str]:
    return [mapping.column, mapping.date, *([mapping.until] if mapping.until else [])]
