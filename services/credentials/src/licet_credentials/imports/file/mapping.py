"""Mappings: TOML that declares what each column of a CSV file is, validated before a file is read."""

import tomllib
from collections.abc import Iterator
from importlib.resources import files
from math import isfinite
from typing import Annotated, Any, Literal

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    ValidationError,
    model_validator,
)

from licet_chassis.errors import Invalid
from licet_chassis.office.encodings import encoding_named
from licet_credentials.holders.identity import Identity
from licet_credentials.imports.file.values import READERS
from licet_credentials.imports.formats.cells import FALSE_WORDS, TRUE_WORDS, CellFormats
from licet_credentials.imports.formats.dates import checked_format
from licet_credentials.imports.rows import Columns, OnChange, OnTermChange
from licet_credentials.inputs import AttributeName, Ladder, Reason, TimeOfDay
from licet_credentials.types.model import check_late_renewal, require_ending
from licet_events.catalogue import (
    DEFAULT_LADDER,
    Category,
    DeclaredAttribute,
    LateRenewal,
    MonthEnd,
    NumberComparison,
    NumberUnique,
    Period,
    RenewalBasis,
)
from licet_events.civil import ExpiresAtRule
from licet_events.credentials import FlagKind

_MOST_ERRORS = 20
_LONGEST_NAME = 64


Text = Annotated[str, Field(min_length=1, max_length=100)]


