"""Become a command that dies with its parent.

Run as a script, before the command itself: `python -I -S with_parent.py PARENT_PID COMMAND...`.
It imports only the standard library, so that it starts in milliseconds, and replaces itself by the
command: same process id, no process in between. A `preexec_fn` would do the same between fork and
exec, where a lock held by another thread of the parent never opens again.

Only Linux can ask for this signal; elsewhere the command runs without it.
"""

import ctypes
import os
import signal
import sys

# From <linux/prctl.h>: the signal this process gets when the thread that started it ends.
PR_SET_PDEATHSIG = 1


def main() -> None:
    """Ask to be killed with the parent, make sure that it still lives, become the command."""
    parent_pid, command = int(sys.argv[1]), sys.argv[2:]
    if sys.platform == "linux":
        libc = ctypes.CDLL(None, use_errno=True)
        if libc.prctl(PR_SET_PDEATHSIG, int(signal.SIGKILL), 0, 0, 0) != 0:
            raise OSError(ctypes.get_errno(), "prctl(PR_SET_PDEATHSIG) was refused")
    if os.getppid() != parent_pid:
        # It ended before the request above: its signal will never come.
        sys.exit(f"parent process {parent_pid} is gone, {command[0]} was not started")
    try:
        os.execvp(command[0], command)  # noqa: S606 - replacing this process is the purpose
    except OSError as error:
        sys.exit(f"{command[0]} can't be started: {error.strerror}")


if __name__ == "__main__":
    main()
