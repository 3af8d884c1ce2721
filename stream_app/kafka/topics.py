"""Create, list and describe the topics of a deployment."""

from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass

from aiokafka.admin import AIOKafkaAdminClient, NewTopic
from aiokafka.errors import KafkaConnectionError, TopicAlreadyExistsError, for_code

from schemas.codec import MAX_RECORD_BYTES
from schemas.topics import Topics
from stream_app.config import Settings
from stream_app.kafka.access import why_unreachable
from stream_app.kafka.connection import client_options

__all__ = [
    "MissingTopicsError",
    "TopicState",
    "admin_client",
    "cluster_id",
    "copartitioned",
    "create_topics",
    "describe_topics",
    "require_topics",
]


class MissingTopicsError(Exception):
    """Topics that a process needs do not exist, or don't have the partitions they need."""


@dataclass(frozen=True)
class TopicState:
    """A topic as the broker has it; `num_partitions` is 0 where it does not exist."""

    name: str
    num_partitions: int
    replication_factor: int
    cleanup: str


@asynccontextmanager
async def admin_client(settings: Settings) -> AsyncIterator[AIOKafkaAdminClient]:
    """Connect for as long as the block lasts.

    Raises:
        KafkaError: If no broker can be reached.
    """
    admin = AIOKafkaAdminClient(**client_options(settings))
    try:
        await admin.start()
    except KafkaConnectionError as error:
        raise await why_unreachable(settings) from error
    try:
        yield admin
    finally:
        await admin.close()


async def create_topics(settings: Settings, configs: Mapping[str, str] = {}) -> list[str]:
    """Create what is missing and return the created names; existing topics stay as they are.

    All topics get the same number of partitions: stages that share a key share the partition.
    `configs` are set beside what all deployments have.
    """
    topics = [
        NewTopic(
            name=topic.name,
            num_partitions=settings.partitions,
            replication_factor=settings.replication_factor,
            topic_configs={
                "cleanup.policy": topic.cleanup,
                "max.message.bytes": str(MAX_RECORD_BYTES),
                **configs,
            },
        )
        for topic in settings.topics
    ]
    created = []
    async with admin_client(settings) as admin:
        answer = await admin.create_topics(topics)
    for name, code, *_ in answer.topic_errors:
        error = for_code(code)
        if code == 0:
            created.append(name)
        elif error is not TopicAlreadyExistsError:
            raise error(f"topic {name} could not be created")
    return created


async def describe_topics(settings: Settings) -> list[TopicState]:
    """Return how the broker has each topic of the table, in the table's order."""
    async with admin_client(settings) as admin:
        existing = set(await admin.list_topics())
        names = [topic.name for topic in settings.topics]
        found = await admin.describe_topics([name for name in names if name in existing])
    by_name = {topic["topic"]: topic["partitions"] for topic in found}
    return [
        TopicState(
            name=topic.name,
            num_partitions=len(by_name.get(topic.name, ())),
            replication_factor=len(by_name[topic.name][0]["replicas"])
            if topic.name in by_name
            else 0,
            cleanup=topic.cleanup,
        )
        for topic in settings.topics
    ]


async def cluster_id(settings: Settings) -> str:
    """Return the id that the brokers gave themselves when they were formatted."""
    async with admin_client(settings) as admin:
        return str((await admin.describe_cluster())["cluster_id"])


async def require_topics(settings: Settings, process: str = "worker") -> int:
    """Return the number of partitions that a process's events and its state share.

    Raises:
        MissingTopicsError: If a topic is missing, or the state's topics don't share their
            partition count: a user's state is written to the partition that it was read from.
    """
    states = {state.name: state for state in await describe_topics(settings)}
    missing = [state.name for state in states.values() if state.num_partitions == 0]
    if missing:
        hint = ", or let this process's user describe them" if settings.uses_sasl else ""
        raise MissingTopicsError(
            f"missing topics: {', '.join(missing)}; "
            f"create them with `stream-app topics create`{hint}"
        )
    counts = {name: states[name].num_partitions for name in copartitioned(settings.topics)[process]}
    if len(set(counts.values())) > 1:
        raise MissingTopicsError(f"these topics must have equally many partitions: {counts}")
    return next(iter(counts.values()))


def copartitioned(topics: Topics) -> dict[str, tuple[str, ...]]:
    """Return by process the names of the topics that must have equally many partitions."""
    return {
        "worker": (
            topics.interactions_enriched.name,
            topics.user_preferences.name,
            topics.rankings.name,
        ),
        "signals": (topics.interactions.name, topics.signal_users.name, topics.item_signals.name),
        "quality": (
            topics.interactions.name,
            topics.recommendations.name,
            topics.list_users.name,
            topics.list_outcomes.name,
            topics.list_quality.name,
        ),
    }
