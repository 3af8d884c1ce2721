"""A log of events -> the interactions topic."""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, field
from itertools import islice
from pathlib import Path

from schemas.codec import encode
from stream_app.config import Settings
from stream_app.interaction_rows import to_interaction
from stream_app.kafka.producer import reliable_producer
from stream_app.kafka.topics import require_topics
from stream_app.tables import TableError, read_rows

__all__ = ["SendReport", "send_interactions"]

# Acknowledgements waited for together: bounds memory, and lets the producer fill its batches.
NUM_IN_FLIGHT = 1000


@dataclass
class SendReport:
    """How many events the broker has; `errors` names the lines that were left out, and why."""

    num_sent: int = 0
    errors: list[str] = field(default_factory=list)


async def send_interactions(
    settings: Settings,
    path: Path,
    *,
    limit: int | None = None,
    progress: Callable[[int], None] = lambda _: None,
) -> SendReport:
    """Send the events of a file in its order, at most `limit` lines; key is the user.

    Raises:
        MissingTopicsError: If the topics were not created.
        TableError: If the file can't be read.
        KafkaError: If the broker can't be reached; what was counted as sent is there.
    """
    await require_topics(settings)
    report = SendReport()
    topic = settings.topics.interactions.name
    async with reliable_producer(settings) as producer:
        in_flight: list[asyncio.Future[object]] = []
        for line, row in islice(read_rows(path), limit):
            try:
                if isinstance(row, TableError):
                    raise row
                event = to_interaction(row, line)
            except TableError as error:
                report.errors.append(f"line {line}: {error}")
                continue
            in_flight.append(await producer.send(topic, encode(event), key=event.user_id.encode()))
            if len(in_flight) == NUM_IN_FLIGHT:
                await _acknowledged(in_flight, report)
                progress(report.num_sent)
        await _acknowledged(in_flight, report)
        progress(report.num_sent)
    return report


async def _acknowledged(in_flight: list[asyncio.Future[object]], report: SendReport) -> None:
    await asyncio.gather(*in_flight)
    report.num_sent += len(in_flight)
    in_flight.clear()
