"""A relay as a process of its own, for tests that kill it: DATABASE_URL KAFKA PARTITIONS."""

import asyncio
import sys

from licet_chassis.kafka import KafkaAccess
from licet_chassis.outbox.relay import Relay

if __name__ == "__main__":
    database_url, bootstrap, partitions = sys.argv[1:]
    relay = Relay(
        database_url,
        KafkaAccess(bootstrap),
        partitions=lambda _: int(partitions),
        share_interval=0.1,
        max_batch_size=2_000,
    )
    asyncio.run(relay.run(asyncio.Event()))
