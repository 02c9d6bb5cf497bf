#!/bin/sh
# flufl.bounce 6.0.0 finds no address in a delivery report about an internationalised address (RFC 6533).
#
# RFC 6533 adds the address type "utf-8" to Final-Recipient and the media type message/global-delivery-status. Both are
# passed over: the scan of a well-formed report gives neither a temporary nor a permanent failure, the same as for a
# mail that is no report at all. So a mailbox with a non-ASCII local part never counts as bounced.
#
# Seen: "rfc822 in delivery-status: 1", "utf-8 in delivery-status: 0", "utf-8 in global-delivery-status: 0".
set -eu
dir=$(mktemp -d); trap 'rm -rf "$dir"' EXIT
python3 -m venv "$dir/venv"
"$dir/venv/bin/pip" install --quiet --disable-pip-version-check flufl.bounce==6.0.0
"$dir/venv/bin/python" - <<'PY'
from email import message_from_bytes

from flufl.bounce import all_failures


def report(media: str, recipient: str) -> bytes:
    return f"""\
From: MAILER-DAEMON@mx.example.org
To: reminders@example.org
Subject: Undelivered Mail
MIME-Version: 1.0
Content-Type: multipart/report; report-type={media}; boundary="part"

--part
Content-Type: text/plain; charset=utf-8

The mailbox does not exist.

--part
Content-Type: message/{media}

Reporting-MTA: dns; mx.example.org

Final-Recipient: {recipient}
Action: failed
Status: 5.1.1

--part--
""".encode()


seen = {}
for media, recipient in (
    ("delivery-status", "rfc822; anna@example.org"),
    ("delivery-status", r"utf-8; j\x{F6}rg@example.org"),
    ("global-delivery-status", "utf-8; jörg@example.org"),
):
    temporary, permanent = all_failures(message_from_bytes(report(media, recipient)))
    seen[f"{recipient.split(';')[0]} in {media}"] = len(temporary) + len(permanent)
for name, count in seen.items():
    print(f"{name}: {count}")
assert list(seen.values()) == [1, 0, 0], "the behaviour has changed"
PY
