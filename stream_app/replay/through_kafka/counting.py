"""The signals process counts what lies before the cut, in topics of its own.

A user's list behind an event before the cut may answer a query behind it, and rests on all counts
up to the cut. So they are there before the first event comes to the worker, and can't be counted
of the topic that it is fed from.
"""

from collections.abc import Sequence
from pathlib import Path

from aiokafka import ConsumerRecord

from schemas.codec import decode
from schemas.interaction import Interaction
from schemas.user_signals import UserSignals
from stream_app.config import Settings
from stream_app.kafka.compacted import newest_by_key
from stream_app.kafka.producer import reliable_producer
from stream_app.replay.through_kafka.beside import beside
from stream_app.replay.through_kafka.deployment import create_all, environment
from stream_app.replay.through_kafka.seen import Seen
from stream_app.replay.through_kafka.sending import Pace, send_events
from stream_app.supervise import PROCESSES, running, watch

__all__ = ["count_signals"]


async def count_signals(settings: Settings, log: Sequence[Interaction], logs: Path) -> None:
    """Fill item-signals with what the signals process counts of these events, all of them.

    Raises:
        StartError: If the process ends before it has.
    """
    prefix = f"{settings.topic_prefix}counted."
    counting = settings.model_copy(update={"topic_prefix": prefix})
    await create_all(counting)
    command = {"signals": PROCESSES["signals"]}
    users = Seen(counting, counting.topics.signal_users.name, _applied_offset)
    with running(
        command, logs, environment=environment(counting), drain_s=settings.drain_s
    ) as processes:
        try:
            await users.view.start()
            counted = _sent_and_counted(counting, log, users)
            await beside(counted, users.view.run(), watch(processes))
        finally:
            await users.view.stop()
    await _copy(counting, settings)


async def _sent_and_counted(settings: Settings, log: Sequence[Interaction], users: Seen) -> None:
    async with reliable_producer(settings) as producer:
        topic, at_once = settings.topics.interactions.name, Pace(log[0].occurred_at, None)
        await send_events(producer, topic, log, range(len(log)), at_once)
    # Users and items are written in one transaction.
    await users.until([str(len(log) - 1)])


def _applied_offset(record: ConsumerRecord) -> str:
    user = decode(UserSignals, record.value)
    return str(user.applied_offset) if isinstance(user, UserSignals) else ""


async def _copy(source: Settings, target: Settings) -> None:
    counted = await newest_by_key(source, source.topics.item_signals.name)
    async with reliable_producer(target) as producer:
        for item_id, value in counted.items():
            topic = target.topics.item_signals.name
            await producer.send(topic, value, key=item_id.encode(), partition=0)
