"""Explanations over HTTP: who is told of a credential's step, and by which rule."""

from typing import Annotated

from fastapi import APIRouter, Request
from fastapi.responses import Response

from licet_chassis.database import Transaction
from licet_chassis.http.auth import Principal, requires
from licet_chassis.http.requests import request_cause
from licet_chassis.http.resources import resource
from licet_chassis.http.serving import serving
from licet_notifier.explaining.bodies import ExplainBody, ExplanationView
from licet_notifier.explaining.commands import Explanation, explain_step
from licet_notifier.notifications.model import Deployment

router = APIRouter(prefix="/v1", tags=["policy"])


def deployment_of(request: Request) -> Deployment:
    """Return the deployment's defaults, which the service puts beside its runtime."""
    deployment: Deployment = request.app.state.deployment
    return deployment


@router.post("/policy/explain", response_model=ExplanationView)
async def explain_policy(
    request: Request, body: ExplainBody, principal: Annotated[Principal, requires("notifications:read")]
) -> Response:
    """Say who is told of a step of a credential, by which rule, and with which words; changes nothing.

    A step that is yet to come is decided as if its day had come and nothing had changed until then.
    """
    running = serving(request)

    async def explain(tx: Transaction) -> Explanation:
        return await explain_step(
            tx,
            body.credential_id,
            body.step,
            draft=body.draft.policy() if body.draft else None,
            principal=principal,
            deployment=deployment_of(request),
            now=running.clock.now(),
        )

    return resource(ExplanationView.of(await running.database.run(request_cause(request), explain)))
