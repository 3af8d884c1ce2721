"""A folder of peft -> object storage and the adapters topic; back to the release before; and away.

Workers take what the topic says between two batches. Nothing here waits for them.
"""

import asyncio
import math
import re
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

from models.errors import AdapterError
from schemas.adapter_release import AdapterRelease
from schemas.codec import Poison, decode, encode
from stream_app.adapters.storage import adapter_storage, store
from stream_app.config import Settings
from stream_app.engine import engine_versions
from stream_app.kafka.compacted import newest_by_key
from stream_app.kafka.producer import reliable_producer
from stream_app.kafka.topics import require_topics

__all__ = ["MAX_PREVIOUS", "live_releases", "release", "rollback", "shortened", "withdraw"]

# Part of an object's key, of versions and of shell lines.
NAME = re.compile(r"[a-z0-9][a-z0-9._-]{0,63}")
# What adding shares such as 0.1 may get wrong.
ROUNDING = 1e-9
# Releases that one remembers: so many bad ones in a row leave a worker that starts with a good one.
MAX_PREVIOUS = 4


async def live_releases(settings: Settings) -> dict[str, AdapterRelease]:
    """Return the newest release of each name; those that can't be read are left out.

    Raises:
        MissingTopicsError: If the topics were not created.
        KafkaError: If the broker can't be reached.
    """
    await require_topics(settings)
    raw = await newest_by_key(settings, settings.topics.adapters.name)
    decoded = {name: decode(AdapterRelease, value) for name, value in sorted(raw.items())}
    return {name: one for name, one in decoded.items() if not isinstance(one, Poison)}


async def release(
    settings: Settings, folder: Path, *, name: str, share: float, metrics: dict[str, float]
) -> AdapterRelease:
    """Store a folder's adapter and announce it, in place of the name's release before.

    Where the folder doesn't tell by which model and prompts it was trained, those of this
    deployment are taken.

    Raises:
        AdapterError: If the folder, the name or the share can't be; nothing is announced then.
        StorageUnavailableError: If object storage can't be reached.
        KafkaError: If the broker can't.
    """
    # Imports torch, which the other commands don't need.
    from models.mllm.adapter_file import read_folder

    if not NAME.fullmatch(name):
        raise AdapterError(f"adapter name {name!r}: use up to 64 of a-z, 0-9, dot, dash")
    live = await live_releases(settings)
    _require_room(live, name, share)
    adapter = await asyncio.to_thread(read_folder, folder)
    if adapter.base is None or adapter.prompt is None:
        ours = engine_versions(settings)
        adapter = replace(
            adapter, base=adapter.base or ours.model, prompt=adapter.prompt or ours.prompt
        )
    location, digest = await asyncio.to_thread(
        store, adapter_storage(settings), settings.adapter_bucket, name, adapter.to_bytes()
    )
    before = live.get(name)
    announced = AdapterRelease(
        name=name,
        location=location,
        sha256=digest,
        metrics=metrics,
        share=share,
        released_at=_now(),
        base=adapter.base,
        prompt=adapter.prompt,
        previous=shortened(before, MAX_PREVIOUS),
    )
    await _announce(settings, name, announced)
    return announced


def shortened(release: AdapterRelease | None, depth: int) -> AdapterRelease | None:
    """Return a release that remembers at most `depth - 1` before it."""
    if release is None or depth == 0:
        return None
    return release.model_copy(update={"previous": shortened(release.previous, depth - 1)})


async def rollback(settings: Settings, name: str) -> AdapterRelease:
    """Announce the release before the newest again: its weights, and its share.

    Raises:
        AdapterError: If there is none, or its share no longer has room.
        KafkaError: If the broker can't be reached.
    """
    live = await live_releases(settings)
    before = _newest(live, name).previous
    if before is None:
        raise AdapterError(
            f"adapter {name} has no release to go back to; `stream-app adapters withdraw {name}` "
            f"gives its users to the base weights"
        )
    _require_room(live, name, before.share)
    announced = before.model_copy(update={"released_at": _now()})
    await _announce(settings, name, announced)
    return announced


async def withdraw(settings: Settings, name: str) -> None:
    """Give an adapter's users to the base weights; its object stays.

    Raises:
        AdapterError: If there is no adapter of that name.
        KafkaError: If the broker can't be reached.
    """
    _newest(await live_releases(settings), name)
    await _announce(settings, name, None)


def _newest(live: dict[str, AdapterRelease], name: str) -> AdapterRelease:
    if name not in live:
        raise AdapterError(f"no adapter {name}; there are: {', '.join(live) or 'none'}")
    return live[name]


def _require_room(live: dict[str, AdapterRelease], name: str, share: float) -> None:
    others = {one.name: one.share for one in live.values() if one.name != name}
    if math.fsum([share, *others.values()]) > 1 + ROUNDING:
        taken = ", ".join(f"{other} {part:g}" for other, part in others.items())
        raise AdapterError(
            f"share {share:g} for {name} and {taken} are more than 1; give less, or withdraw one"
        )


async def _announce(settings: Settings, name: str, announced: AdapterRelease | None) -> None:
    value = announced and encode(announced)
    async with reliable_producer(settings) as producer:
        await producer.send_and_wait(settings.topics.adapters.name, value, key=name.encode())


def _now() -> datetime:
    return datetime.now(UTC).replace(microsecond=0)
