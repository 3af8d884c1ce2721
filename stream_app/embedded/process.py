"""A child process that never outlives its parent.

It gets a log file and a process group of its own: Ctrl-C in the terminal reaches only the parent,
which then stops its children in order. If the parent itself is killed, the kernel kills the child
(`with_parent.py`; Linux only).
"""

import logging
import os
import signal
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import Self

from stream_app.embedded.errors import StartError

__all__ = ["ChildProcess"]

logger = logging.getLogger(__name__)

WITH_PARENT = Path(__file__).with_name("with_parent.py")
DEFAULT_STOP_DEADLINE_S = 20.0
TAIL_LINES = 20
# Enough for 20 lines of a Java stack trace, whatever the log has grown to.
TAIL_BYTES = 16_384


class ChildProcess:
    """One supervised command.

    Start it from a thread that lives as long as the child shall, such as the main thread: Linux
    kills the child when the *thread* that started it ends.

    Args:
        name: What log lines and errors call it.
        command: Program and arguments; the program is looked up on PATH.
        log_path: File that its output is appended to; folders are made.
        env: Its whole environment; None inherits ours.
        cwd: Its working directory; None inherits ours.
    """

    def __init__(
        self,
        name: str,
        command: Sequence[str],
        log_path: Path,
        env: Mapping[str, str] | None = None,
        cwd: Path | None = None,
    ) -> None:
        self.name = name
        self.command = list(command)
        self.log_path = log_path
        self._env = env
        self._cwd = cwd
        self._process: subprocess.Popen[bytes] | None = None
        self._log_start = 0
        self._is_asked_to_end = False

    def start(self) -> None:
        """Start the command, again if it ended. It has not proved that it works: look at its log.

        Raises:
            StartError: If it is running already.
        """
        if self.is_running():
            raise StartError(f"{self.name} is running already, as process {self.pid}")
        self._is_asked_to_end = False
        self.log_path.parent.mkdir(parents=True, exist_ok=True)
        with self.log_path.open("ab") as log:
            self._log_start = log.tell()
            self._process = subprocess.Popen(  # noqa: S603 - an argument list, never a shell
                [sys.executable, "-I", "-S", str(WITH_PARENT), str(os.getpid()), *self.command],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                env=self._env,
                cwd=self._cwd,
                start_new_session=True,
            )
        logger.debug("child started", extra={"child": self.name, "pid": self.pid})

    @property
    def pid(self) -> int:
        """Process id of the last start, which is also the id of its process group."""
        return self._started().pid

    def is_running(self) -> bool:
        """Return whether it was started and has not ended."""
        return self._process is not None and self.wait(0) is None

    def wait(self, deadline_s: float) -> int | None:
        """Return its exit code (negative: the signal), or None if it runs on past the deadline."""
        process = self._started()
        if process.returncode is None:
            try:
                process.wait(deadline_s)
            except subprocess.TimeoutExpired:
                return None
            # Now and never later: the number of a group is given to others once it is free.
            _signal_group(process.pid, signal.SIGKILL)
        return process.returncode

    def terminate(self) -> None:
        """Ask it to end (SIGTERM) and return at once. Asks once: ours end at once on a second."""
        if self.is_running() and not self._is_asked_to_end:
            self._is_asked_to_end = True
            os.kill(self.pid, signal.SIGTERM)

    def kill(self) -> None:
        """End it and its process group at once (SIGKILL)."""
        if self.is_running():
            _signal_group(self.pid, signal.SIGKILL)
            self._started().wait()

    def stop(self, deadline_s: float = DEFAULT_STOP_DEADLINE_S) -> None:
        """Ask it to end; kill it and its process group if it has not after `deadline_s` seconds.

        Does nothing if it never started or has ended.
        """
        if not self.is_running():
            return
        try:
            self.terminate()
            if self.wait(deadline_s) is None:
                logger.warning(
                    "child has not ended in time and is killed",
                    extra={"child": self.name, "pid": self.pid, "deadline_s": deadline_s},
                )
        finally:
            self.kill()

    def raise_if_ended(self) -> None:
        """Raise a `StartError` with the end of its log if it is no longer running."""
        if not self.is_running():
            exit_code = None if self._process is None else self._process.returncode
            raise StartError(f"{self.name} ended with code {exit_code}; {self.log_tail()}")

    def log_tail(self) -> str:
        """Return the last lines that it wrote since its last start, with the path of the log."""
        with self.log_path.open("rb") as log:
            size = log.seek(0, os.SEEK_END)
            log.seek(max(self._log_start, size - TAIL_BYTES))
            lines = log.read().decode(errors="replace").splitlines()[-TAIL_LINES:]
        return "\n".join([f"the end of {self.log_path}:", *(lines or ["(nothing)"])])

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(
        self,
        error_type: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.stop()

    def _started(self) -> subprocess.Popen[bytes]:
        if self._process is None:
            raise StartError(f"{self.name} was never started")
        return self._process


def _signal_group(group_id: int, signal_number: signal.Signals) -> None:
    try:
        os.killpg(group_id, signal_number)
    except ProcessLookupError:
        logger.debug("process group is empty", extra={"group_id": group_id})
