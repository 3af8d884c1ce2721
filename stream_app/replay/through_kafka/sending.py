"""Events onto their topic, at the times they have and the offsets that are their positions."""

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from itertools import groupby

from aiokafka import AIOKafkaProducer

from schemas.codec import encode
from schemas.interaction import Interaction
from stream_app.replay.arrivals import Arrivals, including
from stream_app.replay.errors import ReplayError

__all__ = ["Pace", "Stretch", "require_times", "send_events", "stretches"]

EPOCH = datetime.fromtimestamp(0, UTC)
MILLISECOND = timedelta(milliseconds=1)


@dataclass(frozen=True)
class Stretch:
    """Items that come together, and the positions of the events behind them, up to the next."""

    item_ids: tuple[str, ...]
    positions: range


def stretches(moments: Mapping[str, int], num_events: int) -> list[Stretch]:
    """Return the whole log in stretches; items that come behind its end are left out.

    Args:
        moments: When each item became known.
        num_events: Of the log.
    """
    arrivals = Arrivals(moments)
    found: list[Stretch] = []
    num_put = 0
    known = groupby(range(num_events), lambda place: arrivals.num_known(including(place)))
    for num_known, group in known:
        positions = list(group)
        arrived = tuple(arrivals.item_ids[num_put:num_known])
        found.append(Stretch(arrived, range(positions[0], positions[-1] + 1)))
        num_put = num_known
    return found


class Pace:
    """When events are due: `speed` times as fast as in the log, at once where it is None."""

    def __init__(self, first_at: datetime, speed: float | None) -> None:
        self._first_at = first_at
        self._speed = speed
        self._started_at: float | None = None

    async def until_due(self, event: Interaction) -> None:
        """Wait until the log's clock is there; it starts with the first call."""
        if self._speed is None:
            return
        now = asyncio.get_running_loop().time()
        self._started_at = now if self._started_at is None else self._started_at
        passed_s = (event.occurred_at - self._first_at).total_seconds() / self._speed
        await asyncio.sleep(self._started_at + passed_s - now)


def require_times(log: Sequence[Interaction]) -> None:
    """Refuse a log that a topic can't hold.

    Raises:
        ReplayError: If it begins before 1970.
    """
    if log[0].occurred_at < EPOCH:
        raise ReplayError(
            f"event {log[0].event_id} is of {log[0].occurred_at:%Y-%m-%d}: Kafka has no time before"
            f" 1970; leave such events out with --from 1970-01-01"
        )


async def send_events(
    producer: AIOKafkaProducer,
    topic: str,
    log: Sequence[Interaction],
    positions: range,
    pace: Pace,
) -> None:
    """Send the events at these positions.

    Raises:
        ReplayError: If one comes to lie elsewhere than at its position.
    """
    sent = []
    for position in positions:
        event = log[position]
        await pace.until_due(event)
        record = await producer.send(
            topic,
            encode(event),
            key=event.user_id.encode(),
            partition=0,
            timestamp_ms=(event.occurred_at - EPOCH) // MILLISECOND,
        )
        sent.append(record)
    for position, written in zip(positions, await asyncio.gather(*sent), strict=True):
        if written.offset != position:
            raise ReplayError(
                f"event {position} of the log is record {written.offset} of {topic}: somebody else "
                f"writes there; the lists would be others"
            )
