"""Begins digests: the mails that each stands for are decided once more, and one mail tells what is left."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from uuid import UUID

from licet_chassis.clock import machine_now
from licet_chassis.database import Transaction
from licet_events.ids import derived_id
from licet_notifier.digests.wording import digest_wording
from licet_notifier.notifications import store
from licet_notifier.notifications.beginning import Batch, Ready, look_again, note_found
from licet_notifier.notifications.model import Deployment
from licet_notifier.notifications.store import Begun
from licet_notifier.notifications.wording import Tongue
from licet_notifier.templates.catalogue import Catalogue
from licet_notifier.templates.model import Reader
from licet_notifier.templates.store import current_catalogue

_MOST_LINES = 2_000
"""What one mail tells; a longer digest comes in several."""


async def begin_digests(
    tx: Transaction,
    *,
    deployment: Deployment,
    limit: int,
    lease: timedelta,
    message_id: Callable[[UUID], str],
    now: datetime,
) -> Batch:
    """Claim digests that may leave, decide once more on each mail in them, and begin what is left of them.

    Where nothing is left no mail is begun. The facts are locked as for mails that leave alone.
    """
    ids = await store.claim_digests(tx.conn, now=now, machine_now=machine_now(), limit=limit)
    if not ids:
        return Batch()
    claimed = await store.claim_due(tx.conn, now=now, machine_now=machine_now(), limit=None, digests=ids)
    found = await look_again(tx, claimed, deployment=deployment, now=now)
    catalogue = await current_catalogue(tx.conn, deployment.language)
    for told, part in _mails(found.ready):
        found.begun.append(_begun(told, part, catalogue, message_id, now))
    await note_found(tx, found, lease, now)
    return Batch(found.begun, len(claimed))


def _mails(ready: Sequence[Ready]) -> Iterator[tuple[Sequence[Ready], int]]:
    """Yield what one mail tells, with its number in the digest: to one address, the first to end first."""
    groups: dict[tuple[UUID | None, str], list[Ready]] = {}
    for each in ready:
        key = (each.mail.digest_id, (each.decision.address or "").casefold())
        groups.setdefault(key, []).append(each)
    for group in groups.values():
        group.sort(key=lambda each: (each.mail.notice.expires_on, each.mail.notification_id))
        for begin in range(0, len(group), _MOST_LINES):
            yield group[begin : begin + _MOST_LINES], begin // _MOST_LINES


def _begun(
    told: Sequence[Ready],
    part: int,
    catalogue: Catalogue,
    message_id: Callable[[UUID], str],
    now: datetime,
) -> Begun:
    first = told[0]
    decision = first.decision
    letter, _ = catalogue.choose("digest", Reader(decision.reading, decision.locale))
    notices = [(each.mail.notice, each.facts) for each in told]
    tongue = Tongue.of(letter.language, decision.locale)
    values = digest_wording(notices, first.facts, decision, now, tongue)
    # The same for each attempt: what is renewed meanwhile only makes the mail shorter.
    mail_id = message_id(derived_id("digest-mail", first.mail.digest_id, decision.address, part))
    members = [Begun(each.mail, each.decision, mail_id, letter, values, each.decision) for each in told]
    return replace(members[0], told_too=tuple(members[1:]))
