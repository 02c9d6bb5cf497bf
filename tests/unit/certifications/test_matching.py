"""Who is meant by a report: one holder, or a reason why nobody is taken for it."""

from uuid import UUID

import pytest

from licet_certifications.completions.model import Candidate, Unmatched, matched
from licet_certifications.facts.identity import account_key, email_key, external_key

ADA, BOB = UUID(int=1), UUID(int=2)


def test_one_holder_found_by_several_things_is_that_holder():
    found = [Candidate(ADA, ADA, "E1"), Candidate(ADA, ADA, "E1")]
    assert matched("E1", found) == ADA


def test_nobody_is_unknown_and_two_are_ambiguous():
    assert matched("E1", []) is Unmatched.UNKNOWN
    assert matched(None, [Candidate(ADA, ADA, None), Candidate(BOB, BOB, None)]) is Unmatched.AMBIGUOUS


def test_a_merged_holder_and_the_one_it_leads_to_are_one():
    assert matched("E1", [Candidate(ADA, BOB, "E1"), Candidate(BOB, BOB, "E2")]) == BOB


def test_an_address_of_a_holder_with_another_external_id_decides_nothing():
    assert matched("E1", [Candidate(ADA, ADA, "E2")]) is Unmatched.CONTRADICTORY
    assert matched("E1", [Candidate(ADA, ADA, None)]) == ADA


@pytest.mark.parametrize(
    ("one", "other"),
    [
        (email_key("Ada@Example.ORG"), email_key(" mailto:ada@example.org ")),
        (email_key("jos\u00e9@example.org"), email_key("jose\u0301@example.org")),
        (external_key("E\u0301 1"), external_key(" \u00c9 1 ")),
        (account_key("HTTPS://LMS.example.org/", "ada"), account_key("https://lms.example.org", "ada ")),
    ],
)
def test_what_means_the_same_compares_as_the_same(one: str, other: str):
    assert one == other


def test_what_may_mean_another_person_stays_apart():
    assert email_key("a.da@example.org") != email_key("ada@example.org")
    assert external_key("e1") != external_key("E1")
    assert account_key("https://lms.example.org/A", "ada") != account_key("https://lms.example.org/a", "ada")
