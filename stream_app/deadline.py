"""The end of a process that doesn't end by itself."""

import os
import threading

__all__ = ["EXIT_STUCK", "end_after"]

EXIT_STUCK = 75


def end_after(seconds: float) -> None:
    """End this process with `EXIT_STUCK` unless it has ended by then; what is uncommitted stays.

    By a thread, because the event loop itself may be what is stuck.
    """
    timer = threading.Timer(seconds, os._exit, (EXIT_STUCK,))
    timer.daemon = True
    timer.start()
