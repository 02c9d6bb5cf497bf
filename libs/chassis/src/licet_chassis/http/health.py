"""Health and metrics: `/livez`, `/readyz`, `/metrics`, also on a port of their own."""

from collections.abc import Awaitable, Callable

from prometheus_client import CONTENT_TYPE_LATEST, generate_latest
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

Ready = Callable[[], Awaitable[list[str]]]
Alive = Callable[[], list[str]]


def health_routes(ready: Ready, alive: Alive) -> list[Route]:
    """Return the routes, for GET and HEAD; see `http_app` for what the two functions say."""

    async def livez(_request: Request) -> Response:
        return _state("stuck", alive())

    async def readyz(_request: Request) -> Response:
        return _state("missing", await ready())

    async def metrics(_request: Request) -> Response:
        return Response(generate_latest(), media_type=CONTENT_TYPE_LATEST)

    return [Route("/livez", livez), Route("/readyz", readyz), Route("/metrics", metrics)]


def health_app(ready: Ready, alive: Alive) -> Starlette:
    """Return an application with nothing but these routes: it answers however busy the other port is."""
    return Starlette(routes=health_routes(ready, alive))


def _state(word: str, reasons: list[str]) -> Response:
    return JSONResponse({"status": word if reasons else "ok", word: reasons}, 503 if reasons else 200)
