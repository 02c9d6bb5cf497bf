"""What `licet forecast` shows."""

from typing import Any

from licet_cli.commands.forecast import text_of

DAY = {"day": "2027-06-01", "recipient": None, "team": None, "mails": 2, "lines": 3, "recipients": 2}
ITEM: dict[str, Any] = {
    "day": "2027-06-01", "recipient": "ada@example.org", "type": "forklift", "holder_name": "Ada Beispiel",
    "event": "credential.expiring", "step": 30, "digest": False,
}  # fmt: skip


def test_a_forecast_shows_counts_of_days_and_lines():
    text = text_of([DAY], [ITEM, ITEM | {"event": "credential.expired", "step": None, "digest": True}])
    assert "Tue 2027-06-01  2      3      2" in text
    assert "2 mails tell 3 things." in text
    assert "ada@example.org  forklift  Ada Beispiel  credential.expiring 30\n" in text
    assert text.endswith("credential.expired, in a digest")


def test_an_empty_forecast_says_so():
    assert text_of([], []) == "No reminder will be sent."
