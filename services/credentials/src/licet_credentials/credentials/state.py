"""A credential as the contract tells it."""

from licet_credentials.credentials.model import Credential
from licet_events.credentials import CredentialState

_AS_THEY_ARE = tuple(name for name in CredentialState.model_fields if name != "validity")


def state_of(credential: Credential) -> CredentialState:
    """Return the credential as the contract tells it: what bears the same name, and no more."""
    said = {name: getattr(credential, name) for name in _AS_THEY_ARE}
    return CredentialState.model_validate(said | {"validity": credential.announced}, from_attributes=True)
