"""Moves business time, stopping at each instant at which something is due, until all of it is done."""

import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import partial
from typing import Any, TypeVar

from licet_cli.client import CommandFailed, Refused, ServiceClient
from licet_cli.target import Target

ORDER = ("credentials", "certifications", "notifier", "scheduler")
"""The scheduler's clock moves last, so that no service gets an event from its own future."""
PATIENCE = 180.0
"""Seconds in which work has to be done; a deployment that needs longer is stuck."""


_Answer = TypeVar("_Answer")


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


class ClockNotMovable(CommandFailed):
    """The deployment's business time is real time."""


def read_business_time(service: ServiceClient) -> datetime:
    """Return a service's business time: that of its clock, or real time where it can't be moved."""
    try:
        return read_clock(service).now
    except ClockNotMovable:
        return datetime.now(UTC)


def read_clock(service: ServiceClient) -> ClockView:
    """Return a service's clock; raises `ClockNotMovable` where it follows real time."""
    try:
        return _view(service.get("/v1/clock"))
    except Refused as refused:
        if refused.status == 404:
            raise ClockNotMovable(
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
    *others, scheduler = [target.service(name) for name in ORDER]
    clocks = quiesce(target)
    if all(clock.set_to == to for clock in clocks):
        return False
    latest = max(clock.now for clock in clocks)
    # A move that was interrupted has reached some services; it may be finished, not undone.
    if to <= latest and not any(clock.set_to == to for clock in clocks):
        raise NotForward(f"{_text(to)} is not after {_text(latest)}; business time only goes forward.")
    while True:
        step = to if jump else _next_stop(clocks, to)
        _at_once(partial(_set, instant=step), others)
        _set(scheduler, step)
        on_step(step)
        clocks = quiesce(target)
        if step == to:
            return True


def quiesce(target: Target, patience: float = PATIENCE) -> list[ClockView]:
    """Wait until no service has anything left to do, twice in a row, and return their clocks then.

    Raises `CommandFailed` where that takes longer than `patience` seconds.
    """
    services = [target.service(name) for name in ORDER]
    deadline = time.monotonic() + patience
    quiet = 0
    while True:
        clocks = _at_once(read_clock, services)
        left = {
            f"{service.name} {what}": count
            for service, clock in zip(services, clocks, strict=True)
            for what, count in clock.pending.items()
            if count
        }
        quiet = 0 if left else quiet + 1
        if quiet == 2:
            return clocks
        if left and time.monotonic() > deadline:
            words = ", ".join(f"{what} {count}" for what, count in left.items())
            raise CommandFailed(
                f"Work is left after {patience:.0f} s: {words}. See licet status and the services' logs."
            )
        time.sleep(0.05)


def _next_stop(clocks: list[ClockView], to: datetime) -> datetime:
    dues = [clock.next_due_at for clock in clocks if clock.next_due_at is not None]
    return min([*dues, to])


def _at_once(ask: Callable[[ServiceClient], _Answer], services: list[ServiceClient]) -> list[_Answer]:
    """Ask several services, each in a thread: computing the work left takes them some time."""
    with ThreadPoolExecutor(len(services)) as asking:
        return list(asking.map(ask, services))


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
