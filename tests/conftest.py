"""Real servers for the tests: one stack for the session, topics of its own for every test."""

import os
from collections.abc import Callable, Iterator
from pathlib import Path
from uuid import uuid4

import pytest

from stream_app.config import Settings, read_settings
from stream_app.embedded.process import ChildProcess
from stream_app.kafka.topics import create_topics
from stream_app.local import stack_for
from stream_app.supervise import command_line

HOME = Path(os.environ.get("STREAM_APP_HOME", Path.cwd() / ".stream-app")).resolve()


@pytest.fixture(scope="session")
def stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, str]]:
    """Addresses of the servers, as environment variables; started unless they are given."""
    settings = read_settings().model_copy(update={"home": HOME})
    with stack_for(settings, tmp_path_factory.mktemp("stack")) as running:
        yield running.environment()


@pytest.fixture
def environment(stack: dict[str, str], tmp_path: Path) -> dict[str, str]:
    """The whole environment of a deployment of its own: prefix, bucket and local state."""
    inherited = {name: os.environ[name] for name in ("PATH", "HOME", "LANG") if name in os.environ}
    prefix = f"t{uuid4().hex[:8]}"
    return {
        **inherited,
        **stack,
        "STREAM_APP_TOPIC_PREFIX": f"{prefix}.",
        "STREAM_APP_BUCKETS": f"{prefix}-media",
        "STREAM_APP_ADAPTER_BUCKET": f"{prefix}-adapters",
        "STREAM_APP_ENGINE": "weightless",
        "STREAM_APP_HOME": str(HOME),
        "STREAM_APP_STATE_DIR": str(tmp_path / "state"),
        "STREAM_APP_SESSION_TIMEOUT_S": "6",
    }


@pytest.fixture
async def settings(environment: dict[str, str]) -> Settings:
    """The same as settings, with the topics created."""
    with pytest.MonkeyPatch.context() as patch:
        for name, value in environment.items():
            patch.setenv(name, value)
        settings = read_settings()
    await create_topics(settings)
    return settings


Start = Callable[..., ChildProcess]


@pytest.fixture
def start(environment: dict[str, str], tmp_path: Path) -> Iterator[Start]:
    """Start `stream-app` commands as processes of their own; what still runs is ended."""
    started: list[ChildProcess] = []

    def start_one(*arguments: str) -> ChildProcess:
        name = f"{'-'.join(arguments)}-{len(started)}"
        child = ChildProcess(
            name, command_line(*arguments), tmp_path / f"{name}.log", env=environment
        )
        child.start()
        started.append(child)
        return child

    yield start_one
    for child in started:
        child.stop(deadline_s=15)
