"""Gaps between terms are shown, and a renewal says which rule gave which date."""

from typing import Any

import pytest

from .conftest import made


async def test_a_lapse_is_shown_in_the_answer_the_credential_and_its_terms(http, service, credential):
    assert credential["lapses"] == []
    renewed = await made(
        http, f"credentials/{credential['id']}/renewals", valid_from="2026-09-01", expires_on="2026-12-31"
    )
    assert renewed["renewal"]["lapse_days"] == 62
    assert renewed["lapses"] == [{"first_day": "2026-07-01", "last_day": "2026-08-31", "days": 62}]
    terms = (await http.get(f"/v1/credentials/{credential['id']}/terms")).json()["items"]
    assert [term["lapse_days"] for term in terms] == [0, 62]
    # A correction that closes the gap ends the lapse; what was believed before has none to show.
    await made(
        http, f"credentials/{credential['id']}/corrections", reason="misread", expires_on="2026-08-31",
        term_id=credential["term"]["id"],
    )  # fmt: skip
    terms = (await http.get(f"/v1/credentials/{credential['id']}/terms")).json()["items"]
    assert [term["lapse_days"] for term in terms] == [None, 0, 0]


async def test_terms_that_touch_or_overlap_leave_no_lapse(http, credential):
    renewed = await made(http, f"credentials/{credential['id']}/renewals")
    assert (renewed["renewal"]["lapse_days"], renewed["lapses"]) == (0, [])


FROM_EXPIRY = ("2026-07-01", "day_after_expiry", "2027-06-30", "from_expiry")
FROM_COMPLETION = ("2026-03-01", "completed_on", "2027-03-01", "from_completion")


@pytest.mark.parametrize(
    ("days", "asked", "dates"),
    [
        (0, {}, FROM_EXPIRY),
        (0, {"mode": "from_expiry"}, FROM_EXPIRY),
        (0, {"mode": "from_completion"}, FROM_COMPLETION),
        (0, {"mode": "from_completion", "completed_on": "2026-02-10"},
         ("2026-02-10", "completed_on", "2027-02-10", "from_completion")),
        (0, {"mode": "fixed_date"}, ("2026-07-01", "day_after_expiry", "2027-01-31", "fixed_date")),
        (0, {"expires_on": "2028-02-29"}, ("2026-07-01", "day_after_expiry", "2028-02-29", "explicit")),
        (0, {"expires_on": "2028-02-29", "valid_from": "2026-05-01", "mode": "fixed_date"},
         ("2026-05-01", "explicit", "2028-02-29", "explicit")),
        (150, {}, ("2026-07-29", "completed_on", "2027-07-29", "from_completion")),
        (150, {"mode": "from_expiry"}, FROM_EXPIRY),
        (150, {"expires_on": "2027-12-31"}, ("2026-07-29", "completed_on", "2027-12-31", "explicit")),
    ],
)  # fmt: skip
async def test_the_answer_says_which_rule_gave_which_date(http, service, ana, days, asked, dates):
    await made(
        http, "credential-types", code="licence", name="Licence", category="license",
        validity={"months": 12}, fixed_date={"month": 1, "day": 31, "at_least_months": 3},
    )  # fmt: skip
    credential = await made(
        http, "credentials", holder_id=ana["id"], type="licence", valid_from="2026-01-01",
        expires_on="2026-06-30",
    )  # fmt: skip
    service.clock.advance(days=days)
    renewed = await made(http, f"credentials/{credential['id']}/renewals", **asked)
    said: dict[str, Any] = renewed["renewal"]
    assert (
        said["valid_from"], said["valid_from_rule"], said["expires_on"], said["expires_on_rule"],
    ) == dates  # fmt: skip


async def test_before_its_window_a_renewal_is_forced_with_a_reason_or_refused(http, service, ana):
    await made(
        http, "credential-types", code="licence", name="Licence", category="license",
        validity={"months": 12}, renewal_window_days=90,
    )  # fmt: skip
    credential = await made(
        http, "credentials", holder_id=ana["id"], type="licence", valid_from="2026-01-01",
        expires_on="2026-06-30",
    )  # fmt: skip
    path = f"/v1/credentials/{credential['id']}/renewals"
    early = await http.post(path, json={})
    assert (early.status_code, "window opens on 2026-04-01" in early.json()["detail"]) == (409, True)
    silent = await http.post(path, json={"force": True})
    assert (silent.status_code, "needs a reason" in silent.json()["detail"]) == (422, True)
    forced = await http.post(path, json={"force": True, "reason": "issuer_closes"})
    assert forced.status_code == 201
    history = (await http.get(f"/v1/credentials/{credential['id']}/history")).json()["items"]
    assert history[-1]["event_type"] == "licet.credential.renewed.v1"
    assert (history[-1]["reason"] or history[-1]["note"]) == "issuer_closes"
