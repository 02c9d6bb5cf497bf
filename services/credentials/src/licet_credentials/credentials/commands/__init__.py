"""What can be done with a credential: each takes a transaction, a command and `now`, and never commits."""

from licet_credentials.credentials.commands.carrying import write, write_new
from licet_credentials.credentials.commands.correcting import (
    RecordTerm,
    correct_credential,
    move_credential,
    record_missing_term,
    void_credential,
)
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
from licet_credentials.credentials.commands.renewing import RenewCredential, renew_credential
from licet_credentials.credentials.commands.settling import replan_credentials, settle_credential
from licet_credentials.credentials.commands.submitting import end_submission, submit_renewal
from licet_credentials.credentials.commands.verifying import verify_credential

__all__ = [
    "FlagCredential",
    "RecordCredential",
    "RecordTerm",
    "RenewCredential",
    "correct_credential",
    "end_submission",
    "flag_credential",
    "move_credential",
    "record_credential",
    "record_missing_term",
    "reinstate_credential",
    "renew_credential",
    "replan_credentials",
    "settle_credential",
    "submit_renewal",
    "update_credential",
    "verify_credential",
    "void_credential",
    "write",
    "write_new",
]
