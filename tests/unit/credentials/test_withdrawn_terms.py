"""A term is withdrawn only where nothing rests on it."""

from dataclasses import replace
from datetime import date
from uuid import UUID

import pytest

from licet_chassis.errors import Conflict
from licet_credentials.credentials.change import Change
from licet_credentials.credentials.corrections import Correction, correct
from licet_credentials.credentials.model import Image
from unit.credentials.histories import NOW, credential, rules, term

FIRST = term(date(2025, 1, 1), date(2025, 12, 31), number=1)
SECOND = term(date(2026, 1, 1), date(2026, 12, 31), number=2)


def image(term_id: UUID | None) -> Image:
    return Image(
        UUID(int=5), "scan", "0" * 64, 1, "image/png", 1, 1, 1, "image/webp", "image/webp", term_id, NOW
    )


def withdrawn(held, which):
    said = Correction("misread", term_id=which.id, withdraw_term=True)
    return correct(Change(held), said, NOW, was=rules(), rules=rules(), actor="user:ada")


def test_an_image_blocks_the_withdrawal_of_its_own_term_only():
    held = replace(credential(FIRST, SECOND), images=(image(SECOND.id), image(None)))
    with pytest.raises(Conflict, match="An image supports it"):
        withdrawn(held, SECOND)
    change = withdrawn(held, FIRST)
    assert change.credential.terms == (SECOND,)
    assert change.withdrawn == (FIRST.id,)
