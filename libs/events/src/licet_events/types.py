"""Every type of the contract, by name."""

from collections.abc import Iterable, Mapping
from types import MappingProxyType

from licet_events import (
    audits,
    catalogue,
    completions,
    credentials,
    eligibility,
    enrolments,
    holders,
    notifications,
    operations,
    periods,
    schedule,
    shifts,
    waivers,
)
from licet_events.event import Event, EventData, decode

_MODULES = (
    holders,
    catalogue,
    credentials,
    enrolments,
    completions,
    waivers,
    audits,
    schedule,
    periods,
    eligibility,
    shifts,
    notifications,
    operations,
)


def _published(module: object) -> dict[str, type[EventData]]:
    return {
        value.event_type: value
        for value in vars(module).values()
        if isinstance(value, type) and issubclass(value, EventData) and "event_type" in vars(value)
    }


EVENT_TYPES: Mapping[str, type[EventData]] = MappingProxyType(
    {name: model for module in _MODULES for name, model in sorted(_published(module).items())}
)
"""All types that are published, by `ce_type`."""


def types_of(family: type[EventData]) -> tuple[type[EventData], ...]:
    """Return all published types that tell what `family` tells, such as every `CredentialEvent`."""
    return tuple(model for model in EVENT_TYPES.values() if issubclass(model, family))


def decode_event(
    headers: Iterable[tuple[str, bytes | None]], key: bytes | None, value: bytes | None
) -> Event[EventData]:
    """Return the event that a Kafka record carries; any type of the contract.

    Raises `UnknownEventType` and `MalformedEvent`, as `licet_events.event.decode` does.
    """
    return decode(EVENT_TYPES, headers, key, value)
