"""Whether each process is there and keeps up: members, owners, lag, the oldest record unread."""

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from aiokafka import AIOKafkaConsumer, TopicPartition
from aiokafka.admin import AIOKafkaAdminClient
from aiokafka.coordinator.protocol import ConsumerProtocol
from aiokafka.errors import GroupCoordinatorNotAvailableError

from schemas.topics import Topics
from stream_app.config import Settings
from stream_app.doctor.finding import Finding, named, ok, warning, wrong
from stream_app.doctor.reading import partitions_of, read, reader, written_at
from stream_app.kafka.topics import admin_client

__all__ = ["Backlog", "GroupFacts", "judge_group", "look_at_groups", "owned_by", "sources"]

Owned = Mapping[str, frozenset[TopicPartition]]

STABLE = "Stable"
RETRY_S = 0.5
COMMANDS = {
    "ingest": "stream-app agents ingest",
    "profile": "stream-app agents profile",
    "publish": "stream-app agents publish",
    "worker": "stream-app worker",
    "signals": "stream-app signals",
    "quality": "stream-app quality",
}

# Lists are made without them, too.
OPTIONAL = {"signals", "quality"}


@dataclass(frozen=True)
class Backlog:
    """What a group has not read of a partition.

    `lag` counts offsets from the oldest unread record on, 0 where only markers of transactions are
    left. `num_lost` were deleted by the topic's retention before they were read.
    """

    lag: int
    oldest_at: datetime | None = None
    num_lost: int = 0


@dataclass(frozen=True)
class GroupFacts:
    """A process's consumer group; `owned` tells by member which partitions it has."""

    process: str
    name: str
    state: str
    owned: Owned
    backlog: Mapping[TopicPartition, Backlog]


def sources(topics: Topics) -> dict[str, tuple[str, ...]]:
    """Return which topics each process follows as a group."""
    return {
        "ingest": (topics.interactions.name,),
        "profile": (topics.items.name,),
        "worker": (topics.interactions_enriched.name, topics.item_images.name),
        "publish": (topics.rankings.name,),
        "signals": (topics.interactions.name,),
        "quality": (topics.interactions.name,),
    }


async def look_at_groups(settings: Settings, num_partitions: Mapping[str, int]) -> list[GroupFacts]:
    """Return every group as it stands on those of its topics that exist, which are given.

    Raises:
        KafkaError: If the brokers don't tell.
    """
    followed = {
        process: [
            tp
            for topic in topics
            if topic in num_partitions
            for tp in partitions_of(topic, num_partitions[topic])
        ]
        for process, topics in sources(settings.topics).items()
    }
    async with admin_client(settings) as admin:
        return await asyncio.gather(
            *[_look(settings, admin, process, tps) for process, tps in followed.items()]
        )


async def _look(
    settings: Settings, admin: AIOKafkaAdminClient, process: str, tps: list[TopicPartition]
) -> GroupFacts:
    name = settings.group(process)
    node = await _coordinator(admin, name)
    # One by one: aiokafka 0.14 misreads an answer about several.
    (answer,) = await admin.describe_consumer_groups([name], node)
    (_, _, state, _, _, members), *_ = answer.groups
    committed = await admin.list_consumer_group_offsets(name, node)
    async with reader(settings) as consumer:
        backlog = await _backlog(consumer, tps, {tp: one.offset for tp, one in committed.items()})
    return GroupFacts(process, name, state, owned_by(members), backlog)


async def _coordinator(admin: AIOKafkaAdminClient, group: str) -> int:
    while True:
        try:
            return int(await admin.find_coordinator(group))
        except GroupCoordinatorNotAvailableError:
            # A cluster makes its topic of offsets when the first group is asked for.
            await asyncio.sleep(RETRY_S)


def owned_by(members: Sequence[tuple[str, str, str, bytes, bytes]]) -> Owned:
    """Return which partitions each member has, none of them while the group rebalances.

    By member id: several on one machine have all else in common.
    """
    decode = ConsumerProtocol.ASSIGNMENT.decode
    return {
        f"{member} on {host}": frozenset(decode(raw).partitions() if raw else ())
        for member, _, host, _, raw in members
    }


async def _backlog(
    consumer: AIOKafkaConsumer, tps: Sequence[TopicPartition], committed: Mapping[Any, int]
) -> dict[TopicPartition, Backlog]:
    begins = await consumer.beginning_offsets(tps)
    ends = await consumer.end_offsets(tps)
    start = {tp: max(committed.get(tp, 0), begins[tp]) for tp in tps}
    backlog = {
        tp: Backlog(0, num_lost=max(0, begins[tp] - committed.get(tp, begins[tp]))) for tp in tps
    }
    async for record in read(consumer, start, ends):
        tp = TopicPartition(record.topic, record.partition)
        if backlog[tp].oldest_at is None:
            consumer.pause(tp)
            backlog[tp] = Backlog(
                ends[tp] - record.offset, written_at(record), backlog[tp].num_lost
            )
    return backlog


def judge_group(facts: GroupFacts, patience: timedelta, now: datetime | None = None) -> Finding:
    """Judge one group; records that wait for longer than `patience` are worth a look."""
    check, command = f"group {facts.process}", COMMANDS[facts.process]
    waiting = {tp: one for tp, one in facts.backlog.items() if one.lag}
    lag = sum(one.lag for one in waiting.values())
    oldest_at = min((one.oldest_at for one in waiting.values() if one.oldest_at), default=None)
    age = timedelta(0) if oldest_at is None else (now or datetime.now(UTC)) - oldest_at
    behind = f"lag {lag}" + (f", oldest {_shown(age)} old" if oldest_at else "")
    details = {
        "members": {member: sorted(map(_name, tps)) for member, tps in facts.owned.items()},
        "lag": {_name(tp): one.lag for tp, one in sorted(facts.backlog.items())},
        "oldest_s": round(age.total_seconds(), 1),
    }
    if not facts.owned:
        missing = warning if facts.process in OPTIONAL else wrong
        return missing(check, f"no member, {behind}; start `{command}`", **details)
    if facts.state != STABLE:
        return warning(
            check, f"is rebalancing ({facts.state}), {behind}; look again in a minute", **details
        )
    lost = {_name(tp): one.num_lost for tp, one in facts.backlog.items() if one.num_lost}
    if lost:
        return wrong(
            check,
            f"deleted before they were read: {named(lost)}; raise the topic's retention.ms",
            **details,
        )
    ownerless = set(facts.backlog) - frozenset().union(*facts.owned.values())
    if ownerless:
        return wrong(
            check,
            f"nobody reads {named(sorted(map(_name, ownerless)))}, {behind}; restart `{command}`",
            **details,
        )
    members = f"{len(facts.owned)} member{'s' if len(facts.owned) > 1 else ''}, {behind}"
    if age > patience:
        most = dict(sorted(waiting.items(), key=lambda one: -one[1].lag))
        lags = named({_name(tp): one.lag for tp, one in most.items()})
        return warning(
            check, f"{members}: {lags}; if it grows, see the log or add replicas", **details
        )
    return ok(check, members, **details)


def _name(tp: TopicPartition) -> str:
    return f"{tp.topic}-{tp.partition}"


def _shown(age: timedelta) -> str:
    seconds = int(age.total_seconds())
    if seconds < 120:
        return f"{seconds} s"
    return f"{seconds // 60} min" if seconds < 7200 else f"{seconds // 3600} h"
