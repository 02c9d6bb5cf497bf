"""A declared mapping: what each column of a CSV file is. Written in TOML, checked before anything is read."""

import tomllib
from importlib.resources import files
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator, model_validator

from licet_credentials.errors import Invalid
from licet_events.catalogue import DEFAULT_LADDER, Category, NumberUnique, Period, RenewalBasis
from licet_events.civil import zone
from licet_events.credentials import FlagKind
from licet_events.holders import HolderKind


class _Part(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Source(_Part):
    """Where a value comes from: a column, or a constant that also stands in for an empty column."""

    column: str | None = None
    constant: str | None = None
    prefix: str = ""
    """Put before what the column says."""
    values: dict[str, str] | None = None
    """What each text in the column means; any other is an error."""

    @model_validator(mode="after")
    def _says_something(self) -> "Source":
        if self.column is None and self.constant is None:
            raise ValueError("needs a column or a constant")
        return self


class HolderMapping(_Part):
    """The columns of a holder."""

    kind: HolderKind
    external_id: Source
    name: Source
    email: Source | None = None
    phone: Source | None = None
    team: Source | None = None
    location: Source | None = None
    time_zone: str | None = None


class TypeMapping(_Part):
    """The columns of the credential type, and the rules of one that has to be made."""

    code: Source
    name: Source
    category: Category
    expires: bool = True
    validity: Period | None = None
    ladder: tuple[int, ...] = DEFAULT_LADDER
    renewal_basis: RenewalBasis | None = None
    grace_days: int = 0
    number_unique: NumberUnique = NumberUnique.HOLDER


class CredentialMapping(_Part):
    """The columns of a credential; its number, with holder and type, says which one it is."""

    number: Source
    name: Source | None = None
    country: Source | None = None
    subdivision: Source | None = None
    issuer: Source | None = None
    issued_on: Source | None = None
    time_zone: str | None = None
    """Of the terms; where it is left out, the deployment's."""


class TermMapping(_Part):
    """The columns of a term; `key` says which one it is."""

    key: Source
    valid_from: Source
    expires_on: Source
    announce_reached: bool = False


class FlagMeaning(_Part):
    """What a text in the flag's column means."""

    kind: FlagKind | Literal["none"]
    reason: str = "imported"


class FlagMapping(_Part):
    """The columns of a flag: what happened, and since which day."""

    column: str
    date: str
    values: dict[str, FlagMeaning]


class Mapping(_Part):
    """A whole mapping."""

    delimiter: Annotated[str, Field(min_length=1, max_length=1)] = ","
    encoding: Literal["utf-8-sig", "windows-1252"] = "utf-8-sig"
    date_formats: tuple[str, ...] = ("%Y-%m-%d",)
    """As Python's `strptime` has them; the first that fits."""
    holder: HolderMapping
    type: TypeMapping
    credential: CredentialMapping
    term: TermMapping
    flag: FlagMapping | None = None

    @field_validator("holder", "credential")
    @classmethod
    def _zones_exist(cls, part: HolderMapping | CredentialMapping) -> HolderMapping | CredentialMapping:
        if part.time_zone is not None:
            zone(part.time_zone)
        return part

    @property
    def columns(self) -> tuple[str, ...]:
        """The columns that a file must have."""
        named = [
            source.column
            for part in (self.holder, self.type, self.credential, self.term)
            for source in (getattr(part, name) for name in type(part).model_fields)
            if isinstance(source, Source) and source.column is not None
        ]
        if self.flag is not None:
            named += [self.flag.column, self.flag.date]
        return tuple(dict.fromkeys(named))


def find_mapping(given: str) -> tuple[str, str]:
    """Return the name and the TOML of a mapping, given as the name of a known one or as TOML itself.

    Raises `Invalid` with the place and what is wrong there.
    """
    known = files(__package__).joinpath("mappings")
    names = sorted(
        entry.name.removesuffix(".toml") for entry in known.iterdir() if entry.name.endswith(".toml")
    )
    if given in names:
        return given, known.joinpath(f"{given}.toml").read_text(encoding="utf-8")
    if "=" not in given:
        raise Invalid(f"There is no mapping {given!r}; known ones: {', '.join(names)}.", pointer="/mapping")
    read_mapping(given)
    return "given", given


def read_mapping(text: str) -> Mapping:
    """Return the mapping that the TOML says; raises `Invalid`."""
    try:
        return Mapping.model_validate(tomllib.loads(text))
    except tomllib.TOMLDecodeError as error:
        raise Invalid(f"The mapping is not TOML: {error}.", pointer="/mapping") from None
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        place = ".".join(str(part) for part in first["loc"])
        raise Invalid(f"The mapping is wrong at {place}: {first['msg']}.", pointer="/mapping") from None
