"""A deployment for one replay, beside any other: topics and groups that are gone at the end."""

import asyncio
import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from aiokafka.admin import AIOKafkaAdminClient
from aiokafka.errors import (
    GroupCoordinatorNotAvailableError,
    GroupLoadInProgressError,
    for_code,
)
from aiokafka.protocol.admin import DeleteGroupsRequest

from stream_app.config import Settings
from stream_app.kafka.topics import admin_client, create_topics
from stream_app.offline.cache import digest
from stream_app.replay.errors import ReplayError
from stream_app.replay.journal import Header

__all__ = ["create_all", "deployed", "environment", "groups_of", "settings_of_replay"]

NAME_CHARS = 8
RETRY_S = 0.2
LONGEST_MS = str(2**63 - 1)
# A log of ten years ago is to stay, and to be taken with its own times.
CONFIGS = {
    "retention.ms": "-1",
    "message.timestamp.type": "CreateTime",
    "message.timestamp.before.max.ms": LONGEST_MS,
    "message.timestamp.after.max.ms": LONGEST_MS,
}
# A list for every event, by the model, however old it is; and what only one process can have.
NOT_OF_A_REPLAY = (
    "STREAM_APP_COALESCE",
    "STREAM_APP_SHED_AFTER_S",
    "STREAM_APP_HEALTH_PORT",
    "STREAM_APP_INSTANCE_ID",
)
# NON_EMPTY_GROUP and GROUP_ID_NOT_FOUND, for which aiokafka has no classes.
MAY_BE_LEFT = (68, 69)


def settings_of_replay(settings: Settings, header: Header, state_dir: Path) -> Settings:
    """Return the settings of the deployment that is named after what is replayed.

    One partition: an event's offset is then its position in the log.
    """
    name = f"replay-{digest(dict(header))[:NAME_CHARS]}"
    own = {
        "topic_prefix": f"{settings.topic_prefix}{name}.",
        "partitions": 1,
        "buckets": (name,),
        "state_dir": state_dir,
    }
    return settings.model_copy(update=own)


def environment(settings: Settings) -> dict[str, str]:
    """Return the environment of a replay's processes."""
    inherited = {name: one for name, one in os.environ.items() if name not in NOT_OF_A_REPLAY}
    if settings.fusion is not None:
        inherited["STREAM_APP_FUSION"] = str(settings.fusion)
    return {
        **inherited,
        "STREAM_APP_TOPIC_PREFIX": settings.topic_prefix,
        "STREAM_APP_BUCKETS": ",".join(settings.buckets),
        "STREAM_APP_STATE_DIR": str(settings.state_dir),
    }


@asynccontextmanager
async def deployed(settings: Settings) -> AsyncIterator[None]:
    """Create the topics, and remove all that begins with their prefix at the end.

    What a killed replay of the same has left is removed first.

    Raises:
        ReplayError: If another replay of the same is running.
        KafkaError: If the broker can't be reached, or refuses.
    """
    await _require_none_running(settings)
    await _remove(settings)
    # Not within: what another has just made is not ours to remove.
    await create_all(settings)
    try:
        yield
    finally:
        await _remove(settings)


async def create_all(settings: Settings) -> None:
    """Create the topics of a replay, none of which may be there.

    Raises:
        ReplayError: If one is.
    """
    if len(await create_topics(settings, CONFIGS)) < len(list(settings.topics)):
        raise ReplayError(
            f"topics of {settings.topic_prefix} are there already: another replay of the same has "
            f"just begun, or the brokers are still removing what one has left; try again"
        )


async def _require_none_running(settings: Settings) -> None:
    async with admin_client(settings) as admin:
        for group in await groups_of(admin, settings.topic_prefix):
            (answer,) = await admin.describe_consumer_groups([group])
            (*_, members), *_ = answer.groups
            if members:
                raise ReplayError(
                    f"consumer group {group} has {len(members)} members: the same is being "
                    f"replayed by another process; if that was killed, try again in "
                    f"{settings.session_timeout_s:.0f} s"
                )


async def _remove(settings: Settings) -> None:
    async with admin_client(settings) as admin:
        await _remove_topics(settings, admin)
        for group in await groups_of(admin, settings.topic_prefix):
            await _remove_group(admin, group)


async def _remove_topics(settings: Settings, admin: AIOKafkaAdminClient) -> None:
    there = await admin.list_topics()
    if topics := [name for name in there if name.startswith(settings.topic_prefix)]:
        answer = await admin.delete_topics(topics)
        for name, code in answer.topic_error_codes:
            if code:
                raise for_code(code)(f"topic {name} could not be removed")


async def groups_of(admin: AIOKafkaAdminClient, prefix: str) -> list[str]:
    """Return the consumer groups whose names begin so."""
    while True:
        try:
            found = await admin.list_consumer_groups()
        except (GroupLoadInProgressError, GroupCoordinatorNotAvailableError):
            # Brokers that have just started read which groups there are.
            await asyncio.sleep(RETRY_S)
        else:
            return sorted(name for name, *_ in found if name.startswith(prefix))


async def _remove_group(admin: AIOKafkaAdminClient, group: str) -> None:
    # aiokafka 0.14 knows the request, but has no method for it.
    coordinator = await admin.find_coordinator(group)
    answer = await admin._send_request(DeleteGroupsRequest([group]), coordinator)
    for name, code in answer.results:
        # The broker itself drops a group that has no member, once its topics have gone.
        if code and code not in MAY_BE_LEFT:
            raise for_code(code)(f"consumer group {name} could not be removed")
