"""Background work: a step repeated for as long as the process runs."""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass

import prometheus_client

from licet_chassis.backoff import Backoff
from licet_chassis.outage import Outage

_LONGEST_BACKOFF = 5.0
_failures = prometheus_client.Counter("licet_loop_failures_total", "Steps that raised", ["loop"])


@dataclass(frozen=True)
class Loop:
    """A step repeated until the process stops.

    `step` says whether there may be more to do at once; if not, the loop idles. A step that raises
    is logged and repeated after a growing, bounded pause; nothing is lost, since a step's work is
    in a table.
    """

    name: str
    step: Callable[[], Awaitable[bool]]
    idle_seconds: float = 0.5

    async def run(self, stop: asyncio.Event) -> None:
        """Repeat the step until `stop` is set; a step that has begun is finished."""
        backoff = Backoff(min(max(self.idle_seconds, 0.05), 1.0), _LONGEST_BACKOFF)
        outage = Outage("licet.loops", "loop.step_failed")
        while not stop.is_set():
            try:
                more = await self.step()
            except Exception as error:  # noqa: BLE001  # whatever it is, it is logged and retried
                _failures.labels(self.name).inc()
                pause = backoff.next()
                outage.failed(
                    type(error).__name__, loop=self.name, detail=str(error)[:300], retry_in=round(pause, 2),
                    exc_info=None if isinstance(error, OSError | TimeoutError) else error,
                )  # fmt: skip
                await wait_for_stop(stop, pause)
                continue
            backoff.reset()
            outage.over()
            if not more:
                await wait_for_stop(stop, self.idle_seconds)


async def wait_for_stop(stop: asyncio.Event, seconds: float) -> bool:
    """Wait until `stop` is set, `seconds` at most; returns whether it is."""
    try:
        await asyncio.wait_for(stop.wait(), seconds)
    except TimeoutError:
        return False
    return True
