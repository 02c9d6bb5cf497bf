"""Public holidays, from the library `holidays`."""

from datetime import date
from functools import lru_cache

import holidays


def is_holiday(country: str, subdivision: str | None, day: date) -> bool:
    """Tell whether a day is a public holiday in a country, or in a subdivision of it.

    Of a country that the library does not know no day is one, and of such a subdivision those of its country.
    """
    return day in _of_year(country, subdivision, day.year)


@lru_cache(maxsize=1024)
def _of_year(country: str, subdivision: str | None, year: int) -> frozenset[date]:
    # ISO 3166-2 codes hold the country's; the library takes the rest.
    local = None if subdivision is None else subdivision.partition("-")[2] or subdivision
    for part in (local, None):
        try:
            return frozenset(holidays.country_holidays(country, subdiv=part, years=year))
        except NotImplementedError:
            continue
    return frozenset()
