"""Use cases of templates: saving a version, restoring one, comparing two."""

from collections.abc import Iterator, Sequence
from datetime import datetime
from difflib import unified_diff

from licet_chassis.database import Transaction
from licet_chassis.errors import Invalid, NotFound, require_version
from licet_notifier.facts.mails import EVENTS
from licet_notifier.templates import store
from licet_notifier.templates.checking import check_variant
from licet_notifier.templates.model import TemplateVersion, Variant, duplicates
from licet_notifier.templates.problems import Problem
from licet_notifier.templates.store import SavedVersion


def require_event(event: str) -> None:
    """Raise `NotFound` for an event that has no mail."""
    if event not in EVENTS:
        raise NotFound(f"There is no template {event}; there are {', '.join(EVENTS)}.")


def problems_of(
    event: str, variants: Sequence[Variant], default_language: str
) -> Iterator[tuple[int, Problem]]:
    """Return what is wrong with variants, each with its position. It may take as long as rendering them."""
    for position, first in duplicates(variants).items():
        yield position, Problem("", f"it is for the same as variant {first + 1}; make one of them")
    for position, variant in enumerate(variants):
        found = check_variant(event, variant, default_language)
        yield from ((position, each) for each in found)
        if any("CPU time" in each.detail for each in found):
            return  # What takes so long is not tried another hundred times.


async def save_template(
    tx: Transaction,
    event: str,
    variants: Sequence[Variant],
    *,
    author: str,
    note: str | None,
    expected_version: int | None,
    now: datetime,
    restored_from: int | None = None,
) -> SavedVersion:
    """Let checked variants count for an event from now on; the same once more changes nothing."""
    await store.lock_event(tx.conn, event)
    newest = await store.newest_version(tx.conn, event)
    version = newest.template.version if newest else 0
    require_version(expected_version, version)
    if newest is not None and newest.template.variants == tuple(variants):
        return newest
    saved = SavedVersion(
        TemplateVersion(event, version + 1, tuple(variants)), author, note, restored_from, now
    )
    await store.insert_version(tx.conn, saved)
    return saved


async def read_version(tx: Transaction, event: str, version: int) -> SavedVersion:
    """Return a version of an event; raises `NotFound`."""
    require_event(event)
    found = await store.read_version(tx.conn, event, version)
    if found is None:
        raise NotFound(f"There is no version {version} of the template {event}.")
    return found


async def version_to_restore(tx: Transaction, event: str, version: int) -> SavedVersion:
    """Return a version that is to count again; raises `Invalid` where there is none."""
    found = await store.read_version(tx.conn, event, version)
    if found is None:
        raise Invalid(f"There is no version {version} of the template {event}.", pointer="/version")
    return found


def differences(before: Sequence[Variant], after: Sequence[Variant]) -> Iterator[tuple[str, str, str]]:
    """Return what changed between variants: the variant's label, the part, and a unified diff."""
    old = {each.conditions.label: each for each in before}
    new = {each.conditions.label: each for each in after}
    for label in sorted(old.keys() | new.keys()):
        for part in ("subject", "text", "html"):
            first, second = (
                getattr(each[label], part).splitlines() if label in each else [] for each in (old, new)
            )
            if first != second:
                yield label, part, "\n".join(unified_diff(first, second, "before", "after", lineterm=""))
