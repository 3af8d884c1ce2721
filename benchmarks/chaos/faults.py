"""The faults, one function each: it returns when the fault is over and recovery begins."""

import asyncio
import os
import resource
import signal
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager

import numpy as np

from benchmarks.chaos.plant import SESSION_TIMEOUT_S, Plant

__all__ = ["FAULTS", "Fault", "faults_with"]

Fault = Callable[[Plant, np.random.Generator], Awaitable[None]]

# Long enough that the group gives away what a frozen process had.
FROZEN_S = 1.5 * SESSION_TIMEOUT_S
BROKER_AWAY_S = 15.0
DISK_FULL_S = 5.0
ALONE_S = 3.0
STOP_DEADLINE_S = 30.0
# The engine is called when an event comes, and after a broker's fault the sender rests for a while.
TAKEN_S = 120.0
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
    (broker,) = plant.brokers
    await asyncio.to_thread(broker.kill)
    await asyncio.to_thread(broker.restart)


async def _one_broker_is_lost(plant: Plant, rng: np.random.Generator) -> None:
    await plant.lose(plant.brokers[rng.integers(len(plant.brokers))], BROKER_AWAY_S)


async def _one_broker_is_frozen(plant: Plant, rng: np.random.Generator) -> None:
    await plant.all_brokers()
    with _frozen(plant.brokers[rng.integers(len(plant.brokers))].pid):
        await asyncio.sleep(FROZEN_S)


async def _disk_is_full(plant: Plant, rng: np.random.Generator) -> None:
    """No file of a worker may grow, as on a full disk; the one that follows on it has room."""
    process = plant[_one(plant, "worker", rng)]
    pid = process.pid
    soft, hard = resource.prlimit(pid, resource.RLIMIT_FSIZE)
    resource.prlimit(pid, resource.RLIMIT_FSIZE, (0, hard))
    await asyncio.sleep(DISK_FULL_S)
    if process.is_running() and process.pid == pid:
        resource.prlimit(pid, resource.RLIMIT_FSIZE, (soft, hard))


async def _storage_is_away(plant: Plant, _: np.random.Generator) -> None:
    await asyncio.to_thread(plant.storage.kill)
    await asyncio.sleep(plant.storage_away_s)
    await asyncio.to_thread(plant.storage.restart)


async def _storage_is_slow(plant: Plant, _: np.random.Generator) -> None:
    with _frozen(plant.storage.pid):
        await asyncio.sleep(plant.storage_away_s)


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
    "the worker's disk is full": _disk_is_full,
    "object storage away": _storage_is_away,
    "object storage silent": _storage_is_slow,
    "the model hangs": _engine("hang"),
    "the model raises": _engine("raise"),
    "the model runs out of memory": _engine("out-of-memory"),
}


def faults_with(num_brokers: int) -> dict[str, Fault]:
    """Return all faults by name: what befalls brokers depends on how many there are."""
    if num_brokers == 1:
        return FAULTS | {"kill -9 of the broker": _broker_is_killed}
    return FAULTS | {
        "one of the brokers lost": _one_broker_is_lost,
        "one of the brokers frozen": _one_broker_is_frozen,
    }
