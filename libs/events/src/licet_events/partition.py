"""Where a record goes: the default partitioner of Apache Kafka."""


def murmur2(data: bytes) -> int:
    """Return the 32-bit murmur2 of `data` with Kafka's seed, as an unsigned number.

    Source: org.apache.kafka.common.utils.Utils.murmur2.
    """
    mask = 0xFFFFFFFF
    m = 0x5BD1E995
    length = len(data)
    h = (0x9747B28C ^ length) & mask
    whole = length & ~3
    for index in range(0, whole, 4):
        k = int.from_bytes(data[index : index + 4], "little")
        k = k * m & mask
        k ^= k >> 24
        k = k * m & mask
        h = h * m & mask
        h ^= k
    rest = data[whole:]
    if rest:
        h ^= int.from_bytes(rest, "little")
        h = h * m & mask
    h ^= h >> 13
    h = h * m & mask
    h ^= h >> 15
    return h


def partition_for(partition_key: str, partitions: int) -> int:
    """Return the partition of a topic with that many partitions for a CloudEvents `partitionkey`."""
    return (murmur2(partition_key.encode()) & 0x7FFFFFFF) % partitions
