"""Headers in one column: name, value, name, value, …, separated by NUL, which none of them has.

One value a row instead of an array of twenty-six is what the relay's speed hangs on.
"""

from collections.abc import Iterable

_SEPARATOR = b"\0"
_names: dict[bytes, str] = {}


def pack_headers(headers: Iterable[tuple[str, bytes]]) -> bytes:
    """Return headers as one value; raises `ValueError` where one has a NUL character."""
    parts = [part for name, value in headers for part in (name.encode(), value)]
    packed = _SEPARATOR.join(parts)
    if parts and packed.count(_SEPARATOR) != len(parts) - 1:
        raise ValueError("a header has a NUL character, which no header of the contract may have")
    return packed


def unpack_headers(packed: bytes) -> list[tuple[str, bytes]]:
    """Return the headers that `pack_headers` packed."""
    if not packed:
        return []
    parts = packed.split(_SEPARATOR)
    return list(zip(map(_name, parts[::2]), parts[1::2], strict=True))


def _name(encoded: bytes) -> str:
    # The contract has a dozen names; decoding each of them a million times is what this saves.
    name = _names.get(encoded)
    if name is None:
        name = encoded.decode()
        if len(_names) < 1_000:
            _names[encoded] = name
    return name
