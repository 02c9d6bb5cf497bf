"""`python -m licet_cli.embedded.service credentials serve`: a service on the embedded broker.

The same command line as `python -m licet_credentials`, with what that broker needs put in.
"""

import asyncio
import sys
from collections.abc import Sequence
from importlib import import_module

from aiokafka import AIOKafkaConsumer

from licet_chassis.consuming.member import commit
from licet_chassis.extension import Extension
from licet_chassis.main import run
from licet_cli.embedded.broker_room import CONSUMER_GROUPS, BrokerRoom
from licet_cli.settings_table import settings_class

ROOM_BYTES = 2 << 20
"""How far behind on a partition a group may be; less than half of what the broker keeps of one."""
_ASK_SECONDS = 10.0


async def claim_positions(consumer: AIOKafkaConsumer) -> None:
    """Commit the beginning of each assigned partition of which the group has committed nothing yet.

    `BrokerRoom` sees by it that the group reads, before the first batch is handled. If a batch is committed
    between the look and this, its offset goes back: a repetition, no loss.
    """
    async with asyncio.timeout(_ASK_SECONDS):
        new = [tp for tp in consumer.assignment() if await consumer.committed(tp) is None]
        if new:
            await commit(consumer, await consumer.beginning_offsets(new))


EXTENSION = Extension(
    open_gate=lambda database, kafka: BrokerRoom(kafka, database, CONSUMER_GROUPS, ROOM_BYTES),
    on_joined=claim_positions,
)


def main(arguments: Sequence[str]) -> int:
    """Run a service's command and return its exit code."""
    name, *rest = arguments
    create_service = import_module(f"licet_{name}.app").create_service
    return run(f"licet_{name}", settings_class(name), create_service, rest, extension=EXTENSION)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
