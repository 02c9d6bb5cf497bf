"""The policy as a JSON document, in the form in which it is sent, shown and stored. Pure."""

from collections.abc import Iterable, Mapping
from typing import Any

from licet_notifier.policy.model import (
    Circle,
    Delivery,
    Escalation,
    Item,
    Policy,
    Reference,
    Rule,
    Told,
    Within,
)

Document = dict[str, Any]


def document_of(policy: Policy) -> Document:
    """Return the rules and circles of a policy."""
    document: Document = {"rules": [_rule_to_json(rule) for rule in policy.rules]}
    if policy.circles:
        document["circles"] = {name: items_to_json(items) for name, items in policy.circles.items()}
    return document


def policy_of(document: Mapping[str, Any], version: int) -> Policy:
    """Return the policy that a well-formed document describes."""
    return Policy(
        version,
        tuple(_rule(rule) for rule in document["rules"]),
        {name: _items(items) for name, items in (document.get("circles") or {}).items()},
    )


def _rule(rule: Mapping[str, Any]) -> Rule:
    return Rule(
        tell=_items(rule["tell"]),
        event=rule.get("event"),
        steps=frozenset(rule.get("steps") or ()),
        types=_codes(rule.get("type")),
        teams=_codes(rule.get("team")),
        locations=_codes(rule.get("location")),
        delivery=Delivery(rule.get("delivery") or Delivery.SEPARATE),
        escalate=tuple(
            Escalation(each["after_days"], _items(each["tell"])) for each in rule.get("escalate") or ()
        ),
    )


def _rule_to_json(rule: Rule) -> Document:
    shown: Document = {"event": rule.event} if rule.event else {}
    if rule.steps:
        shown["steps"] = sorted(rule.steps, reverse=True)
    for name, codes in (("type", rule.types), ("team", rule.teams), ("location", rule.locations)):
        if codes:
            shown[name] = sorted(codes)
    shown["tell"] = items_to_json(rule.tell)
    if rule.delivery is not Delivery.SEPARATE:
        shown["delivery"] = rule.delivery.value
    if rule.escalate:
        shown["escalate"] = [
            {"after_days": each.after_days, "tell": items_to_json(each.tell)} for each in rule.escalate
        ]
    return shown


def _codes(codes: str | Iterable[str] | None) -> frozenset[str]:
    return frozenset((codes,) if isinstance(codes, str) else codes or ())


def _items(items: Iterable[Any]) -> tuple[Item, ...]:
    return tuple(_item(item) for item in items)


def _item(item: Any) -> Item:
    if isinstance(item, str):
        return Told(Circle(item))
    if "circle" in item:
        return Reference(item["circle"])
    if "role" in item:
        within = item.get("within")
        return Told(Circle.ROLE, item["role"], Within(within) if within else None)
    return Told(Circle.ADDRESS, item["address"])


def items_to_json(items: Iterable[Item]) -> list[Any]:
    """Return circles as they are written in a rule."""
    return [_item_to_json(item) for item in items]


def _item_to_json(item: Item) -> Any:
    if isinstance(item, Reference):
        return {"circle": item.name}
    if item.circle is Circle.ADDRESS:
        return {"address": item.value}
    if item.circle is Circle.ROLE:
        return {"role": item.value} | ({"within": item.within.value} if item.within else {})
    return item.circle.value
