"""The seam for whoever starts a service on a broker with limits of its own. A deployment adds nothing.

The embedded run does (`licet_cli.embedded.service`): its broker forgets what nobody has read in time.
"""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Protocol

from aiokafka import AIOKafkaConsumer

from licet_chassis.database import Database
from licet_chassis.kafka import KafkaAccess


class RelayGate(Protocol):
    """Decides whether the relay may read more of the outbox."""

    @property
    def batch_size(self) -> int:
        """How many rows the relay may read each time the gate is open."""

    async def is_open(self) -> bool:
        """Return whether the relay may read and publish once more; asked before each read."""

    async def close(self) -> None:
        """Release what the gate holds; called once the relay has ended."""


@dataclass(frozen=True)
class Extension:
    """What a starter adds to a process."""

    open_gate: Callable[[Database, KafkaAccess], RelayGate] | None = None
    """Makes the gate of the process's relay."""
    on_joined: Callable[[AIOKafkaConsumer], Awaitable[None]] | None = None
    """Called once after each rebalance for each consumer that has joined its group."""


PLAIN = Extension()
"""Adds nothing."""
