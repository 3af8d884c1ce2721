"""Whether the topics are there, and made so that nothing gets lost or stuck."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from aiokafka.admin.config_resource import ConfigResource, ConfigResourceType

from schemas.codec import MAX_RECORD_BYTES
from schemas.topics import Topic, Topics
from stream_app.config import Settings
from stream_app.doctor.brokers import config_values
from stream_app.doctor.finding import Finding, named, ok, warning, wrong
from stream_app.kafka.topics import admin_client, copartitioned

__all__ = ["TopicFacts", "judge_topics", "look_at_topics"]

# As many replicas as one broker's loss and another's maintenance take; fewer brokers, fewer.
WANTED_REPLICAS = 3
ALTER = "kafka-configs.sh --alter --entity-type topics --entity-name TOPIC --add-config"


@dataclass(frozen=True)
class TopicFacts:
    """A topic as the brokers have it.

    `num_replicas` and `num_in_sync` are those of the partition that has fewest.
    """

    name: str
    num_partitions: int
    num_replicas: int
    num_in_sync: int
    leaderless: tuple[int, ...]
    cleanup: frozenset[str]
    max_record_bytes: int
    min_in_sync: int


async def look_at_topics(settings: Settings) -> dict[str, TopicFacts]:
    """Return those of our topics that exist, by name.

    Raises:
        KafkaError: If the brokers don't tell.
    """
    async with admin_client(settings) as admin:
        existing = set(await admin.list_topics())
        names = [topic.name for topic in settings.topics if topic.name in existing]
        if not names:
            return {}
        described = await admin.describe_topics(names)
        asked = [ConfigResource(ConfigResourceType.TOPIC, name) for name in names]
        (answer,) = await admin.describe_configs(asked)
    configs = config_values(answer)
    return {one["topic"]: _facts(one, configs[one["topic"]]) for one in described}


def _facts(described: Mapping[str, Any], config: Mapping[str, str | None]) -> TopicFacts:
    partitions = described["partitions"]
    return TopicFacts(
        name=described["topic"],
        num_partitions=len(partitions),
        num_replicas=min(len(one["replicas"]) for one in partitions),
        num_in_sync=min(len(one["isr"]) for one in partitions),
        leaderless=tuple(one["partition"] for one in partitions if one["leader"] == -1),
        cleanup=frozenset((config["cleanup.policy"] or "").split(",")),
        max_record_bytes=int(config["max.message.bytes"] or 0),
        min_in_sync=int(config["min.insync.replicas"] or 1),
    )


def judge_topics(
    facts: Mapping[str, TopicFacts], topics: Topics, num_brokers: int
) -> list[Finding]:
    """Judge what is there of the table of topics."""
    missing = [topic.name for topic in topics if topic.name not in facts]
    if missing:
        there = wrong(
            "topics",
            f"missing: {named(missing)}; create them with `stream-app topics create`",
            missing=missing,
        )
    else:
        there = ok("topics", f"all {len(facts)} there")
    if not facts:
        return [there]
    return [
        there,
        _partitions(facts, topics),
        _record_size(facts, topics),
        _cleanup(facts, topics),
        _replication(list(facts.values()), num_brokers),
    ]


def _partitions(facts: Mapping[str, TopicFacts], topics: Topics) -> Finding:
    check = "partitions"
    leaderless = {one.name: one.leaderless for one in facts.values() if one.leaderless}
    if leaderless:
        return wrong(
            check,
            f"without a leader, so neither read nor written: {named(leaderless)}; see which "
            f"brokers are down",
        )
    by_process = {
        process: {name: facts[name].num_partitions for name in names if name in facts}
        for process, names in copartitioned(topics).items()
    }
    for counts in by_process.values():
        if len(set(counts.values())) > 1:
            return wrong(
                check,
                f"must be equally many: {named(counts)}; add what is missing with kafka-topics.sh "
                f"--alter --partitions {max(counts.values())} while nothing runs",
                partitions=counts,
            )
    num_partitions = next(iter(by_process["worker"].values()), 0)
    return ok(check, f"each with a leader; {num_partitions} for users' events")


def _record_size(facts: Mapping[str, TopicFacts], topics: Topics) -> Finding:
    check = "record size"
    small = {
        one.name: one.max_record_bytes
        for one in facts.values()
        if one.max_record_bytes < MAX_RECORD_BYTES
    }
    alter = f"{ALTER} max.message.bytes={MAX_RECORD_BYTES}"
    # A transaction with a record that is refused is begun again for ever, partition and all.
    stuck = {name: small[name] for name in _written_in_transactions(topics) if name in small}
    if stuck:
        return wrong(
            check,
            f"a partition starts over again and again once it writes a record larger than "
            f"max.message.bytes of {named(stuck)}: {alter}",
            max_message_bytes=small,
        )
    if small:
        return warning(
            check,
            f"max.message.bytes is below ours of {MAX_RECORD_BYTES}, larger records are set "
            f"aside: {named(small)}: {alter}",
            max_message_bytes=small,
        )
    return ok(check, f"each takes records of {MAX_RECORD_BYTES} bytes")


def _written_in_transactions(topics: Topics) -> list[str]:
    written: Sequence[Topic] = (
        topics.dead_letters,
        topics.user_preferences,
        topics.rankings,
        topics.item_profiles,
        topics.signal_users,
        topics.item_signals,
        topics.list_users,
        topics.list_outcomes,
        topics.list_quality,
    )
    return [topic.name for topic in written]


def _cleanup(facts: Mapping[str, TopicFacts], topics: Topics) -> Finding:
    check = "cleanup"
    bad = {
        topic.name: ",".join(sorted(facts[topic.name].cleanup))
        for topic in topics
        if topic.name in facts and facts[topic.name].cleanup != {topic.cleanup}
    }
    if not bad:
        return ok(check, "as the table of topics says")
    right = {topic.name: topic.cleanup for topic in topics if topic.name in bad}
    return wrong(
        check,
        f"records get lost by cleanup.policy of {named(bad)}; needed: {named(right)}: {ALTER} "
        f"cleanup.policy=...",
        cleanup_policy=bad,
    )


def _replication(facts: list[TopicFacts], num_brokers: int) -> Finding:
    check = "replication"
    refused = {
        one.name: f"{one.num_in_sync} of {one.min_in_sync} in sync"
        for one in facts
        if one.num_in_sync < one.min_in_sync
    }
    if refused:
        return wrong(
            check,
            f"no write is taken by {named(refused)}: start the brokers that are down, or lower "
            f"min.insync.replicas if it is above the number of replicas",
        )
    behind = [one.name for one in facts if one.num_in_sync < one.num_replicas]
    if behind:
        return warning(check, f"replicas are behind or away: {named(behind)}; see the brokers' log")
    wanted = min(WANTED_REPLICAS, num_brokers)
    few = {one.name: one.num_replicas for one in facts if one.num_replicas < wanted}
    if few:
        return warning(
            check,
            f"lost with a broker's disk: {named(few)}; {num_brokers} brokers can hold {wanted} "
            f"replicas: kafka-reassign-partitions.sh",
        )
    brittle = [one.name for one in facts if 1 < one.num_replicas == one.min_in_sync]
    if brittle:
        return warning(
            check,
            f"no write is taken while one broker is away: {named(brittle)}; set "
            f"min.insync.replicas one below the replicas",
        )
    lax = [one.name for one in facts if one.num_replicas > 1 == one.min_in_sync]
    if lax:
        return warning(
            check,
            f"a write counts with one replica alone, and is lost with it: {named(lax)}: {ALTER} "
            f"min.insync.replicas=2",
        )
    return ok(check, f"{min(one.num_replicas for one in facts)} of each partition, in sync")
