"""The starter catalogues as they are shipped."""

import re
from collections import Counter
from datetime import UTC, datetime
from importlib.resources import files

import pytest

from licet_chassis.errors import NotFound
from licet_credentials.catalogues.model import differences
from licet_credentials.catalogues.reading import find_catalogue, shipped_catalogues
from licet_credentials.types.model import CredentialType, checked
from licet_events.catalogue import LateRenewal, RenewalBasis

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
    with pytest.raises(NotFound, match="there are aviation, driving, electrical"):
        find_catalogue("astronauts")


def test_differences_name_only_the_rules_that_differ():
    shipped = find_catalogue("first-aid").types["uk-first-aid-at-work"]
    present = entry("first-aid", "uk-first-aid-at-work")
    assert differences(shipped, present) == ()
    other = CredentialType(
        **{**shipped, "grace_days": 5, "name": "FAW"}, version=7, created_at=AT, updated_at=AT
    )
    assert differences(shipped, other) == ("grace_days", "name")


@pytest.mark.parametrize(
    ("catalogue", "code"),
    [
        (each.name, code)
        for each, code in EVERY
        if each.types[code]["renewal_basis"] is RenewalBasis.FROM_EXPIRY
    ],
)
def test_every_type_that_counts_from_expiry_says_with_its_source_what_a_late_renewal_is(
    catalogue: str, code: str
):
    """None of the bodies behind them lets a late renewal cover the days in which there was no credential."""
    shelf = files("licet_credentials.catalogues").joinpath("shelf", f"{catalogue}.toml").read_text("utf-8")
    block = shelf.partition(f'code = "{code}"')[2].partition("[[types]]")[0]
    assert re.search(r"^# .{10,}\nlate_renewal = ", block, re.MULTILINE)
    assert entry(catalogue, code).late_renewal in {LateRenewal.FROM_COMPLETION, LateRenewal.REFUSED}
