"""The faults, one function each: it returns when the fault is over and recovery begins."""

import asyncio
import os
import signal
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager

import numpy as np

from benchmarks.chaos.plant import SESSION_TIMEOUT_S, Plant

__all__ = ["FAULTS", "Fault"]

Fault = Callable[[Plant, np.random.Generator], Awaitable[None]]

# Long enough that the group gives away what a frozen process had.
FROZEN_S = 1.5 * SESSION_TIMEOUT_S
STORAGE_AWAY_S = 8.0
ALONE_S = 3.0
STOP_DEADLINE_S = 30.0
TAKEN_S = 10.0
LOOK_EVERY_S = 0.05


def _kill(name: str) -> Fault:
    async def kill(plant: Plant, rng: np.random.Generator) -> None:
        plant[_one(plant, name, rng)].kill()

    return kill


def _terminate(name: str) -> Fault:
    async def terminate(plant: Plant, rng: np.random.Generator) -> None:
        process = plant[_one(plant, name, rng)]
        process.terminate()
        await asyncio.to_thread(process.wait, STOP_DEADLINE_S)

    return terminate


def _freeze(name: str) -> Fault:
    async def freeze(plant: Plant, rng: np.random.Generator) -> None:
        with _frozen(plant[_one(plant, name, rng)].pid):
            await asyncio.sleep(FROZEN_S)

    return freeze


def _engine(order: str) -> Fault:
    async def engine(plant: Plant, _: np.random.Generator) -> None:
        path = plant.faults / order
        path.touch()
        async with asyncio.timeout(TAKEN_S):
            while path.exists():  # noqa: ASYNC110  # another process takes the file away
                await asyncio.sleep(LOOK_EVERY_S)

    return engine


async def _worker_comes_and_goes(plant: Plant, _: np.random.Generator) -> None:
    name = plant.add_worker()
    await asyncio.sleep(ALONE_S)
    await asyncio.to_thread(plant.remove, name, STOP_DEADLINE_S)


async def _broker_is_killed(plant: Plant, _: np.random.Generator) -> None:
    await asyncio.to_thread(plant.kafka.kill)
    await asyncio.to_thread(plant.kafka.restart)


async def _storage_is_away(plant: Plant, _: np.random.Generator) -> None:
    await asyncio.to_thread(plant.storage.kill)
    await asyncio.sleep(STORAGE_AWAY_S)
    await asyncio.to_thread(plant.storage.restart)


async def _storage_is_slow(plant: Plant, _: np.random.Generator) -> None:
    with _frozen(plant.storage.pid):
        await asyncio.sleep(STORAGE_AWAY_S)


@contextmanager
def _frozen(pid: int) -> Iterator[None]:
    os.kill(pid, signal.SIGSTOP)
    try:
        yield
    finally:
        os.kill(pid, signal.SIGCONT)


def _one(plant: Plant, name: str, rng: np.random.Generator) -> str:
    return str(rng.choice(plant.workers)) if name == "worker" else name


PROCESSES = ("ingest", "profile", "publish", "worker")
FAULTS: dict[str, Fault] = {
    **{f"kill -9 {name}": _kill(name) for name in PROCESSES},
    **{f"SIGTERM {name}": _terminate(name) for name in PROCESSES},
    **{f"SIGSTOP {name} past its session": _freeze(name) for name in PROCESSES},
    "a worker comes and goes": _worker_comes_and_goes,
    "kill -9 of the broker": _broker_is_killed,
    "object storage away": _storage_is_away,
    "object storage silent": _storage_is_slow,
    "the model hangs": _engine("hang"),
    "the model raises": _engine("raise"),
    "the model runs out of memory": _engine("out-of-memory"),
}
