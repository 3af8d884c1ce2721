"""Start and stop the worker as a process."""

import asyncio
import gc
from functools import partial

import structlog

from stream_app.config import Settings
from stream_app.deadline import end_after
from stream_app.engine import load_engine
from stream_app.health import UNASSIGNED, Health, unread
from stream_app.probes import probes
from stream_app.stop_signal import on_stop_signal
from stream_app.worker.process import ADAPTERS, Worker

__all__ = ["run_worker"]

logger = structlog.get_logger(__name__)

# Beyond the drain: closing stores and connections.
CLOSE_S = 5.0
ENGINE = "the engine is not loaded, warmed up and probed yet"


async def run_worker(settings: Settings) -> None:
    """Load the engine and work until SIGTERM or SIGINT.

    After a signal or a failure the process ends within `drain_s` and five seconds, by `end_after`
    if a batch or a connection is stuck, and at once on a second signal.
    """
    topics = settings.topics
    views = (topics.item_profiles, topics.item_signals, topics.fusion_weights)
    # A call that hangs ends the process; one that does neither is for the orchestrator.
    max_work_s = 2 * settings.call_timeout_s
    lacking = [ENGINE, *(unread(topic.name) for topic in views), ADAPTERS, UNASSIGNED]
    health = Health(lacking, max_work_s=max_work_s)
    async with probes(settings, health):
        await _run(settings, health)


async def _run(settings: Settings, health: Health) -> None:
    loop = asyncio.get_running_loop()
    engine = await loop.run_in_executor(None, load_engine, settings)
    if engine.notice:
        logger.warning("engine notice", notice=engine.notice)
    _keep_for_good()
    health.has(ENGINE)
    within_s = settings.drain_s + CLOSE_S
    worker = Worker(settings, engine, on_end=partial(end_after, within_s), health=health)
    on_stop_signal(worker.stop, within_s=within_s)
    await worker.run()


def _keep_for_good() -> None:
    """Take what was loaded out of the garbage collector's rounds.

    Half a million objects of torch and transformers cost a batch 0.3 s each time one ran into it.
    """
    gc.collect()
    gc.freeze()
