"""All checks at once, each with a deadline: what doesn't answer costs its own line only."""

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from datetime import timedelta

from aiokafka.errors import KafkaError

from stream_app.config import Settings
from stream_app.doctor.brokers import judge_brokers, look_at_brokers
from stream_app.doctor.disk import judge_disk, look_at_disk
from stream_app.doctor.finding import Finding, wrong
from stream_app.doctor.flow import judge_flow, look_at_flow
from stream_app.doctor.groups import judge_group, look_at_groups
from stream_app.doctor.letters import judge_letters, look_at_letters
from stream_app.doctor.model import check_model
from stream_app.doctor.storage import judge_bucket, look_at_buckets
from stream_app.doctor.topics import TopicFacts, judge_topics, look_at_topics

__all__ = ["DEADLINE_S", "examine", "in_time"]

DEADLINE_S = 15.0

Check = Callable[[], Awaitable[list[Finding]]]


async def examine(
    settings: Settings,
    patience: timedelta,
    *,
    process: str | None = None,
    deadline_s: float = DEADLINE_S,
) -> list[Finding]:
    """Return what every check found, in the order of the flow.

    Args:
        settings: Of the deployment; the model and the disk are those of this machine.
        patience: From when on an unread record or a silent topic is worth a line.
        process: Whose buckets, model and disk are looked at, such as "worker"; None for all. A
            process need not have the others' keys, nor their files.
        deadline_s: For each check; those on topics begin when brokers and topics were looked at.
    """

    async def buckets() -> list[Finding]:
        looked_at = await look_at_buckets(settings, _buckets(settings, process))
        return [
            judge_bucket(name, looked, is_for_adapters=name not in settings.buckets)
            for name, looked in looked_at.items()
        ]

    async def model() -> list[Finding]:
        return [await check_model(settings)]

    async def disk() -> list[Finding]:
        return [judge_disk(await asyncio.to_thread(look_at_disk, settings))]

    checks: dict[str, Check] = {"object storage": buckets}
    if process in {None, "worker"}:
        checks["model"] = model
    if process in {None, "worker", "signals", "quality"}:
        checks["disk"] = disk
    found = await asyncio.gather(
        _kafka(settings, patience, deadline_s),
        *[in_time(name, check, deadline_s) for name, check in checks.items()],
    )
    return [finding for part in found for finding in part]


def _buckets(settings: Settings, process: str | None) -> list[str]:
    pictures = settings.buckets if process in {None, "ingest", "profile"} else ()
    adapters = (settings.adapter_bucket,) if process in {None, "worker"} else ()
    return [*pictures, *adapters]


async def _kafka(settings: Settings, patience: timedelta, deadline_s: float) -> list[Finding]:
    addresses: list[str] = []
    facts: dict[str, TopicFacts] = {}

    async def brokers() -> list[Finding]:
        seen = await look_at_brokers(settings)
        addresses.extend(seen.addresses)
        return judge_brokers(seen)

    async def topics() -> list[Finding]:
        facts.update(await look_at_topics(settings))
        return judge_topics(facts, settings.topics, len(addresses))

    found = await in_time("brokers", brokers, deadline_s)
    if addresses:
        found += await in_time("topics", topics, deadline_s)
    num_partitions = {one.name: one.num_partitions for one in facts.values()}
    checks = _on_topics(settings, patience, num_partitions)
    on_topics = await asyncio.gather(
        *[in_time(name, check, deadline_s) for name, check in checks.items()]
    )
    return [*found, *[finding for part in on_topics for finding in part]]


def _on_topics(
    settings: Settings, patience: timedelta, num_partitions: Mapping[str, int]
) -> dict[str, Check]:
    """Return the checks for which the topics are there: what is missing has had its line."""
    if not num_partitions:
        return {}
    topics = settings.topics

    async def groups() -> list[Finding]:
        looked = await look_at_groups(settings, num_partitions)
        return [judge_group(facts, patience) for facts in looked]

    async def letters() -> list[Finding]:
        return [judge_letters(await look_at_letters(settings, num_partitions))]

    def flow(asks: str, answers: str) -> Check:
        async def check() -> list[Finding]:
            return [
                judge_flow(await look_at_flow(settings, num_partitions, asks, answers), patience)
            ]

        return check

    checks: dict[str, Check] = {"groups": groups}
    for asks, answers in (
        (topics.interactions.name, topics.rankings.name),
        (topics.rankings.name, topics.recommendations.name),
    ):
        if {asks, answers} <= num_partitions.keys():
            checks[f"flow to {answers}"] = flow(asks, answers)
    if topics.dead_letters.name in num_partitions:
        checks["dead letters"] = letters
    return checks


async def in_time(name: str, check: Check, deadline_s: float) -> list[Finding]:
    """Return what a check found, or that it failed or took too long."""
    try:
        async with asyncio.timeout(deadline_s):
            return await check()
    except TimeoutError:
        return [wrong(name, f"no answer within {deadline_s:g} s; see whether it is overloaded")]
    except KafkaError as error:
        step = "check KAFKA_BOOTSTRAP_SERVERS, the brokers, and what this user may see"
        return [wrong(name, f"{str(error) or type(error).__name__}; {step}")]
    # A check that breaks must not hide what the others have found.
    except Exception as error:  # noqa: BLE001
        return [wrong(name, f"could not be checked: {type(error).__name__}: {error}")]
