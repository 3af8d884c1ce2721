"""Records of the dead letters' topic, and a topic in memory to read them from."""

from collections.abc import AsyncGenerator, Mapping, Sequence
from datetime import UTC, datetime, timedelta

from aiokafka import ConsumerRecord

from schemas.dead_letter import DeadLetter, LetterId, Settlement

NOON = datetime(2026, 11, 21, 12, tzinfo=UTC)
Headers = Sequence[tuple[str, bytes | None]]


def about(**fields: object) -> DeadLetter:
    given: dict[str, object] = {
        "topic": "interactions",
        "partition": 1,
        "offset": 7,
        "stage": "ingest",
        "error": "UnknownItem",
        "message": "no such item",
    }
    return DeadLetter(**(given | fields))


def record(
    at: str,
    headers: Headers,
    *,
    key: bytes | None = b"ada",
    value: bytes | None = b"{}",
    time: datetime = NOON,
    topic: str = "dead-letters",
) -> ConsumerRecord:
    partition, offset = LetterId.parse(at)
    return ConsumerRecord(
        topic=topic,
        partition=partition,
        offset=offset,
        timestamp=round(time.timestamp() * 1000),
        timestamp_type=0,
        key=key,
        value=value,
        checksum=None,
        serialized_key_size=-1,
        serialized_value_size=-1,
        headers=tuple(headers),
    )


def letter(at: str, *, minutes: int = 0, **fields: object) -> ConsumerRecord:
    return record(at, about(**fields).to_headers(), time=NOON + timedelta(minutes=minutes))


def marker(at: str, settles: str, settled_as: str = "redriven") -> ConsumerRecord:
    headers = Settlement(LetterId.parse(settles), settled_as).to_headers()
    return record(at, headers, key=None, value=b"")


def topic_in_memory(records: Sequence[ConsumerRecord]):
    """What takes the place of `read_to_end`."""

    async def read(
        _settings: object, topic: str, start: Mapping[int, int] | None = None
    ) -> AsyncGenerator[ConsumerRecord, None]:
        for one in records:
            is_wanted = start is None or one.offset >= start.get(one.partition, 1 << 62)
            if one.topic == topic and is_wanted:
                yield one

    return read
