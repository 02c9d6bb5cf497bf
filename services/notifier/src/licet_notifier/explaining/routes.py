"""Explanations over HTTP: who is told of a credential's step, by which rule, and in which words."""

import asyncio
from typing import Annotated

from fastapi import APIRouter, Request
from fastapi.responses import Response

from licet_chassis.database import Transaction
from licet_chassis.errors import Invalid
from licet_chassis.http.auth import Principal, requires
from licet_chassis.http.problems import Unavailable
from licet_chassis.http.requests import request_cause
from licet_chassis.http.resources import resource
from licet_chassis.http.serving import serving
from licet_events.ids import uuid7
from licet_notifier.explaining.bodies import (
    ExplainBody,
    ExplanationView,
    PreviewBody,
    PreviewView,
    TestBody,
    TestView,
)
from licet_notifier.explaining.commands import Explanation, explain_step
from licet_notifier.explaining.previewing import Asked, Preview, preview
from licet_notifier.mail.address import usable_address
from licet_notifier.mail.message import Envelope
from licet_notifier.notifications.delivery import Post
from licet_notifier.templates.commands import require_event
from licet_notifier.templates.routes import refuse_bad

router = APIRouter(prefix="/v1", tags=["policy"])


Writer = Annotated[Principal, requires("notifications:write", everyone=True)]


def post_of(request: Request) -> Post:
    """Return what mails are made of and go through, which the service puts beside its runtime."""
    post: Post = request.app.state.post
    return post


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
            deployment=post_of(request).deployment,
            now=running.clock.now(),
        )

    return resource(ExplanationView.of(await running.database.run(request_cause(request), explain)))


@router.post("/templates/{event}/preview", response_model=PreviewView)
async def preview_template(
    request: Request,
    event: str,
    body: PreviewBody,
    principal: Annotated[Principal, requires("notifications:read")],
) -> Response:
    """Render the mail that a recipient would get about a credential, and say which variant it is and why.

    Without `credential_id` it is about a made-up one, and mails about enrolments and shifts always are.
    """
    return resource(PreviewView.of_all(await _previews(request, event, body, principal)))


@router.post("/templates/{event}/test", response_model=TestView)
async def test_template(request: Request, event: str, body: TestBody, principal: Writer) -> Response:
    """Send the previewed mail to its author: the address of the token, or the one in `to`."""
    to = usable_address(body.to or principal.email)
    if to is None:
        raise Invalid("The token has no claim email; say in `to` where the test goes.", pointer="/to")
    post = post_of(request)
    first = (await _previews(request, event, body, principal))[0]
    test_id, now = uuid7(), serving(request).clock.now()
    envelope = Envelope(test_id, test_id, to, None, now, str(test_id), None)
    message = post.skeleton.message(envelope, first.content)
    try:
        async with asyncio.timeout(_LONGEST_TEST):
            attempt = await post.transport.send(post.skeleton.sender, to, message)
    except TimeoutError:
        raise Unavailable(f"The mail server has not answered within {_LONGEST_TEST} s.") from None
    return resource(
        TestView(
            to=to,
            outcome=attempt.result,
            smtp_status=attempt.smtp_status,
            answer=None if attempt.answer is None else str(attempt.answer),
            variant=first.letter.variant.conditions.label,
            subject=first.content.subject,
        )
    )


_LONGEST_TEST = 25
"""Seconds; proxies give up after thirty."""


async def _previews(request: Request, event: str, body: PreviewBody, principal: Principal) -> list[Preview]:
    require_event(event)
    deployment, running = post_of(request).deployment, serving(request)
    draft = None if body.variants is None else [each.variant() for each in body.variants]
    if draft is not None:
        await refuse_bad(event, draft, deployment.language)
    asked = Asked(
        event, body.credential_id, body.recipient, body.language, body.step, draft, body.every_variant
    )

    async def render(tx: Transaction) -> list[Preview]:
        return await preview(tx, asked, principal=principal, deployment=deployment, now=running.clock.now())

    return await running.database.run(request_cause(request), render)
