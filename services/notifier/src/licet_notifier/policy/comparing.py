"""What two versions of a policy do not share. Pure."""

from collections.abc import Iterator
from itertools import zip_longest
from typing import Any

from licet_notifier.policy.documents import document_of
from licet_notifier.policy.model import Policy


def differences(before: Policy, after: Policy) -> Iterator[tuple[str, Any, Any]]:
    """Return rules and circles that differ, each with its place and how it was written in both."""
    old, new = document_of(before), document_of(after)
    for number, (first, second) in enumerate(zip_longest(old["rules"], new["rules"])):
        if first != second:
            yield f"/rules/{number}", first, second
    circles, others = old.get("circles", {}), new.get("circles", {})
    for name in sorted(circles.keys() | others.keys()):
        if circles.get(name) != others.get(name):
            yield f"/circles/{name}", circles.get(name), others.get(name)
