"""What the record of a credential lacks, by what its type asks for."""

from dataclasses import replace
from datetime import date, timedelta
from typing import Any
from uuid import UUID

import pytest

from licet_credentials.credentials.lacking import Lack, lacks
from licet_credentials.credentials.model import Credential, Image, Verification, VerificationResult
from licet_events.catalogue import RenewalEvidence
from licet_events.credentials import Expiry
from unit.credentials.histories import NOW, credential, rules, term

FIRST = term(date(2025, 1, 1), date(2025, 12, 31), number=1)
SECOND = term(date(2026, 1, 1), date(2026, 12, 31), number=2)
RENEWED = credential(FIRST, SECOND)
IMAGES = rules(renewal_evidence=RenewalEvidence.IMAGE)
CHECKS = rules(renewal_evidence=RenewalEvidence.VERIFICATION)


def image(term_id: UUID | None) -> Image:
    return Image(
        id=UUID(int=1), kind="scan", sha256="00", generation=1, content_type="image/png", width=1, height=1,
        size=1, display_type=None, thumbnail_type=None, term_id=term_id, created_at=NOW,
    )  # fmt: skip


def checked(**changes: Any) -> Credential:
    check = Verification(
        id=UUID(int=1), term_id=SECOND.id, checked_at=NOW, source="issuer_register",
        result=VerificationResult.CONFIRMED, valid_until=None, actor="user:ana",
    )  # fmt: skip
    return replace(RENEWED, verification=replace(check, **changes))


def test_a_complete_record_lacks_nothing():
    assert lacks(RENEWED, rules(), NOW) == ()


def test_an_unknown_expiry_is_lacking():
    unknown = term(date(2026, 1, 1), None, expiry=Expiry.UNKNOWN)
    assert lacks(credential(unknown), rules(), NOW) == (Lack.EXPIRY,)
    assert lacks(credential(term(date(2026, 1, 1), None)), rules(), NOW) == ()  # never expires


@pytest.mark.parametrize(
    ("of", "lacking"), [(None, ()), (SECOND.id, ()), (FIRST.id, (Lack.EVIDENCE,))], ids=str
)
def test_evidence_is_an_image_of_the_current_term_or_of_the_credential(of, lacking):
    assert lacks(RENEWED, IMAGES, NOW) == (Lack.EVIDENCE,)
    assert lacks(replace(RENEWED, images=(image(of),)), IMAGES, NOW) == lacking


@pytest.mark.parametrize(
    ("said", "lacking"),
    [
        ({}, ()),
        ({"valid_until": NOW + timedelta(seconds=1)}, ()),
        ({"valid_until": NOW}, (Lack.VERIFICATION,)),
        ({"term_id": FIRST.id}, (Lack.VERIFICATION,)),
        ({"result": VerificationResult.DIFFERS}, (Lack.VERIFICATION,)),
    ],
    ids=["for good", "for now", "no longer", "of the term before", "against it"],
)
def test_only_a_check_that_confirms_the_current_term_and_still_holds_counts(said, lacking):
    assert lacks(RENEWED, CHECKS, NOW) == (Lack.VERIFICATION,)
    assert lacks(checked(**said), CHECKS, NOW) == lacking
