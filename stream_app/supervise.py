"""Several of our processes under one: they start together and stop together."""

import asyncio
import os
import signal
import sys
import threading
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import NoReturn

import click

from stream_app.config import Settings
from stream_app.embedded.process import ChildProcess

__all__ = ["AGENTS", "PROCESSES", "command_line", "run_together", "running", "watch"]

LOOK_EVERY_S = 0.5

# What a deployment runs, by name, as `stream-app` is told.
AGENTS = {name: ["agents", name] for name in ("ingest", "profile", "publish")}
PROCESSES = {**AGENTS, "signals": ["signals"], "quality": ["quality"], "worker": ["worker"]}


def command_line(*arguments: str) -> list[str]:
    """Return the command that runs `stream-app` with this interpreter."""
    return [sys.executable, "-m", "stream_app", *arguments]


@contextmanager
def running(
    commands: Mapping[str, Sequence[str]],
    log_dir: Path,
    *,
    environment: Mapping[str, str] | None = None,
    drain_s: float,
) -> Iterator[list[ChildProcess]]:
    """Run `stream-app` commands by name for as long as the block lasts; logs go to `log_dir`.

    They are asked to stop all at once, then waited for; one that ignores it is killed.
    """
    children = [
        ChildProcess(name, command_line(*arguments), log_dir / f"{name}.log", environment)
        for name, arguments in commands.items()
    ]
    with ExitStack() as cleanup:
        for child in children:
            # A process ends itself at drain_s; the kill is for one that can't.
            cleanup.callback(child.stop, drain_s + 5)
            child.start()
        # Undone first: all are asked to end before the wait for any.
        for child in children:
            cleanup.callback(child.terminate)
        yield children


async def watch(children: Sequence[ChildProcess]) -> NoReturn:
    """Look after them until cancelled.

    Raises:
        StartError: Once one has ended by itself; the message ends with its log.
    """
    while True:
        for child in children:
            child.raise_if_ended()
        await asyncio.sleep(LOOK_EVERY_S)


def run_together(commands: Mapping[str, Sequence[str]], settings: Settings) -> None:
    """Run the commands until SIGTERM, Ctrl-C, or the end of one of them.

    Raises:
        StartError: If one ends by itself; the message ends with its log.
    """
    log_dir = settings.home / "logs"
    stopped = threading.Event()
    for signum in (signal.SIGTERM, signal.SIGINT):
        signal.signal(signum, lambda *_: stopped.set())
    environment = dict(os.environ)
    with running(commands, log_dir, environment=environment, drain_s=settings.drain_s) as children:
        click.echo(f"running: {', '.join(commands)}; logs in {log_dir}; Ctrl-C stops", err=True)
        while not stopped.wait(LOOK_EVERY_S):
            for child in children:
                child.raise_if_ended()
