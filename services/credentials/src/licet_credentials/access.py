"""Access to routes: the scope a token needs, and the people whom a limited token reaches.

Every route declares its access: by a dependency such as `READ`, `WRITE` or `ADMIN`, or by taking what the
token sees as a parameter (`ReaderSees`, `WriterSees`). A route whose body names holders declares the JSON
pointers to them (`writes("/holder_id")`). A token limited to teams or locations (claims `licet_teams`,
`licet_locations`) reaches the holders that are within both; any other holder, in the path or in the body, is
answered as if it did not exist. A route that names no holder and does not take what the token sees is closed
to such tokens, except a `CATALOGUE` one.
"""

from collections.abc import AsyncIterator, Iterator, Mapping
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from typing import Annotated, Any
from uuid import UUID

from fastapi import Security
from starlette.requests import Request

from licet_chassis.connection import Connection
from licet_chassis.database import Transaction
from licet_chassis.errors import Invalid, NotFound, Refused
from licet_chassis.http.auth import Principal, RequiredScope, principal_of
from licet_chassis.http.problems import Forbidden
from licet_chassis.http.serving import serving
from licet_chassis.http.writes import guard_write
from licet_credentials.errors import ExternalIdTaken, NamesOthers
from licet_credentials.visibility.model import Sees
from licet_credentials.visibility.store import find_seen

AUDITOR = "credentials:audit"
"""Reads everything and changes nothing."""
ADMINISTRATOR = "credentials:admin"

_SAFE_METHODS = frozenset({"GET", "HEAD"})


class Access(RequiredScope):
    """The dependency that every route of this service declares: a scope, and the people it concerns."""

    def __init__(
        self,
        scope: str,
        *alternatives: str,
        everyone: bool = False,
        filters: bool = False,
        catalogue: bool = False,
        people: tuple[str, ...] = (),
        people_by_external_id: tuple[str, ...] = (),
    ) -> None:
        super().__init__(scope, everyone=everyone)
        self.alternatives = alternatives
        """Scopes that suffice instead."""
        self.filters = filters
        """Whether the route itself applies the `Sees` that this returns."""
        self.catalogue = catalogue
        """Whether the route shows nothing about people."""
        self.people = people
        """JSON pointers to the ids of holders in the body, each to one id or to a list."""
        self.people_by_external_id = people_by_external_id
        """JSON pointers to the external ids of holders in the body."""

    async def __call__(self, request: Request) -> Any:
        """Return what the token sees; raises 403, and 404 or 422 for holders that it does not see."""
        principal = principal_of(request)
        principal.must_have(self.scope, *self.alternatives)
        if not principal.narrowed:
            return Sees()
        sees = sees_of(principal)
        subject = Subject.of_path(request.path_params)
        writes = request.method not in _SAFE_METHODS
        mentioned = self.mentioned_in(await _document(request)) if writes else {}
        about_somebody = subject.named or mentioned
        if self.everyone or not (about_somebody or self.filters or self.catalogue):
            principal.must_see_everyone()
        async with serving(request).database.reading() as conn:
            await require_seen(conn, sees, subject, mentioned, writes=writes)
        if writes:
            guard_write(request, lambda tx: _guard(tx, sees, subject, mentioned))
        return sees

    def mentioned_in(self, document: Any) -> dict[str, UUID | str]:
        """Return the holders that a body names, by pointer; malformed ids are left to the route."""
        found: dict[str, UUID | str] = {}
        for pointer in self.people:
            for at, value in _values_at(document, pointer):
                with suppress(ValueError, TypeError, AttributeError):
                    found[at] = UUID(value)
        for pointer in self.people_by_external_id:
            found |= {at: value for at, value in _values_at(document, pointer) if isinstance(value, str)}
        return found


def _values_at(document: Any, pointer: str) -> Iterator[tuple[str, Any]]:
    """Yield the value at a JSON pointer (RFC 6901, without escapes) or, of a list, each item."""
    for name in pointer.removeprefix("/").split("/"):
        if not isinstance(document, dict) or name not in document:
            return
        document = document[name]
    if isinstance(document, list):
        yield from ((f"{pointer}/{index}", value) for index, value in enumerate(document))
    else:
        yield pointer, document


@dataclass(frozen=True, slots=True)
class Subject:
    """The holder or credential that the path of a request names."""

    holder_id: UUID | None = None
    credential_id: UUID | None = None
    external_id: str | None = None

    @classmethod
    def of_path(cls, path: Mapping[str, str]) -> "Subject":
        """Return the subject of path parameters; raises `NotFound` for a malformed id."""
        return cls(
            _id("holder", path.get("holder_id")),
            _id("credential", path.get("credential_id")),
            path.get("external_id"),
        )

    @property
    def named(self) -> bool:
        """Whether the path names one."""
        return self != Subject()


def _id(kind: str, text: str | None) -> UUID | None:
    try:
        return None if text is None else UUID(text)
    except ValueError:
        raise NotFound(f"There is no {kind} {text}.") from None


