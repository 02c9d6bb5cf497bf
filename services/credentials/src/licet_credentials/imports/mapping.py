"""A declared mapping: what each column of a CSV file is. Written in TOML, checked before anything is read."""

import tomllib
from collections.abc import Iterator
from importlib.resources import files
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
from licet_credentials.imports.model import Columns, OnChange, OnTermChange
from licet_credentials.imports.values import READERS, checked_format, date_reader
from licet_credentials.inputs import AttributeName, Ladder, Reason
from licet_events.catalogue import (
    DEFAULT_LADDER,
    Category,
    DeclaredAttribute,
    NumberUnique,
    Period,
    RenewalBasis,
)
from licet_events.credentials import FlagKind

_MOST_ERRORS = 20
_LONGEST_NAME = 64


class _Part(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Source(_Part):
    """Where a value comes from: a column, several put together, or a constant for where they are empty."""

    column: str | None = None
    columns: tuple[str, ...] = ()
    """Several, put together with the separator; those that are empty are left out."""
    separator: str = " "
    constant: str | None = None
    prefix: str = ""
    """Put before what the column says."""
    values: dict[str, str] | None = None
    """What each text in the column means; any other is an error."""
    required: bool = False
    """Whether a row without it is rejected."""

    @model_validator(mode="after")
    def _says_something(self) -> "Source":
        if self.column is not None and self.columns:
            raise ValueError("has column and columns; name one of them")
        if not self.named and self.constant is None:
            raise ValueError("needs a column or a constant")
        return self

    @property
    def named(self) -> tuple[str, ...]:
        """The columns that it is read from."""
        return self.columns if self.column is None else (self.column,)

    @property
    def place(self) -> str:
        """The columns as an error names them."""
        return " + ".join(self.named)


def _column_alone(given: Any) -> Any:
    return {"column": given} if isinstance(given, str) else given


def _constant_alone(given: Any) -> Any:
    return {"constant": given} if isinstance(given, str) else given


def _read_as(kind: str) -> AfterValidator:
    # What the mapping itself says is judged once, here, and not in a million rows.
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
"""A column's name alone stands for `{ column = … }`."""
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
"""A zone's name alone stands for `{ constant = … }`."""
HolderKindSource = Annotated[Source, BeforeValidator(_constant_alone), _read_as("holder kind")]


class SeveralSource(_Part):
    """A column with several codes in a cell."""

    column: str
    split: Annotated[str, Field(min_length=1)] = ";"

    @property
    def named(self) -> tuple[str, ...]:
        """The column that it is read from."""
        return (self.column,)


Several = Annotated[SeveralSource, _Column]


class AttributeSource(Source):
    """Where an attribute of a holder comes from, and what its text is."""

    kind: Literal["text", "integer", "boolean"] = "text"

    @model_validator(mode="after")
    def _texts_are_of_the_kind(self) -> "AttributeSource":
        _require_readable(self, self.kind)
        return self


class HolderMapping(_Part):
    """The columns of a holder. An empty cell says nothing; what is recorded stays."""

    kind: HolderKindSource
    external_id: ExternalIdSource
    same_as: dict[str, str] = Field(default_factory=dict)
    """External ids of one holder under several: each with the one that holds."""
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
    attributes: Annotated[dict[AttributeName, Annotated[AttributeSource, _Column]], Field(max_length=50)] = (
        Field(default_factory=dict)
    )
    """What else is to be known, by name; one that a row does not say stays."""
    on_change: OnChange = OnChange.UPDATE
    """What becomes of a row that says otherwise about a known holder."""


class TypeMapping(_Part):
    """The columns of the credential type, and the rules of one that has to be made."""

    code: CodeSource
    name: LineSource
    define: bool = True
    """Whether a type that is not in the catalogue is put there; else its rows are rejected."""
    category: Category
    expires: bool = True
    validity: Period | None = None
    ladder: Ladder = DEFAULT_LADDER
    renewal_basis: RenewalBasis | None = None
    grace_days: Annotated[int, Field(ge=0, le=3650)] = 0
    number_unique: NumberUnique = NumberUnique.HOLDER
    attributes: tuple[DeclaredAttribute, ...] = ()


class CredentialMapping(_Part):
    """The columns of a credential; holder, type and number say which one it is.

    Without a number there is one of each type to a holder. An empty cell says nothing.
    """

    number: LineSource | None = None
    name: LineSource | None = None
    country: CountrySource | None = None
    subdivision: SubdivisionSource | None = None
    issuer: LineSource | None = None
    issued_on: DateSource | None = None
    notes: NoteSource | None = None
    time_zone: ZoneSource | None = None
    """Of the terms; where it is left out, the holder's location's, else the deployment's."""
    attributes: dict[str, TextSource] = Field(default_factory=dict)
    """What the credential type declares, by name."""
    on_change: OnChange = OnChange.UPDATE
    """What becomes of a row that says otherwise about a known credential."""


class TermMapping(_Part):
    """The columns of a term."""

    key: LineSource | None = None
    """What says which term of its credential it is; where it is left out, its dates do."""
    valid_from: DateSource | None = None
    expires_on: DateSource | None = None
    never: tuple[str, ...] = ()
    """What the end's column says where a term does not end, such as `12/31/9999`."""
    on_change: OnTermChange = OnTermChange.REJECT
    """What becomes of a row that says other dates under a key that is recorded."""
    announce_reached: bool = False
    """Whether an unexpired credential gets the strictest reminder that it had reached before."""


class FlagMeaning(_Part):
    """What a text in the flag's column means."""

    kind: FlagKind | Literal["none"]
    reason: Reason = "imported"


class FlagMapping(_Part):
    """The columns of a flag: what happened, and since which day; a suspension may end with a day."""

    column: str
    date: str
    until: str | None = None
    values: dict[str, FlagMeaning]
    on_change: OnTermChange | None = None
    """What becomes of a row that tells a recorded flag otherwise; where it is left out, as for terms."""

    @property
    def named(self) -> tuple[str, ...]:
        """The columns that it is read from."""
        return (self.column, self.date, *([self.until] if self.until else []))


class Mapping(_Part):
    """A whole mapping."""

    delimiter: Annotated[str, Field(min_length=1, max_length=1)] | None = None
    """Where it is left out, the one of comma, semicolon, tab and bar by which the columns are found."""
    encoding: Literal["utf-8", "utf-8-sig", "utf-16", "windows-1252"] | None = None
    """Where it is left out, it is found out: by a byte order mark, else UTF-8, else Windows-1252."""
    date_formats: Annotated[
        tuple[Annotated[str, AfterValidator(checked_format)], ...], Field(min_length=1)
    ] = ("%Y-%m-%d",)
    """As Python's `strptime` has them; the first that fits."""
    holder: HolderMapping
    type: TypeMapping
    credential: CredentialMapping
    term: TermMapping
    flag: FlagMapping | None = None

    @model_validator(mode="after")
    def _dates_are_dates(self) -> "Mapping":
        read = date_reader(self.date_formats)
        for part, name in (
            (self.credential, "issued_on"),
            (self.term, "valid_from"),
            (self.term, "expires_on"),
        ):
            source: Source | None = getattr(part, name)
            if source is not None and source.constant is not None:
                try:
                    read(source.constant)
                except ValueError as error:
                    raise ValueError(f"{name}.constant: {source.constant!r} {error}") from None
        return self

    @property
    def columns(self) -> tuple[str, ...]:
        """The columns that a file must have."""
        named = [column for source in self._sources() for column in source.named]
        if self.flag is not None:
            named += self.flag.named
        return tuple(dict.fromkeys(named))

    @property
    def places(self) -> Columns:
        """Which columns say what, for errors."""
        number, key, manager = self.credential.number, self.term.key, self.holder.manager
        dates = [source.place for source in (self.term.valid_from, self.term.expires_on) if source]
        return Columns(
            holder=self.holder.external_id.place,
            number=number.place if number else "",
            type=self.type.code.place,
            key=key.place if key else " + ".join(dates),
            manager=manager.place if manager else "",
            flag=self.flag.date if self.flag else "",
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
    """Return the name and the TOML of a mapping, given as the name of a known one or as TOML itself.

    Raises `Invalid` with the places and what is wrong there.
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


def _declared(text: str) -> dict[str, Any]:
    try:
        declared = tomllib.loads(text)
    except (ValueError, RecursionError) as error:  # a number or a nesting without end raises others
        reason = "it is nested too deeply" if isinstance(error, RecursionError) else str(error)
        raise Invalid(f"The mapping is not TOML: {reason}.", pointer="/mapping") from None
    if any("\0" in value for value in _texts(declared)):
        raise Invalid("The mapping has a text with U+0000.", pointer="/mapping")
    return declared


def _texts(declared: Any) -> Iterator[str]:
    if isinstance(declared, str):
        yield declared
    elif isinstance(declared, dict):
        yield from declared
        for value in declared.values():
            yield from _texts(value)
    elif isinstance(declared, list):
        for value in declared:
            yield from _texts(value)


def read_mapping(text: str) -> Mapping:
    """Return the mapping that the TOML says; raises `Invalid` with every place that is wrong."""
    try:
        return Mapping.model_validate(_declared(text))
    except ValidationError as error:
        wrong = error.errors(include_url=False)
        told = "; ".join(
            f"at {'.'.join(str(part) for part in each['loc']) or 'the top'}: "
            f"{each['msg'].removeprefix('Value error, ')}"
            for each in wrong[:_MOST_ERRORS]
        )
        raise Invalid(f"The mapping is wrong {told}.", pointer="/mapping") from None
