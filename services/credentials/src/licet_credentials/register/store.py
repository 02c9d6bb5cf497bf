"""Finding credentials in the database."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from itertools import product
from typing import Any
from uuid import UUID

from licet_chassis.connection import Connection
from licet_chassis.queries import load_queries, load_templates
from licet_chassis.words import Patterns, search_words
from licet_credentials.credentials.model import Credential
from licet_credentials.credentials.store import read_credentials
from licet_credentials.credentials.validity import validity
from licet_credentials.register.model import CredentialFilter, Sort
from licet_credentials.rows import jsonb
from licet_credentials.types.attributes import meanings
from licet_credentials.visibility.model import Sees
from licet_events.civil import Ending, ExpiresAtRule, local_date
from licet_events.credentials import Validity

QUERIES = load_queries(__package__ or "")
TEMPLATES = load_templates(__package__ or "")

_EVERYONE = Sees()
_FEW = 500
"""Up to so many holders with a word, or credentials behind time or with an end in some days, are looked up
first and named to the list. Of what there is more, a list finds a page quickly by looking at each credential
as it comes."""


@dataclass(frozen=True, slots=True)
class Position:
    """Where in a list a credential stands: what the list is sorted by, and the credential's id."""

    id: UUID
    value: str | date | None = None
    """The name, end or holder's name; `None` where the id is all it is sorted by."""
    holder_id: UUID | None = None
    """Where it is sorted by holder."""


async def find_credentials(
    conn: Connection,
    wanted: CredentialFilter,
    *,
    now: datetime,
    limit: int,
    sees: Sees = _EVERYONE,
    sort: Sort = Sort.ENTRY,
    after: Position | None = None,
) -> list[Position]:
    """Return where the next credentials stand that the filter asks for and that are seen, in order.

    Validity and ends are those at `now`. Voided ones are left out.
    """
    given: dict[str, Any] = {
        "now": now,
        "limit": limit,
        "holder_id": wanted.holder_id,
        "team": wanted.team,
        "location": wanted.location,
        "teams": sees.teams,
        "locations": sees.locations,
        "country": wanted.country,
        "subdivision": wanted.subdivision,
        "validity": wanted.validity,
        "attributes": _containing(wanted) or None,
    }
    if wanted.verification is not None:
        given[wanted.verification.value] = True
    if wanted.type is not None or wanted.category is not None:
        meant = await _types_meant(conn, wanted)
        if not meant:
            return []
        # One value keeps the index in the order of ids, a list of one does not.
        given |= {"type": meant[0]} if len(meant) == 1 else {"types": meant}
    if wanted.expires_from is not None or wanted.expires_to is not None:
        given |= await _ending(conn, wanted, now)
    if wanted.validity is not None:
        given |= await _late(conn, wanted.validity, now)
        if sort.key == "expires_on" and _UNEXPIRED.issuperset(wanted.validity):
            # Not needed for what is found, but for where to begin: an instant is one of three days somewhere.
            given["not_before"] = now.date() - timedelta(days=2)
    for number, word in enumerate(search_words(wanted.q), start=1):
        given |= await _held_or_named(conn, number, word)
    rows = await TEMPLATES["find_credentials"].fetch(conn, given | _order(sort, after))
    names = {"key": "value", "holder_id": "holder_id", "id": "id"}
    return [Position(**{names[name]: value for name, value in row.items()}) for row in rows]


def _order(sort: Sort, after: Position | None) -> dict[str, Any]:
    given: dict[str, Any] = {sort.clause: True, "backwards": sort.backwards or None}
    if after is not None:
        given |= {
            f"after_{sort.clause}": True,
            "after_day" if isinstance(after.value, date) else "after": after.value,
            "after_id": after.id,
            "after_holder": after.holder_id,
        }
    return given


