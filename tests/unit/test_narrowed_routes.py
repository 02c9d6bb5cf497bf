"""Every route of the services beside credentials says what a narrowed token finds there.

What is said here is tried in the integration tests of each service; a new route has to be added, and tried.
The routes of credentials are all tried in `tests/integration/credentials/test_visibility.py`.
"""

import json
from pathlib import Path

import pytest

DOCUMENTS = Path(__file__).parents[2] / "docs" / "reference" / "openapi"
NOBODY, FILTERED = "is about nobody", "leaves out or hides whom the token does not see"
CLOSED = "changes what all share, so it needs a token that sees everyone"
ROUTES = {
    "certifications": {
        "POST /v1/programmes/{code}/versions/{number}/migrate": CLOSED,
        "GET /v1/enrolments/bulk": FILTERED,
        "POST /v1/enrolments/bulk": FILTERED,
        "POST /v1/enrolments/bulk/csv": FILTERED,
        "GET /v1/enrolments/bulk/{job_id}": FILTERED,
        "POST /v1/enrolments/bulk/{job_id}/cancel": FILTERED,
        "GET /v1/enrolments/bulk/{job_id}/rows": FILTERED,
        "GET /v1/enrolments/{enrolment_id}/certificate": FILTERED,
        "GET /v1/enrolments": FILTERED,
        "GET /v1/enrolments/counts": FILTERED,
        "GET /v1/enrolments/filters": NOBODY,
        "GET /v1/enrolments/filters/{name}": NOBODY,
        "PUT /v1/enrolments/filters/{name}": NOBODY,
        "DELETE /v1/enrolments/filters/{name}": NOBODY,
        "GET /v1/programmes": NOBODY,
        "POST /v1/programmes": CLOSED,
        "GET /v1/programmes/{code}": NOBODY,
        "PATCH /v1/programmes/{code}": CLOSED,
        "GET /v1/programmes/{code}/versions": NOBODY,
        "POST /v1/programmes/{code}/versions": CLOSED,
        "GET /v1/programmes/{code}/versions/{number}": NOBODY,
        "PUT /v1/programmes/{code}/versions/{number}": CLOSED,
        "POST /v1/programmes/{code}/versions/{number}/publish": CLOSED,
        "POST /v1/programmes/{code}/versions/{number}/retire": CLOSED,
        "GET /v1/eligibility/{holder_id}": FILTERED,
        "POST /v1/eligibility/checks": FILTERED,
        "POST /v1/eligibility/candidates": FILTERED,
        "GET /v1/eligibility/matrix": FILTERED,
        "GET /v1/eligibility/{holder_id}/on": FILTERED,
        "GET /v1/audit-schedules": NOBODY,
        "POST /v1/audit-schedules": CLOSED,
        "GET /v1/audit-schedules/{schedule_id}": NOBODY,
        "POST /v1/audit-schedules/{schedule_id}/end": CLOSED,
        "GET /v1/audits": FILTERED,
        "POST /v1/audits": CLOSED,
        "GET /v1/audits/keys": NOBODY,
        "GET /v1/audits/{audit_id}": FILTERED,
        "GET /v1/audits/{audit_id}/items": FILTERED,
        "POST /v1/audits/{audit_id}/attestations": FILTERED,
        "POST /v1/audits/{audit_id}/close": CLOSED,
        "GET /v1/audits/{audit_id}/result": CLOSED,
        "GET /v1/audits/{audit_id}/report": CLOSED,
        "GET /v1/gaps": FILTERED,
        "GET /v1/gaps/holders": FILTERED,
        "GET /v1/training-sessions": NOBODY,
        "GET /v1/training-sessions/{external_id}": NOBODY,
        "PUT /v1/training-sessions/{external_id}": CLOSED,
        "DELETE /v1/training-sessions/{external_id}": CLOSED,
        "GET /v1/training-prices": NOBODY,
        "PUT /v1/training-prices/{programme}/{component}": CLOSED,
        "GET /v1/training-demand": FILTERED,
        "GET /v1/training-demand/costs": FILTERED,
        "GET /v1/training-demand/holders": FILTERED,
        "GET /v1/what-ifs": FILTERED,
        "POST /v1/what-ifs": FILTERED,
        "GET /v1/what-ifs/{what_if_id}": FILTERED,
        "DELETE /v1/what-ifs/{what_if_id}": FILTERED,
        "GET /v1/what-ifs/{what_if_id}/holders": FILTERED,
        "GET /v1/what-ifs/{what_if_id}/shifts": FILTERED,
        "GET /v1/shifts": FILTERED,
        "GET /v1/shifts/{external_id}": FILTERED,
        "PUT /v1/shifts/{external_id}": FILTERED,
        "DELETE /v1/shifts/{external_id}": FILTERED,
        "POST /v1/completions": CLOSED,
        "GET /v1/completions": FILTERED,
        "GET /v1/completions/{completion_id}": FILTERED,
        "GET /xapi/about": NOBODY,
        "POST /xapi/statements": CLOSED,
        "PUT /xapi/statements": CLOSED,
        "GET /xapi/statements": CLOSED,
        "POST /v1/overrides": FILTERED,
        "GET /v1/waivers": FILTERED,
        "POST /v1/waivers": FILTERED,
        "GET /v1/waivers/{waiver_id}": FILTERED,
        "POST /v1/waivers/{waiver_id}/approve": FILTERED,
        "POST /v1/waivers/{waiver_id}/refuse": FILTERED,
        "POST /v1/waivers/{waiver_id}/revoke": FILTERED,
        "GET /v1/requirements": NOBODY,
        "POST /v1/requirements": CLOSED,
        "GET /v1/requirements/{requirement_id}": NOBODY,
        "PATCH /v1/requirements/{requirement_id}": CLOSED,
        "POST /v1/enrolments": FILTERED,
        "GET /v1/enrolments/{enrolment_id}": FILTERED,
        "GET /v1/enrolments/{enrolment_id}/history": FILTERED,
        "GET /v1/enrolments/{enrolment_id}/plan": FILTERED,
        "POST /v1/enrolments/{enrolment_id}/approve": FILTERED,
        "POST /v1/enrolments/{enrolment_id}/deny": FILTERED,
        "POST /v1/enrolments/{enrolment_id}/return": FILTERED,
        "POST /v1/enrolments/{enrolment_id}/inactivate": FILTERED,
        "POST /v1/enrolments/{enrolment_id}/resume": FILTERED,
        "POST /v1/enrolments/{enrolment_id}/not-complete": FILTERED,
        "POST /v1/enrolments/{enrolment_id}/cancel": FILTERED,
        "POST /v1/enrolments/{enrolment_id}/components/{component}/approve": FILTERED,
        "POST /v1/enrolments/{enrolment_id}/components/{component}/return": FILTERED,
        "GET /v1/worklist": FILTERED,
        "POST /v1/worklist/decisions": FILTERED,
    },
    "scheduler": {
        "GET /v1/timers": FILTERED,
        "GET /v1/schedules": NOBODY,
        "PUT /v1/schedules/{name}": CLOSED,
        "DELETE /v1/schedules/{name}": CLOSED,
    },
    "notifier": {
        "GET /v1/acknowledgements": FILTERED,
        "GET /v1/forecast": FILTERED,
        "GET /v1/forecast/days": FILTERED,
        "GET /v1/restraint": NOBODY,
        "PUT /v1/restraint": CLOSED,
        "GET /v1/stop": NOBODY,
        "POST /v1/stop": CLOSED,
        "POST /v1/resume": CLOSED,
        "GET /v1/templates": NOBODY,
        "GET /v1/templates/{event}": NOBODY,
        "PUT /v1/templates/{event}": CLOSED,
        "GET /v1/templates/{event}/versions": NOBODY,
        "GET /v1/templates/{event}/versions/{version}": NOBODY,
        "GET /v1/templates/{event}/comparison": NOBODY,
        "POST /v1/templates/{event}/restore": CLOSED,
        "POST /v1/templates/{event}/preview": FILTERED,
        "POST /v1/templates/{event}/test": CLOSED,
        "GET /v1/policy": CLOSED,
        "PUT /v1/policy": CLOSED,
        "GET /v1/policy/versions": CLOSED,
        "GET /v1/policy/versions/{version}": CLOSED,
        "GET /v1/policy/comparison": CLOSED,
        "POST /v1/policy/restore": CLOSED,
        "POST /v1/policy/explain": FILTERED,
        "GET /v1/notifications": FILTERED,
        "GET /v1/shift-digests": FILTERED,
        "GET /v1/notifications/{notification_id}": FILTERED,
        "POST /v1/notifications/resend": FILTERED,
        "POST /v1/notifications/{notification_id}/resend": FILTERED,
    },
}


@pytest.mark.parametrize("service", ROUTES)
def test_every_route_says_what_a_narrowed_token_finds(service: str) -> None:
    document = json.loads((DOCUMENTS / f"{service}.json").read_text(encoding="utf-8"))
    routes = {
        f"{method.upper()} {path}"
        for path, operations in document["paths"].items()
        for method, operation in operations.items()
        # Those that every service has are closed to narrowed tokens, or open to all; the chassis tries that.
        if not {"operations", "schemas"} & set(operation["tags"])
    }
    assert routes == ROUTES[service].keys()
