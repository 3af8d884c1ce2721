"""`GET /live` and `GET /ready` for whoever restarts and watches processes, such as a kubelet.

On the process's own event loop, so that one which no longer turns leaves the probe without an
answer. The answers are sentences about the process: no data, no settings, nothing to be called.
"""

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager

from aiohttp import web

from stream_app.config import Settings, SettingsError
from stream_app.health import Health

__all__ = ["probes"]

# A probe that is being answered does not hold up the end of the process.
SHUTDOWN_S = 1.0


@asynccontextmanager
async def probes(settings: Settings, health: Health) -> AsyncIterator[None]:
    """Answer for as long as the block lasts; without `STREAM_APP_HEALTH_PORT` no port is opened.

    Raises:
        SettingsError: If the port can't be had.
    """
    if settings.health_port is None:
        yield
        return
    app = web.Application()
    app.router.add_get("/live", _answering("live", health.not_alive))
    app.router.add_get("/ready", _answering("ready", health.not_ready))
    runner = web.AppRunner(app, access_log=None, shutdown_timeout=SHUTDOWN_S)
    await runner.setup()
    try:
        await _listen(runner, settings.health_host or None, settings.health_port)
        yield
    finally:
        await runner.cleanup()


async def _listen(runner: web.AppRunner, host: str | None, port: int) -> None:
    try:
        await web.TCPSite(runner, host, port).start()
    except OSError as error:
        raise SettingsError(
            f"STREAM_APP_HEALTH_PORT {port} can't be had ({error.strerror}): give each process of "
            f"a machine a port of its own"
        ) from error


def _answering(
    question: str, speaks_against: Callable[[], list[str]]
) -> Callable[[web.Request], Awaitable[web.Response]]:
    async def answer(_request: web.Request) -> web.Response:
        reasons = speaks_against()
        body = {question: not reasons, "missing": reasons}
        return web.json_response(body, status=503 if reasons else 200)

    return answer