class _Part(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Source(_Part):
    """Source of a value: a column, several joined columns, or a constant for empty cells."""

    column: str | None = None
    columns: tuple[str, ...] = ()
    """Several columns, joined with the separator; empty cells are left out."""
    separator: str = " "
    constant: str | None = None
    prefix: str = ""
    """Put before the text of the column."""
    values: dict[str, str] | None = None
    """Translates each text of the column; any other text is an error."""
    required: bool = False
    """Whether a row without a value is rejected."""

    @model_validator(mode="after")
    def _says_something(self) -> "Source":
        if self.column is not None and self.columns:
            raise ValueError("has column and columns; name one of them")
        if not self.named and self.constant is None:
            raise ValueError("needs a column or a constant")
        return self

    @property
    def named(self) -> tuple[str, ...]:
        """The columns to read."""
        return self.columns if self.column is None else (self.column,)

    @property
    def place(self) -> str:
        """The columns, as an error shows them."""
        return " + ".join(self.named)


def _column_alone(given: Any) -> Any:
    return {"column": given} if isinstance(given, str) else given


def _constant_alone(given: Any) -> Any:
    return {"constant": given} if isinstance(given, str) else given


def _read_as(kind: str) -> AfterValidator:
    # Texts in the mapping are validated once, here, instead of in every row.
    def check(source: Source) -> Source:
        _require_readable(source, kind)
        return source

    return AfterValidator(check)


def _require_readable(source: Source, kind: str) -> None:
    texts = {} if source.constant is None else {"constant": source.constant}
    texts |= {f"values.{text}": source.prefix + meaning for text, meaning in (source.values or {}).items()}
    for place, text in texts.items():
        try:
            READERS[kind](text)
        except ValueError as error:
            raise ValueError(f"{place}: {text!r} {error}") from None


_Column = BeforeValidator(_column_alone)
LineSource = Annotated[Source, _Column, _read_as("line")]
"""The name of a column is short for `{ column = … }`."""
NoteSource = Annotated[Source, _Column, _read_as("note")]
CodeSource = Annotated[Source, _Column, _read_as("code")]
EmailSource = Annotated[Source, _Column, _read_as("email")]
CountrySource = Annotated[Source, _Column, _read_as("country")]
SubdivisionSource = Annotated[Source, _Column, _read_as("subdivision")]
PhoneSource = Annotated[Source, _Column, _read_as("phone")]
LocaleSource = Annotated[Source, BeforeValidator(_constant_alone), _read_as("locale")]
ExternalIdSource = Annotated[Source, _Column, _read_as("external id")]
DateSource = Annotated[Source, _Column]
TextSource = Annotated[Source, _Column]
ZoneSource = Annotated[Source, BeforeValidator(_constant_alone), _read_as("zone")]
"""The name of a zone is short for `{ constant = … }`."""
HolderKindSource = Annotated[Source, BeforeValidator(_constant_alone), _read_as("holder kind")]


class SeveralSource(_Part):
    """A column with several codes in one cell."""

    column: str
    split: Annotated[str, Field(min_length=1)] = ";"

    @property
    def named(self) -> tuple[str, ...]:
        """The column to read."""
        return (self.column,)


Several = Annotated[SeveralSource, _Column]


class AttributeSource(Source):
    """Source of an attribute of a holder, and the kind of its text."""

    kind: Literal["text", "integer", "boolean"] = "text"

    @model_validator(mode="after")
    def _texts_are_of_the_kind(self) -> "AttributeSource":
        _require_readable(self, self.kind)
        return self


class HolderMapping(_Part):
    """The columns of a holder. An empty cell leaves the record unchanged."""

    kind: HolderKindSource
    external_id: ExternalIdSource
    same_as: dict[str, str] = Field(default_factory=dict)
    """Other external ids of the same holder, each with the one to use."""
    name: LineSource
    email: EmailSource | None = None
    phone: PhoneSource | None = None
    time_zone: ZoneSource | None = None
    locale: LocaleSource | None = None
    team: CodeSource | None = None
    location: CodeSource | None = None
    manager: ExternalIdSource | None = None
    """The external id of the holder's manager, who may be entered later, or never."""
    roles: Several | None = None
    queues: Several | None = None
    birth_date: DateSource | None = None
    """For types that count by it."""
    attributes: Annotated[dict[AttributeName, Annotated[AttributeSource, _Column]], Field(max_length=50)] = (
        Field(default_factory=dict)
    )
    """Attributes by name; an empty cell leaves one unchanged."""
    on_change: OnChange = OnChange.UPDATE
    """What to do with a row that differs from a recorded holder."""
    identity: Literal[Identity.SAME] | None = None
    """Says that whoever comes under a recorded external id is the same person, under whatever name."""


class TypeMapping(_Part):
    """The columns of the credential type, and the rules of one that has to be defined."""

    code: CodeSource
    name: LineSource
    define: bool = True
    """Whether to define a type that the catalogue lacks; otherwise its rows are rejected."""
    category: Category
    expires: bool = True
    validity: Period | None = None
    ladder: Ladder = DEFAULT_LADDER
    renewal_basis: RenewalBasis | None = None
    grace_days: Annotated[int, Field(ge=0, le=3650)] = 0
    expires_at_rule: ExpiresAtRule = ExpiresAtRule.END_OF_DAY
    """How the expiry date that its documents print is meant."""
    expires_at_time: TimeOfDay | None = None
    """With `at_time`: the local time of the printed day; by default 00:01."""
    end_of_month: bool = False
    """Whether a term whose end follows from a rule is valid through the last day of that month."""
    number_unique: NumberUnique = NumberUnique.HOLDER
    number_comparison: NumberComparison = NumberComparison.LOOSE
    attributes: tuple[DeclaredAttribute, ...] = ()
    late_renewal: LateRenewal = LateRenewal.FROM_COMPLETION
    late_renewal_days: Annotated[int, Field(ge=1, le=3650)] | None = None
    month_end: MonthEnd = MonthEnd.CLAMP

    @model_validator(mode="after")
    def _late_renewal_is_whole(self) -> "TypeMapping":
        try:
            check_late_renewal(self.late_renewal, self.late_renewal_days, self.renewal_basis)
        except Invalid as error:
            raise ValueError(error.detail) from None
        return self

    @model_validator(mode="after")
    def _ends_agree(self) -> "TypeMapping":
        try:
            require_ending(self.expires_at_rule, self.expires_at_time, end_of_month=self.end_of_month)
        except Invalid as error:
            raise ValueError(error.detail) from None
        return self


class CredentialMapping(_Part):
    """The columns of a credential, which holder, type and number identify.

    Without a number, a holder has one credential of each type. An empty cell leaves the record unchanged.
    """

    number: LineSource | None = None
    name: LineSource | None = None
    country: CountrySource | None = None
    subdivision: SubdivisionSource | None = None
    issuer: LineSource | None = None
    issued_on: DateSource | None = None
    notes: NoteSource | None = None
    time_zone: ZoneSource | None = None
    """Zone of the terms; by default that of the holder's location, else the deployment's."""
    attributes: dict[str, TextSource] = Field(default_factory=dict)
    """Attributes that the credential type declares, by name."""
    on_change: OnChange = OnChange.UPDATE
    """What to do with a row that differs from a recorded credential."""


class TermMapping(_Part):
    """The columns of a term."""

    key: LineSource | None = None
    """Identifies the term within its credential; by default its dates do."""
    valid_from: DateSource | None = None
    expires_on: DateSource | None = None
    never: tuple[str, ...] = ()
    """Texts and dates of the end column for a term that never ends, such as `unbefristet` and `9999-12-31`.

    A date stands in one of the mapping's formats or as YYYY-MM-DD, and means that day in any of the formats.
    """
    on_change: OnTermChange = OnTermChange.REJECT
    """What to do with a row that has other dates under a recorded key."""
    unusual: bool = False
    """Whether terms may end more than three validities of their type ahead; else such a row is rejected."""
    announce_reached: bool = False
    """Whether an unexpired credential gets the latest reminder whose day has passed."""


class FlagMeaning(_Part):
    """Meaning of a text in the flag column."""

    kind: FlagKind | Literal["none"]
    reason: Reason = "imported"


class FlagMapping(_Part):
    """The columns of a flag: its kind, its first day, and the last day of a suspension."""

    column: str
    date: str
    until: str | None = None
    values: dict[str, FlagMeaning]
    on_change: OnTermChange | None = None
    """What to do with a row that differs from a recorded flag; by default as for terms."""

    @property
    def named(self) -> tuple[str, ...]:
        """The columns to read."""
        return (self.column, self.date, *([self.until] if self.until else []))


class Mapping(_Part):
    """A whole mapping."""

    delimiter: Annotated[str, Field(min_length=1, max_length=1)] | None = None
    """By default the one of comma, semicolon, tab and bar with which the header has the columns."""
    encoding: Annotated[str, AfterValidator(encoding_named)] | None = None
    """By default detected: a byte order mark, else valid UTF-8, else a guess, of which the import warns."""
    sheet: Text | None = None
    """Of a workbook; by default the first that is visible and not empty."""
    skip_lines: Annotated[int, Field(ge=0, le=1000)] | None = None
    """Lines above the header, not counting a line `sep=`.

    By default the header is the first line with all columns.
    """
    date_formats: Annotated[
        tuple[Annotated[str, AfterValidator(checked_format)], ...], Field(min_length=1)
    ] = ("%Y-%m-%d",)
    """Formats of Python's `strptime`; one without a day, such as `%m/%Y`, means a month.

    Of two that read some text as different days, the one that fits all rows of a file counts; a file in which
    both fit different rows, or all, is refused.
    """
    date_formats_in_order: bool = False
    """Whether the first format that fits a row counts, whatever fits other rows."""
    year_pivot: Annotated[int, Field(ge=0, le=100)] | None = None
    """Years of two digits from it on are of the 1900s, those below of the 2000s.

    By default 69, but what ends is never before 2000.
    """
    decimal_separator: Literal[".", ","] | None = None
    """Of numbers in typed attributes; by default only what can mean one number is taken."""
    thousands_separator: Annotated[str, Field(min_length=1, max_length=1, pattern=r"[^0-9+-]")] | None = None
    true_words: tuple[Text, ...] = ()
    false_words: tuple[Text, ...] = ()
    """Words for true and false, beside those of European languages."""
    holder: HolderMapping
    type: TypeMapping
    credential: CredentialMapping
    term: TermMapping
    flag: FlagMapping | None = None

    @model_validator(mode="after")
    def _separators_differ(self) -> "Mapping":
        if self.thousands_separator is not None and self.thousands_separator == self.decimal_separator:
            raise ValueError("decimal_separator and thousands_separator must differ")
        return self

    def formats(self, dates: tuple[str, ...] | None = None) -> CellFormats:
        """Return how its files write dates and numbers; `dates` in the order that was decided for one."""
        return CellFormats(
            dates or self.date_formats,
            self.year_pivot,
            self.decimal_separator,
            self.thousands_separator,
            TRUE_WORDS | {word.strip().casefold() for word in self.true_words},
            FALSE_WORDS | {word.strip().casefold() for word in self.false_words},
            self.term.never,
        )

    @model_validator(mode="after")
    def _dates_are_dates(self) -> "Mapping":
        formats = self.formats()
        for part, name, read in (
            (self.holder, "birth_date", formats.day),
            (self.credential, "issued_on", formats.day),
            (self.term, "valid_from", formats.start),
            (self.term, "expires_on", formats.end),
        ):
            source: Source | None = getattr(part, name)
            if source is not None and source.constant is not None:
                try:
                    read(source.constant)
                except ValueError as error:
                    raise ValueError(f"{name}.constant: {source.constant!r} {error}") from None
        return self

    @property
    def identifying(self) -> tuple[str, ...]:
        """The columns that hold numbers by which something is known."""
        sources = (self.holder.external_id, self.holder.manager, self.credential.number, self.term.key)
        return tuple(dict.fromkeys(column for source in sources if source for column in source.named))

    @property
    def dated(self) -> tuple[str, ...]:
        """The columns that hold dates."""
        sources = (
            self.holder.birth_date,
            self.credential.issued_on,
            self.term.valid_from,
            self.term.expires_on,
        )
        named = [column for source in sources if source is not None for column in source.named]
        if self.flag is not None:
            named += self.flag.named[1:]
        return tuple(dict.fromkeys(named))

    @property
    def columns(self) -> tuple[str, ...]:
        """The columns that a file must have."""
        named = [column for source in self._sources() for column in source.named]
        if self.flag is not None:
            named += self.flag.named
        return tuple(dict.fromkeys(named))

    @property
    def places(self) -> Columns:
        """The names of the key columns, for errors."""
        number, key, manager = self.credential.number, self.term.key, self.holder.manager
        dates = [source.place for source in (self.term.valid_from, self.term.expires_on) if source]
        return Columns(
            holder=self.holder.external_id.place,
            number=number.place if number else "",
            type=self.type.code.place,
            key=key.place if key else " + ".join(dates),
            manager=manager.place if manager else "",
            flag=self.flag.date if self.flag else "",
            expires_on=self.term.expires_on.place if self.term.expires_on else "",
            issued_on=self.credential.issued_on.place if self.credential.issued_on else "",
        )

    def _sources(self) -> Iterator[Source | SeveralSource]:
        for part in (self.holder, self.type, self.credential, self.term):
            for name in type(part).model_fields:
                value = getattr(part, name)
                if isinstance(value, Source | SeveralSource):
                    yield value
        yield from self.holder.attributes.values()
        yield from self.credential.attributes.values()


def find_mapping(given: str) -> tuple[str, str]:
    """Return name and TOML of a mapping, given by the name of a shipped one or as TOML.

    Raises `Invalid` with every error.
    """
    known = files(__package__).joinpath("mappings")
    names = sorted(
        entry.name.removesuffix(".toml") for entry in known.iterdir() if entry.name.endswith(".toml")
    )
    if given in names:
        return given, known.joinpath(f"{given}.toml").read_text(encoding="utf-8")
    if "=" not in given:
        raise Invalid(
            f"There is no mapping {given[:_LONGEST_NAME]!r}; known ones: {', '.join(names)}.",
            pointer="/mapping",
        )
    read_mapping(given)
    return "given", given


def _parse_toml(text: str) -> dict[str, Any]:
    try:
        declared = tomllib.loads(text.removeprefix("\ufeff"))
    except (ValueError, RecursionError) as error:  # huge numbers and deep nesting raise other errors
        reason = "it is nested too deeply" if isinstance(error, RecursionError) else str(error)
        raise Invalid(f"The mapping is not TOML: {reason}.", pointer="/mapping") from None
    for value in _values(declared):
        if isinstance(value, str) and "\0" in value:
            raise Invalid("The mapping has a text with U+0000.", pointer="/mapping")
        if not isinstance(value, str | int) and not (isinstance(value, float) and isfinite(value)):
            raise Invalid(
                f"The mapping has {value}, which is nothing that a mapping says; quote it as a text.",
                pointer="/mapping",
            )
    return declared


def _values(declared: Any) -> Iterator[Any]:
    """Yield every name and value that is no table or array."""
    if isinstance(declared, dict):
        yield from declared
        for value in declared.values():
            yield from _values(value)
    elif isinstance(declared, list):
        for value in declared:
            yield from _values(value)
    else:
        yield declared


def read_mapping(text: str) -> Mapping:
    """Parse and validate a mapping; raises `Invalid` with every error."""
    try:
        declared = _parse_toml(text)
        mapping = Mapping.model_validate(declared)
    except ValidationError as error:
        wrong = error.errors(include_url=False)
        errors = "; ".join(
            f"at {'.'.join(str(part) for part in each['loc']) or 'the top'}: "
            f"{each['msg'].removeprefix('Value error, ')}"
            for each in wrong[:_MOST_ERRORS]
        )
        raise Invalid(f"The mapping is wrong {errors}.", pointer="/mapping") from None
    coerced = list(_coerced(declared, mapping.model_dump(mode="json", exclude_unset=True), ()))
    if coerced:
        raise Invalid(
            f"The mapping is wrong at {'; '.join(coerced[:_MOST_ERRORS])}.",
            pointer="/mapping",
        )
    return mapping


def _coerced(declared: Any, taken: Any, place: tuple[str, ...]) -> Iterator[str]:
    """Yield where validation took a value of another type than TOML has, such as `"30"` for a number."""
    if isinstance(declared, dict) and isinstance(taken, dict):
        for name in declared.keys() & taken.keys():
            yield from _coerced(declared[name], taken[name], (*place, name))
    elif isinstance(declared, list) and isinstance(taken, list):
        for each, other in zip(declared, taken, strict=False):
            yield from _coerced(each, other, place)
    elif isinstance(taken, bool | int | float) and type(taken) is not type(declared):
        wanted = "true or false" if isinstance(taken, bool) else "a number"
        yield f"{'.'.join(place)}: {declared!r} must be {wanted}, without quotes"
