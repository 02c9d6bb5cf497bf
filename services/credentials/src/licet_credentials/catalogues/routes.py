"""HTTP for starter catalogues."""

from collections import Counter
from typing import Annotated

from fastapi import APIRouter, Path
from pydantic import BaseModel, Field
from pydantic_core import to_jsonable_python
from starlette.responses import Response

from licet_chassis.http.resources import Body
from licet_chassis.http.writes import Write
from licet_credentials.access import ADMIN, CATALOGUE
from licet_credentials.catalogues.commands import load_catalogue
from licet_credentials.catalogues.model import Catalogue, LoadedType, LoadOutcome
from licet_credentials.catalogues.reading import find_catalogue, shipped_catalogues
from licet_credentials.inputs import Code
from licet_credentials.types.bodies import TypeIn

router = APIRouter(prefix="/v1/credential-types/catalogues", tags=["credential types"])

Name = Annotated[str, Path(pattern=r"^[a-z][a-z0-9-]{0,63}$", examples=["first-aid"])]


class CatalogueOut(BaseModel):
    """A starter catalogue that can be loaded."""

    name: str
    title: str
    description: str
    types: list[str]
    """The codes of its types."""

    @classmethod
    def of(cls, catalogue: Catalogue) -> "CatalogueOut":
        """Show a catalogue."""
        return cls(
            name=catalogue.name,
            title=catalogue.title,
            description=catalogue.description,
            types=list(catalogue.types),
        )


class CatalogueTypesOut(BaseModel):
    """A starter catalogue with the rules of its types."""

    name: str
    title: str
    description: str
    types: list[TypeIn]


class CataloguesOut(BaseModel):
    """The catalogues that are shipped."""

    items: list[CatalogueOut]


class LoadIn(Body):
    """Which types to load; `dry_run` only reports what loading would do."""

    dry_run: bool = False
    types: Annotated[tuple[Code, ...], Field(min_length=1, max_length=200)] | None = None
    """Codes of some types of the catalogue; all if left out."""


class LoadedTypeOut(BaseModel):
    """A loaded type and its outcome."""

    code: str
    name: str
    outcome: LoadOutcome
    differences: list[str]
    """The rules in which the existing type differs from the shipped one; it stays unchanged."""
    aliases_taken: list[str]
    """Aliases left out because other types have them."""


class LoadedOut(BaseModel):
    """Result of loading a catalogue."""

    catalogue: str
    dry_run: bool
    counts: dict[LoadOutcome, int]
    items: list[LoadedTypeOut]

    @classmethod
    def of(cls, catalogue: Catalogue, loaded: list[LoadedType], *, dry_run: bool) -> "LoadedOut":
        """Show the result of loading."""
        counts = Counter(each.outcome for each in loaded)
        return cls(
            catalogue=catalogue.name,
            dry_run=dry_run,
            counts={outcome: counts[outcome] for outcome in LoadOutcome},
            items=[
                LoadedTypeOut(**{name: getattr(each, name) for name in LoadedTypeOut.model_fields})
                for each in loaded
            ],
        )


@router.get("", dependencies=[CATALOGUE])
async def list_() -> CataloguesOut:
    """List the starter catalogues that are shipped, by name."""
    return CataloguesOut(items=[CatalogueOut.of(each) for each in shipped_catalogues().values()])


@router.get("/{name}", dependencies=[CATALOGUE])
async def show(name: Name) -> CatalogueTypesOut:
    """Show a starter catalogue with the rules of its types."""
    catalogue = find_catalogue(name)
    return CatalogueTypesOut(
        name=catalogue.name,
        title=catalogue.title,
        description=catalogue.description,
        types=[TypeIn.model_validate(to_jsonable_python(dict(rules))) for rules in catalogue.types.values()],
    )


@router.post("/{name}", response_model=LoadedOut, dependencies=[ADMIN])
async def load(name: Name, body: LoadIn, write: Write) -> Response:
    """Define the types of a starter catalogue that do not exist yet.

    An existing type stays unchanged, whatever its rules are; the answer names the rules that differ.
    Loading again changes nothing.
    """
    catalogue = find_catalogue(name)
    return await write(
        lambda tx, now: load_catalogue(tx, catalogue, only=body.types, dry_run=body.dry_run, now=now),
        view=lambda loaded: LoadedOut.of(catalogue, loaded, dry_run=body.dry_run),
    )
