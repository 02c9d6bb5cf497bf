"""Whose trouble an answer is, by what mail servers really say."""

import pytest

from licet_notifier.mail.answers import Answer, Blame, Stage, blame, is_crowded

SENDER, RECIPIENT, EHLO = "licet@corp.example", "ada@home.example", "licet.corp.example"


def judged(stage: Stage, code: int, text: str, *, relays: bool = False) -> Blame:
    answer = Answer.of(stage, code, text)
    return blame(answer, sender=SENDER, recipient=RECIPIENT, ehlo_name=EHLO, relays=relays)


@pytest.mark.parametrize(
    ("stage", "code", "text"),
    [
        (Stage.CONNECT, 554, "5.7.1 no service for you"),
        (Stage.CONNECT, 421, "4.7.0 mx Error: too many connections from 192.0.2.1"),
        (Stage.EHLO, 550, "5.7.1 access denied"),
        (Stage.STARTTLS, 454, "TLS not available due to local problem"),
        (Stage.AUTH, 535, "5.7.8 Error: authentication failed: UGFzc3dvcmQ6"),
        (Stage.MAIL, 550, "5.1.8 Access denied, bad outbound sender"),
        (Stage.MAIL, 553, "5.7.1 <licet@corp.example>: Sender address rejected: not owned by user licet"),
        (Stage.MAIL, 530, "5.7.0 Must issue a STARTTLS command first"),
        (Stage.MAIL, 451, "4.3.0 queue file write error"),
        # Postfix rejects at RCPT what it has against the client, its greeting and the sender.
        (Stage.RCPT, 504, "5.5.2 <licet>: Helo command rejected: need fully-qualified hostname"),
        (Stage.RCPT, 450, "4.7.1 <licet.corp.example>: Helo command rejected: Host not found"),
        (Stage.RCPT, 550, "5.7.1 <licet.corp.example>: access denied"),
        (Stage.RCPT, 450, "4.1.8 <licet@corp.example>: Sender address rejected: Domain not found"),
        (Stage.RCPT, 550, "5.1.0 <licet@corp.example>: sender rejected"),
        (Stage.RCPT, 554, "5.7.1 <unknown[192.0.2.1]>: Client host rejected: Access denied"),
        (Stage.RCPT, 554, "5.7.1 Service unavailable; Client host [192.0.2.1] blocked using zen.example"),
        (Stage.RCPT, 454, "4.7.1 <ada@home.example>: Relay access denied"),
        (Stage.RCPT, 451, "4.3.0 <ada@home.example>: Temporary lookup failure"),
        # Exim
        (Stage.RCPT, 550, "Verification failed for <licet@corp.example>\nSender verify failed"),
        (Stage.RCPT, 550, "Access denied - Invalid HELO name (See RFC2821 4.1.1.1)"),
        (Stage.RCPT, 550, "relay not permitted"),
        # Exchange
        (Stage.RCPT, 550, "5.7.54 SMTP; Unable to relay recipient in non-accepted domain"),
        (Stage.FINAL, 550, "5.7.60 SMTP; Client does not have permissions to send as this sender"),
        (Stage.FINAL, 550, "5.7.26 This mail is unauthenticated"),
        (Stage.DATA, 452, "4.3.1 Insufficient system storage"),
    ],
)  # fmt: skip
def test_what_every_mail_would_meet_is_the_servers(stage, code, text):
    assert judged(stage, code, text) is Blame.SERVER


@pytest.mark.parametrize(
    ("stage", "code", "text"),
    [
        (Stage.RCPT, 550, "5.1.1 <ada@home.example>: Recipient address rejected: User unknown"),
        (Stage.RCPT, 450, "4.2.0 <ada@home.example>: Recipient address rejected: Greylisted"),
        (Stage.RCPT, 452, "4.2.2 The email account that you tried to reach is over quota"),
        (Stage.RCPT, 550, "Unrouteable address"),
        (Stage.RCPT, 550, "Invalid recipient <ada@home.example>"),
        (Stage.RCPT, 550, "5.7.1 <ada@home.example>: does not accept mail from licet@corp.example"),
        (Stage.MAIL, 552, "5.3.4 Message size exceeds fixed limit"),
        (Stage.FINAL, 552, "5.3.4 Message too big for system"),
        (Stage.FINAL, 554, "5.7.1 Message rejected as spam by Content Filtering."),
        (Stage.FINAL, 554, "5.6.0 message content rejected"),
    ],
)
def test_what_is_about_a_recipient_or_a_message_counts_against_the_mail(stage, code, text):
    assert judged(stage, code, text) is Blame.MAIL


def test_a_server_that_relays_refuses_to_relay_to_one_domain_only():
    text = "5.7.1 <ada@home.example>: Relay access denied"
    assert judged(Stage.RCPT, 554, text) is Blame.SERVER
    assert judged(Stage.RCPT, 554, text, relays=True) is Blame.MAIL


def test_a_mail_to_the_sender_itself_is_judged_as_any_other():
    answer = Answer.of(Stage.RCPT, 550, f"5.1.1 <{SENDER}>: User unknown")
    assert blame(answer, sender=SENDER, recipient=SENDER, ehlo_name=None, relays=True) is Blame.MAIL


@pytest.mark.parametrize(
    ("code", "text", "crowded"),
    [
        (421, "Too many concurrent SMTP connections from this IP address; please try again later.", True),
        (421, "4.7.0 mail.example Error: too many connections from 192.0.2.1", True),
        (554, "5.7.1 too many connections", True),
        (554, "5.7.1 no service for you", False),
        (-1, "Connection reset by peer", True),
    ],
)
def test_a_refusal_of_one_more_connection_is_recognised(code, text, crowded):
    assert is_crowded(Answer.of(Stage.CONNECT, code, text)) is crowded


def test_the_servers_words_fit_on_one_line_and_into_a_database():
    answer = Answer.of(Stage.RCPT, 550, "first\nsecond\0 \udcff " + "x" * 900)
    assert str(answer).startswith("RCPT: 550 first second ")
    assert len(answer.text) == 500
    answer.text.encode()
