"""From the bytes of a CSV file to rows, by a mapping. A row that can't be read is told; the rest goes on."""

import csv
import io
import re
from collections.abc import Iterator
from datetime import UTC, date, datetime
from typing import TYPE_CHECKING

from licet_credentials.credentials.dates import require_order
from licet_credentials.errors import Invalid
from licet_credentials.imports.mapping import FlagMapping, Mapping, Source
from licet_credentials.imports.model import (
    CredentialSaid,
    FlagSaid,
    HolderSaid,
    Outcome,
    RowError,
    RowResult,
    SourceRow,
    TermSaid,
)
from licet_events.credentials import FlagKind

if TYPE_CHECKING:
    import _csv

CODE = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}")
_LONGEST = 500


class _Wrong(Exception):
    def __init__(self, column: str, value: str, detail: str) -> None:
        super().__init__(detail)
        self.error = RowError(column, value[:_LONGEST], detail)


def decode_file(content: bytes, mapping: Mapping) -> str:
    """Return the text of a file and check its header; raises `Invalid`."""
    try:
        text = content.decode(mapping.encoding)
    except UnicodeDecodeError as error:
        raise Invalid(
            f"The file is not {mapping.encoding}: byte {error.start} does not decode.", pointer="/file"
        ) from None
    if "\0" in text:
        raise Invalid("The file has NUL characters; it is not a CSV file.", pointer="/file")
    header = next(_reader(text, mapping), None)
    missing = [column for column in mapping.columns if column not in (header or [])]
    if missing:
        raise Invalid(f"The file lacks the columns {', '.join(missing)} of the mapping.", pointer="/file")
    return text


def read_rows(text: str, mapping: Mapping) -> Iterator[SourceRow | RowResult]:
    """Yield each row of a file, or what is wrong with it."""
    reader = _reader(text, mapping)
    header = next(reader)
    while True:
        try:
            fields = next(reader)
        except StopIteration:
            return
        except csv.Error as error:
            yield _refused(reader.line_num, RowError("", "", f"the line is not CSV: {error}"))
            continue
        if not fields:
            continue
        if len(fields) != len(header):
            yield _refused(
                reader.line_num, RowError("", "", f"has {len(fields)} fields, the header has {len(header)}")
            )
            continue
        try:
            yield _Row(dict(zip(header, fields, strict=True)), mapping).read(reader.line_num)
        except _Wrong as wrong:
            yield _refused(reader.line_num, wrong.error)


def _reader(text: str, mapping: Mapping) -> "_csv.Reader":
    return csv.reader(io.StringIO(text, newline=""), delimiter=mapping.delimiter)


def _refused(line: int, error: RowError) -> RowResult:
    return RowResult(line, Outcome.REJECTED, (error,))


class _Row:
    """One row, read by its mapping; every value that is wrong raises with its column."""

    def __init__(self, fields: dict[str, str], mapping: Mapping) -> None:
        self._fields = fields
        self._mapping = mapping

    def read(self, line: int) -> SourceRow:
        mapping = self._mapping
        holder, credential, term = mapping.holder, mapping.credential, mapping.term
        return SourceRow(
            line=line,
            holder=HolderSaid(
                external_id=self._needed(holder.external_id),
                name=self._needed(holder.name),
                email=self._text(holder.email),
                phone=self._text(holder.phone),
                team=self._code(holder.team),
                location=self._code(holder.location),
            ),
            credential=CredentialSaid(
                type_code=self._type_code(mapping.type.code),
                type_name=self._needed(mapping.type.name),
                number=self._needed(credential.number),
                name=self._text(credential.name),
                country=self._text(credential.country),
                subdivision=self._text(credential.subdivision),
                issuer=self._text(credential.issuer),
                issued_on=self._date(credential.issued_on),
            ),
            term=self._term(term.key, term.valid_from, term.expires_on),
            flag=None if mapping.flag is None else self._flag(mapping.flag),
        )

    def _term(self, key: Source, valid_from: Source, expires_on: Source) -> TermSaid:
        start, end = self._date(valid_from), self._date(expires_on)
        try:
            require_order(start, end)
        except Invalid as error:
            raise _Wrong(expires_on.column or "", self._raw(expires_on), error.detail) from None
        return TermSaid(self._needed(key), key.column or "", start, end)

    def _flag(self, mapping: FlagMapping) -> FlagSaid | None:
        value = self._fields[mapping.column].strip()
        meaning = mapping.values.get(value)
        if meaning is None:
            allowed = ", ".join(sorted(mapping.values))
            raise _Wrong(mapping.column, value, f"must be one of {allowed}")
        if meaning.kind == "none":
            return None
        since = self._date(Source(column=mapping.date))
        if since is None:
            raise _Wrong(mapping.date, "", f"must be a date where {mapping.column} is {value}")
        return FlagSaid(FlagKind(meaning.kind), meaning.reason, since)

    def _raw(self, source: Source) -> str:
        return "" if source.column is None else self._fields[source.column].strip()

    def _text(self, source: Source | None) -> str | None:
        if source is None:
            return None
        raw = self._raw(source)
        if not raw:
            return source.constant
        if len(raw) > _LONGEST:
            raise _Wrong(source.column or "", raw, f"must have at most {_LONGEST} characters")
        if source.values is None:
            return source.prefix + raw
        if raw not in source.values:
            raise _Wrong(source.column or "", raw, f"must be one of {', '.join(sorted(source.values))}")
        return source.prefix + source.values[raw]

    def _needed(self, source: Source) -> str:
        text = self._text(source)
        if text is None:
            raise _Wrong(source.column or "", "", "must not be empty")
        return text

    def _code(self, source: Source | None) -> str | None:
        text = self._text(source)
        if text is not None and not CODE.fullmatch(text):
            raise _Wrong(
                source.column or "" if source else "", text, "must be a code of letters, digits, . _ -"
            )
        return text

    def _type_code(self, source: Source) -> str:
        code = self._code(source)
        if code is None:
            raise _Wrong(source.column or "", "", "must not be empty")
        return code

    def _date(self, source: Source | None) -> date | None:
        text = self._text(source)
        if text is None or source is None:
            return None
        for date_format in self._mapping.date_formats:
            try:
                day = datetime.strptime(text, date_format).replace(tzinfo=UTC).date()
            except ValueError:
                continue
            if 1900 <= day.year <= 9000:
                return day
        allowed = " or ".join(self._mapping.date_formats)
        raise _Wrong(source.column or "", text, f"must be a date that exists, written {allowed}")
