"""What can be done with a credential: each takes a transaction, a command and `now`, and never commits."""

from licet_credentials.credentials.commands.carrying import write
from licet_credentials.credentials.commands.correcting import (
    correct_credential,
    move_credential,
    void_credential,
)
from licet_credentials.credentials.commands.evidence import add_image
from licet_credentials.credentials.commands.flagging import (
    FlagCredential,
    flag_credential,
    reinstate_credential,
)
from licet_credentials.credentials.commands.recording import (
    RecordCredential,
    record_credential,
    update_credential,
)
from licet_credentials.credentials.commands.renewing import RenewCredential, renew_credential, submit_renewal
from licet_credentials.credentials.commands.settling import replan_credentials, settle_credential

__all__ = [
    "FlagCredential",
    "RecordCredential",
    "RenewCredential",
    "add_image",
    "correct_credential",
    "flag_credential",
    "move_credential",
    "record_credential",
    "reinstate_credential",
    "renew_credential",
    "replan_credentials",
    "settle_credential",
    "submit_renewal",
    "update_credential",
    "void_credential",
    "write",
]
