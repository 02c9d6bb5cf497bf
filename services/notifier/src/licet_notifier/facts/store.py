"""Projection of holders, credentials and the catalogue, read for decisions."""

import json
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

from pydantic import TypeAdapter

from licet_chassis.connection import Connection
from licet_chassis.consuming.states import newest
from licet_chassis.queries import load_queries
from licet_events.catalogue import CredentialTypeState, LocationState, TeamState
from licet_events.civil import END_OF_DAY, Ending, ExpiresAtRule
from licet_events.credentials import CredentialMoved, CredentialState, FlagKind
from licet_events.holders import HolderState
from licet_events.reminders.plan import Plan, plan_of
from licet_notifier.facts.model import (
    MOST_OF_A_ROLE,
    Acknowledgement,
    Credential,
    Facts,
    Flag,
    Holder,
    Needs,
    Notice,
    Place,
    Run,
)

QUERIES = load_queries(__package__)
NEEDS = Needs()
_PLAN = TypeAdapter(Plan)
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


async def upsert_holders(conn: Connection, states: Iterable[HolderState]) -> None:
    """Keep the newest state of each holder."""
    rows = newest(states, key=lambda state: state.id, rank=lambda state: state.version).values()
    await conn.execute(
        QUERIES["upsert_holders"],
        [row.id for row in rows], [row.version for row in rows], [row.name for row in rows],
        [row.email for row in rows], [row.time_zone for row in rows], [row.team for row in rows],
        [row.location for row in rows], [row.manager_id for row in rows], [row.active for row in rows],
        [row.merged_into is not None for row in rows], [row.locale for row in rows],
        [json.dumps(row.roles) for row in rows],
    )  # fmt: skip


async def upsert_credentials(conn: Connection, states: Iterable[CredentialState]) -> None:
    """Keep the newest state of each credential."""
    rows = newest(states, key=lambda state: state.id, rank=lambda state: state.version).values()
    plans = [plan_of(row) for row in rows]
    await conn.execute(
        QUERIES["upsert_credentials"],
        [row.id for row in rows], [row.version for row in rows], [row.holder_id for row in rows],
        [row.type for row in rows], [row.name for row in rows], [row.number for row in rows],
        [_terms_to_json(row) for row in rows], [_runs_to_json(row) for row in rows],
        [_flags_to_json(row) for row in rows], [row.voided for row in rows],
        [row.quiet_until for row in rows], [_ends_to_json(row) for row in rows],
        [_PLAN.dump_json(plan).decode() for plan in plans], [_days_of(plan) for plan in plans],
    )  # fmt: skip


async def end_credentials(conn: Connection, moved: Sequence[CredentialMoved]) -> None:
    """Forget those of the credentials that are still kept as those of the holder whom they have left."""
    await conn.execute(
        QUERIES["end_credentials"],
        [each.credential_id for each in moved],
        [each.holder_id for each in moved],
    )


async def upsert_catalogue(
    conn: Connection, states: Sequence[CredentialTypeState | LocationState | TeamState]
) -> None:
    """Keep the newest state of each credential type, location and team."""
    in_order = newest(
        states, key=lambda state: (type(state).__name__, state.code), rank=lambda state: state.version
    ).values()
    types = [state for state in in_order if isinstance(state, CredentialTypeState)]
    places = [state for state in in_order if not isinstance(state, CredentialTypeState)]
    if types:
        await conn.execute(
            QUERIES["upsert_credential_types"],
            [row.code for row in types], [row.version for row in types], [row.name for row in types],
        )  # fmt: skip
    if places:
        await conn.execute(
            QUERIES["upsert_places"],
            ["location" if isinstance(row, LocationState) else "team" for row in places],
            [row.code for row in places], [row.version for row in places], [row.name for row in places],
            [row.time_zone if isinstance(row, LocationState) else None for row in places],
            [row.fallback_email for row in places],
            [
                json.dumps([str(one) for one in row.supervisor_ids]) for row in places
            ],
            [row.country if isinstance(row, LocationState) else None for row in places],
            [row.subdivision if isinstance(row, LocationState) else None for row in places],
        )  # fmt: skip


