"""`stream-app demo` from end to end, with the engine that needs no weights."""

import os
import re
import signal
import subprocess
from pathlib import Path

import psutil
import pytest

from conftest import HOME
from stream_app.supervise import command_line

pytestmark = pytest.mark.kafka


@pytest.fixture
def demo_environment(tmp_path: Path) -> dict[str, str]:
    """A home of its own that has Kafka already."""
    (tmp_path / "kafka").symlink_to(HOME / "kafka")
    return {
        "PATH": os.environ["PATH"],
        "STREAM_APP_HOME": str(tmp_path),
        "STREAM_APP_ENGINE": "weightless",
        "COLUMNS": "200",
    }


def demo(*options: str, environment: dict[str, str]) -> subprocess.Popen[str]:
    return subprocess.Popen(
        command_line("demo", "--items", "40", "--shoppers", "2", *options),
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def test_it_ends_by_itself_with_an_answer_for_every_shopper(
    demo_environment: dict[str, str],
) -> None:
    running = demo("--events", "8", environment=demo_environment)
    shown, log = running.communicate(timeout=150)
    assert running.returncode == 0, log
    assert "ada" in shown
    assert "Because you" in shown
    assert re.search(
        r"events 8, recommendations 8, users answered 2 of 2, event to recommendation "
        r"p50 \d+ ms, p95 \d+ ms, dead letters 0",
        shown,
    )


def test_ctrl_c_stops_all_of_it_and_still_sums_up(demo_environment: dict[str, str]) -> None:
    running = demo("--forever", environment=demo_environment)
    assert running.stdout is not None
    for line in running.stdout:
        if "answered in" in line:
            break
    children = psutil.Process(running.pid).children(recursive=True)
    assert len(children) >= 6
    running.send_signal(signal.SIGINT)
    shown, log = running.communicate(timeout=60)
    assert running.returncode == 0, log
    assert "done" in shown
    assert not [child for child in children if child.is_running()]
