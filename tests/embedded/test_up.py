"""`stream-app up` and several agents under one command, as a terminal starts and stops them."""

import os
import signal
import subprocess
from pathlib import Path

import psutil
import pytest

from conftest import HOME
from stream_app.config import Settings
from stream_app.supervise import command_line

pytestmark = pytest.mark.kafka


def children_of(process: subprocess.Popen[str]) -> list[psutil.Process]:
    return psutil.Process(process.pid).children(recursive=True)


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_up_prints_its_addresses_and_leaves_nothing_behind(tmp_path: Path, number: int) -> None:
    up = subprocess.Popen(
        command_line("up", "--data", str(tmp_path / "stack")),
        env={"PATH": os.environ["PATH"], "STREAM_APP_HOME": str(HOME)},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    try:
        assert up.stdout is not None
        assert up.stderr is not None
        names = [up.stdout.readline().split("=")[0] for _ in range(5)]
        assert names[0] == "export KAFKA_BOOTSTRAP_SERVERS"
        assert "export S3_SECRET_KEY" in names
        while "ready" not in (line := up.stderr.readline()):
            assert line, "up ended before it was ready"
        children = children_of(up)
        assert len(children) >= 2
        up.send_signal(number)
        assert up.wait(30) == 0
        assert not [child for child in children if child.is_running()]
    finally:
        up.kill()


def test_agents_under_one_command_stop_together(
    settings: Settings, environment: dict[str, str], tmp_path: Path
) -> None:
    agents = subprocess.Popen(
        command_line("agents"),
        env=environment | {"STREAM_APP_HOME": str(tmp_path)},
        stderr=subprocess.PIPE,
        text=True,
    )
    try:
        assert agents.stderr is not None
        assert "running: ingest, profile, publish" in agents.stderr.readline()
        children = children_of(agents)
        assert len(children) == 3
        agents.send_signal(signal.SIGTERM)
        assert agents.wait(30) == 0
        assert not [child for child in children if child.is_running()]
    finally:
        agents.kill()
