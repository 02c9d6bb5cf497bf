"""What callers are shown of the policy."""

from datetime import datetime
from typing import Any, Self

from pydantic import BaseModel

from licet_notifier.policy.commands import DryRun
from licet_notifier.policy.documents import document_of
from licet_notifier.policy.store import SavedPolicy

DEFAULT_TELL = ["holder", "manager"]


class PolicyView(BaseModel):
    """A version of the policy. Version 0 is a deployment that has saved none."""

    version: int
    rules: list[dict[str, Any]]
    """As they were sent; conditions with one code show a list of it."""
    circles: dict[str, list[Any]]
    default: list[str] = DEFAULT_TELL
    """Who is told of a credential where no rule is for it."""
    author: str | None
    note: str | None
    restored_from: int | None
    created_at: datetime | None

    @classmethod
    def of(cls, saved: SavedPolicy | None) -> Self:
        """Show a version."""
        if saved is None:
            return cls(
                version=0, rules=[], circles={}, author=None, note=None, restored_from=None, created_at=None
            )
        document = document_of(saved.policy)
        return cls(
            version=saved.policy.version,
            rules=document["rules"],
            circles=document.get("circles", {}),
            author=saved.author,
            note=saved.note,
            restored_from=saved.restored_from,
            created_at=saved.created_at,
        )


class ChangedRule(BaseModel):
    """A rule, or a circle, that two versions do not share."""

    pointer: str
    before: Any
    after: Any


class PolicyComparison(BaseModel):
    """What changed between two versions."""

    from_version: int
    to_version: int
    changes: list[ChangedRule]


class RuleReach(BaseModel):
    """How many credentials a rule is for."""

    rule: str
    """`rule 2`, or `default`."""
    credentials: int
    """Credentials of active holders to which it applies at one step of the usual ladder or at the end."""


class DryRunView(BaseModel):
    """What a policy would change; nothing is saved."""

    dry_run: bool = True
    rules: list[RuleReach]
    """Rules that are for no credential at present are missing."""
    changes: list[ChangedRule]
    waiting: int
    """Mails about credentials that wait to leave."""
    dropped: int
    """How many of them go to somebody whom the policy would not tell any more."""

    @classmethod
    def of(cls, attempt: DryRun) -> Self:
        """Show an attempt."""
        return cls(
            rules=[RuleReach(rule=rule, credentials=count) for rule, count in attempt.reach],
            changes=[
                ChangedRule(pointer=pointer, before=old, after=new) for pointer, old, new in attempt.changes
            ],
            waiting=attempt.waiting,
            dropped=attempt.dropped,
        )
