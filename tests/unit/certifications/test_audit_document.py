"""The report of an audit says what people have to know of it."""

from datetime import UTC, date, datetime
from uuid import UUID

from licet_certifications.audits.document import document_of
from licet_certifications.audits.store import StoredAudit
from licet_events.audits import AuditCounts, AuditSample, AuditScope, AuditState

NOW = datetime(2026, 12, 31, 10, tzinfo=UTC)
COUNTS = AuditCounts(items=1200, open=0, confirmed=1199, not_verifiable=1)
OPEN = AuditState(
    id=UUID(int=1), version=1, name="Prüfung Nord", scope=AuditScope(teams=("north",)),
    sample=AuditSample(share=0.2, seed=7), opened_at=NOW, due_on=date(2026, 12, 31),
    time_zone="Europe/Berlin", counts=COUNTS,
)  # fmt: skip


def text_of(stored: StoredAudit) -> str:
    lost = [("licence", "credential 7", "holder 9")]
    return repr(document_of(stored, COUNTS, lost, now=NOW, fonts=()).parts)


def test_it_names_scope_counts_and_what_nobody_could_verify():
    text = text_of(StoredAudit(OPEN, "user:ada", None, None, None))
    for fact in (
        "Prüfung Nord",
        "teams north; a sample of 20% with seed 7",
        "1,200",
        "credential 7",
        "not yet",
    ):
        assert fact in text


def test_a_closed_audit_names_its_signed_result_and_why_it_is_incomplete():
    closed = OPEN.model_copy(update={"closed_at": NOW, "result_sha256": "ab" * 32})
    text = text_of(StoredAudit(closed, "user:ada", "user:bo", "The office has closed.", "jws"))
    for fact in ("ab" * 32, "2026-12-31 11:00 (Europe/Berlin) by user:bo", "The office has closed."):
        assert fact in text