def _days_of(plan: Plan) -> str:
    """Return the days on which time alone may bring a notice, as a literal of an array of numbers."""
    instants = [run.ends.at for run in plan.runs if run.ends is not None]
    instants += [step.due for run in plan.runs for step in run.steps]
    instants += [flag.at for flag in plan.flags]
    if plan.quiet_until is not None:
        instants.append(plan.quiet_until)
    return "{" + ",".join(sorted({str(day_number(instant)) for instant in instants})) + "}"


def day_number(instant: datetime) -> int:
    """Return how many days in UTC an instant lies after 1970 began."""
    return (instant - _EPOCH).days


def _terms_to_json(state: CredentialState) -> str:
    return json.dumps({str(term.id): term.revision for term in state.terms})


def _runs_to_json(state: CredentialState) -> str:
    return json.dumps(
        [
            [
                run.starts_at.isoformat(),
                run.expires_on.isoformat() if run.expires_on else None,
                str(run.term_id),
                run.term_revision,
                run.time_zone,
            ]
            for run in state.runs
        ]
    )


def _ends_to_json(state: CredentialState) -> str:
    return json.dumps(
        {
            str(run.term_id): [*run.ending, run.expires_on_month]
            for run in state.runs
            if run.ending != END_OF_DAY or run.expires_on_month is not None
        }
    )


def _flags_to_json(state: CredentialState) -> str:
    return json.dumps(
        [
            [flag.kind, flag.effective_from.isoformat(), flag.until.isoformat() if flag.until else None]
            for flag in state.flags
        ]
    )


def _end_of(kept: list[Any] | None) -> tuple[Ending, str | None]:
    if kept is None:
        return END_OF_DAY, None
    rule, at, month = kept
    return Ending(ExpiresAtRule(rule), at), month


def _credential(row: Any) -> Credential:
    ends = json.loads(row["ends"])
    return Credential(
        id=row["id"],
        version=row["version"],
        holder_id=row["holder_id"],
        type=row["type"],
        name=row["name"],
        number=row["number"],
        terms={UUID(term): revision for term, revision in json.loads(row["terms"]).items()},
        runs=tuple(
            Run(
                datetime.fromisoformat(starts_at),
                datetime.fromisoformat(expires_on).date() if expires_on else None,
                UUID(term_id),
                revision,
                (zone or ["UTC"])[0],
                *_end_of(ends.get(term_id)),
            )
            for starts_at, expires_on, term_id, revision, *zone in json.loads(row["runs"])
        ),
        flags=tuple(
            Flag(
                FlagKind(kind),
                datetime.fromisoformat(effective_from),
                datetime.fromisoformat(until) if until else None,
            )
            for kind, effective_from, until in json.loads(row["flags"])
        ),
        voided=row["voided"],
        quiet_until=row["quiet_until"],
    )


async def forget_holder(conn: Connection, holder_id: UUID) -> None:
    """Delete what is known of a holder and its credentials."""
    await conn.execute(QUERIES["forget_holder"], holder_id)


