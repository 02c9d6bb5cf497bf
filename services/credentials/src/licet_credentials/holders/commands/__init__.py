"""What can be done with holders: each takes a transaction, what is said, and `now`, and never commits."""

from licet_credentials.holders.commands.carrying import link_reports, updated_holder, write, write_new
from licet_credentials.holders.commands.leaving import (
    Leavers,
    LeaversOfFeed,
    deactivate_holder,
    deactivate_leavers,
    reactivate_holder,
    reactivated,
)
from licet_credentials.holders.commands.merging import Merged, merge_holder
from licet_credentials.holders.commands.registering import (
    HolderFacts,
    fed_holder,
    new_holder,
    put_holder,
    register_holder,
    update_holder,
)

__all__ = [
    "HolderFacts",
    "Leavers",
    "LeaversOfFeed",
    "Merged",
    "deactivate_holder",
    "deactivate_leavers",
    "fed_holder",
    "link_reports",
    "merge_holder",
    "new_holder",
    "put_holder",
    "reactivate_holder",
    "reactivated",
    "register_holder",
    "update_holder",
    "updated_holder",
    "write",
    "write_new",
]
