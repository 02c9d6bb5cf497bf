"""Who is in the circles that the policy tells about a credential: people, addresses, or a fallback. Pure."""

from collections.abc import Iterable, Iterator
from dataclasses import replace

from licet_events.notifications import RecipientRole
from licet_notifier.facts.model import EnrolmentFacts, Facts, Holder
from licet_notifier.mail.address import usable_address
from licet_notifier.notifications.model import Decision, Decisions, Deployment, Detour
from licet_notifier.notifications.recipients import to_fallback, to_holder, to_manager, to_person
from licet_notifier.policy.model import Case, Circle, Delivery, Resolved, Told, Within

_DEFAULT = Resolved(
    "default",
    ((0, (Told(Circle.HOLDER), Told(Circle.MANAGER))),),
    Delivery.SEPARATE,
    ("no rule of the policy is for it, so holder and manager are told",),
)


def resolved_or_default(resolved: Resolved | None) -> Resolved:
    """Return the rule that counts; where the policy has none, holder and manager are told."""
    return resolved or _DEFAULT


def case_of(event: str, step: int | None, facts: Facts) -> Case:
    """Return what the rules look at; `event` is such as `credential.expiring`."""
    return Case(event, step, facts.credential.type, facts.holder.team, facts.holder.location)


def members(
    resolved: Resolved,
    facts: Facts | EnrolmentFacts,
    deployment: Deployment,
    standing: frozenset[str] = frozenset(),
) -> Decisions:
    """Return a decision, not yet tried by any stage, for everybody whom a rule tells, level by level.

    Whoever is in several circles of a level is named once, in the first of them. A circle without anybody
    who can be reached is the fallback address; so is one of `standing` (see `Decision.to`), for which the
    fallback was decided before.
    """
    return tuple(
        decision
        for after_days, circles in resolved.levels
        for decision in _level(resolved, after_days, circles, facts, deployment, standing)
    )


def _level(
    resolved: Resolved,
    after_days: int,
    circles: Iterable[Told],
    facts: Facts | EnrolmentFacts,
    deployment: Deployment,
    standing: frozenset[str],
) -> Iterator[Decision]:
    named: set[object] = set()
    copies = resolved.delivery is Delivery.COPIES
    for told in circles:
        role = RecipientRole.HOLDER if told.circle is Circle.HOLDER else RecipientRole.MANAGER
        decision = Decision(
            role, role, circle=told.name, after_days=after_days, rule=resolved.rule, copies=copies
        )
        match told.circle:
            case Circle.HOLDER:
                yield to_holder(facts, deployment, decision)
            case Circle.MANAGER:
                yield to_manager(facts, deployment, decision)
            case Circle.ADDRESS:
                yield _fixed(told, facts, deployment, decision)
            case _:
                people = [each for each in _people(told, facts) if each.id not in named]
                named |= {each.id for each in people}
                reached = [] if decision.to in standing else _reached(people, facts, deployment, decision)
                yield from reached or [to_fallback(facts, deployment, decision, Detour.NOBODY_REACHED)]


def _people(told: Told, facts: Facts | EnrolmentFacts) -> Iterable[Holder]:
    match told.circle:
        case Circle.MANAGERS_MANAGER:
            return (facts.managers_manager,) if facts.managers_manager else ()
        case Circle.TEAM_SUPERVISORS:
            return facts.team_supervisors
        case Circle.LOCATION_SUPERVISORS:
            return facts.location_supervisors
        case Circle.DECIDERS:
            return facts.deciders if isinstance(facts, EnrolmentFacts) else ()
        case _:
            return [each for each in facts.of_roles.get(told.value or "", ()) if _near(told, each, facts)]


def _near(told: Told, person: Holder, facts: Facts | EnrolmentFacts) -> bool:
    match told.within:
        case Within.TEAM:
            return person.team is not None and person.team == facts.holder.team
        case Within.LOCATION:
            return person.location is not None and person.location == facts.holder.location
        case None:
            return True


def _reached(
    people: Iterable[Holder], facts: Facts | EnrolmentFacts, deployment: Deployment, decision: Decision
) -> list[Decision]:
    found = []
    for person in people:
        # The holder is told as the holder, where a rule says so, and never as their own supervisor.
        if not person.active or person.merged or person.id == facts.holder.id:
            continue
        location = facts.locations.get(person.location or "")
        addressed = to_person(person, location, deployment, replace(decision, decider_id=person.id))
        if addressed is not None:
            found.append(addressed)
    return found


def _fixed(told: Told, facts: Facts | EnrolmentFacts, deployment: Deployment, decision: Decision) -> Decision:
    address = usable_address(told.value)
    # A desk reads its mails by day where the holder works, as a fallback address does.
    instead = to_fallback(
        facts, deployment, replace(decision, fixed_address=told.value), Detour.NOBODY_REACHED
    )
    if address is None:
        return instead
    return replace(instead, role=decision.role, detour=None, name=None, address=address)


def standing(decision: Decision) -> frozenset[str]:
    """Return the circle of a decision that went to the fallback because nobody in it could be reached."""
    to_circle = decision.role is RecipientRole.FALLBACK and decision.decider_id is None
    return frozenset({decision.to}) if to_circle and decision.circle is not None else frozenset()