@dataclass(frozen=True, slots=True)
class Known:
    """What is known of the credentials of notices and of their holders, held until the transaction ends."""

    holders: dict[UUID, Holder]
    credentials: dict[UUID, Credential]
    types: dict[str, str]
    teams: dict[str, Place]
    locations: dict[str, Place]
    supervisors: dict[tuple[str, str], frozenset[UUID]]
    """The ids of supervisors by kind of place and its code, where the policy tells them."""
    of_roles: dict[str, tuple[UUID, ...]]
    """The ids of active people by role, where the policy tells them."""
    acknowledgements: dict[UUID, tuple[Acknowledgement, ...]] = field(default_factory=dict)
    """By credential."""

    def facts_of(
        self, notice: Notice, later_notice_at: datetime | None, escalated_to: frozenset[str] = frozenset()
    ) -> Facts:
        """Return the facts about the notice; its credential and that credential's holder are known."""
        facts = self.facts_about(notice.credential_id)
        return replace(facts, later_notice_at=later_notice_at, escalated_to=escalated_to)

    def facts_about(self, credential_id: UUID) -> Facts:
        """Return the facts about a credential, apart from notices; it and its holder are known."""
        credential = self.credentials[credential_id]
        holder = self.holders[credential.holder_id]
        manager = self._person(holder.manager_id)
        return Facts(
            holder=holder,
            credential=credential,
            credential_type=self.types.get(credential.type),
            manager=manager,
            team=self.teams.get(holder.team or ""),
            location=self.locations.get(holder.location or ""),
            manager_location=self.locations.get(manager.location or "") if manager else None,
            later_notice_at=None,
            managers_manager=self._person(manager.manager_id) if manager else None,
            team_supervisors=self._people(self.supervisors.get(("team", holder.team or ""), ())),
            location_supervisors=self._people(self.supervisors.get(("location", holder.location or ""), ())),
            of_roles={role: self._people(ids) for role, ids in self.of_roles.items()},
            locations=self.locations,
            acknowledgements=self.acknowledgements.get(credential_id, ()),
        )

    def _person(self, id: UUID | None) -> Holder | None:
        return None if id is None else self.holders.get(id)

    def _people(self, ids: Iterable[UUID]) -> tuple[Holder, ...]:
        return tuple(self.holders[one] for one in sorted(ids) if one in self.holders)


async def read_known(conn: Connection, credential_id: UUID, needs: Needs = NEEDS) -> Known | None:
    """Read the facts about one credential, as `lock_known` does; `None` where they are not complete."""
    known = await _lock(conn, {credential_id}, needs)
    credential = known.credentials.get(credential_id)
    return known if credential is not None and credential.holder_id in known.holders else None


async def read_known_of(conn: Connection, credential_ids: Collection[UUID], needs: Needs) -> Known:
    """Read the facts about credentials, as `lock_known` does."""
    return await _lock(conn, credential_ids, needs)


async def read_plans(conn: Connection, credential_ids: Collection[UUID]) -> dict[UUID, Plan]:
    """Return the plans of credentials; those that were learned by a release before have none."""
    rows = await conn.fetch(QUERIES["read_plans"], sorted(credential_ids))
    return {row["id"]: _PLAN.validate_json(row["plan"]) for row in rows}


async def lock_known(conn: Connection, notices: Sequence[Notice], needs: Needs = NEEDS) -> Known:
    """Read the facts about the notices, and lock them against changes until the transaction ends.

    Nothing that is applied by others in the meantime can slip between a decision and its record. Rows
    are locked credentials first, then holders, each in order of id.
    """
    return await _lock(conn, {notice.credential_id for notice in notices}, needs)


async def _lock(conn: Connection, credential_ids: Collection[UUID], needs: Needs) -> Known:
    credentials = {
        row["id"]: _credential(row)
        for row in await conn.fetch(QUERIES["lock_credentials"], sorted(credential_ids))
    }
    # Whose a credential is, and not whose it was when it was announced: it may have moved since.
    holders = await lock_holders(conn, {credential.holder_id for credential in credentials.values()})
    # The rows are read after the locks, the managers' ids before them: one that changed in between
    # is missing.
    theirs = [holders[each.holder_id] for each in credentials.values() if each.holder_id in holders]
    managers = {holder.manager_id for holder in theirs if holder.manager_id}
    # Reading managers again brings their own managers along.
    wanted = managers if needs.managers_manager else managers - holders.keys()
    supervisors = await _supervisors_of(conn, theirs) if needs.supervisors else {}
    of_roles = await read_people_of(conn, needs.roles)
    for ids in (*supervisors.values(), *of_roles.values()):
        wanted = wanted | (set(ids) - holders.keys())
    if wanted:
        holders |= await lock_holders(conn, wanted)
    types, teams, locations = await read_catalogue(conn, credentials, holders)
    acknowledged = await _acknowledgements_of(conn, credentials)
    return Known(holders, credentials, types, teams, locations, supervisors, of_roles, acknowledged)


