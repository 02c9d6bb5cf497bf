"""The public keys of the issuer: found by discovery, fetched, kept, fetched again when one is unknown."""

import asyncio
import time
from collections.abc import Callable
from typing import Any
from urllib.parse import urlsplit, urlunsplit

import httpx
import structlog

from licet_chassis.http.signing_keys import SigningKey, Unusable, signing_key
from licet_chassis.outage import Outage

_log = structlog.get_logger("licet.http.keys")

_LARGEST_DOCUMENT = 256 * 1024


class KeysUnavailable(Exception):
    """The issuer's keys were never read and can't be read now; no token can be verified."""


class KeyNotRead(Exception):
    """A key is unknown, and the issuer could not be asked since it was first seen; it may be a new one."""

    def __init__(self, seconds: float) -> None:
        super().__init__("the issuer has not been asked for this key yet")
        self.seconds = seconds
        """After how long it can be asked."""


class KeySet:
    """The issuer's keys by `kid`.

    Their address is `url`, or what the issuer's own description says (OpenID Connect Discovery 1.0 and
    RFC 8414). They are fetched when first needed, again after `max_age` seconds, and for an unknown `kid` at
    most once in `retry_after` seconds, so that made-up tokens can't drive requests to the issuer.
    While the issuer is away the keys read last stay good.
    """

    def __init__(
        self,
        url: str | None,
        *,
        issuer: str = "",
        client: httpx.AsyncClient | None = None,
        max_age: float = 600.0,
        retry_after: float = 5.0,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._url = url
        self._issuer = issuer
        self._found: str | None = None
        self._client = client or httpx.AsyncClient(timeout=5.0, follow_redirects=False)
        self._max_age = max_age
        self._retry_after = retry_after
        self._clock = clock
        self._keys: dict[str, SigningKey] = {}
        self._absent: set[str] = set()
        """Unknown keys for which the issuer was asked the last time."""
        self._passed_over: set[tuple[str, str]] = set()
        self._read_at: float | None = None
        self._tried_at: float | None = None
        self._outage = Outage("licet.http.keys", "keys.fetch_failed")
        self._lock = asyncio.Lock()
        self.problem: str | None = "they have not been asked for yet"
        """Why no key can be had; `None` once keys were read."""

    async def close(self) -> None:
        """Close the connections to the issuer."""
        await self._client.aclose()

    async def find(self, kid: str) -> SigningKey | None:
        """Return the key of that id, `None` if the issuer has none.

        Raises `KeysUnavailable`, and `KeyNotRead` for one that is new here and can't be asked for now.
        """
        being_read = self._lock.locked() and kid not in self._keys
        if being_read or self._wanted(kid):
            async with self._lock:
                # Another task may have fetched the keys while this one waited.
                if self._wanted(kid) and await self._fetch() and kid not in self._keys:
                    self._absent.add(kid)
        if self._read_at is None:
            raise KeysUnavailable(f"the issuer's keys can't be read: {self.problem}")
        if kid not in self._keys and kid not in self._absent:
            waited = 0.0 if self._tried_at is None else self._clock() - self._tried_at
            raise KeyNotRead(max(1.0, self._retry_after - waited))
        return self._keys.get(kid)

    async def refresh(self) -> bool:
        """Read the keys if they were never read; returns false, for a loop."""
        if self._read_at is None:
            async with self._lock:
                if self._read_at is None:
                    await self._fetch()
        return False

    def _wanted(self, kid: str) -> bool:
        now = self._clock()
        if self._tried_at is not None and now - self._tried_at < self._retry_after:
            return False
        return self._read_at is None or kid not in self._keys or now - self._read_at >= self._max_age

    async def _fetch(self) -> bool:
        """Read the keys; returns whether the issuer gave them."""
        self._tried_at = self._clock()
        url = self._url or self._issuer
        try:
            url = await self._address()
            keys = self._usable(await self._document(url))
        except (httpx.HTTPError, ValueError, RecursionError) as error:
            self._found = None
            reason = f"{type(error).__name__}: {error}"
            self._outage.failed(type(error).__name__, url=url, reason=reason)
            if self._read_at is None:
                self.problem = f"{url}: {reason}"
            return False
        self._outage.over()
        if keys.keys() != self._keys.keys():
            _log.info("keys.fetched", url=url, kids=sorted(keys))
        self._absent = self._keys.keys() - keys.keys()
        self._keys = keys
        self._read_at = self._clock()
        self.problem = None
        return True

    async def _document(self, url: str) -> Any:
        async with self._client.stream("GET", url, headers={"accept": "application/json"}) as response:
            response.raise_for_status()
            content = b""
            async for chunk in response.aiter_bytes():
                content += chunk
                if len(content) > _LARGEST_DOCUMENT:
                    raise ValueError(f"the document is larger than {_LARGEST_DOCUMENT} bytes")
        return httpx.Response(200, content=content).json()

    async def _address(self) -> str:
        """Return where the keys are; raises what a description that is there and wrong deserves."""
        if self._url is not None:
            return self._url
        if self._found is None:
            self._found = await self._discovered() or f"{self._issuer.rstrip('/')}/.well-known/jwks.json"
        return self._found

    async def _discovered(self) -> str | None:
        for place in _descriptions(self._issuer):
            try:
                described = await self._document(place)
            except httpx.HTTPStatusError as error:
                if 400 <= error.response.status_code < 500:
                    continue  # this issuer describes itself elsewhere, or nowhere
                raise
            address = described.get("jwks_uri") if isinstance(described, dict) else None
            if not isinstance(address, str) or not address.startswith(("https://", "http://")):
                raise ValueError(f"the description at {place} names no `jwks_uri`")
            said = str(described.get("issuer", ""))
            if said.rstrip("/") != self._issuer.rstrip("/"):
                raise ValueError(
                    f"the description at {place} is of the issuer {said}: LICET_ISSUER_URL must be that"
                )
            return address
        return None

    def _usable(self, document: Any) -> dict[str, SigningKey]:
        listed = document.get("keys") if isinstance(document, dict) else None
        if not isinstance(listed, list):
            raise ValueError("the document is no JWKS: it has no list `keys`")  # noqa: TRY004  # input, not a bug
        keys: dict[str, SigningKey] = {}
        for item in listed:
            if not isinstance(item, dict) or item.get("use", "sig") != "sig":
                continue
            kid = item.get("kid")
            try:
                if not isinstance(kid, str):
                    raise Unusable("it has no id (`kid`)")
                keys[kid] = signing_key(item)
            except Unusable as error:
                self._pass_over(str(kid), str(error))
        return keys

    def _pass_over(self, kid: str, reason: str) -> None:
        if (kid, reason) not in self._passed_over and len(self._passed_over) < 1_000:
            self._passed_over.add((kid, reason))
            _log.warning("keys.passed_over", kid=kid, reason=reason)


def _descriptions(issuer: str) -> list[str]:
    """Return where an issuer may describe itself (OpenID Connect Discovery 1.0, 4; RFC 8414, 3)."""
    parts = urlsplit(issuer)
    path = parts.path.rstrip("/")
    oauth = urlunsplit(parts._replace(path=f"/.well-known/oauth-authorization-server{path}"))
    return [f"{issuer.rstrip('/')}/.well-known/openid-configuration", oauth]
