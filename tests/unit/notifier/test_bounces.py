"""What a delivery status notification says, whoever wrote it."""

from uuid import UUID

import pytest

from licet_chassis.errors import Invalid
from licet_notifier.bounces.parsing import read_report

NOTIFICATION = UUID(int=77)


def report(
    *fields: str,
    to: str = "licet@example.org",
    kind: str = "message/delivery-status",
    returned: str = f"X-Licet-Notification: {NOTIFICATION}",
    returned_kind: str = "text/rfc822-headers",
) -> bytes:
    blocks = "\n\n".join(
        ("Reporting-MTA: dns; mx.example.org", *("\n".join(each.split("|")) for each in fields))
    )
    return (
        f"From: MAILER-DAEMON@mx.example.org\nTo: {to}\nSubject: Undelivered Mail\nMIME-Version: 1.0\n"
        f'Content-Type: multipart/report; report-type=delivery-status; boundary="B"\n\n'
        f"--B\nContent-Type: text/plain\n\nSorry.\n\n--B\nContent-Type: {kind}\n\n{blocks}\n\n"
        f"--B\nContent-Type: {returned_kind}\n\nSubject: Ends soon\n{returned}\n\n--B--\n"
    ).encode()


GONE = (
    "Final-Recipient: rfc822; Ana@Example.org|Action: failed|Status: 5.1.1|"
    "Diagnostic-Code: smtp; 550 5.1.1 <ana@example.org>:|  no such user"
)


def test_an_address_that_is_gone_is_a_hard_bounce_of_the_notification():
    read = read_report(report(GONE))
    (failure,) = read.failures
    assert (failure.address, failure.status, failure.hard) == ("ana@example.org", "5.1.1", True)
    assert failure.diagnostic == "550 5.1.1 <ana@example.org>: no such user"
    assert read.notification_id == NOTIFICATION


@pytest.mark.parametrize(
    ("action", "status", "hard"),
    [
        ("failed", "5.1.1", True),
        ("failed", "5.1.10", True),
        ("failed", "5.2.1", True),
        ("failed", "5.7.1", False),
        ("failed", "5.2.2", False),
        ("failed", "4.4.7", False),
        ("delayed", "4.4.1", False),
        ("delayed", "5.1.1", False),
    ],
)
def test_only_what_says_that_the_address_takes_no_mail_is_hard(action, status, hard):
    fields = f"Final-Recipient: rfc822; a@example.org|Action: {action}|Status: {status}"
    assert read_report(report(fields)).failures[0].hard is hard


def test_the_status_is_taken_from_the_diagnosis_where_its_field_is_missing():
    fields = "Final-Recipient: rfc822; a@example.org|Diagnostic-Code: smtp; 550 5.1.1 gone"
    assert read_report(report(fields)).failures[0].hard


def test_every_recipient_is_read():
    other = GONE.replace("Ana", "max").replace("5.1.1", "4.2.2")
    assert [each.address for each in read_report(report(GONE, other)).failures] == [
        "ana@example.org", "max@example.org",
    ]  # fmt: skip


def test_the_address_that_the_report_came_to_names_the_notification():
    verp = f"bounces+{UUID(int=78).hex}@example.org"
    assert read_report(report(GONE, to=verp)).notification_id == UUID(int=78)


@pytest.mark.parametrize("kind", ["message/rfc822", "text/rfc822-headers", "message/global-headers"])
def test_the_returned_mail_names_the_notification(kind):
    assert read_report(report(GONE, returned_kind=kind)).notification_id == NOTIFICATION


def test_an_international_report_is_read_as_well():
    fields = "Final-Recipient: utf-8; jürgen@example.org|Action: failed|Status: 5.1.1"
    read = read_report(report(fields, kind="message/global-delivery-status"))
    assert (read.failures[0].address, read.failures[0].hard) == ("jürgen@example.org", True)


@pytest.mark.parametrize(
    "raw",
    [
        b"",
        b"Subject: Hello\n\nno report",
        b"\xff\xfe\x00binary",
        report("Final-Recipient: rfc822; nobody|Action: failed|Status: 5.1.1"),
        report("Action: failed|Status: 5.1.1"),
        report(GONE, kind="text/plain"),
        report(GONE).replace(b"multipart/report", b"multipart/mixed"),
    ],
)
def test_what_reports_nothing_is_refused(raw):
    with pytest.raises(Invalid):
        read_report(raw)


def test_a_returned_mail_that_names_no_id_is_of_no_notification():
    assert read_report(report(GONE, returned="X-Licet-Notification: 7")).notification_id is None
