"""Random worlds: a holder with credentials and waivers, and requirements in versions, on whole hours."""

from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, timedelta
from random import Random
from uuid import UUID

from licet_certifications.eligibility.model import (
    FUTURE,
    Check,
    Credential,
    Flag,
    Holder,
    Place,
    Run,
    Waiver,
)
from licet_certifications.requirements.expressions import expression_of
from licet_events import civil
from licet_events.catalogue import AttributeCondition, AttributeValue, Operand, RequirementState, Severity
from licet_events.civil import Ending, ExpiresAtRule
from licet_events.credentials import FlagKind

TARGET = "role:nurse"
BEGIN = datetime(2026, 1, 1, tzinfo=UTC)
DAYS = 730
TYPES = ("a", "b", "c", "d")
ZONES = ("UTC", "Europe/Berlin", "America/Chicago", "Pacific/Apia")
ATTRIBUTES: tuple[dict[str, AttributeValue] | None, ...] = (
    None, {}, {"limit": 3}, {"limit": 7, "class": ("B", "C")}, {"class": "B"},
)  # fmt: skip
PLACES = (Place("*"), Place("chi", 1, "US", "US-IL"), Place("ber", 1, "DE", "DE-BE"), Place("new"))


@dataclass(frozen=True)
class World:
    """Everything that one timeline rests on."""

    holder: Holder
    place: Place
    requirements: tuple[RequirementState, ...]
    credentials: tuple[Credential, ...]
    waivers: tuple[Waiver, ...]


def some_world(seed: int) -> World:
    """Return the world of a seed."""
    random = Random(seed)
    place = random.choice(PLACES)
    holder = Holder(UUID(int=1), 1, True, frozenset({TARGET}), None if place.code == "*" else place.code)
    requirements = [one for number in range(random.randint(0, 3)) for one in _versions(random, 100 + number)]
    random.shuffle(requirements)
    credentials = [_credential(random, 200 + number) for number in range(random.randint(0, 6))]
    waivers = [_waiver(random, 300 + number) for number in range(random.choice((0, 0, 1, 2, 3)))]
    return World(holder, place, tuple(requirements), tuple(credentials), tuple(waivers))


def _day(random: Random) -> date:
    return BEGIN.date() + timedelta(days=random.randint(-60, DAYS + 60))


def _hour(random: Random) -> datetime:
    return BEGIN + timedelta(hours=random.randint(-24 * 60, 24 * (DAYS + 60)))


def _versions(random: Random, number: int) -> list[RequirementState]:
    zone, found = random.choice(ZONES), []
    rule: dict[str, object] = {}
    for version in range(1, random.choice((1, 1, 2, 3)) + 1):
        first = _day(random)
        last = random.choice((None, first + timedelta(days=random.randint(0, 500))))
        if not rule or random.random() < 0.7:
            rule = {
                "expression": expression_of(_group(random, 1)),
                "severity": random.choice(tuple(Severity)),
                "match_jurisdiction": random.random() < 0.1,
                "min_days_remaining": random.choice((0, 0, 0, 20)),
                "locations": random.choice(((), (), ("chi",), ("ber", "chi"))),
            }
        found.append(
            RequirementState.model_validate(
                rule
                | {
                    "id": UUID(int=number),
                    "version": version,
                    "target": TARGET,
                    "effective_from": first,
                    "effective_until": last,
                    "time_zone": zone,
                    "starts_at": civil.starts_at(first, zone),
                    "ends_at": None if last is None else civil.expires_at(last, zone),
                    "created_at": BEGIN,
                    "updated_at": BEGIN,
                }
            )
        )
    return found


def _group(random: Random, level: int) -> Operand:
    parts: list[Operand] = []
    for _ in range(random.randint(1, 3)):
        deeper = level < 4 and random.random() < 0.4
        part = _group(random, level + 1) if deeper else _leaf(random)
        if part not in parts:
            parts.append(part)
    kind = random.choice(("all_of", "any_of", "k_of"))
    k = random.randint(1, len(parts)) if kind == "k_of" else None
    return Operand(kind=kind, k=k, operands=tuple(parts))