async def require_seen(
    conn: Connection,
    sees: Sees,
    subject: Subject,
    mentioned: Mapping[str, UUID | str] | None = None,
    *,
    writes: bool = False,
    hold: bool = False,
) -> None:
    """Raise the error for an unknown holder if the subject or a mentioned one is not seen.

    `mentioned` has holders by the pointers to them in the body. With `hold` the seen ones can't leave their
    team or location before the transaction ends.
    """
    mentioned = mentioned or {}
    holders = {each for each in (subject.holder_id, *mentioned.values()) if isinstance(each, UUID)}
    externals = {each for each in (subject.external_id, *mentioned.values()) if isinstance(each, str)}
    credentials = {each for each in (subject.credential_id,) if each is not None}
    if not (holders or externals or credentials):
        return
    found = await find_seen(conn, sees, holders, credentials, externals, hold=hold)
    seen = {name for name, is_seen in found.items() if is_seen}
    if subject.holder_id is not None and subject.holder_id not in seen:
        raise NotFound(f"There is no holder {subject.holder_id}.")
    if subject.credential_id is not None and subject.credential_id not in seen:
        raise NotFound(f"There is no credential {subject.credential_id}.")
    if subject.external_id is not None and subject.external_id in found.keys() - seen:
        # A write can't create a holder under a taken id; a read finds nothing.
        if writes:
            raise ExternalIdTaken(subject.external_id, None).unnamed()
        raise NotFound(f"There is no holder with the external_id {subject.external_id!r}.")
    for pointer, each in mentioned.items():
        if each not in seen:
            raise Invalid(f"There is no holder {each}.", pointer=pointer)


@asynccontextmanager
async def _guard(
    tx: Transaction, sees: Sees, subject: Subject, mentioned: Mapping[str, UUID | str]
) -> AsyncIterator[None]:
    """Guard a write: it reaches only holders that the token sees, and moves nobody out of its sight."""
    await require_seen(tx.conn, sees, subject, mentioned, writes=True, hold=True)
    try:
        yield
    except NamesOthers as error:
        raise error.unnamed() from None
    try:
        await require_seen(tx.conn, sees, subject, writes=True)
    except Refused:
        raise out_of_sight(sees) from None


def require_place(sees: Sees, *, team: str | None, location: str | None) -> None:
    """Raise a 403 if the token would not see a holder of that team at that location."""
    if not sees.may_see(team=team, location=location):
        raise out_of_sight(sees)


def out_of_sight(sees: Sees) -> Forbidden:
    """Return the 403 for moving a holder out of sight of the token."""
    limits = " and ".join(
        f"the {name} {', '.join(codes) or '(none)'}"
        for name, codes in (("teams", sees.teams), ("locations", sees.locations))
        if codes is not None
    )
    return Forbidden(f"This token is limited to {limits}; it can't put anybody elsewhere.")


async def _document(request: Request) -> Any:
    """Return the JSON body, which FastAPI has read by now; `None` for a form or no body."""
    kind = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if kind == "application/json" or (kind.startswith("application/") and kind.endswith("+json")):
        return await request.json() if await request.body() else None
    return None


def sees_of(principal: Principal) -> Sees:
    """Return what a token sees."""
    return Sees(_codes(principal.teams), _codes(principal.locations))


def _codes(codes: frozenset[str] | None) -> tuple[str, ...] | None:
    return None if codes is None else tuple(sorted(codes))


def _access(access: Access) -> Any:
    return Security(access, scopes=[access.scope])


def writes(*people: str, by_external_id: tuple[str, ...] = (), filters: bool = False) -> Any:
    """Return the access of a route that writes about the path's subject and the holders that its body names.

    `people` are the JSON pointers to their ids, `by_external_id` those to external ids. With `filters` the
    route takes what the token sees, `Annotated[Sees, writes(…, filters=True)]`.
    """
    return _access(
        Access("credentials:write", filters=filters, people=people, people_by_external_id=by_external_id)
    )


READ = _access(Access("credentials:read", AUDITOR))
"""Reads about the subject of the path."""
CATALOGUE = _access(Access("credentials:read", AUDITOR, catalogue=True))
"""Reads types, teams and locations, which are about nobody."""
WRITE = writes()
"""Writes about the subject of the path."""
SHARED_WRITE = _access(Access("credentials:write", everyone=True))
"""Writes what everybody shares; limited tokens are refused."""
ADMIN = _access(Access(ADMINISTRATOR, everyone=True))
"""Administers what everybody shares; limited tokens are refused."""
AUDIT = _access(Access(ADMINISTRATOR, AUDITOR))
"""Reads what only administrators and auditors may, about the subject of the path or of all."""
ReaderSees = Annotated[Sees, _access(Access("credentials:read", AUDITOR, filters=True))]
"""What the token sees, for a route that lists and leaves out what the token does not see."""
WriterSees = Annotated[Sees, writes(filters=True)]
"""What the token sees, for a route that writes without a subject in its path."""
