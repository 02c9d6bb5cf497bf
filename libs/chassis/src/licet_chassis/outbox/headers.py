"""Headers in one column: all names, then all values, separated by NUL, and by two of it in the middle.

One value a row instead of an array of twenty-six is what the relay's speed hangs on; and since the
names are the same in row after row, they are coded once, all together.
"""

from collections.abc import Callable, Sequence
from functools import lru_cache

from licet_events.event import schema_uri

_MIDDLE = b"\0\0"


def pack_headers(headers: Sequence[tuple[str, bytes]]) -> bytes:
    """Return headers as one value; raises `ValueError` where one has a NUL character or no name."""
    if not headers:
        return b""
    names, values = zip(*headers, strict=True)
    packed = b"\0".join(values)
    if packed.count(b"\0") != len(values) - 1:
        raise ValueError("a header has a NUL character, which no header of the contract may have")
    return _encoded(names) + _MIDDLE + packed


def unpack_headers(packed: bytes) -> list[tuple[str, bytes]]:
    """Return the headers that `pack_headers` packed."""
    if not packed:
        return []
    names, _, values = packed.partition(_MIDDLE)
    return list(zip(_decoded(names), values.split(b"\0"), strict=True))


def unpacker(schemas_url: str | None) -> Callable[[bytes], list[tuple[str, bytes]]]:
    """Return how a relay unpacks headers: with schemas named by where they are served, if that is known."""
    if schemas_url is None:
        return unpack_headers

    @lru_cache(maxsize=1_000)
    def address(name: bytes) -> bytes:
        return f"{schemas_url}/{name.decode().removeprefix(schema_uri(''))}.json".encode()

    def unpack(packed: bytes) -> list[tuple[str, bytes]]:
        return [
            (name, address(value) if name == "ce_dataschema" else value)
            for name, value in unpack_headers(packed)
        ]

    return unpack


@lru_cache(maxsize=1_000)
def _encoded(names: tuple[str, ...]) -> bytes:
    if not all(names) or any("\0" in name for name in names):
        raise ValueError("a header has no name or a NUL character in it")
    return "\0".join(names).encode()


@lru_cache(maxsize=1_000)
def _decoded(names: bytes) -> tuple[str, ...]:
    return tuple(names.decode().split("\0"))
