"""Start and stop the worker as a process."""

import asyncio
import signal

import structlog

from stream_app.config import Settings
from stream_app.engine import load_engine
from stream_app.worker.process import Worker

__all__ = ["run_worker"]

logger = structlog.get_logger(__name__)


async def run_worker(settings: Settings) -> None:
    """Load the engine and work until SIGTERM or SIGINT."""
    loop = asyncio.get_running_loop()
    engine = await loop.run_in_executor(None, load_engine, settings)
    if engine.notice:
        logger.warning("engine notice", notice=engine.notice)
    worker = Worker(settings, engine)
    for signum in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(signum, worker.stop)
    await worker.run()
