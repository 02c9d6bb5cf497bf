"""A sender has one batch of a partition under way, however long the producer takes to accept it."""

import asyncio
from typing import Any

from licet_chassis.outbox.sender import Batch, Sender


class Builder:
    """A batch that takes one record."""

    def __init__(self) -> None:
        self.full = False

    def append(self, **_record: Any) -> object | None:
        if self.full:
            return None
        self.full = True
        return self


class Producer:
    """Accepts a batch once it is told to, such as when the metadata of its topic has come."""

    def __init__(self) -> None:
        self.metadata = asyncio.Event()
        self.asked = asyncio.Event()
        self.accepted: list[asyncio.Future[object]] = []

    def create_batch(self) -> Builder:
        return Builder()

    async def send_batch(self, _batch: Builder, _topic: str, *, partition: int) -> asyncio.Future[object]:
        self.asked.set()
        await self.metadata.wait()
        future: asyncio.Future[object] = asyncio.get_running_loop().create_future()
        self.accepted.append(future)
        return future


async def turns(number: int = 5) -> None:
    for _ in range(number):
        await asyncio.sleep(0)


async def test_a_row_added_while_the_producer_waits_is_sent_after_the_one_before_it():
    producer, acknowledged = Producer(), list[Batch]()
    sender = Sender(producer, acknowledged=acknowledged.append, delivery_timeout=5.0)
    running = asyncio.create_task(sender.run())
    sender.add(("topic", 0), 1, b"key", b"1", (), 0)
    await asyncio.wait_for(producer.asked.wait(), 5)
    sender.add(("topic", 0), 2, b"key", b"2", (), 0)
    producer.metadata.set()
    await turns()
    assert len(producer.accepted) == 1
    producer.accepted[0].set_result(None)
    await turns()
    assert len(producer.accepted) == 2
    producer.accepted[1].set_result(None)
    await turns()
    assert [batch.rows for batch in acknowledged] == [[1], [2]]
    sender.halt()
    await asyncio.wait_for(running, 5)
