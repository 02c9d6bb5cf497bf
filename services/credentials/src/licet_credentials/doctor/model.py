"""Differences between announced and computed validity."""

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from licet_credentials.credentials.model import Credential
from licet_credentials.credentials.validity import transitions, validity
from licet_events.credentials import Validity


@dataclass(frozen=True, slots=True)
class Difference:
    """A credential whose announced validity differs from the computed one at an instant."""

    credential_id: UUID
    holder_id: UUID
    announced: Validity
    computed: Validity
    since: datetime
    """When the two began to differ."""


def difference(credential: Credential, at: datetime) -> Difference | None:
    """Return the difference at `at`; `None` if there is none.

    A change that time has reversed again counts too: both changes should have been announced.
    """
    if credential.voided:
        return None
    runs, flags = credential.runs, credential.flags
    announced, announced_at = credential.announced, credential.announced_at
    crossed = transitions(runs, flags, start=announced, after=announced_at, until=at)
    wrong_from_the_start = announced_at <= at and validity(runs, flags, announced_at) is not announced
    if not crossed and not wrong_from_the_start:
        return None
    return Difference(
        credential_id=credential.id,
        holder_id=credential.holder_id,
        announced=announced,
        computed=validity(runs, flags, max(at, announced_at)),
        since=announced_at if wrong_from_the_start else crossed[0].at,
    )
