"""Reading the catalogues that are shipped in `shelf/`, each a TOML file named for its catalogue."""

import tomllib
from collections.abc import Mapping
from functools import cache
from importlib.resources import files
from types import MappingProxyType
from typing import Annotated

from pydantic import Field

from licet_chassis.errors import NotFound
from licet_chassis.http.resources import Body
from licet_credentials.catalogues.model import Catalogue
from licet_credentials.inputs import Line
from licet_credentials.types.bodies import TypeIn


class _File(Body):
    title: Line
    description: Line
    types: Annotated[tuple[TypeIn, ...], Field(min_length=1)]


@cache
def shipped_catalogues() -> Mapping[str, Catalogue]:
    """Return every catalogue by name, validated like a request body."""
    shelf = files(__package__ or "").joinpath("shelf")
    names = sorted(
        entry.name.removesuffix(".toml") for entry in shelf.iterdir() if entry.name.endswith(".toml")
    )
    return MappingProxyType(
        {name: _catalogue(name, shelf.joinpath(f"{name}.toml").read_text("utf-8")) for name in names}
    )


def find_catalogue(name: str) -> Catalogue:
    """Return a catalogue; raises `NotFound` with the known names."""
    catalogues = shipped_catalogues()
    if name not in catalogues:
        raise NotFound(f"There is no catalogue {name}; there are {', '.join(catalogues)}.")
    return catalogues[name]


def _catalogue(name: str, text: str) -> Catalogue:
    file = _File.model_validate(tomllib.loads(text))
    types = {entry.code: MappingProxyType(entry.rules()) for entry in file.types}
    if len(types) != len(file.types):
        raise ValueError(f"the catalogue {name} has a code twice")
    return Catalogue(name, file.title, file.description, MappingProxyType(types))