def _leaf(random: Random) -> Operand:
    part = Operand(type=random.choice(TYPES))
    if random.random() < 0.6:
        return part
    changes: list[dict[str, object]] = [
        {"where": (AttributeCondition(attribute="limit", at_least=random.choice((1, 5))),)},
        {"where": (AttributeCondition(attribute="class", one_of=("C", "CE")),)},
        {"verified_within_days": random.choice((30, 200))},
        {"issued_by": ("Board",)},
        {"match_jurisdiction": True},
        {"min_days_remaining": random.choice((10, 40))},
    ]
    for change in random.sample(changes, random.choice((1, 1, 2))):
        part = part.model_copy(update=change)
    return part


ENDINGS = (
    civil.END_OF_DAY,
    civil.END_OF_DAY,
    Ending(ExpiresAtRule.START_OF_DAY),
    Ending(ExpiresAtRule.AT_TIME, "00:01"),
    Ending(ExpiresAtRule.AT_TIME, "12:00"),
)


def _credential(random: Random, number: int) -> Credential:
    zone = random.choice(ZONES)
    days = sorted({_day(random) for _ in range(random.choice((0, 1, 2, 2, 2, 4, 4)))})
    ending = random.choice(ENDINGS)
    runs = [_run(first, last, zone, ending) for first, last in zip(days[::2], days[1::2], strict=False)]
    if len(days) % 2:
        runs.append(_run(days[-1], None, zone, ending))
    return Credential(
        UUID(int=number), 1, UUID(int=1), random.choice(TYPES), tuple(runs),
        flags=tuple(_flag(random) for _ in range(random.choice((0, 0, 0, 1, 2)))),
        grace_days=random.choice((0, 0, 14, 60)),
        country=random.choice((None, "US", "DE")),
        subdivision=random.choice((None, "US-IL", "US-WI")),
        voided=random.random() < 0.1,
        issuer=random.choice((None, "Board", "board", "Other")),
        attributes=random.choice(ATTRIBUTES),
        check=random.choice((None, _check(random))),
    )  # fmt: skip


def _run(first: date, last: date | None, zone: str, ending: Ending) -> Run:
    ends = None if last is None else civil.ends_at(last, zone, ending)
    return Run(civil.starts_at(first, zone), ends, last, zone, ending)


def _flag(random: Random) -> Flag:
    kind, start = random.choice(tuple(FlagKind)), _hour(random)
    ends = start + timedelta(hours=random.randint(0, 3000))
    return Flag(kind, start, FUTURE if kind.final or random.random() < 0.3 else ends)


def _check(random: Random) -> Check:
    checked = _hour(random)
    until = random.choice((None, checked + timedelta(hours=random.randint(1, 3000))))
    return Check(checked, random.random() < 0.8, until)


def _waiver(random: Random, number: int) -> Waiver:
    start = _hour(random)
    return Waiver(
        UUID(int=number), 1, random.choice((TARGET, TARGET, TARGET, "role:other")),
        random.choice((None, UUID(int=100), UUID(int=101))), random.choice((None, *TYPES)),
        frozenset(random.choice(((), (), ("chi",), ("ber",)))),
        start, start + timedelta(hours=random.randint(1, 5000)),
    )  # fmt: skip


def shuffled(world: World, seed: int) -> World:
    """Return the same world with its facts in another order."""
    random = Random(seed)
    credentials = [
        replace(one, runs=one.runs[::-1], flags=one.flags[::-1]) if len(one.runs) < 2 else one
        for one in random.sample(world.credentials, len(world.credentials))
    ]
    return replace(
        world,
        requirements=tuple(random.sample(world.requirements, len(world.requirements))),
        credentials=tuple(credentials),
        waivers=tuple(random.sample(world.waivers, len(world.waivers))),
    )
