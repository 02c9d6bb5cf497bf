"""The state of a credential in the contract."""

from licet_credentials.credentials.model import Credential
from licet_events.credentials import CredentialState

_SAME_FIELDS = tuple(name for name in CredentialState.model_fields if name != "validity")


def state_of(credential: Credential) -> CredentialState:
    """Return the state that events carry: the fields of the same names, with the announced validity."""
    fields = {name: getattr(credential, name) for name in _SAME_FIELDS}
    return CredentialState.model_validate(fields | {"validity": credential.announced}, from_attributes=True)
