"""Start and stop the worker as a process."""

import asyncio
import gc
from functools import partial

import structlog

from stream_app.config import Settings
from stream_app.deadline import end_after
from stream_app.engine import load_engine
from stream_app.signals import on_stop_signal
from stream_app.worker.process import Worker

__all__ = ["run_worker"]

logger = structlog.get_logger(__name__)

# Beyond the drain: closing stores and connections.
CLOSE_S = 5.0


async def run_worker(settings: Settings) -> None:
    """Load the engine and work until SIGTERM or SIGINT.

    After a signal or a failure the process ends within `drain_s` and five seconds, by `end_after`
    if a batch or a connection is stuck, and at once on a second signal.
    """
    loop = asyncio.get_running_loop()
    engine = await loop.run_in_executor(None, load_engine, settings)
    if engine.notice:
        logger.warning("engine notice", notice=engine.notice)
    _keep_for_good()
    within_s = settings.drain_s + CLOSE_S
    worker = Worker(settings, engine, on_end=partial(end_after, within_s))
    on_stop_signal(worker.stop, within_s=within_s)
    await worker.run()


def _keep_for_good() -> None:
    """Take what was loaded out of the garbage collector's rounds.

    Half a million objects of torch and transformers cost a batch 0.3 s each time one ran into it.
    """
    gc.collect()
    gc.freeze()
