"""Durations as people type them."""

from datetime import timedelta

import pytest

from licet_cli.durations import parse_duration


@pytest.mark.parametrize(
    ("text", "length"),
    [
        ("90s", timedelta(seconds=90)),
        ("15m", timedelta(minutes=15)),
        ("12h", timedelta(hours=12)),
        ("30d", timedelta(days=30)),
    ],
)
def test_a_number_and_a_unit_are_a_duration(text, length):
    assert parse_duration(text) == length


@pytest.mark.parametrize("text", ["", "30", "d", "-1d", "1.5h", "1w", "1d2h", "٣d"])
def test_an_invalid_duration_is_refused_with_examples(text):
    with pytest.raises(ValueError, match="such as 30d"):
        parse_duration(text)
