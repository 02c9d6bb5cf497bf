"""Types of values in requests, with an error message that says what is well formed."""

import re
from datetime import date, datetime
from typing import Annotated, Any, TypeVar

from pydantic import AfterValidator, AwareDatetime, Field, PlainValidator, StringConstraints

from licet_chassis.domains import wire_domain
from licet_chassis.errors import Invalid
from licet_credentials.iso3166 import is_country, is_subdivision, lies_in
from licet_events.civil import zone
from licet_events.forms import date_of, instant_of

_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029]")
_LOCAL_PART = re.compile(r"[^@\s<>,;:\"()\[\]\\]{1,64}")
_FIRST_DAY, _LAST_DAY = date(1900, 1, 1), date(9000, 12, 31)
T = TypeVar("T", date, datetime, date | datetime)


def _without_control(text: str) -> str:
    if _CONTROL.search(text):
        raise ValueError("must have no control characters")
    return text


def _known_zone(name: str) -> str:
    zone(name)
    return name


def _known_country(code: str) -> str:
    if not is_country(code):
        raise ValueError(f"must be a country code of ISO 3166-1, such as DE, not {code}")
    return code


def _known_subdivision(code: str) -> str:
    if not is_subdivision(code):
        raise ValueError(f"must be a subdivision code of ISO 3166-2, such as US-IL, not {code}")
    return code


def _address(text: str) -> str:
    local, _, domain = text.rpartition("@")
    if len(text) > 254 or not _LOCAL_PART.fullmatch(local) or wire_domain(domain) is None:
        raise ValueError("must be an e-mail address, such as ana@example.org")
    return text


def _date_or_instant(value: Any) -> date | datetime:
    if not isinstance(value, str):
        raise ValueError("must be a date, YYYY-MM-DD, or an instant, such as 2026-01-31T08:00:00Z")  # noqa: TRY004
    try:
        read = date_of(value) if len(value) == 10 else instant_of(value)
    except ValueError:
        raise ValueError(
            "must be a date that exists, YYYY-MM-DD, or an instant with offset, such as 2026-01-31T08:00:00Z"
        ) from None
    return _within_reach(read)


def _within_reach(value: T) -> T:
    day = value.date() if isinstance(value, datetime) else value
    if not _FIRST_DAY <= day <= _LAST_DAY:
        raise ValueError(f"must be between {_FIRST_DAY} and {_LAST_DAY}")
    return value


def _ladder(steps: tuple[int, ...]) -> tuple[int, ...]:
    if len(set(steps)) != len(steps):
        raise ValueError("must not name a step twice")
    return tuple(sorted(steps, reverse=True))


Code = Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$")]
"""The code of a team, location, role, queue or credential type."""

ExternalId = Annotated[str, Field(pattern=r"^[^\x00-\x1f\x7f/]{1,200}$")]
"""A holder's id in another system."""

Whole = Annotated[int, Field(ge=-(2**53), le=2**53)]
"""An integer that every JSON parser reads exactly."""

AttributeName = Annotated[str, Field(pattern=r"^[a-z][a-z0-9_]{0,63}$")]
"""Name of an attribute of a holder."""

AttributeText = Annotated[str, Field(max_length=1000)]

Phone = Annotated[str, Field(pattern=r"^[0-9+() ./-]{3,40}$")]
Locale = Annotated[str, Field(max_length=64, pattern=r"^[A-Za-z]{2,3}(-[A-Za-z0-9]{2,8})*$")]
"""A language tag (BCP 47)."""

Reason = Annotated[str, Field(pattern=r"^[a-z][a-z0-9_]{0,63}$", examples=["not_paid"])]
"""A reason code; free text goes into a note."""

Line = Annotated[
    str,
    StringConstraints(strip_whitespace=True, min_length=1, max_length=200),
    AfterValidator(_without_control),
]
"""A line of text."""

Note = Annotated[str, StringConstraints(min_length=1, max_length=4000)]
"""Free text."""

Email = Annotated[str, AfterValidator(_without_control), AfterValidator(_address)]
Zone = Annotated[str, AfterValidator(_known_zone), Field(examples=["Europe/Berlin"])]
"""An IANA time zone."""

Country = Annotated[str, Field(pattern=r"^[A-Z]{2}$", examples=["DE"]), AfterValidator(_known_country)]
"""ISO 3166-1 alpha-2."""

Subdivision = Annotated[
    str,
    Field(pattern=r"^[A-Z]{2}-[A-Z0-9]{1,3}$", examples=["US-IL"]),
    AfterValidator(_known_subdivision),
]
"""ISO 3166-2."""

Day = Annotated[date, Field(ge=_FIRST_DAY, le=_LAST_DAY)]
"""A civil date, in the range in which zones and ladders work."""

TimeOfDay = Annotated[str, Field(pattern=r"^([01][0-9]|2[0-3]):[0-5][0-9]$", examples=["00:01"])]
"""A local time, HH:MM."""

Month = Annotated[
    str,
    Field(pattern=r"^(19|[2-8][0-9])[0-9]{2}-(0[1-9]|1[0-2])$", examples=["2027-05"]),
]
"""A month, YYYY-MM, of the years 1900 to 8999."""

Instant = Annotated[AwareDatetime, AfterValidator(_within_reach)]
"""An instant with its offset, in the range in which every zone works."""

DayOrInstant = Annotated[date | datetime, PlainValidator(_date_or_instant, json_schema_input_type=str)]
"""A date, which means the whole day, or an instant."""

Ladder = Annotated[
    tuple[Annotated[int, Field(ge=-3650, le=3650)], ...], Field(max_length=24), AfterValidator(_ladder)
]
"""Reminder steps: days before `expires_on`, negative ones after it."""


def within_country(country: str | None, subdivision: str | None) -> None:
    """Raise `Invalid` if the subdivision is not in the country."""
    if subdivision is not None and not lies_in(subdivision, country):
        raise Invalid(
            f"The subdivision {subdivision} is not in the country {country}.", pointer="/subdivision"
        )
