"""A child process: it ends when asked, when it must, and when its parent dies."""

import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import psutil
import pytest

from stream_app.embedded.errors import StartError
from stream_app.embedded.process import ChildProcess

DEADLINE_S = 20.0


def python(script: str) -> list[str]:
    return [sys.executable, "-u", "-c", script]


def wait_for(condition: Callable[[], bool]) -> None:
    deadline = time.monotonic() + DEADLINE_S
    while not condition():
        assert time.monotonic() < deadline, "the deadline passed"
        time.sleep(0.01)


def wait_for_output(log: Path) -> str:
    wait_for(lambda: log.exists() and log.read_text().endswith("\n"))
    return log.read_text()


@pytest.fixture
def log(tmp_path: Path) -> Path:
    return tmp_path / "logs" / "child.log"


def test_runs_the_command_under_the_pid_it_tells(log: Path) -> None:
    with ChildProcess("child", python("import os; print(os.getpid()); input()"), log) as child:
        # Its standard input is empty, so it ends by itself after the line.
        assert int(wait_for_output(log).splitlines()[0]) == child.pid


def test_environment_and_folder_are_its_own(log: Path, tmp_path: Path) -> None:
    script = "import os; print(os.environ['GREETING'], os.getcwd())"
    child = ChildProcess("child", python(script), log, env={"GREETING": "hello"}, cwd=tmp_path)
    child.start()

    assert child.wait(DEADLINE_S) == 0
    assert log.read_text() == f"hello {tmp_path}\n"


def test_stop_asks_first(log: Path) -> None:
    script = """
import signal, sys
signal.signal(signal.SIGTERM, lambda *_: sys.exit(3))
print("ready")
signal.pause()
"""
    child = ChildProcess("child", python(script), log)
    child.start()
    wait_for_output(log)
    child.stop(DEADLINE_S)

    assert not child.is_running()
    assert child.wait(0) == 3


def test_stop_kills_what_ignores_the_request_and_its_children(log: Path) -> None:
    script = """
import signal, subprocess, sys
signal.signal(signal.SIGTERM, signal.SIG_IGN)
grandchild = subprocess.Popen([sys.executable, "-c", "import signal; signal.pause()"])
print(grandchild.pid)
signal.pause()
"""
    child = ChildProcess("child", python(script), log)
    child.start()
    grandchild = psutil.Process(int(wait_for_output(log)))
    child.stop(deadline_s=0.2)

    assert not child.is_running()
    wait_for(lambda: ended(grandchild))


def test_an_orphan_in_its_group_is_killed_when_its_end_is_noticed(log: Path) -> None:
    script = """
import subprocess, sys
print(subprocess.Popen([sys.executable, "-c", "import signal; signal.pause()"]).pid)
input()
"""
    child = ChildProcess("child", python(script), log)
    child.start()
    orphan = psutil.Process(int(wait_for_output(log).splitlines()[0]))
    wait_for(lambda: not child.is_running())

    wait_for(lambda: ended(orphan))


def test_its_end_is_told_with_the_last_lines_of_this_run(log: Path) -> None:
    log.parent.mkdir()
    log.write_text("a line of an earlier run\n")
    child = ChildProcess("child", python("raise SystemExit('the disk is full')"), log)
    child.start()
    child.wait(DEADLINE_S)

    with pytest.raises(StartError, match=r"ended with code 1(?s:.*)the disk is full") as raised:
        child.raise_if_ended()
    assert "earlier run" not in str(raised.value)


def test_a_missing_command_is_named(log: Path) -> None:
    child = ChildProcess("child", ["no-such-program"], log)
    child.start()
    child.wait(DEADLINE_S)

    with pytest.raises(StartError, match="no-such-program can't be started: No such file"):
        child.raise_if_ended()


def test_it_can_be_started_again_but_not_twice(log: Path) -> None:
    child = ChildProcess("child", python("import signal; signal.pause()"), log)
    with child:
        first_pid = child.pid
        with pytest.raises(StartError, match=f"running already, as process {first_pid}"):
            child.start()
        child.kill()
        child.start()
        assert child.pid != first_pid
    assert not child.is_running()


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux signals the death of a parent")
def test_it_dies_with_a_killed_parent(log: Path) -> None:
    script = """
import sys
from pathlib import Path
from stream_app.embedded.process import ChildProcess
command = [sys.executable, "-u", "-c", "import os, signal; print(os.getpid()); signal.pause()"]
ChildProcess("child", command, Path(sys.argv[1])).start()
sys.stdin.read()
"""
    parent = subprocess.Popen([*python(script), str(log)], stdin=subprocess.PIPE)
    child = psutil.Process(int(wait_for_output(log)))
    parent.kill()
    parent.communicate()

    wait_for(lambda: ended(child))


def ended(process: psutil.Process) -> bool:
    # Where nobody reaps orphans, a zombie is all that can be hoped for.
    return not process.is_running() or process.status() == psutil.STATUS_ZOMBIE
