"""Appending events to the outbox."""

from collections.abc import Sequence
from zlib import crc32

from licet_chassis.connection import Connection
from licet_chassis.failpoints import Failpoint
from licet_chassis.outbox.headers import pack_headers
from licet_chassis.queries import load_queries
from licet_events import Record

SHARDS = 16
"""Into how many shards the outbox is divided. Fixed for ever: rows carry their shard."""

LARGEST_RECORD = 900_000
"""Bytes of key, headers and value. Below Kafka's default limit of a message, with room for framing."""

_APPENDED = Failpoint("outbox.appended")
_QUERIES = load_queries("licet_chassis.outbox")
_COLUMNS = ("shard", "topic", "partition_key", "record_key", "headers", "value")
_MANY = 200
"""From how many records on COPY is worth its second round trip."""


class RecordTooLarge(Exception):
    """A record is larger than its topic takes. It is refused here: a refusal by the broker breaks order."""

    def __init__(self, topic: str, size: int) -> None:
        super().__init__(f"a record for {topic} has {size} bytes, the most is {LARGEST_RECORD}")
        self.topic = topic
        self.size = size


def shard_of(partition_key: str) -> int:
    """Return the shard that holds every row of a partition key."""
    return crc32(partition_key.encode()) % SHARDS


async def append(conn: Connection, records: Sequence[Record]) -> int | None:
    """Append records to the outbox, in their order, in one statement (many of them by COPY).

    The caller's transaction decides whether they are published. Call it under the lock of the
    aggregate the records are about, after its state is saved: then the order of ids is the order of
    versions. Returns the transaction's id, `None` for no records. Raises `RecordTooLarge` before anything is
    written.
    """
    if not records:
        return None
    headers = [pack_headers(record.headers) for record in records]
    for record, packed in zip(records, headers, strict=True):
        # Packed headers are a few bytes longer than headers, so this bound is on the safe side.
        if len(record.key) + len(packed) + len(record.value or b"") > LARGEST_RECORD:
            raise RecordTooLarge(record.topic, record.size)
    rows = [
        (shard_of(record.partition_key), record.topic, record.partition_key, record.key, packed, record.value)
        for record, packed in zip(records, headers, strict=True)
    ]
    if len(rows) < _MANY:
        xid: int = await conn.fetchval(_QUERIES["append"], *map(list, zip(*rows, strict=True)))
    else:
        # COPY has no place for the filter of `append`, so the transaction's id is drawn before it.
        xid = await conn.fetchval(_QUERIES["draw_transaction_id"])
        await conn.copy_records_to_table("outbox", records=rows, columns=_COLUMNS)
    _APPENDED()
    return xid
