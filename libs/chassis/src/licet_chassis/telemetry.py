"""Logs: one line per event on stderr, with trace and correlation ids, without secrets and addresses."""

import logging
import re
import sys
from collections.abc import Mapping, MutableMapping
from functools import lru_cache
from typing import Any
from urllib.parse import urlsplit

import structlog
from structlog.typing import Processor

from licet_chassis.cause import Cause, trace_id

_SECRET_KEY = re.compile(
    r"passw|secret|token|authorization|cookie|api_?key|private_?key|credentials?_json|signature|dsn",
    re.IGNORECASE,
)
_PERSONAL_KEYS = frozenset(
    {"email", "phone", "mail", "recipient", "to", "to_address", "from_address", "address", "fallback_email"}
    | {"holder_name", "full_name", "number", "licence_number", "birth_date", "born"}
)
_URL_PASSWORD = re.compile(r"(?P<scheme>[a-z][a-z0-9+.-]*://)[^/\s@:]*:[^/\s@]*@", re.IGNORECASE)
_E_MAIL = re.compile(r"[\w.!#$%&'*+/=?^`{|}~-]+@[\w-]+(?:\.[\w-]+)*")
_JWT = re.compile(r"eyJ[\w-]+\.[\w-]+\.[\w-]*")

REDACTED = "[redacted]"
PERSONAL = "[personal]"


def configure_logging(*, service: str, level: str = "info", log_format: str = "json") -> None:
    """Send every log of this process, ours and the libraries', to stderr as one line each.

    `log_format` is `json`, or `plain` for a person at a terminal. To be called once, early.
    """
    shared: list[Processor] = [
        structlog.contextvars.merge_contextvars,
        structlog.stdlib.add_log_level,
        structlog.stdlib.add_logger_name,
        structlog.processors.TimeStamper(fmt="iso", utc=True, key="at"),
        _named(service),
    ]
    renderer: Processor
    if log_format == "plain":
        renderer = structlog.dev.ConsoleRenderer(colors=sys.stderr.isatty())
    else:
        renderer = structlog.processors.JSONRenderer(default=str)
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=shared,
            processors=[
                structlog.stdlib.ProcessorFormatter.remove_processors_meta,
                structlog.processors.format_exc_info,
                redact,
                renderer,
            ],
        )
    )
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(level.upper())
    # No line of ours names them, so they need not be computed.
    logging.logThreads = logging.logProcesses = logging.logMultiprocessing = False
    # These bring handlers or levels of their own; what they say goes the same way as everything else.
    for name, floor in _LIBRARIES.items():
        logger = logging.getLogger(name)
        logger.handlers.clear()
        logger.propagate = True
        logger.setLevel(max(floor, root.level))
    structlog.configure(
        processors=[
            structlog.stdlib.filter_by_level,
            *shared,
            structlog.stdlib.ProcessorFormatter.wrap_for_formatter,
        ],
        wrapper_class=structlog.stdlib.BoundLogger,
        logger_factory=structlog.stdlib.LoggerFactory(),
    )


_LIBRARIES = {
    "uvicorn": logging.INFO,
    "uvicorn.error": logging.INFO,
    "uvicorn.access": logging.WARNING,  # the chassis writes a line of its own for each request
    # While a broker is away it repeats itself dozens of times a second; what matters of it the chassis logs.
    "aiokafka": logging.CRITICAL,
    "faststream": logging.INFO,
    "httpx": logging.WARNING,
    "httpcore": logging.WARNING,
    "asyncio": logging.WARNING,
    "alembic": logging.INFO,
    "alembic.runtime.plugins": logging.WARNING,
}


def bind_trace(cause: Cause) -> None:
    """Put the correlation and trace ids of `cause` on every log line of this task from here on."""
    structlog.contextvars.bind_contextvars(
        correlation_id=cause.correlation_id, trace_id=trace_id(cause.traceparent)
    )


def redact(_logger: Any, _method: str, event: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
    """Take secrets and personal data out of a log event; a structlog processor.

    Values under a key that names a secret go whole, those under a key that names an address or a
    number of a person too. In all other text, at any depth, e-mail addresses, bearer tokens and
    passwords in URLs are replaced.
    """
    for key, value in event.items():
        event[key] = _clean(key, value)
    return event


def _clean(key: str, value: Any) -> Any:
    if value is None or isinstance(value, bool | int | float):
        return value
    instead = _shown_instead(key)
    if instead is not None:
        return instead
    if isinstance(value, str):
        return clean_text(value)
    if isinstance(value, Mapping):
        return {str(inner): _clean(str(inner), item) for inner, item in value.items()}
    if isinstance(value, list | tuple | set | frozenset):
        return [_clean("", item) for item in value]
    return f"<{len(value)} bytes>" if isinstance(value, bytes) else clean_text(str(value))


@lru_cache(maxsize=1_000)
def _shown_instead(key: str) -> str | None:
    if _SECRET_KEY.search(key):
        return REDACTED
    return PERSONAL if key.lower() in _PERSONAL_KEYS else None


def without_secrets(url: str) -> str:
    """Return the host, the port and the path of a URL: nothing of who connects, and no parameters."""
    parts = urlsplit(url)
    return f"{parts.netloc.rpartition('@')[2]}{parts.path}"


def clean_text(text: str) -> str:
    """Return `text` without e-mail addresses, bearer tokens and passwords in URLs."""
    if "://" in text:
        text = _URL_PASSWORD.sub(rf"\g<scheme>{REDACTED}@", text)
    if "@" in text:
        text = _E_MAIL.sub(PERSONAL, text)
    if "eyJ" in text:
        text = _JWT.sub(REDACTED, text)
    return text


def _named(service: str) -> Processor:
    def add(_logger: Any, _method: str, event: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
        event["service"] = service
        return event

    return add
