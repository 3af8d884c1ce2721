"""How a process is asked to stop."""

import asyncio
import os
import signal
from collections.abc import Callable
from types import FrameType

from stream_app.deadline import EXIT_STUCK, end_after

__all__ = ["on_stop_signal"]

STOP_SIGNALS = (signal.SIGTERM, signal.SIGINT)


def on_stop_signal(stop: Callable[[], object], *, within_s: float) -> None:
    """Let the first SIGTERM or SIGINT call `stop` on the running event loop.

    A process that is still there `within_s` seconds later is ended, and a second signal ends it at
    once, both with `EXIT_STUCK`: what is uncommitted is done again by the next owner. For the main
    thread only.
    """
    loop = asyncio.get_running_loop()

    def first(_signal: int, _frame: FrameType | None) -> None:
        for number in STOP_SIGNALS:
            signal.signal(number, _end_at_once)
        # By its own thread: the event loop may be what is stuck.
        end_after(within_s)
        loop.call_soon_threadsafe(stop)

    for number in STOP_SIGNALS:
        signal.signal(number, first)


def _end_at_once(_signal: int, _frame: FrameType | None) -> None:
    os._exit(EXIT_STUCK)
