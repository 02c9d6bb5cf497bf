"""Which countries and subdivisions there are."""

import pycountry
import pytest
from pydantic import TypeAdapter, ValidationError

from licet_credentials import iso3166
from licet_credentials.inputs import Country, Subdivision


def test_every_code_of_the_librarys_tables_is_known():
    assert all(iso3166.is_country(country.alpha_2) for country in pycountry.countries)
    assert all(iso3166.is_subdivision(part.code) for part in pycountry.subdivisions)


@pytest.mark.parametrize("code", ["XX", "UK", "DEU"])
def test_an_invalid_country_is_not_known(code):
    assert not iso3166.is_country(code)


@pytest.mark.parametrize("code", ["US-XX", "DE-ZZ", "US"])
def test_an_invalid_subdivision_is_not_known(code):
    assert not iso3166.is_subdivision(code)


def test_the_error_names_what_is_allowed_and_what_was_given():
    with pytest.raises(ValidationError, match="such as DE, not XX"):
        TypeAdapter(Country).validate_python("XX")
    with pytest.raises(ValidationError, match="such as US-IL, not US-XX"):
        TypeAdapter(Subdivision).validate_python("US-XX")
    assert TypeAdapter(Subdivision).validate_python("US-IL") == "US-IL"


def test_norways_counties_since_2024_are_known():
    assert all(iso3166.is_subdivision(f"NO-{number}") for number in (31, 32, 33, 39, 40, 55, 56))


def test_no_code_is_listed_here_that_the_library_has_by_now():
    assert not iso3166._NEWER & {part.code for part in pycountry.subdivisions}
