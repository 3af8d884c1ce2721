"""The end of a process that doesn't end, or doesn't go on, by itself."""

import faulthandler
import os
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager

import structlog

__all__ = ["EXIT_STUCK", "end_after", "end_if_longer"]

logger = structlog.get_logger(__name__)

EXIT_STUCK = 75


def end_after(seconds: float) -> None:
    """End this process with `EXIT_STUCK` unless it has ended by then; what is uncommitted stays.

    By a thread, because the event loop itself may be what is stuck.
    """
    timer = threading.Timer(seconds, os._exit, (EXIT_STUCK,))
    timer.daemon = True
    timer.start()


@contextmanager
def end_if_longer(seconds: float, what: str) -> Iterator[None]:
    """End this process with `EXIT_STUCK` if the block takes longer; its last words say where.

    A call that hangs in a driver can't be interrupted: only a new process can go on.
    """
    timer = threading.Timer(seconds, _end_hanging, (seconds, what))
    timer.daemon = True
    timer.start()
    try:
        yield
    finally:
        timer.cancel()


def _end_hanging(seconds: float, what: str) -> None:
    logger.critical("ending: a call hangs", call=what, limit_s=seconds)
    faulthandler.dump_traceback(all_threads=True)
    sys.stdout.flush()
    os._exit(EXIT_STUCK)
