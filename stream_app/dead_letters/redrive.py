"""Letters -> the topics that they came from, or away: each once, whatever ends the command.

A record that is sent again and the marker that settles its letter are one Kafka transaction.
There is one transactional id for a deployment, and the producer is started before the topic is
read: whoever began before is shut out, so what has been read is final.
"""

import asyncio
from collections import Counter
from collections.abc import AsyncIterator, Iterable, Sequence
from contextlib import aclosing, asynccontextmanager
from dataclasses import dataclass, field

from aiokafka import AIOKafkaProducer
from aiokafka.errors import KafkaError, MessageSizeTooLargeError, ProducerFenced

from schemas.dead_letter import LetterId, Settlement
from stream_app.config import Settings
from stream_app.dead_letters.errors import DeadLetterError
from stream_app.dead_letters.letters import Letter, Selection, read_letters
from stream_app.dead_letters.plan import Settling, discards, redrives
from stream_app.dead_letters.resend import Resend
from stream_app.kafka.producer import new_producer
from stream_app.show import Progress

__all__ = ["Report", "discard", "redrive", "redrive_without_writing"]


@dataclass
class Report:
    """What became of letters.

    `sent` counts records by topic; letters of one record share it. `left` says of the letters
    that stay open why they do.
    """

    sent: Counter[str] = field(default_factory=Counter)
    num_settled: int = 0
    num_settled_before: int = 0
    left: list[str] = field(default_factory=list)

    def add(self, batch: Sequence[Settling]) -> None:
        """Count what has been written."""
        self.num_settled += len(batch)
        self.sent.update(one.resend.topic for one in batch if one.resend is not None)


async def redrive(
    settings: Settings, ids: Iterable[LetterId], progress: Progress = lambda *_: None
) -> Report:
    """Send the records of open letters again, each user's and each item's in their order.

    Raises:
        DeadLetterError: If another redrive or discard was begun meanwhile, or the broker did not
            take a batch. The batches before it stand, and the same call goes on behind them.
    """
    async with _shutting_out_others(settings) as producer:
        letters, report = await _open_letters(settings, ids)
        async with aclosing(redrives(settings, letters, report.left)) as batches:
            async for batch in batches:
                await _write(producer, settings, batch, "redriven")
                report.add(batch)
                progress("letters redriven", report.num_settled, len(letters))
        return report


async def redrive_without_writing(settings: Settings, ids: Iterable[LetterId]) -> Report:
    """Return what `redrive` would report; nobody is shut out.

    Raises:
        KafkaError: If the broker can't be reached.
    """
    letters, report = await _open_letters(settings, ids)
    async with aclosing(redrives(settings, letters, report.left)) as batches:
        async for batch in batches:
            report.add(batch)
    return report


async def discard(
    settings: Settings, ids: Iterable[LetterId], progress: Progress = lambda *_: None
) -> Report:
    """Settle open letters without sending anything; their records stay until retention.

    Raises:
        DeadLetterError: As `redrive`.
    """
    async with _shutting_out_others(settings) as producer:
        letters, report = await _open_letters(settings, ids)
        for batch in discards(letters):
            await _write(producer, settings, batch, "discarded")
            report.add(batch)
            progress("letters discarded", report.num_settled, len(letters))
        return report


@asynccontextmanager
async def _shutting_out_others(settings: Settings) -> AsyncIterator[AIOKafkaProducer]:
    producer = new_producer(settings, settings.group("dead-letters"))
    try:
        await producer.start()
        yield producer
    except ProducerFenced as error:
        raise DeadLetterError(
            "another redrive or discard was begun meanwhile and shut this one out; what is settled "
            "by now stays so: wait for the other, then run this command again"
        ) from error
    except MessageSizeTooLargeError as error:
        raise DeadLetterError(
            f"a record is too large to be sent again: {error}; raise max.message.bytes of its "
            "topic, or discard its letter; all others of its batch are open too"
        ) from error
    except KafkaError as error:
        raise DeadLetterError(
            f"the broker did not take all of it: {error or type(error).__name__}; run the same "
            "command again, it goes on behind what is settled"
        ) from error
    finally:
        await producer.stop()


async def _open_letters(
    settings: Settings, ids: Iterable[LetterId]
) -> tuple[dict[LetterId, Letter], Report]:
    wanted = frozenset(ids)
    found = await read_letters(settings, Selection(ids=wanted), with_settled=True)
    letters = {one.letter_id: one for one in found if one.settled_as is None}
    missing = sorted(wanted - {one.letter_id for one in found})
    left = [f"{one}: there is no such letter" for one in missing]
    return letters, Report(num_settled_before=len(found) - len(letters), left=left)


async def _write(
    producer: AIOKafkaProducer, settings: Settings, batch: Sequence[Settling], settled_as: str
) -> None:
    """Write records and markers in one transaction."""
    topic = settings.topics.dead_letters.name
    async with producer.transaction():
        written = []
        for letter_id, again in batch:
            if again is not None:
                written.append(
                    await producer.send(
                        again.topic,
                        again.value,
                        key=again.key,
                        partition=await _partition(producer, again),
                        headers=again.headers,
                    )
                )
            marker = Settlement(letter_id, settled_as).to_headers()
            written.append(
                await producer.send(topic, b"", partition=letter_id.partition, headers=marker)
            )
        await asyncio.gather(*written)


async def _partition(producer: AIOKafkaProducer, again: Resend) -> int | None:
    """Return where the record first stood: who wrote it may spread keys otherwise than we do."""
    _, partition, _ = again.origin
    return partition if partition in await producer.partitions_for(again.topic) else None
