"""What is released to a share of the users: by a record, back to the one before, and away.

Workers take what the topic says between two batches. Nothing here waits for them.
"""

import math
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Generic, TypeVar

from models.errors import AdapterError
from schemas.adapter_release import AdapterRelease
from schemas.codec import Poison, decode, encode
from schemas.fusion_release import FusionRelease
from schemas.release import Release
from schemas.topics import Topic, Topics
from stream_app.config import Settings
from stream_app.fusion.errors import FusionError
from stream_app.kafka.compacted import newest_by_key
from stream_app.kafka.producer import reliable_producer
from stream_app.kafka.topics import require_topics

__all__ = ["ADAPTERS", "FUSION", "MAX_PREVIOUS", "Releases", "now", "shortened"]

R = TypeVar("R", bound=Release)

# Part of an object's key, of versions and of shell lines.
NAME = re.compile(r"[a-z0-9][a-z0-9._-]{0,63}")
# What adding shares such as 0.1 may get wrong.
ROUNDING = 1e-9
# Releases that one remembers: so many bad ones in a row leave a worker that starts with a good one.
MAX_PREVIOUS = 4


@dataclass(frozen=True)
class Releases(Generic[R]):
    """Releases of one kind: which record, on which topic, and how messages speak of them.

    `noun` is what one is, `command` the group of commands, `otherwise` what answers for users of no
    name; `error` is raised where something can't be.
    """

    record: type[R]
    topic: Callable[[Topics], Topic]
    noun: str
    command: str
    otherwise: str
    error: type[Exception]

    def read(self, name: str, value: bytes) -> R | Poison:
        """Return the release that the topic has under a name, or why there is none."""
        release = decode(self.record, value)
        if isinstance(release, Poison) or release.name == name:
            return release
        return Poison(value, "KeyMismatch", f"the release is of {release.name}, not of its key")

    async def live(self, settings: Settings) -> dict[str, R]:
        """Return the newest release of each name; those that can't be read are left out.

        Raises:
            MissingTopicsError: If the topics were not created.
            KafkaError: If the broker can't be reached.
        """
        await require_topics(settings)
        raw = await newest_by_key(settings, self.topic(settings.topics).name)
        read = {name: self.read(name, value) for name, value in sorted(raw.items())}
        return {name: one for name, one in read.items() if not isinstance(one, Poison)}

    async def before(self, settings: Settings, name: str, share: float) -> R | None:
        """Return what a new release is to remember as the one before it, None for a new name.

        Raises:
            Exception: The kind's own, if the name can't be or the share has no room.
            MissingTopicsError: If the topics were not created.
            KafkaError: If the broker can't be reached.
        """
        if not NAME.fullmatch(name):
            raise self.error(f"{self.noun} name {name!r}: use up to 64 of a-z, 0-9, dot, dash")
        live = await self.live(settings)
        self._require_room(live, name, share)
        return shortened(live.get(name), MAX_PREVIOUS)

    async def announce(self, settings: Settings, release: R) -> None:
        """Tell the workers of a release; it takes the place of its name's release before.

        Raises:
            KafkaError: If the broker can't be reached.
        """
        await self._send(settings, release.name, encode(release))

    async def rollback(self, settings: Settings, name: str) -> R:
        """Announce the release before the newest again: what it released, and its share.

        Raises:
            Exception: The kind's own, if there is none, or its share no longer has room.
            MissingTopicsError: If the topics were not created.
            KafkaError: If the broker can't be reached.
        """
        live = await self.live(settings)
        newest = self._newest(live, name)
        before: R | None = newest.previous  # type: ignore[assignment]  # of R, it loses that Self is R
        if before is None:
            raise self.error(
                f"{self.noun} {name}: no release to go back to; `stream-app {self.command} "
                f"withdraw {name}` gives its users to {self.otherwise}"
            )
        self._require_room(live, name, before.share)
        announced = before.model_copy(update={"released_at": now()})
        await self.announce(settings, announced)
        return announced

    async def withdraw(self, settings: Settings, name: str) -> None:
        """Take a name's users away from it.

        Raises:
            Exception: The kind's own, if there is no release of that name.
            MissingTopicsError: If the topics were not created.
            KafkaError: If the broker can't be reached.
        """
        self._newest(await self.live(settings), name)
        await self._send(settings, name, None)

    def _newest(self, live: Mapping[str, R], name: str) -> R:
        if name not in live:
            raise self.error(f"no {self.noun} {name}; there are: {', '.join(live) or 'none'}")
        return live[name]

    def _require_room(self, live: Mapping[str, R], name: str, share: float) -> None:
        others = {one.name: one.share for one in live.values() if one.name != name}
        if math.fsum([share, *others.values()]) > 1 + ROUNDING:
            taken = ", ".join(f"{other} {part:g}" for other, part in others.items())
            raise self.error(
                f"share {share:g} for {name} and {taken} are more than 1; give less, or withdraw "
                f"one"
            )

    async def _send(self, settings: Settings, name: str, value: bytes | None) -> None:
        async with reliable_producer(settings) as producer:
            topic = self.topic(settings.topics).name
            await producer.send_and_wait(topic, value, key=name.encode())


def shortened(release: R | None, depth: int) -> R | None:
    """Return a release that remembers at most `depth - 1` before it."""
    if release is None or depth == 0:
        return None
    return release.model_copy(update={"previous": shortened(release.previous, depth - 1)})


def now() -> datetime:
    """Return the time of a release."""
    return datetime.now(UTC).replace(microsecond=0)


ADAPTERS = Releases(
    AdapterRelease,
    topic=lambda topics: topics.adapters,
    noun="adapter",
    command="adapters",
    otherwise="the base weights",
    error=AdapterError,
)
FUSION = Releases(
    FusionRelease,
    topic=lambda topics: topics.fusion_weights,
    noun="fusion weights",
    command="fusion",
    otherwise="the weights of STREAM_APP_FUSION, or to none if that is unset",
    error=FusionError,
)
