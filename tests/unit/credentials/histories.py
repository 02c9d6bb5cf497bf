"""Credentials for tests: made by hand, or at random by hypothesis."""

from datetime import UTC, date, datetime, timedelta
from typing import Any
from uuid import UUID

from hypothesis import strategies as st

from licet_credentials.credentials.model import Credential, CredentialFacts, Flag
from licet_credentials.credentials.steps import new_credential
from licet_credentials.credentials.terms import Term, term_of
from licet_credentials.types.model import CredentialType
from licet_events.catalogue import Category, NumberUnique, RenewalEvidence
from licet_events.civil import END_OF_DAY, Ending, ExpiresAtRule
from licet_events.credentials import Expiry, FlagKind, Origin

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)
HOLDER = UUID(int=1)
ZONES = ("UTC", "Europe/Berlin", "America/Chicago", "Pacific/Apia", "Asia/Tokyo", "America/St_Johns")


def rules(**changes: Any) -> CredentialType:
    values: dict[str, Any] = {
        "code": "licence", "version": 1, "name": "Licence", "category": Category.LICENSE, "expires": True,
        "validity": None, "ladder": (90, 30, 0, -7), "renewal_window_days": None, "grace_days": 0,
        "renewal_basis": None, "fixed_date": None, "renewal_evidence": RenewalEvidence.NONE,
        "number_unique": NumberUnique.HOLDER, "aliases": (), "retired": False,
        "created_at": NOW, "updated_at": NOW,
    }  # fmt: skip
    return CredentialType(**values | changes)


def term(
    valid_from: date | None,
    expires_on: date | None,
    *,
    number: int = 1,
    expiry: Expiry | None = None,
    zone: str = "UTC",
    recorded_at: datetime = NOW,
    ending: Ending = END_OF_DAY,
) -> Term:
    return term_of(
        UUID(int=1000 + number),
        valid_from=valid_from,
        expires_on=expires_on,
        expiry=expiry or (Expiry.DATED if expires_on else Expiry.NEVER),
        time_zone=zone,
        recorded_at=recorded_at,
        ending=ending,
    )


def flag(
    kind: FlagKind,
    since: datetime,
    until: datetime | None = None,
    *,
    number: int = 1,
    reason: str = "because",
) -> Flag:
    return Flag(UUID(int=2000 + number), kind, since, until, reason)


def credential(
    *terms: Term, flags: tuple[Flag, ...] = (), now: datetime = NOW, ladder: tuple[int, ...] | None = None
) -> Credential:
    facts = CredentialFacts(holder_id=HOLDER, number="A-1", ladder=ladder)
    return new_credential(facts, rules(), terms, flags, Origin.API, now).credential


DAYS = st.dates(date(2025, 1, 1), date(2027, 12, 31))
INSTANTS = st.datetimes(datetime(2025, 1, 1), datetime(2028, 6, 30), timezones=st.just(UTC)).map(
    lambda instant: instant.replace(microsecond=0)
)


ENDINGS = (
    END_OF_DAY,
    END_OF_DAY,
    Ending(ExpiresAtRule.START_OF_DAY),
    Ending(ExpiresAtRule.AT_TIME, "00:01"),
    Ending(ExpiresAtRule.AT_TIME, "12:00"),
)
"""How the type of a history means printed dates."""


@st.composite
def terms(draw: st.DrawFn) -> tuple[Term, ...]:
    count = draw(st.integers(1, 5))
    one_zone = draw(st.sampled_from(ZONES))
    ending = draw(st.sampled_from(ENDINGS))
    made = []
    for number in range(count):
        start = draw(st.none() | DAYS)
        length = draw(st.integers(0 if ending == END_OF_DAY else 1, 400))
        end = draw(st.sampled_from(["dated", "dated", "dated", "dated", "never", "unknown"]))
        first = start or draw(DAYS)
        made.append(
            term(
                start,
                first + timedelta(days=length) if end == "dated" else None,
                number=number,
                expiry=Expiry(end),
                zone=draw(st.sampled_from(ZONES)) if draw(st.booleans()) else one_zone,
                recorded_at=draw(INSTANTS),
                ending=ending,
            )
        )
    return tuple(made)


@st.composite
def flag_sets(draw: st.DrawFn) -> tuple[Flag, ...]:
    made = []
    for number in range(draw(st.integers(0, 3))):
        kind = draw(st.sampled_from([FlagKind.SUSPENDED, FlagKind.SUSPENDED, FlagKind.REVOKED]))
        since = draw(INSTANTS)
        until = None
        if kind is FlagKind.SUSPENDED and draw(st.booleans()):
            until = since + timedelta(hours=draw(st.integers(0, 5000)))
        made.append(flag(kind, since, until, number=number, reason=f"reason_{number}"))
    return tuple(made)


LADDERS = st.sampled_from([(90, 60, 30, 7, 0, -7), (30, 0), (0, -7), (-7,), (), (400,)])
