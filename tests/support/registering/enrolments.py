"""A register of enrolments of any size, made by SQL in seconds; see `many.py` for what rare means."""

from dataclasses import dataclass
from datetime import date, timedelta
from pathlib import Path
from typing import Any

from licet_certifications.register.model import EnrolmentFilter
from licet_certifications.visibility import Visibility
from licet_chassis.connection import Connection
from licet_events.enrolments import EnrolmentKind, EnrolmentStatus
from support.registering.many import NOW, RARE, holder_id
from support.registering.vacuum import vacuum

HELD = 4
"""Enrolments of each holder."""


@dataclass(frozen=True)
class Case:
    """A filter that finds few among many."""

    wanted: EnrolmentFilter
    sight: Visibility = Visibility()


def _case(**conditions: Any) -> Case:
    return Case(EnrolmentFilter(**conditions))


CASES: dict[str, Case] = {
    "everything": _case(),
    "status": _case(status=(EnrolmentStatus.DECLINED,)),
    "statuses": _case(status=(EnrolmentStatus.DECLINED, EnrolmentStatus.CANCELLED)),
    "status that time brings": _case(status=(EnrolmentStatus.EXPIRED,)),
    "common status": _case(status=(EnrolmentStatus.IN_PROGRESS,)),
    "programme": _case(programme=("diving",)),
    "common programme": _case(programme=("forklift",)),
    "holder": _case(holder_id=holder_id(77)),
    "team": _case(team="team-7"),
    "location": _case(location="site-7"),
    "role": _case(role="rigger"),
    "lacking": _case(lacking="exam"),
    "waiting since": _case(waiting_since=NOW - timedelta(days=900)),
    "expiring within": _case(expiring_within=3),
    "completed between": _case(completed_from=date(2015, 5, 1), completed_to=date(2015, 7, 1)),
    "words of name": _case(q="quillfeather"),
    "words of external id": _case(q="E100123"),
    "words of programme": _case(q="commercial"),
    "team and status": _case(team="team-7", status=(EnrolmentStatus.ACTIVE,)),
    "programme and status": _case(
        programme=("diving",), status=(EnrolmentStatus.ACTIVE, EnrolmentStatus.EXPIRING)
    ),
    "narrowed": Case(EnrolmentFilter(), Visibility(("team-7", "team-8"), ("site-6", "site-7"))),
    "kind": _case(kind=EnrolmentKind.FIRST),
}
"""Every filter alone, with values that few enrolments have where nothing else is said, and some together."""


async def make_enrolments(conn: Connection, count: int) -> None:
    """Fill an empty database with `count` enrolments of `count / 4` holders, as they are at `NOW`."""
    script = Path(__file__).with_name("enrolments.sql").read_text()
    said = {"count": count, "held": HELD, "every": count // RARE, "now": NOW.isoformat()}
    for name, value in said.items():
        script = script.replace(f"{{{name}}}", str(value))
    await conn.execute(script, timeout=1800)
    for table in ("holders", "enrolments", "programmes"):
        await vacuum(conn, table)
    await conn.execute("checkpoint", timeout=1800)
