"""Moving business time: to each instant at which something is due, until all of it is worked off."""

import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from licet_cli.client import CommandFailed, Refused, ServiceClient
from licet_cli.target import Target

ORDER = ("credentials", "certifications", "notifier", "scheduler")
"""The scheduler's clock moves last, so that nobody hears of an instant that has not come for them."""
PATIENCE = 180.0
"""Seconds in which work has to be done; a deployment that needs longer is stuck."""


@dataclass(frozen=True)
class ClockView:
    """A service's business time and what it has to do."""

    now: datetime
    offset_seconds: float
    set_to: datetime | None
    next_due_at: datetime | None
    pending: dict[str, int]


class NotForward(CommandFailed):
    """The instant is not after now."""


def read_clock(service: ServiceClient) -> ClockView:
    """Return a service's clock; raises `CommandFailed` where it can't be moved."""
    try:
        return _view(service.get("/v1/clock"))
    except Refused as refused:
        if refused.status == 404:
            raise CommandFailed(
                "The clock of this deployment follows real time; only the embedded run and the demo "
                "override (LICET_CLOCK=movable) have one that can be moved."
            ) from None
        raise


def move(
    target: Target,
    to: datetime,
    *,
    jump: bool = False,
    on_step: Callable[[datetime], None] = lambda step: None,  # noqa: ARG005  # silence by default
) -> bool:
    """Move business time to `to` and return whether it moved; all work due by then is done.

    Stops at every instant at which something is due; with `jump` in one leap, as an outage would.
    The instant that was set last changes nothing; raises `NotForward` for any other that is not
    after now.
    """
    services = [target.service(name) for name in ORDER]
    quiesce(target)
    clocks = [read_clock(service) for service in services]
    if all(clock.set_to == to for clock in clocks):
        return False
    latest = max(clock.now for clock in clocks)
    # A move that was interrupted has reached some services; it may be finished, not undone.
    if to <= latest and not any(clock.set_to == to for clock in clocks):
        raise NotForward(f"{_text(to)} is not after {_text(latest)}; business time only goes forward.")
    while True:
        due = None if jump else _next_due(services, to)
        step = due or to
        for service in services:
            _set(service, step)
        on_step(step)
        quiesce(target)
        if step == to:
            return True


def quiesce(target: Target, patience: float = PATIENCE) -> None:
    """Wait until no service has anything left to do, twice in a row; raises `CommandFailed`."""
    services = [target.service(name) for name in reversed(ORDER)]
    deadline = time.monotonic() + patience
    quiet = 0
    while quiet < 2:
        left = {
            f"{service.name} {what}": count
            for service in services
            for what, count in read_clock(service).pending.items()
            if count
        }
        quiet = 0 if left else quiet + 1
        if left and time.monotonic() > deadline:
            words = ", ".join(f"{what} {count}" for what, count in left.items())
            raise CommandFailed(
                f"Work is left after {patience:.0f} s: {words}. See licet status and the services' logs."
            )
        if quiet < 2:
            time.sleep(0.05)


def _next_due(services: list[ServiceClient], to: datetime) -> datetime | None:
    dues = [due for service in services if (due := read_clock(service).next_due_at) is not None and due <= to]
    return min(dues, default=None)


def _set(service: ServiceClient, instant: datetime) -> None:
    try:
        service.put("/v1/clock", {"now": instant.isoformat()})
    except Refused as refused:
        # Clocks run on while they are set one after another; one that is past the instant has reached it.
        if refused.status != 409:
            raise


def _view(answer: dict[str, Any]) -> ClockView:
    def instant(name: str) -> datetime | None:
        return None if answer[name] is None else datetime.fromisoformat(answer[name])

    return ClockView(
        now=datetime.fromisoformat(answer["now"]),
        offset_seconds=answer["offset_seconds"],
        set_to=instant("set_to"),
        next_due_at=instant("next_due_at"),
        pending=answer["pending"],
    )


def _text(instant: datetime) -> str:
    return instant.astimezone(UTC).isoformat(timespec="seconds").replace("+00:00", "Z")
