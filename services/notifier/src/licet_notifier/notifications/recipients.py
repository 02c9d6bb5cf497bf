"""To whom a mail goes: a person, or the fallback address in place of one. Pure."""

from dataclasses import replace

from licet_events.notifications import NotificationReason, RecipientRole
from licet_notifier.facts.model import EnrolmentFacts, Facts, Holder, Place
from licet_notifier.mail.address import usable_address
from licet_notifier.notifications.model import Decision, Decisions, Deployment, Detour
from licet_notifier.notifications.window import is_zone


def to_holder(facts: Facts | EnrolmentFacts, deployment: Deployment, decision: Decision) -> Decision:
    """Address a mail to the holder, or to the fallback."""
    addressed = to_person(facts.holder, facts.location, deployment, decision)
    if addressed is not None:
        return addressed
    decision = replace(decision, recipient_id=facts.holder.id)
    bounced = Detour.HOLDER_BOUNCED if facts.holder.bounced else Detour.HOLDER_NO_ADDRESS
    return to_fallback(facts, deployment, decision, bounced)


def to_manager(facts: Facts | EnrolmentFacts, deployment: Deployment, decision: Decision) -> Decision:
    """Address a mail to the holder's manager, or to the fallback."""
    decision = replace(decision, recipient_id=facts.holder.manager_id)
    if facts.holder.manager_id is None:
        return to_fallback(facts, deployment, decision, Detour.MANAGER_NONE)
    if facts.manager is None:
        return to_fallback(facts, deployment, decision, Detour.MANAGER_UNKNOWN)
    if not facts.manager.active:
        return to_fallback(facts, deployment, decision, Detour.MANAGER_INACTIVE)
    addressed = to_person(facts.manager, facts.manager_location, deployment, decision)
    bounced = Detour.MANAGER_BOUNCED if facts.manager.bounced else Detour.MANAGER_NO_ADDRESS
    return addressed or to_fallback(facts, deployment, decision, bounced)


def to_person(
    person: Holder, location: Place | None, deployment: Deployment, decision: Decision
) -> Decision | None:
    """Address a mail to a person who works at a location; `None` where the person has no usable address."""
    address = None if person.bounced else usable_address(person.email)
    if address is None:
        return None
    decision = _at(location, decision)
    zone = _zone(person.time_zone, location, deployment)
    return replace(
        decision,
        recipient_id=person.id,
        name=person.name,
        address=address,
        time_zone=zone,
        locale=person.locale,
    )


def _at(location: Place | None, decision: Decision) -> Decision:
    if location is None:
        return decision
    return replace(decision, country=location.country, subdivision=location.subdivision)


def to_fallback(
    facts: Facts | EnrolmentFacts, deployment: Deployment, decision: Decision, detour: Detour
) -> Decision:
    """Address a mail to the fallback of the holder's team, location or deployment, if one has an address."""
    decision = _at(facts.location, replace(decision, role=RecipientRole.FALLBACK, detour=detour))
    zone = _zone(None, facts.location, deployment)
    for place in (facts.team, facts.location):
        address = usable_address(place.fallback_email) if place else None
        if place and address:
            return replace(decision, name=place.name, address=address, time_zone=zone)
    address = usable_address(deployment.fallback_email)
    if address:
        return replace(decision, address=address, time_zone=zone)
    return decision


def _zone(own: str | None, location: Place | None, deployment: Deployment) -> str:
    """Return the first zone that this machine knows: a newer one elsewhere must not stop a mail."""
    for name in (own, location.time_zone if location else None):
        if name and is_zone(name):
            return name
    return deployment.time_zone


_NOBODY = frozenset(
    {
        Detour.MANAGER_NONE,
        Detour.MANAGER_UNKNOWN,
        Detour.MANAGER_INACTIVE,
        Detour.NO_DECIDER,
        Detour.NOBODY_REACHED,
    }
)


def drop_unreachable(decisions: Decisions) -> Decisions:
    """Skip recipients that have no address, nor anybody who would get the mail instead."""
    return tuple(
        replace(
            each,
            reason=NotificationReason.NO_MANAGER if each.detour in _NOBODY else NotificationReason.NO_ADDRESS,
        )
        if each.due and each.address is None
        else each
        for each in decisions
    )


def deduplicate(decisions: Decisions) -> Decisions:
    """Send one mail to an address at each level, however many roles it has."""
    seen: set[tuple[str, int]] = set()
    kept = []
    for decision in decisions:
        address = ((decision.address or "").lower(), decision.after_days)
        if decision.due and address in seen:
            kept.append(replace(decision, reason=NotificationReason.SAME_ADDRESS))
        else:
            kept.append(decision)
            if decision.due:
                seen.add(address)
    return tuple(kept)


def skip(decisions: Decisions, reason: NotificationReason) -> Decisions:
    """Give `reason` to all that are still due; what an earlier stage decided stands."""
    return tuple(replace(each, reason=reason) if each.due else each for each in decisions)
