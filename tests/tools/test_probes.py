"""What a process answers when it is asked whether it lives and whether it does its work."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import aiohttp
import pytest

from stream_app.config import Settings, SettingsError
from stream_app.embedded.ports import HOST, free_ports
from stream_app.health import STOPPING, UNASSIGNED, Health, unread
from stream_app.probes import probes


class Clock:
    now = 0.0

    def __call__(self) -> float:
        return self.now


@asynccontextmanager
async def asked(health: Health) -> AsyncIterator[aiohttp.ClientSession]:
    (port,) = free_ports(1)
    settings = Settings(health_port=port, health_host=HOST)
    async with (
        probes(settings, health),
        aiohttp.ClientSession(f"http://{HOST}:{port}") as session,
    ):
        yield session


async def answer(session: aiohttp.ClientSession, path: str) -> tuple[int, dict[str, object]]:
    async with session.get(path) as response:
        return response.status, await response.json()


async def test_a_process_is_ready_when_nothing_is_missing_and_says_what_is() -> None:
    health = Health([unread("items"), UNASSIGNED])
    async with asked(health) as session:
        missing = ["items is not read to its end yet", UNASSIGNED]
        assert await answer(session, "/ready") == (503, {"ready": False, "missing": missing})
        health.has(unread("items"))
        assert await answer(session, "/ready") == (503, {"ready": False, "missing": [UNASSIGNED]})
        health.has(UNASSIGNED)
        assert await answer(session, "/ready") == (200, {"ready": True, "missing": []})


async def test_a_process_that_stops_is_alive_and_no_longer_ready() -> None:
    health = Health()
    health.lacks(STOPPING)
    async with asked(health) as session:
        assert await answer(session, "/ready") == (503, {"ready": False, "missing": [STOPPING]})
        assert await answer(session, "/live") == (200, {"live": True, "missing": []})


async def test_work_that_hangs_speaks_against_life_until_it_ends() -> None:
    clock = Clock()
    health = Health(max_work_s=60, clock=clock)
    async with asked(health) as session:
        with health.work():
            clock.now += 60
            assert (await answer(session, "/live"))[0] == 200
            clock.now += 1
            hung = ["work is in hand for 61 s, limit 60 s"]
            assert await answer(session, "/live") == (503, {"live": False, "missing": hung})
        assert (await answer(session, "/live"))[0] == 200


async def test_idle_time_is_no_work() -> None:
    clock = Clock()
    health = Health(max_work_s=60, clock=clock)
    with pytest.raises(ZeroDivisionError), health.work():
        raise ZeroDivisionError
    clock.now += 1000
    assert health.not_alive() == []


async def test_a_port_that_is_taken_names_its_setting() -> None:
    (port,) = free_ports(1)
    settings = Settings(health_port=port, health_host=HOST)
    async with probes(settings, Health()):
        with pytest.raises(SettingsError, match=f"STREAM_APP_HEALTH_PORT {port}"):
            async with probes(settings, Health()):
                pass


async def test_without_a_port_nothing_is_opened(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("stream_app.probes.web.AppRunner", None)
    async with probes(Settings(), Health()):
        pass
