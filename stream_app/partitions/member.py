"""A process's place in a consumer group: it polls, works, writes for its partitions, and leaves."""

import asyncio
from collections.abc import Awaitable, Callable, Coroutine, Sequence
from typing import Any, Generic, TypeVar

import structlog
from aiokafka import AIOKafkaConsumer, TopicPartition
from aiokafka.errors import KafkaError

from stream_app.config import Settings
from stream_app.health import STOPPING, Health
from stream_app.kafka.access import MISSING_RIGHTS
from stream_app.kafka.connection import client_options
from stream_app.kafka.static_member import start_member
from stream_app.partitions.assignment import Assignment
from stream_app.partitions.owned import OwnedPartition

__all__ = ["Member"]

logger = structlog.get_logger(__name__)

POLL_MS = 200
POLL_RECORDS = 128

P = TypeVar("P", bound=OwnedPartition)


class Member(Generic[P]):
    """Joins a group, and keeps its partitions' records coming until `stop`.

    `on_end` is called when the end begins, by a stop or a failure: something may be stuck in it.
    `idle` is set while no batch is in hand, `work_to_do` when there may be something to work off.
    """

    def __init__(
        self,
        settings: Settings,
        group: str,
        take_over: Callable[[TopicPartition], Awaitable[P]],
        health: Health,
        on_end: Callable[[], object] = lambda: None,
    ) -> None:
        session_timeout_ms = int(settings.session_timeout_s * 1000)
        self.consumer = AIOKafkaConsumer(
            **client_options(settings),
            group_id=group,
            group_instance_id=settings.instance_id or None,
            enable_auto_commit=False,
            auto_offset_reset="earliest",
            isolation_level="read_committed",
            session_timeout_ms=session_timeout_ms,
            # The group must wait for a drain: past it another member owns the partition.
            rebalance_timeout_ms=session_timeout_ms + int(settings.drain_s * 1000),
            heartbeat_interval_ms=session_timeout_ms // 4,
        )
        self.idle = asyncio.Event()
        self.idle.set()
        self.work_to_do = asyncio.Event()
        self.assignment: Assignment[P] = Assignment(
            settings, self.consumer, take_over, self.idle, on_failure=self.fail, health=health
        )
        self._instance_id = settings.instance_id
        self._health = health
        self._on_end = on_end
        self._stopping = asyncio.Event()
        self._failure: BaseException | None = None

    @property
    def is_stopping(self) -> bool:
        """Whether no new batch is to be begun."""
        return self._stopping.is_set()

    def stop(self) -> None:
        """Finish the batch in hand, commit, and leave the group."""
        self._health.lacks(STOPPING)
        self._stopping.set()

    def fail(self, error: BaseException) -> None:
        """End as `stop` does, and then with an error that came up beside the activities."""
        self._failure = error
        self.stop()

    async def join(self, topics: Sequence[str]) -> None:
        """Join the group and read these topics."""
        self.consumer.subscribe(topics, listener=self.assignment)
        await start_member(self.consumer, self._instance_id)

    async def run(self, *activities: Coroutine[Any, Any, Any]) -> None:
        """Run until `stop` or the end of an activity; one that fails ends the process.

        Raises:
            KafkaError: If a partition could not be taken over.
        """
        tasks = [asyncio.ensure_future(one) for one in [self._stopping.wait(), *activities]]
        try:
            done, _ = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
            if self.is_stopping or any(task.exception() for task in done):
                self._on_end()
            for task in done:
                task.result()
            # A batch in hand is delivered before its task is cancelled.
            await self.assignment.drain()
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
        if self._failure is not None:
            raise self._failure

    async def poll(self) -> None:
        """Take what comes in hand, until cancelled."""
        while True:
            self.assignment.pause_full()
            batches = await self.consumer.getmany(timeout_ms=POLL_MS, max_records=POLL_RECORDS)
            for tp, records in batches.items():
                self.assignment.add(tp, records)
            if batches:
                self.work_to_do.set()

    async def is_written(self, partition: P, writing: Coroutine[Any, Any, Any]) -> bool:
        """Write for a partition; False if it is not, or no longer, ours to write for.

        Raises:
            KafkaError: If a right is missing.
        """
        delivery = asyncio.ensure_future(writing)
        closing = asyncio.ensure_future(partition.closing.wait())
        try:
            await asyncio.wait([delivery, closing], return_when=asyncio.FIRST_COMPLETED)
            if not delivery.done():
                # Given back meanwhile: the next owner's start aborts what was begun.
                return False
            delivery.result()
        except MISSING_RIGHTS:
            # Taking it over anew would fail the same way, for ever.
            raise
        except KafkaError as error:
            logger.warning(
                "partition is taken over anew", partition=str(partition.tp), error=repr(error)
            )
            await self.assignment.start_anew(partition)
            return False
        finally:
            delivery.cancel()
            closing.cancel()
        return True

    async def leave(self) -> None:
        """Leave the group and let go of every partition."""
        await self.consumer.stop()
        await self.assignment.close()
