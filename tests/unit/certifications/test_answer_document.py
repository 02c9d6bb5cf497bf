"""The page for an inspector is one page, however much an answer rests on."""

from datetime import UTC, datetime, timedelta
from uuid import UUID

import pytest

from licet_certifications.documents.fonts import fonts
from licet_certifications.documents.pages import render
from licet_certifications.history.document import document_of
from licet_certifications.history.model import Answer, Known, Question
from licet_events.eligibility import FactVersion, Reason, ReasonCode, Verdict

NOW = datetime(2026, 11, 29, tzinfo=UTC)


def known(verdict: Verdict, code: ReasonCode, count: int) -> Known:
    reasons = tuple(
        Reason(code=code, type=f"type-{n}", requirement_id=UUID(int=n), credential_id=UUID(int=n))
        for n in range(count)
    )
    facts = tuple(FactVersion(kind="credential", id=str(UUID(int=n)), version=n) for n in range(count))
    return Known(NOW, verdict, reasons, "*", 3, NOW, facts)


@pytest.mark.parametrize("count", [1, 60])
@pytest.mark.parametrize("code", [ReasonCode.VALID, ReasonCode.REVOKED])
def test_the_page_for_an_inspector_is_one_page(count, code):
    question = Question(UUID(int=1), "role:nurse", "BER", NOW, NOW + timedelta(hours=8))
    then = known(Verdict.ELIGIBLE, ReasonCode.VALID, count)
    today = known(Verdict.INELIGIBLE if code is ReasonCode.REVOKED else Verdict.ELIGIBLE, code, count)
    answer = Answer(question, then, today)
    page = render(document_of(answer, "Jonas Reuter", "Europe/Berlin", now=NOW, fonts=fonts()))
    assert page.count(b"/Type /Page\n") == 1
