"""A directory for this process's stores that no other one of its kind on the machine uses.

One that comes back takes the first free slot, so it finds the stores it left there.
"""

import fcntl
from pathlib import Path

__all__ = ["StateSlot"]

# Processes on one machine; on a cluster every pod has its own volume and slot 0.
MAX_SLOTS = 64


class StateSlot:
    """The first directory below `root` (0, 1, 2, …) whose lock is free; held until `release`.

    The kernel releases the lock of a killed process.
    """

    def __init__(self, root: Path) -> None:
        for number in range(MAX_SLOTS):
            self.directory = root / str(number)
            self.directory.mkdir(parents=True, exist_ok=True)
            self._lock = (self.directory / "lock").open("w")
            try:
                fcntl.flock(self._lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                self._lock.close()
                continue
            return
        raise RuntimeError(f"all {MAX_SLOTS} slots below {root} are taken by running processes")

    def release(self) -> None:
        """Let another process have the directory."""
        self._lock.close()
