"""Who may do what here, and with whom.

Every route declares what it needs by one of `READ`, `WRITE`, `AUDIT`, `ADMIN`, or takes what the token sees
as a parameter, `ReaderSees` or `WriterSees`. Tokens limited to teams or locations (claims `licet_teams`,
`licet_locations`) reach only who is within both: whoever else is named, in the path or in the body, is
answered for as if there were nobody. A route that names nobody, and does not take what the token sees, is
closed to such tokens unless it is open to all (`CATALOGUE`).
"""

from collections.abc import AsyncIterator, Mapping
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

NAMES_HOLDERS = frozenset({"holder_id", "manager_id", "into", "supervisor_ids", "holder_ids"})
"""The fields of bodies that name holders by their ids."""
NAMES_EXTERNALLY = frozenset({"manager_external_id"})
"""The fields of bodies that name holders by the ids that another system has for them."""
_CHANGES_NOTHING = frozenset({"GET", "HEAD"})


class Access(RequiredScope):
    """The dependency that every route of this service has: a scope, and who may be reached with it."""

    def __init__(
        self,
        scope: str,
        *instead: str,
        everyone: bool = False,
        filters: bool = False,
        catalogue: bool = False,
    ) -> None:
        super().__init__(scope, everyone=everyone)
        self.instead = instead
        """Scopes that do as well."""
        self.filters = filters
        """Whether the route itself heeds what this returns."""
        self.catalogue = catalogue
        """Whether what it shows is about nobody."""

    async def __call__(self, request: Request) -> Any:
        """Return what the token sees; raises 403 and, for those whom it does not see, 404 or 422."""
        principal = principal_of(request)
        principal.must_have(self.scope, *self.instead)
        if not principal.narrowed:
            return Sees()
        sees = sees_of(principal)
        subject = Subject.of_path(request.path_params)
        writes = request.method not in _CHANGES_NOTHING
        mentioned = mentioned_in(await _document(request)) if writes else {}
        about_somebody = subject.named or "/holder_id" in mentioned
        if self.everyone or not (about_somebody or self.filters or self.catalogue):
            principal.must_see_everyone()
        async with serving(request).database.reading() as conn:
            await require_seen(conn, sees, subject, mentioned, writes=writes)
        if writes:
            guard_write(request, lambda tx: _within(tx, sees, subject, mentioned))
        return sees


@dataclass(frozen=True, slots=True)
class Subject:
    """Whom the path of a request is about."""

    holder_id: UUID | None = None
    credential_id: UUID | None = None
    external_id: str | None = None

    @classmethod
    def of_path(cls, path: Mapping[str, str]) -> "Subject":
        """Return whom the parameters of a path name; raises `NotFound` for what can't be an id."""
        return cls(
            _id("holder", path.get("holder_id")),
            _id("credential", path.get("credential_id")),
            path.get("external_id"),
        )

    @property
    def named(self) -> bool:
        """Whether it is anyone."""
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
    """Raise what is raised for somebody unknown, where the subject or one who is mentioned is not seen.

    `mentioned` has holders by the pointers to them in the body.
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
        # What would be made under an id that is taken can't be; what would be read is not there.
        if writes:
            raise ExternalIdTaken(subject.external_id, None).unnamed()
        raise NotFound(f"There is no holder with the external_id {subject.external_id!r}.")
    for pointer, each in mentioned.items():
        if each not in seen:
            raise Invalid(f"There is no holder {each}.", pointer=pointer)


@asynccontextmanager
async def _within(
    tx: Transaction, sees: Sees, subject: Subject, mentioned: Mapping[str, UUID | str]
) -> AsyncIterator[None]:
    """Let a write reach nobody whom the token does not see, and put nobody where it does not see them."""
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
    """Raise a 403 where somebody of that team at that location would not be seen."""
    if not sees.may_see(team=team, location=location):
        raise out_of_sight(sees)


def out_of_sight(sees: Sees) -> Forbidden:
    """Return the 403 for putting somebody where the token does not see them."""
    limits = " and ".join(
        f"the {name} {', '.join(codes) or '(none)'}"
        for name, codes in (("teams", sees.teams), ("locations", sees.locations))
        if codes is not None
    )
    return Forbidden(f"This token is limited to {limits}; it can't put anybody elsewhere.")


def mentioned_in(document: Any, pointer: str = "") -> dict[str, UUID | str]:
    """Return the holders that a body mentions, by the pointers to them."""
    found: dict[str, UUID | str] = {}
    if not isinstance(document, dict):
        return found
    for name, value in document.items():
        if name == "attributes":  # the names in it are anybody's choice
            continue
        at = f"{pointer}/{name}"
        if name in NAMES_HOLDERS:
            values = enumerate(value) if isinstance(value, list) else [(None, value)]
            for index, each in values:
                with suppress(ValueError, TypeError, AttributeError):  # what is no id, the route refuses
                    found[at if index is None else f"{at}/{index}"] = UUID(each)
        elif name in NAMES_EXTERNALLY:
            if isinstance(value, str):
                found[at] = value
        else:
            found |= mentioned_in(value, at)
    return found


async def _document(request: Request) -> Any:
    """Return the JSON body, which FastAPI has read by now; nothing for a form or no body."""
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


READ = _access(Access("credentials:read", AUDITOR))
"""Reads about whoever the path names."""
CATALOGUE = _access(Access("credentials:read", AUDITOR, catalogue=True))
"""Reads what is about nobody: types, teams, locations."""
WRITE = _access(Access("credentials:write"))
"""Changes something of whoever the path names."""
SHARED_WRITE = _access(Access("credentials:write", everyone=True))
"""Changes what all share; tokens that do not see everyone are refused."""
ADMIN = _access(Access(ADMINISTRATOR, everyone=True))
"""Administers what is everybody's; tokens that do not see everyone are refused."""
AUDIT = _access(Access(ADMINISTRATOR, AUDITOR))
"""Reads what administrators and auditors may, about whoever the path names, or of all."""
ReaderSees = Annotated[Sees, _access(Access("credentials:read", AUDITOR, filters=True))]
"""What the token sees, for a route that shows several and leaves the others out."""
WriterSees = Annotated[Sees, _access(Access("credentials:write", filters=True))]
"""What the token sees, for a route that makes something and names nobody in its path."""
