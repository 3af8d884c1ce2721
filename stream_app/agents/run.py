"""Run one agent in this process until a signal, or until something it needs is gone."""

import asyncio
import logging
from collections.abc import AsyncIterator, Callable, Coroutine
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from typing import Any

import faust
from faust.types import StreamT

from stream_app.agents import ingest, profile, publish
from stream_app.agents.app import build_app
from stream_app.agents.outbox import Outbox, end_uncommitted
from stream_app.agents.stage import Stage, process
from stream_app.config import Settings
from stream_app.deadline import EXIT_STUCK, end_after
from stream_app.health import STOPPING, UNASSIGNED, Health, unread
from stream_app.kafka.compacted import CompactedView
from stream_app.kafka.topics import require_topics
from stream_app.probes import probes
from stream_app.stop_signal import on_stop_signal

__all__ = ["AGENTS", "EXIT_STUCK", "run_agent"]

AGENTS: dict[str, Callable[[Settings], Stage[Any]]] = {
    "ingest": ingest.build,
    "profile": profile.build,
    "publish": publish.build,
}

logger = logging.getLogger(__name__)


def run_agent(name: str, settings: Settings) -> None:
    """Run the agent until SIGTERM or SIGINT, the second of which ends it at once.

    Blocks; for the main thread only.

    A process that is still there `settings.drain_s` seconds after the signal is ended: faust can
    ignore a stop for minutes. What was not committed by then is read again. The process also
    ends, with an exit code, when faust or a view ends by itself.

    Raises:
        MissingTopicsError: If the topics were not created.
        KafkaError: If the broker can't be reached at start.
    """
    try:
        asyncio.run(_run(name, settings))
    finally:
        # After an error too, a thread may be left that keeps the process.
        end_after(settings.drain_s)


async def _run(name: str, settings: Settings) -> None:
    stage = AGENTS[name](settings)
    health = Health([*[unread(view.topic) for view in stage.views], UNASSIGNED])
    async with probes(settings, health):
        serving = asyncio.create_task(_serve(stage, settings, health))

        def stop() -> None:
            health.lacks(STOPPING)
            serving.cancel()

        on_stop_signal(stop, within_s=settings.drain_s)
        with suppress(asyncio.CancelledError):
            await serving
    logger.info("agent stopped", extra={"agent": name})


async def _serve(stage: Stage[Any], settings: Settings, health: Health) -> None:
    await require_topics(settings)
    async with AsyncExitStack() as running:
        running.callback(stage.close)
        needed = {
            await running.enter_async_context(_followed(view, health)) for view in stage.views
        }
        needed.add(await running.enter_async_context(_consuming(stage, settings, health)))
        logger.info("agent running", extra={"agent": stage.name})
        ended, _ = await asyncio.wait(needed, return_when=asyncio.FIRST_COMPLETED)
        # A record may be waiting for what has just ended: no orderly stop would come to its end.
        for task in ended:
            end_uncommitted(task.exception() or RuntimeError(f"{task.get_name()} ended by itself"))


@asynccontextmanager
async def _followed(view: CompactedView, health: Health) -> AsyncIterator[asyncio.Task[None]]:
    """Read the view to its present end, then follow it."""
    async with AsyncExitStack() as cleanup:
        cleanup.push_async_callback(view.stop)
        await view.start()
        health.has(unread(view.topic))
        following = asyncio.create_task(view.run(), name=f"view of {view.topic}")
        cleanup.callback(following.cancel)
        yield following


@asynccontextmanager
async def _consuming(
    stage: Stage[Any], settings: Settings, health: Health
) -> AsyncIterator[asyncio.Task[None]]:
    """Let faust read the source topic; what ends first is faust."""
    app = build_app(settings, stage.name)
    _attach(app, stage, health)
    _tell_assignments(app, health)
    async with AsyncExitStack() as cleanup:
        # Also where the start is cancelled half-way: its threads would keep the process.
        cleanup.push_async_callback(app.stop)
        await app.start()
        ended = asyncio.create_task(_crashed(app), name=f"faust app {app.conf.id}")
        cleanup.callback(ended.cancel)
        yield ended


async def _crashed(app: faust.App) -> None:
    await app.wait_until_stopped()
    raise app.crash_reason or RuntimeError("faust stopped by itself")


def _tell_assignments(app: faust.App, health: Health) -> None:
    """Tell of each rebalance. None of the partitions is an assignment too: that of a spare."""

    @app.on_partitions_revoked.connect
    def revoked(*_: object, **__: object) -> None:
        health.lacks(UNASSIGNED)

    @app.on_partitions_assigned.connect
    def assigned(*_: object, **__: object) -> None:
        health.has(UNASSIGNED)


def _attach(app: faust.App, stage: Stage[Any], health: Health) -> None:
    outbox = Outbox(app)
    source = app.topic(stage.source.name, key_type=bytes, value_type=bytes, allow_empty=True)

    @app.agent(source, name=stage.name)
    async def agent(stream: StreamT[bytes]) -> None:
        async for event in stream.events():
            with health.work():
                await _to_its_end(process(stage, event.message, outbox))


async def _to_its_end(work: Coroutine[Any, Any, None]) -> None:
    """Finish `work` even when cancelled, and only then be cancelled.

    faust acknowledges a record whose processing it cancels (at a stop, at a rebalance), and then
    commits it. The pictures' deadlines bound the wait.
    """
    task = asyncio.ensure_future(work)
    cancelled = False
    while not task.done():
        try:
            await asyncio.shield(task)
        except asyncio.CancelledError:
            cancelled = True
    if cancelled:
        raise asyncio.CancelledError
