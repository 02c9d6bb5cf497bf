"""Headers come out of the outbox as they went in."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from licet_chassis.outbox.headers import pack_headers, unpack_headers

TEXT = st.text(st.characters(blacklist_characters="\0", blacklist_categories=["Cs"]), max_size=30)


@given(st.lists(st.tuples(TEXT.filter(bool), TEXT.map(str.encode)), max_size=20))
def test_what_is_packed_comes_out_the_same(headers):
    assert unpack_headers(pack_headers(headers)) == headers


@pytest.mark.parametrize("pair", [("a\0", b"x"), ("a", b"x\0y")])
def test_a_nul_character_is_refused(pair):
    with pytest.raises(ValueError, match="NUL"):
        pack_headers([("ce_id", b"1"), pair])


def test_a_header_without_a_name_is_refused():
    with pytest.raises(ValueError, match="no name"):
        pack_headers([("ce_id", b"1"), ("", b"x")])
