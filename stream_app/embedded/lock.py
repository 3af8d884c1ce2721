"""One stack per data folder at a time, and a note of where it can be reached.

The kernel drops the lock with the process that holds it, however that one ends; what the file says
counts only while it is locked.
"""

import fcntl
import json
import os
from pathlib import Path
from typing import TextIO

from stream_app.embedded.errors import StackRunningError

__all__ = ["DataDirLock"]


class DataDirLock:
    """The lock on `data_dir/stack.json`, which names its holder and the addresses of the stack."""

    def __init__(self, data_dir: Path) -> None:
        self._path = data_dir / "stack.json"
        self._file: TextIO | None = None

    def acquire(self) -> None:
        """Take the lock and note our process id.

        Raises:
            StackRunningError: If another stack holds it.
        """
        self._path.parent.mkdir(parents=True, exist_ok=True)
        file = self._path.open("a+")
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            with file:
                raise self._running(file) from error
        self._file = file
        self.note()

    def note(self, **addresses: str) -> None:
        """Replace what the file says: our process id and these addresses."""
        if self._file is None:
            raise ValueError(f"{self._path} is not locked by us")
        self._file.seek(0)
        self._file.truncate()
        self._file.write(json.dumps({"pid": os.getpid(), **addresses}))
        self._file.flush()

    def release(self) -> None:
        """Give the lock back. The file stays: without it, two processes could lock two files."""
        if self._file is not None:
            self._file.truncate(0)
            self._file.close()
            self._file = None

    def _running(self, file: TextIO) -> StackRunningError:
        file.seek(0)
        # Empty in the instant between the holder's lock and its first note.
        state = json.loads(file.read() or "{}")
        return StackRunningError(
            self._path.parent,
            pid=state.get("pid"),
            kafka_bootstrap_servers=state.get("kafka_bootstrap_servers"),
            s3_endpoint=state.get("s3_endpoint"),
        )
