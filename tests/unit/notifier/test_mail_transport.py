from typing import Any

import pytest

from licet_notifier.mail.transport import BadSmtpUrl, SmtpServer
from licet_notifier.settings import NotifierSettings


@pytest.mark.parametrize(
    ("url", "host", "port", "tls", "starttls", "user", "password"),
    [
        ("smtp://mail.example.org", "mail.example.org", 25, False, None, None, None),
        ("smtp://mail:1025?starttls=never", "mail", 1025, False, False, None, None),
        ("smtp://u:p%40ss@mail:587", "mail", 587, False, True, "u", "p@ss"),
        ("smtp://u:p@mail?starttls=never", "mail", 25, False, False, "u", "p"),
        ("smtps://u@mail", "mail", 465, True, None, "u", None),
    ],
)
def test_a_server_is_named_by_a_url(url, host, port, tls, starttls, user, password):
    assert SmtpServer.of_url(url) == SmtpServer(host, port, tls, starttls, user, password)


@pytest.mark.parametrize(
    "url",
    ["http://mail", "mail:25", "smtp://", "smtp://mail:99999", "smtp://mail?starttls=maybe", "smtp://m?x=1"],
)
def test_a_url_that_names_no_server_is_refused(url):
    with pytest.raises(BadSmtpUrl):
        SmtpServer.of_url(url)


def test_a_password_is_only_sent_under_tls_unless_the_url_says_otherwise():
    assert SmtpServer.of_url("smtp://u:p@mail").starttls is True


def test_a_password_is_never_shown():
    assert "secret" not in repr(SmtpServer.of_url("smtp://u:secret@mail"))
    with pytest.raises(BadSmtpUrl) as caught:
        SmtpServer.of_url("smtp://u:secret@mail?starttls=x")
    assert "secret" not in str(caught.value)


GOOD: dict[str, Any] = {
    "database_url": "postgresql://localhost/none", "kafka_url": "localhost:9092",
    "issuer_url": "https://issuer.test", "smtp_url": "smtp://u:secret@mail", "mail_from": "licet@example.org",
}  # fmt: skip


@pytest.mark.parametrize(
    "changes",
    [
        {"smtp_url": "http://u:secret@mail"},
        {"mail_from": "nobody"},
        {"mail_from": "a@b.org\r\nBcc: x@y.org"},
        {"mail_fallback": "x@"},
        {"mail_from_name": "Licet\nBcc: x@y.org"},
        {"smtp_connections": 0},
    ],
)
def test_settings_that_would_send_bad_mails_are_refused(changes):
    NotifierSettings(**GOOD)
    with pytest.raises(ValueError) as caught:  # noqa: PT011  # pydantic's own kind of it
        NotifierSettings(**(GOOD | changes))
    assert "secret" not in str(caught.value)
