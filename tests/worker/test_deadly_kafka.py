"""What ends a worker's process: a deadly record, a call that hangs; its successor goes on."""

import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from kafka_io import produce, read_count, read_until
from records import enriched, item
from schemas.codec import decode
from schemas.dead_letter import DeadLetter
from schemas.ranking import Ranking
from stream_app.config import Settings
from stream_app.deadline import EXIT_STUCK
from stream_app.embedded.process import ChildProcess

pytestmark = pytest.mark.kafka

WORKER = """
import asyncio, os, pathlib, signal, time
from models.weightless import WeightlessEngine
from stream_app.config import read_settings
from stream_app.log import configure_logging
from stream_app.worker import run
class Failing(WeightlessEngine):
    def score(self, requests):
        lines = " ".join(line for one in requests for line in one.recent)
        if "deadly" in lines:
            os.kill(os.getpid(), signal.SIGKILL)
        order = pathlib.Path(os.environ["ORDERS"]) / "hang"
        if order.exists():
            order.unlink()
            time.sleep(1000)
        return super().score(requests)
run.load_engine = lambda _: Failing()
configure_logging("INFO")
asyncio.run(run.run_worker(read_settings()))
"""
DEADLINE_S = 60.0
Start = Callable[[], ChildProcess]


@pytest.fixture
def start_failing(environment: dict[str, str], tmp_path: Path) -> Iterator[Start]:
    environment |= {"ORDERS": str(tmp_path), "STREAM_APP_CALL_TIMEOUT_S": "2"}
    worker = ChildProcess(
        "worker", [sys.executable, "-c", WORKER], tmp_path / "worker.log", env=environment
    )

    def start() -> ChildProcess:
        worker.start()
        return worker

    yield start
    worker.stop(deadline_s=15)


async def test_a_record_that_ends_the_process_is_set_aside_and_costs_nobody_else(
    settings: Settings, start_failing: Start
) -> None:
    sound = [enriched(number, item(number), user=f"user-{number}") for number in range(20)]
    deadly = enriched(99, item(99, title="a deadly thing"), user="eve")
    sent = [*sound[:10], deadly, *sound[10:]]
    topic = settings.topics.interactions_enriched.name
    await produce(settings, topic, [(one.interaction.user_id.encode(), one) for one in sent])
    # In hand with others, then twice alone.
    for _ in range(3):
        assert start_failing().wait(DEADLINE_S) == -9
    worker = start_failing()
    (letter,) = await read_count(settings, settings.topics.dead_letters.name, 1)
    assert DeadLetter.from_headers(letter.headers).error == "EndsTheProcess"
    assert letter.key == b"eve"
    records = await read_count(settings, settings.topics.rankings.name, 20)
    rankings = [decode(Ranking, record.value) for record in records]
    assert {one.user_id for one in rankings} == {one.interaction.user_id for one in sound}
    assert worker.is_running()


async def test_a_call_that_hangs_ends_the_process_and_the_next_one_answers(
    settings: Settings, start_failing: Start, tmp_path: Path
) -> None:
    (tmp_path / "hang").touch()
    event = enriched(1, item(1))
    topic = settings.topics.interactions_enriched.name
    await produce(settings, topic, [(b"ada", event)])
    worker = start_failing()
    assert worker.wait(DEADLINE_S) == EXIT_STUCK
    assert "a call hangs" in worker.log_tail() + (tmp_path / "worker.log").read_text()
    start_failing()
    (record,) = await read_until(
        settings, settings.topics.rankings.name, lambda records: len(records) == 1
    )
    assert record.key == b"ada"
