"""Records go where every Kafka client would send them."""

import pytest
from aiokafka.partitioner import DefaultPartitioner
from aiokafka.partitioner import murmur2 as murmur2_of_aiokafka
from hypothesis import given
from hypothesis import strategies as st

from licet_events.partition import murmur2, partition_for


@pytest.mark.parametrize(
    ("data", "signed"),
    [
        # org.apache.kafka.common.utils.UtilsTest.testMurmur2
        (b"21", -973932308),
        (b"foobar", -790332482),
        (b"a-little-bit-long-string", -985981536),
        (b"a-little-bit-longer-string", -1486304829),
        (b"lkjh234lh9fiuh90y23oiuhsafujhadof229phr9h19h89h8", -58897971),
        (b"abc", 479470107),
    ],
)
def test_murmur2_is_that_of_apache_kafka(data: bytes, signed: int):
    assert murmur2(data) == signed & 0xFFFFFFFF


@given(st.binary(max_size=80))
def test_murmur2_is_that_of_aiokafka(data: bytes):
    assert murmur2(data) == murmur2_of_aiokafka(data) & 0xFFFFFFFF


@given(st.text(max_size=80), st.integers(1, 64))
def test_the_partition_is_that_of_aiokafkas_default_partitioner(key: str, count: int):
    partitions = list(range(count))
    assert partition_for(key, count) == DefaultPartitioner()(key.encode(), partitions, partitions)
