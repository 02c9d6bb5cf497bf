"""The notifier, put together."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import datetime
from uuid import UUID

from fastapi import FastAPI

from licet_chassis.application import create_service_app
from licet_chassis.connection import Connection
from licet_chassis.database import Transaction
from licet_chassis.service import Composition, Runtime, Service
from licet_notifier.bounces import store as bounces
from licet_notifier.bounces.routes import router as bounces_router
from licet_notifier.consumers import notifier_consumer
from licet_notifier.digests.commands import begin_digests
from licet_notifier.enrolment_mails.commands import begin_enrolment_mails
from licet_notifier.enrolment_mails.resuming import resume_enrolment_mails
from licet_notifier.explaining.routes import router as explaining_router
from licet_notifier.forecast.routes import router as forecast_router
from licet_notifier.links.routes import router as links_router
from licet_notifier.links.store import forget_holder as forget_acknowledgements
from licet_notifier.mail.message import Skeleton
from licet_notifier.mail.server import SmtpServer, authorities
from licet_notifier.mail.transport import MailTransport, TransportLimits
from licet_notifier.notifications import beginning, commands, routes, store
from licet_notifier.notifications.delivery import Delivery, Post
from licet_notifier.notifications.links import Links
from licet_notifier.notifications.model import Deployment
from licet_notifier.notifications.resuming import resume_mails, resuming_loop
from licet_notifier.notifications.retry import RetryPolicy
from licet_notifier.policy.routes import router as policy_router
from licet_notifier.resending.routes import router as resending_router
from licet_notifier.restraint.routes import router as restraint_router
from licet_notifier.settings import NotifierSettings
from licet_notifier.shift_digests import store as shift_digests
from licet_notifier.shift_digests.delivery import DigestDelivery
from licet_notifier.shift_digests.routes import router as shift_digests_router
from licet_notifier.templates.routes import router as templates_router

NAME = "notifier"
_GRACE = 15.0
"""Seconds that mails under way have to finish when the process stops."""


def create_service(settings: NotifierSettings) -> Service:
    """Return the service as it is declared."""

    @asynccontextmanager
    async def compose(runtime: Runtime) -> AsyncIterator[Composition]:
        deployment = Deployment(
            settings.default_time_zone, settings.mail_fallback, settings.default_language, _links(settings)
        )
        server = SmtpServer.of_url(settings.smtp_url.get_secret_value())
        async with MailTransport.open(
            server, _limits(settings), ehlo_name=settings.smtp_ehlo_name,
            tls_context=None if settings.smtp_ca_file is None else authorities(settings.smtp_ca_file),
        ) as transport:  # fmt: skip
            post = Post(transport, _skeleton(settings), deployment, RetryPolicy())
            delivery = Delivery(
                runtime.database, runtime.clock, post, actor=f"service:{NAME}",
                kinds=(beginning.begin_mails, begin_enrolment_mails, begin_digests),
            )  # fmt: skip
            digests = DigestDelivery(runtime.database, runtime.clock, post, actor=f"service:{NAME}")
            try:
                yield Composition(
                    consumers=(notifier_consumer(deployment),),
                    loops=(
                        *delivery.loops,
                        resuming_loop(
                            runtime.database,
                            runtime.clock,
                            deployment,
                            actor=f"service:{NAME}",
                            kinds=(resume_mails, resume_enrolment_mails),
                        ),
                        digests.loop,
                    ),
                    pending={"mails": store.count_leaving, "shift_digests": shift_digests.count_leaving},
                    next_due=_next_due,
                    state={"post": post},
                    troubles=(transport.trouble.describe,),
                )
            finally:
                await delivery.drain(_GRACE)

    return Service(
        name=NAME,
        package="licet_notifier",
        settings=settings,
        routers=(
            routes.router,
            resending_router,
            restraint_router,
            shift_digests_router,
            templates_router,
            policy_router,
            explaining_router,
            forecast_router,
            links_router,
            bounces_router,
        ),
        compose=compose,
        erase=_forget_holder,
    )


def create_app(settings: NotifierSettings) -> FastAPI:
    """Return the notifier as an ASGI application."""
    return create_service_app(create_service(settings))


async def _forget_holder(tx: Transaction, holder_id: UUID, now: datetime) -> None:
    await bounces.forget_holder(tx.conn, holder_id)
    await shift_digests.forget_holder(tx.conn, holder_id)
    await forget_acknowledgements(tx.conn, holder_id)
    await commands.forget_holder(tx, holder_id, now)


async def _next_due(conn: Connection, now: datetime) -> datetime | None:
    instants = [await store.next_leaving(conn, now), await shift_digests.next_due(conn, now)]
    return min((instant for instant in instants if instant is not None), default=None)


def _links(settings: NotifierSettings) -> Links | None:
    if settings.links_url is None or settings.links_key is None:
        return None
    return Links(settings.links_url, settings.links_key.get_secret_value().encode())


def _limits(settings: NotifierSettings) -> TransportLimits:
    return TransportLimits(
        connections=settings.smtp_connections,
        mails_per_connection=settings.smtp_mails_per_connection,
        connect_timeout=settings.smtp_connect_timeout,
        command_timeout=settings.smtp_command_timeout,
        final_timeout=settings.smtp_final_timeout,
    )


def _skeleton(settings: NotifierSettings) -> Skeleton:
    return Skeleton(
        sender=settings.mail_from,
        sender_name=settings.mail_from_name,
        reply_to=settings.mail_reply_to,
        return_path=settings.mail_return_path,
    )
