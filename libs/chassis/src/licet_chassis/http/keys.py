"""The public keys of the issuer (JWKS, RFC 7517): fetched, kept, fetched again when one is unknown."""

import asyncio
import time
from collections.abc import Callable
from typing import Any

import httpx
import jwt
import structlog

_log = structlog.get_logger("licet.http.keys")

ALGORITHMS = frozenset({"RS256", "ES256", "EdDSA"})
"""What a token may be signed with. No shared secrets, no `none`."""

_LARGEST_DOCUMENT = 256 * 1024
_SMALLEST_RSA_KEY = 2048


class KeysUnavailable(Exception):
    """The issuer's keys were never read and can't be read now; no token can be verified."""


class KeySet:
    """The issuer's keys by `kid`.

    They are fetched when first needed, again after `max_age` seconds, and for an unknown `kid` at
    most once in `retry_after` seconds, so that made-up tokens can't drive requests to the issuer.
    While the issuer is away the keys read last stay good.
    """

    def __init__(
        self,
        url: str,
        *,
        client: httpx.AsyncClient | None = None,
        max_age: float = 600.0,
        retry_after: float = 10.0,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._url = url
        self._client = client or httpx.AsyncClient(timeout=5.0, follow_redirects=False)
        self._max_age = max_age
        self._retry_after = retry_after
        self._clock = clock
        self._keys: dict[str, jwt.PyJWK] = {}
        self._read_at: float | None = None
        self._tried_at: float | None = None
        self._lock = asyncio.Lock()

    async def close(self) -> None:
        """Close the connections to the issuer."""
        await self._client.aclose()

    async def find(self, kid: str) -> jwt.PyJWK | None:
        """Return the key of that id, `None` if the issuer has none; raises `KeysUnavailable`."""
        being_read = self._lock.locked() and kid not in self._keys
        if being_read or self._wanted(kid):
            async with self._lock:
                # Another task may have fetched the keys while this one waited.
                if self._wanted(kid):
                    await self._fetch()
        if self._read_at is None:
            raise KeysUnavailable(f"the issuer's keys at {self._url} can't be read")
        return self._keys.get(kid)

    def _wanted(self, kid: str) -> bool:
        now = self._clock()
        if self._tried_at is not None and now - self._tried_at < self._retry_after:
            return False
        return self._read_at is None or kid not in self._keys or now - self._read_at >= self._max_age

    async def _fetch(self) -> None:
        self._tried_at = self._clock()
        try:
            async with self._client.stream(
                "GET", self._url, headers={"accept": "application/json"}
            ) as response:
                response.raise_for_status()
                content = b""
                async for chunk in response.aiter_bytes():
                    content += chunk
                    if len(content) > _LARGEST_DOCUMENT:
                        raise ValueError(f"the document is larger than {_LARGEST_DOCUMENT} bytes")
            keys = _usable(httpx.Response(200, content=content).json())
        except (httpx.HTTPError, ValueError, RecursionError) as error:
            _log.warning("keys.fetch_failed", url=self._url, reason=f"{type(error).__name__}: {error}")
            return
        self._keys = keys
        self._read_at = self._clock()
        _log.info("keys.fetched", url=self._url, kids=sorted(keys))


def _usable(document: Any) -> dict[str, jwt.PyJWK]:
    listed = document.get("keys") if isinstance(document, dict) else None
    if not isinstance(listed, list):
        raise ValueError("the document is no JWKS: it has no list `keys`")  # noqa: TRY004  # input, not a bug
    keys: dict[str, jwt.PyJWK] = {}
    for item in listed:
        if not isinstance(item, dict) or not isinstance(item.get("kid"), str):
            continue
        if item.get("use", "sig") != "sig":
            continue
        try:
            key = jwt.PyJWK(item)
        except jwt.PyJWTError as error:
            _log.warning("keys.passed_over", kid=item["kid"], reason=str(error))
            continue
        size = getattr(key.key, "key_size", _SMALLEST_RSA_KEY) if key.key_type == "RSA" else _SMALLEST_RSA_KEY
        if key.algorithm_name in ALGORITHMS and size >= _SMALLEST_RSA_KEY:
            keys[item["kid"]] = key
    return keys
