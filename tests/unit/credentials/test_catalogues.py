"""The starter catalogues as they are shipped."""

from collections import Counter
from datetime import UTC, datetime

import pytest

from licet_chassis.errors import NotFound
from licet_credentials.catalogues.model import differences
from licet_credentials.catalogues.reading import find_catalogue, shipped_catalogues
from licet_credentials.types.model import CredentialType, checked

AT = datetime(2026, 1, 1, tzinfo=UTC)
EVERY = [(catalogue, code) for catalogue in shipped_catalogues().values() for code in catalogue.types]


def entry(catalogue: str, code: str) -> CredentialType:
    rules = find_catalogue(catalogue).types[code]
    return CredentialType(version=1, created_at=AT, updated_at=AT, **rules)


def test_there_are_catalogues_for_at_least_five_fields_of_work():
    assert {"nursing", "forklift-and-plant", "security", "driving", "food-hygiene"} < set(
        shipped_catalogues()
    )
    assert all(len(catalogue.types) >= 5 for catalogue in shipped_catalogues().values())


def test_no_name_stands_for_two_types_across_the_catalogues():
    names = Counter(name for catalogue, code in EVERY for name in (code, *catalogue.types[code]["aliases"]))
    assert [name for name, times in names.items() if times > 1] == []


@pytest.mark.parametrize(("catalogue", "code"), [(each.name, code) for each, code in EVERY])
def test_every_shipped_type_is_valid_and_its_rules_are_consistent(catalogue: str, code: str):
    shipped = checked(entry(catalogue, code))
    assert not shipped.retired
    if not shipped.expires:
        assert shipped.ladder == ()
        return
    assert max(shipped.ladder) > 0, "nobody would be told in time"
    assert 0 in shipped.ladder
    assert shipped.validity or shipped.renewal_basis is None, "a rule without a length gives no date"
    if shipped.renewal_window_days is not None:
        assert max(shipped.ladder) >= shipped.renewal_window_days / 3
    if shipped.validity and shipped.validity.months:
        assert max(shipped.ladder) < shipped.validity.months * 28, "a term would be expiring from its start"


def test_an_unknown_catalogue_is_refused_with_the_known_ones():
    with pytest.raises(NotFound, match="there are driving, electrical"):
        find_catalogue("astronauts")


def test_differences_name_only_the_rules_that_differ():
    shipped = find_catalogue("first-aid").types["uk-first-aid-at-work"]
    present = entry("first-aid", "uk-first-aid-at-work")
    assert differences(shipped, present) == ()
    other = CredentialType(
        **{**shipped, "grace_days": 5, "name": "FAW"}, version=7, created_at=AT, updated_at=AT
    )
    assert differences(shipped, other) == ("grace_days", "name")
