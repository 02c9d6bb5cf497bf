"""Use cases of the policy: saving a version, restoring one."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any, Final

from licet_chassis.database import Transaction
from licet_chassis.errors import Invalid, NotFound, require_version
from licet_notifier.policy import store
from licet_notifier.policy.comparing import differences
from licet_notifier.policy.documents import document_of
from licet_notifier.policy.model import Policy, check_policy
from licet_notifier.policy.store import SavedPolicy, WaitingMails


async def save_policy(
    tx: Transaction,
    policy: Policy,
    *,
    author: str,
    note: str | None,
    expected_version: int | None,
    now: datetime,
    restored_from: int | None = None,
) -> SavedPolicy:
    """Let a policy count from now on; the same once more changes nothing. Raises `Invalid`.

    What was decided before stays decided, but mails that wait are looked at again before they leave: whom
    the policy does not tell any more is not told.
    """
    check_policy(policy)
    await store.lock_policy(tx.conn)
    newest = await store.newest_policy(tx.conn)
    version = newest.policy.version if newest else 0
    require_version(expected_version, version)
    if newest is not None and document_of(newest.policy) == document_of(policy):
        return newest
    counted = Policy(version + 1, policy.rules, policy.circles)
    saved = SavedPolicy(counted, author, note, restored_from, now)
    await store.insert_policy(tx.conn, saved)
    return saved


@dataclass(frozen=True, slots=True)
class DryRun:
    """What a policy would change."""

    reach: Sequence[tuple[str, int]]
    """Rules by name, with the number of credentials that each is for at some step."""
    changes: Sequence[tuple[str, Any, Any]]
    waiting: int
    dropped: int


async def try_policy(tx: Transaction, policy: Policy) -> DryRun:
    """Say what a policy would change, and save nothing; raises `Invalid`."""
    check_policy(policy)
    counts: Counter[str] = Counter()
    for group, credentials in await store.count_credentials(tx.conn):
        rules = {
            resolved.rule if (resolved := policy.resolve(case)) else "default"
            for case in (replace(group, event=event, step=step) for event, step in _USUAL)
        }
        counts.update(dict.fromkeys(rules, credentials))
    waiting = dropped = 0
    for mails in await store.count_waiting(tx.conn):
        waiting += mails.count
        if not _still_told(policy, mails):
            dropped += mails.count
    current = await store.current_policy(tx.conn)
    order = ["default", *(f"rule {number}" for number, _ in enumerate(policy.rules, 1))]
    reach = [(rule, counts[rule]) for rule in order if counts[rule]]
    return DryRun(reach, list(differences(current, policy)), waiting, dropped)


_USUAL: Final = (
    *(("credential.expiring", step) for step in (90, 60, 30, 7, 0)),
    ("credential.overdue", -7),
    ("credential.expired", None),
)
"""The steps of the usual ladder; a type with another one has its rules counted where they fit these."""


def _still_told(policy: Policy, mails: WaitingMails) -> bool:
    resolved = policy.resolve(mails.case)
    if resolved is None:
        return mails.circle in {"holder", "manager"} and not mails.after_days
    return any(
        told.name == mails.circle and told.value == (mails.fixed_address or told.value)
        for days, circles in resolved.levels
        if days == mails.after_days
        for told in circles
    )


async def restore_policy(
    tx: Transaction,
    version: int,
    *,
    author: str,
    note: str | None,
    expected_version: int | None,
    now: datetime,
) -> SavedPolicy:
    """Let an older version count again, as a new one; raises `Invalid` where there is none."""
    older = await store.read_policy(tx.conn, version)
    if older is None:
        raise Invalid(f"There is no version {version} of the policy.", pointer="/version")
    return await save_policy(
        tx,
        older.policy,
        author=author,
        note=note or older.note,
        expected_version=expected_version,
        now=now,
        restored_from=version,
    )


async def read_version(tx: Transaction, version: int) -> SavedPolicy:
    """Return a version; raises `NotFound`."""
    found = await store.read_policy(tx.conn, version)
    if found is None:
        raise NotFound(f"There is no version {version} of the policy.")
    return found
