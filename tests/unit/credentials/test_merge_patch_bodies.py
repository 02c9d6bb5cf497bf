"""What a merge patch says, a field that was left out included."""

import pytest
from pydantic import ValidationError

from licet_credentials.credentials.bodies import CredentialPatch
from licet_credentials.holders.bodies import HolderPatch
from licet_credentials.types.bodies import TypePatch
from licet_events.catalogue import DEFAULT_LADDER


def test_a_patch_changes_only_what_the_caller_sent():
    assert HolderPatch.model_validate({"name": "Ana"}).changes() == {"name": "Ana"}
    assert TypePatch.model_validate({"retired": True}).changes() == {"retired": True}
    assert CredentialPatch.model_validate({"notes": None}).given() == {"notes": None}


def test_null_clears_a_list():
    assert HolderPatch.model_validate({"roles": None, "queues": ["a"]}).changes() == {
        "roles": (),
        "queues": ("a",),
    }
    assert TypePatch.model_validate({"ladder": None, "aliases": None, "attributes": None}).changes() == {
        "ladder": DEFAULT_LADDER,
        "aliases": (),
        "attributes": (),
    }


@pytest.mark.parametrize("name", ["expires", "grace_days", "renewal_evidence", "retired", "name"])
def test_null_is_refused_for_a_required_field_of_a_type(name: str):
    with pytest.raises(ValidationError):
        TypePatch.model_validate({name: None})
