"""Who may do which work from when until when: intervals, the same whatever the order of entry."""

from datetime import UTC, date, datetime
from typing import Any

import pytest

from licet_events import Topic


@pytest.fixture(scope="module")
def year(world) -> int:
    """A year that has not begun."""
    return int(world.now.year) + 2


@pytest.fixture
def half_years(world, tag, year, tmp_path):
    """Return a function that records 1 Jan - 30 Jun and 1 Sep - 31 Dec for a new holder, and returns both."""
    first = {"valid_from": f"{year}-01-01", "expires_on": f"{year}-06-30"}
    second = {"valid_from": f"{year}-09-01", "expires_on": f"{year}-12-31"}

    def record(order: str) -> Any:
        world.type(f"half-{tag}")
        world.requirement(f"role:half-{tag}", f"half-{tag}", effective_from=f"{year}-02-01", time_zone="UTC")
        if order == "rows, second first":
            return _imported(world, tmp_path, tag, [second, first])
        holder = world.holder("Ida Half", roles=[f"half-{tag}"])
        if order == "credentials, second first":
            world.credential(holder, f"half-{tag}", number="2", **second)
            world.credential(holder, f"half-{tag}", number="1", **first)
        elif order == "terms, second first":
            credential = world.credential(holder, f"half-{tag}", number="1", **second)
            world.act(credential, "terms", reason="late_paper", **first)
        else:
            credential = world.credential(holder, f"half-{tag}", number="1", **first)
            world.act(credential, "renewals", **second)
        return holder

    return record


MAPPING = """
date_formats = ["%Y-%m-%d"]
[holder]
kind = "employee"
external_id = {{ column = "who" }}
name = {{ column = "who" }}
time_zone = "UTC"
[type]
code = {{ constant = "half-{tag}" }}
name = {{ constant = "Half a year" }}
category = "license"
[credential]
number = {{ constant = "1" }}
time_zone = "UTC"
[term]
key = {{ column = "key" }}
valid_from = {{ column = "from" }}
expires_on = {{ column = "to" }}
"""


def _imported(world, directory, tag: str, terms: list[dict[str, str]]) -> Any:
    """Bring in the terms of one credential with a file."""
    mapping, file = directory / "mapping.toml", directory / "terms.csv"
    mapping.write_text(MAPPING.format(tag=tag))
    rows = [f"ida-{tag},{term['valid_from']},{term['valid_from']},{term['expires_on']}" for term in terms]
    file.write_text("\n".join(["who,key,from,to", *rows, ""]))
    world.run.cli("import", str(file), "--mapping", str(mapping), cwd=directory).good()
    (holder,) = world.target.service("credentials").items("/v1/holders", q=f"ida-{tag}")
    body = {"roles": [f"half-{tag}"]}
    return world.target.service("credentials").patch(f"/v1/holders/{holder['id']}", body, holder["version"])


@pytest.mark.parametrize(
    "order", ["in order", "rows, second first", "credentials, second first", "terms, second first"]
)
def test_two_half_years_are_five_intervals_in_whatever_order_they_are_recorded(
    world, tag, year, half_years, order
):
    holder = half_years(order)
    world.quiet()
    timeline = world.timeline(holder, f"role:half-{tag}")
    said = [(one["verdict"], {reason["code"] for reason in one["reasons"]}) for one in timeline]
    assert said == [
        ("eligible", {"no_requirement"}),
        ("eligible", {"valid"}),
        ("ineligible", {"expired"}),
        ("eligible", {"valid"}),
        ("ineligible", {"expired"}),
    ]
    changes = [datetime(year, month, 1, tzinfo=UTC) for month in (2, 7, 9)] + [
        datetime(year + 1, 1, 1, tzinfo=UTC)
    ]
    assert [_instant(one["start"]) for one in timeline] == [None, *changes]
    assert [_instant(one["end"]) for one in timeline] == [*changes, None]
    name, data = world.told(holder, Topic.ELIGIBILITY)[-1]
    assert name == "eligibility.changed"
    assert data["eligibility"]["intervals"] == timeline


def test_a_shift_has_the_worst_status_within_it(world, tag, year, half_years):
    holder = half_years("in order")
    world.quiet()
    days = [(date(year, 3, 1), date(year, 3, 2)), (date(year, 6, 30), date(year, 7, 2))]
    checks = [
        {
            "holder_id": holder["id"],
            "target": f"role:half-{tag}",
            "start": f"{start}T00:00:00Z",
            "end": f"{end}T00:00:00Z",
        }
        for start, end in days
    ]
    answer = world.target.service("certifications").post("/v1/eligibility/checks", {"checks": checks})
    assert [one["verdict"] for one in answer["checks"]] == ["eligible", "ineligible"]
    assert answer["checks"][1]["reasons"][0]["code"] == "expired"


def _instant(text: str | None) -> datetime | None:
    return None if text is None else datetime.fromisoformat(text)
