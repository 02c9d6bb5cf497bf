"""Projection of enrolments and of the names of programmes, read for decisions."""

import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from licet_chassis.connection import Connection
from licet_chassis.consuming.states import newest
from licet_events.catalogue import ProgrammeState
from licet_events.enrolments import EnrolmentState
from licet_notifier.facts.model import EnrolmentFacts, EnrolmentMail, EnrolmentNotice, Holder, Needs, Place
from licet_notifier.facts.store import (
    NEEDS,
    QUERIES,
    lock_holders,
    places_of,
    read_catalogue,
    read_people_of,
    read_supervisors,
)


async def upsert_enrolments(conn: Connection, states: Iterable[EnrolmentState]) -> None:
    """Keep the newest state of each enrolment."""
    rows = newest(states, key=lambda state: state.id, rank=lambda state: state.version).values()
    await conn.execute(
        QUERIES["upsert_enrolments"], json.dumps([row.model_dump(mode="json", by_alias=True) for row in rows])
    )


async def upsert_programmes(conn: Connection, states: Iterable[ProgrammeState]) -> None:
    """Keep the newest name of each programme."""
    rows = newest(states, key=lambda state: state.code, rank=lambda state: state.version).values()
    await conn.execute(
        QUERIES["upsert_programmes"],
        [row.code for row in rows], [row.version for row in rows], [row.name for row in rows],
    )  # fmt: skip


@dataclass(frozen=True, slots=True)
class Enrolled:
    """An enrolment as it is kept."""

    state: EnrolmentState
    programme: str
    begun_again: bool


@dataclass(frozen=True, slots=True)
class KnownEnrolments:
    """What is known of enrolments and of the people whom they concern, held until the transaction ends."""

    enrolments: dict[UUID, Enrolled]
    holders: dict[UUID, Holder]
    teams: dict[str, Place]
    locations: dict[str, Place]
    supervisors: dict[tuple[str, str], frozenset[UUID]]
    """The ids of supervisors by kind of place and its code."""
    of_roles: dict[str, tuple[UUID, ...]]
    """The ids of active people by role, where the policy tells them."""

    def facts_of(self, notice: EnrolmentNotice, later_notice_at: datetime | None) -> EnrolmentFacts:
        """Return the facts about the notice; its enrolment and that enrolment's holder are known."""
        enrolled = self.enrolments[notice.enrolment_id]
        holder = self.holders[enrolled.state.holder_id]
        deciding = {
            one for place in _deciding(enrolled.state, holder) for one in self.supervisors.get(place, ())
        }
        return EnrolmentFacts(
            enrolment=enrolled.state,
            programme=enrolled.programme,
            begun_again=enrolled.begun_again,
            holder=holder,
            manager=self.holders.get(holder.manager_id) if holder.manager_id else None,
            # Nobody decides about their own application.
            deciders=tuple(
                self.holders[one] for one in sorted(deciding - {holder.id}) if one in self.holders
            ),
            team=self.teams.get(holder.team or ""),
            location=self.locations.get(holder.location or ""),
            locations=self.locations,
            later_notice_at=later_notice_at,
            managers_manager=self._managers_manager(holder),
            team_supervisors=self._people(self.supervisors.get(("team", holder.team or ""), ())),
            location_supervisors=self._people(self.supervisors.get(("location", holder.location or ""), ())),
            of_roles={role: self._people(ids) for role, ids in self.of_roles.items()},
        )

    def _managers_manager(self, holder: Holder) -> Holder | None:
        manager = self.holders.get(holder.manager_id) if holder.manager_id else None
        return self.holders.get(manager.manager_id) if manager and manager.manager_id else None

    def _people(self, ids: Iterable[UUID]) -> tuple[Holder, ...]:
        return tuple(self.holders[one] for one in sorted(ids) if one in self.holders)


async def lock_enrolments(
    conn: Connection, notices: Sequence[EnrolmentNotice], needs: Needs = NEEDS
) -> KnownEnrolments:
    """Read the facts about the notices, and lock them against changes until the transaction ends.

    Rows are locked enrolments first, then holders, each in order of id.
    """
    rows = await conn.fetch(QUERIES["lock_enrolments"], sorted({notice.enrolment_id for notice in notices}))
    enrolments: dict[UUID, Enrolled] = {}
    for row in rows:
        state = EnrolmentState.model_validate_json(row["state"])
        enrolments[state.id] = Enrolled(state, row["programme"] or state.programme, row["begun_again"])
    holders = await lock_holders(conn, {each.state.holder_id for each in enrolments.values()})
    applied = {notice.enrolment_id for notice in notices if notice.mail is EnrolmentMail.APPLIED}
    places = {
        place
        for enrolled in (enrolments[each] for each in applied & enrolments.keys())
        if (holder := holders.get(enrolled.state.holder_id)) is not None
        for place in _deciding(enrolled.state, holder)
    }
    theirs = [
        holders[each.state.holder_id] for each in enrolments.values() if each.state.holder_id in holders
    ]
    if needs.supervisors:
        places |= places_of(theirs)
    supervisors = await read_supervisors(conn, places)
    of_roles = await read_people_of(conn, needs.roles)
    missing = {one for ids in (*supervisors.values(), *of_roles.values()) for one in ids} - holders.keys()
    if needs.managers_manager:
        # Reading managers again brings their own managers along.
        missing |= {each.manager_id for each in theirs if each.manager_id is not None}
    if missing:
        holders |= await lock_holders(conn, missing)
    _, teams, locations = await read_catalogue(conn, {}, holders)
    return KnownEnrolments(enrolments, holders, teams, locations, supervisors, of_roles)


def _deciding(state: EnrolmentState, holder: Holder) -> set[tuple[str, str]]:
    """Return the teams and locations whose supervisors hear of an application.

    Those that may decide, where the programme names any; else those of the holder.
    """
    wait = state.waits_for
    if wait is not None and (wait.teams or wait.locations):
        return {("team", code) for code in wait.teams} | {("location", code) for code in wait.locations}
    own = (("team", holder.team), ("location", holder.location))
    return {(kind, code) for kind, code in own if code is not None}
