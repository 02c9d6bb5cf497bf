"""The HTTP server that the services run on, on a port of its own."""

import asyncio
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import uvicorn

from licet_chassis.http.protocol import HttpProtocol


@asynccontextmanager
async def served(app: Any, protocol: Any = HttpProtocol) -> AsyncIterator[str]:
    """Serve an application and yield its URL."""
    config = uvicorn.Config(app, http=protocol, ws="none", log_config=None, timeout_graceful_shutdown=5)
    with socket.create_server(("127.0.0.1", 0)) as listening:
        server = uvicorn.Server(config)
        running = asyncio.create_task(server.serve([listening]))
        yield f"http://127.0.0.1:{listening.getsockname()[1]}"
        server.should_exit = True
        await running