async def _acknowledgements_of(
    conn: Connection, credential_ids: Iterable[UUID]
) -> dict[UUID, tuple[Acknowledgement, ...]]:
    found: dict[UUID, tuple[Acknowledgement, ...]] = {}
    for row in await conn.fetch(QUERIES["read_acknowledgements"], sorted(credential_ids)):
        said = Acknowledgement(row["term_id"], row["until"], row["recipient"])
        found[row["credential_id"]] = (*found.get(row["credential_id"], ()), said)
    return found


async def _supervisors_of(
    conn: Connection, holders: Sequence[Holder]
) -> dict[tuple[str, str], frozenset[UUID]]:
    return await read_supervisors(conn, places_of(holders))


def places_of(holders: Iterable[Holder]) -> set[tuple[str, str]]:
    """Return the teams and locations of holders, each by its kind and code."""
    places = [
        (kind, code) for each in holders for kind, code in (("team", each.team), ("location", each.location))
    ]
    return {(kind, code) for kind, code in places if code is not None}


async def read_supervisors(
    conn: Connection, places: Collection[tuple[str, str]]
) -> dict[tuple[str, str], frozenset[UUID]]:
    """Return the ids of the supervisors of teams and locations, each given by its kind and code."""
    if not places:
        return {}
    rows = await conn.fetch(
        QUERIES["read_supervisors"],
        sorted(code for kind, code in places if kind == "team"),
        sorted(code for kind, code in places if kind == "location"),
    )
    found: dict[tuple[str, str], frozenset[UUID]] = {}
    for row in rows:
        place = (row["kind"], row["code"])
        found[place] = found.get(place, frozenset()) | {row["id"]}
    return found


async def read_people_of(conn: Connection, roles: Collection[str]) -> dict[str, tuple[UUID, ...]]:
    """Return the ids of active people by role, of each role the first few in order of id."""
    if not roles:
        return {}
    found: dict[str, tuple[UUID, ...]] = dict.fromkeys(sorted(roles), ())
    for row in await conn.fetch(QUERIES["read_people_of_roles"], sorted(roles), MOST_OF_A_ROLE):
        found[row["role"]] += (row["id"],)
    return found


async def lock_holders(conn: Connection, ids: Iterable[UUID]) -> dict[UUID, Holder]:
    """Read holders and their managers, in order of id, and lock them until the transaction ends."""
    rows = await conn.fetch(QUERIES["lock_holders"], sorted(ids))
    return {row["id"]: Holder(**{**row, "roles": frozenset(row["roles"])}) for row in rows}


async def read_catalogue(
    conn: Connection, credentials: dict[UUID, Credential], holders: dict[UUID, Holder]
) -> tuple[dict[str, str], dict[str, Place], dict[str, Place]]:
    """Return the names of the credentials' types, and the teams and locations of the holders, by code."""
    types: dict[str, str] = {}
    places: dict[str, dict[str, Place]] = {"team": {}, "location": {}}
    rows = await conn.fetch(
        QUERIES["read_catalogue"],
        list({credential.type for credential in credentials.values()}),
        list({holder.team for holder in holders.values() if holder.team}),
        list({holder.location for holder in holders.values() if holder.location}),
    )
    for row in rows:
        if row["kind"] == "credential_type":
            types[row["code"]] = row["name"]
        else:
            place = Place(
                row["code"],
                row["name"],
                row["time_zone"],
                row["fallback_email"],
                row["country"],
                row["subdivision"],
            )
            places[row["kind"]][row["code"]] = place
    return types, places["team"], places["location"]
