"""Links in mails prove that their mail was got, for a while, and nothing else passes for one."""

import re
from base64 import urlsafe_b64decode, urlsafe_b64encode
from datetime import UTC, datetime, timedelta
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from licet_notifier.notifications.links import LIFE, Expired, Forged, Links

NOW = datetime(2027, 6, 1, tzinfo=UTC)
LINKS = Links("https://licet.test", b"k" * 32)
ID = UUID(int=7)


def test_a_link_is_good_for_its_life_and_not_longer():
    url = LINKS.acknowledge_url(ID, NOW)
    assert url.startswith("https://licet.test/links/acknowledge/")
    token = url.rsplit("/", 1)[1]
    assert LINKS.read(token, NOW + LIFE - timedelta(seconds=1)) == ID
    with pytest.raises(Expired):
        LINKS.read(token, NOW + LIFE)
    with pytest.raises(Forged):
        Links("https://licet.test", b"x" * 32).read(token, NOW)
    assert "k" * 32 not in repr(LINKS)
    assert re.fullmatch(r"[A-Za-z0-9_-]+", token)


@given(st.integers(0, 52), st.integers(1, 255))
def test_no_octet_can_be_changed(place, change):
    octets = bytearray(urlsafe_b64decode(LINKS.token(ID, NOW) + "="))
    octets[place] ^= change
    with pytest.raises(Forged):
        LINKS.read(urlsafe_b64encode(octets).rstrip(b"=").decode(), NOW - timedelta(days=1))


@pytest.mark.parametrize(
    "token", ["", "x", "é", "A" * 71, LINKS.token(ID, NOW) + "=", LINKS.token(ID, NOW)[:-2]]
)
def test_what_is_no_link_is_refused(token):
    with pytest.raises(Forged):
        LINKS.read(token, NOW - timedelta(days=1))
