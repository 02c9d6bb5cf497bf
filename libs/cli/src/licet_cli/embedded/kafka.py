"""A Kafka-protocol broker: librdkafka's mock cluster, out of the wheel `confluent-kafka`.

It keeps everything in memory, about 5 MB a partition, and forgets it at its end. It knows no
create-topics call; topics are made through its own function here.
"""

import ctypes
import sys
from collections.abc import Iterable, Sequence

import confluent_kafka.cimpl

from licet_cli.embedded.errors import ServerFailed
from licet_events.topics import Topic

_PRODUCER = 0
_TOPIC_ALREADY_EXISTS = 36


def _library() -> ctypes.CDLL:
    # The extension is linked against the wheel's own librdkafka, and looking up a symbol through it
    # searches there too; so the bundled file's mangled name does not matter.
    lib = ctypes.CDLL(confluent_kafka.cimpl.__file__)
    handle, text, number = ctypes.c_void_p, ctypes.c_char_p, ctypes.c_int
    lib.rd_kafka_conf_new.restype = handle
    lib.rd_kafka_conf_set.argtypes = [handle, text, text, text, ctypes.c_size_t]
    lib.rd_kafka_new.restype = handle
    lib.rd_kafka_new.argtypes = [number, handle, text, ctypes.c_size_t]
    lib.rd_kafka_destroy.argtypes = [handle]
    lib.rd_kafka_mock_cluster_new.restype = handle
    lib.rd_kafka_mock_cluster_new.argtypes = [handle, number]
    lib.rd_kafka_mock_cluster_destroy.argtypes = [handle]
    lib.rd_kafka_mock_cluster_bootstraps.restype = text
    lib.rd_kafka_mock_cluster_bootstraps.argtypes = [handle]
    lib.rd_kafka_mock_group_initial_rebalance_delay_ms.argtypes = [handle, ctypes.c_int32]
    lib.rd_kafka_mock_topic_create.argtypes = [handle, text, number, number]
    lib.rd_kafka_mock_topic_delete.argtypes = [handle, text]
    lib.rd_kafka_mock_topic_set_error.argtypes = [handle, text, number]
    lib.rd_kafka_mock_broker_set_down.argtypes = [handle, ctypes.c_int32]
    lib.rd_kafka_mock_broker_set_up.argtypes = [handle, ctypes.c_int32]
    lib.rd_kafka_mock_broker_set_rtt.argtypes = [handle, ctypes.c_int32, number]
    lib.rd_kafka_mock_push_request_errors_array.argtypes = [
        handle,
        ctypes.c_int16,
        ctypes.c_size_t,
        ctypes.POINTER(number),
    ]
    lib.rd_kafka_mock_clear_request_errors.argtypes = [handle, ctypes.c_int16]
    return lib


class MockBroker:
    """A cluster of one broker in this process, on a port of 127.0.0.1 that the system picks.

    A new one has a new cluster id and is empty.
    """

    def __init__(self, *, rebalance_delay_ms: int = 300) -> None:
        if sys.platform == "win32":
            raise ServerFailed("the embedded broker is not available on Windows; give --kafka URL")
        self._lib = _library()
        reason = ctypes.create_string_buffer(512)
        conf = self._lib.rd_kafka_conf_new()
        self._lib.rd_kafka_conf_set(conf, b"log_level", b"3", reason, len(reason))
        self._client = self._lib.rd_kafka_new(_PRODUCER, conf, reason, len(reason))
        if not self._client:
            raise ServerFailed(f"librdkafka refused to start: {reason.value.decode()}")
        self._cluster = self._lib.rd_kafka_mock_cluster_new(self._client, 1)
        if not self._cluster:
            raise ServerFailed("librdkafka could not start its mock cluster")
        # Members that join one after the other find the leader's SyncGroup already there.
        self._lib.rd_kafka_mock_group_initial_rebalance_delay_ms(self._cluster, rebalance_delay_ms)

    @property
    def bootstrap(self) -> str:
        """Where clients connect: `host:port`."""
        address: bytes = self._lib.rd_kafka_mock_cluster_bootstraps(self._cluster)
        return address.decode()

    def create_topics(self, topics: Iterable[Topic] = tuple(Topic)) -> None:
        """Make topics of the contract with their partition counts; those that exist stay as they are."""
        for topic in topics:
            self.create_topic(topic.value, topic.partitions)

    def create_topic(self, name: str, partitions: int) -> None:
        """Make one topic; nothing happens if it exists."""
        outcome = self._lib.rd_kafka_mock_topic_create(self._cluster, name.encode(), partitions, 1)
        if outcome not in {0, _TOPIC_ALREADY_EXISTS}:
            raise ServerFailed(f"the embedded broker refused topic {name}: error {outcome}")

    def delete_topic(self, name: str) -> None:
        """Remove a topic and all its records; nothing happens if there is none."""
        self._lib.rd_kafka_mock_topic_delete(self._cluster, name.encode())

    def set_down(self) -> None:
        """Close every connection and accept none, as a broker that died. Records stay."""
        self._lib.rd_kafka_mock_broker_set_down(self._cluster, 1)

    def set_up(self) -> None:
        """Accept connections again."""
        self._lib.rd_kafka_mock_broker_set_up(self._cluster, 1)

    def set_latency(self, milliseconds: int) -> None:
        """Let every answer take that much longer; 0 ends it."""
        self._lib.rd_kafka_mock_broker_set_rtt(self._cluster, 1, milliseconds)

    def fail_next(self, api_key: int, errors: Sequence[int]) -> None:
        """Answer the next requests of that kind (Kafka protocol API key) with these error codes.

        A code of 0 lets that request through. -195 (librdkafka's `_TRANSPORT`) cuts the connection
        instead of answering.
        """
        codes = (ctypes.c_int * len(errors))(*errors)
        self._lib.rd_kafka_mock_push_request_errors_array(self._cluster, api_key, len(errors), codes)

    def clear_failures(self, api_key: int) -> None:
        """Forget the errors that `fail_next` has left for that kind of request."""
        self._lib.rd_kafka_mock_clear_request_errors(self._cluster, api_key)

    def close(self) -> None:
        """End the cluster; everything on it is gone."""
        if self._cluster:
            self._lib.rd_kafka_mock_cluster_destroy(self._cluster)
            self._lib.rd_kafka_destroy(self._client)
            self._cluster = self._client = None