async def _ending(conn: Connection, wanted: CredentialFilter, now: datetime) -> dict[str, Any]:
    """Return how credentials are found that end on some days."""
    days = {"expires_from": wanted.expires_from, "expires_to": wanted.expires_to}
    rows = await TEMPLATES["ending_credentials"].fetch(conn, days | {"now": now, "limit": _FEW + 1})
    # How few end in a week can't be told from statistics, and much hangs on it.
    return days if len(rows) > _FEW else {"ending": [row["credential_id"] for row in rows]}


_UNEXPIRED = {Validity.PENDING, Validity.ACTIVE, Validity.EXPIRING}


async def _late(conn: Connection, validity: Sequence[Validity], now: datetime) -> dict[str, Any]:
    """Return how credentials are found whose validity has changed and nobody has settled since."""
    rows = await TEMPLATES["late_credentials"].fetch(conn, {"now": now, "limit": _FEW + 1})
    if len(rows) > _FEW:
        return {"all_late": True}
    return {"late": [row["credential_id"] for row in rows if row["validity"] in validity] or None}


async def _types_meant(conn: Connection, wanted: CredentialFilter) -> list[str]:
    return [row["code"] for row in await conn.fetch(QUERIES["types_meant"], wanted.type, wanted.category)]


async def _held_or_named(conn: Connection, number: int, word: Patterns) -> dict[str, Any]:
    """Return how one word is looked for in holders: by the few that have it, or by all names."""
    rows = await TEMPLATES["holders_with"].fetch(conn, {"word": word, "limit": _FEW + 1})
    given: dict[str, Any] = {f"word_{number}": word}
    if len(rows) > _FEW:
        return given | {f"named_{number}": True}
    return given | {f"held_{number}": [row["id"] for row in rows] or None}


def _containing(wanted: CredentialFilter) -> list[str]:
    """Return the JSON values of which attributes contain one, where they are what is asked for.

    A text may mean a text, a number, a truth value, or one of several choices.
    """
    if not wanted.attributes:
        return []
    forms = [[{name: value} for value in meanings(text)] for name, text in sorted(wanted.attributes.items())]
    return [
        jsonb({name: value for part in parts for name, value in part.items()}) for parts in product(*forms)
    ]


async def read_found(conn: Connection, found: Sequence[Position]) -> list[Credential]:
    """Return the credentials that stand there, in order; one that is gone by now is left out."""
    loaded = await read_credentials(conn, [position.id for position in found])
    return [each.credential for each in loaded.values()]


LINE = (
    "id",
    "version",
    "holder_id",
    "holder_external_id",
    "holder_name",
    "team",
    "location",
    "type",
    "category",
    "name",
    "number",
    "country",
    "subdivision",
    "issuer",
    "issued_on",
    "validity",
    "days_left",
    "valid_from",
    "expires_on",
    "expires_on_month",
    "expires_at",
    "expires_at_rule",
    "expiry",
    "time_zone",
    "verification",
    "verified_until",
    "attributes",
    "notes",
    "created_at",
    "updated_at",
)
"""What a line of a file says about a credential, in order."""


async def read_lines(conn: Connection, found: Sequence[Position], *, now: datetime) -> list[list[object]]:
    """Return the credentials that stand there as `LINE`s, as they are at `now`."""
    rows = await conn.fetch(QUERIES["read_lines"], [position.id for position in found], now)
    late = [row["id"] for row in rows if row["late"]]
    present = {
        loaded.credential.id: validity(loaded.credential.runs, loaded.credential.flags, now)
        for loaded in (await read_credentials(conn, late)).values()
    }
    today: dict[str, date] = {}
    lines = []
    for row in rows:
        zone, ends = row["time_zone"], row["run_expires_on"]
        if ends is not None:
            ends = Ending(ExpiresAtRule(row["expires_at_rule"]), row["expires_at_time"]).last_day(ends)
        if zone not in today:
            today[zone] = local_date(now, zone)
        said = {
            "id": str(row["id"]),
            "holder_id": str(row["holder_id"]),
            "validity": present.get(row["id"], row["validity"]),
            "days_left": None if ends is None else (ends - today[zone]).days,
            "attributes": json.loads(row["attributes"]),
        }
        lines.append([said[name] if name in said else row[name] for name in LINE])
    return lines
