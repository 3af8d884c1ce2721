"""What all agents do with a record: check it, transform it, pass it on under the same key.

Whatever is wrong with a record costs that record alone: it goes to the dead letters, bytes
unchanged, with the reason, and the next one follows. Only a Kafka that can't be written to or
read from ends the process, uncommitted.
"""

import logging
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Generic, TypeVar, cast

from aiokafka.errors import KafkaError
from faust.types import Message

from schemas.codec import Poison, decode, encode
from schemas.dead_letter import DeadLetter
from schemas.enriched_interaction import SourcePosition
from schemas.record import Record
from schemas.topics import Topic
from stream_app.agents.outbox import Outbox, RecordTooLargeError, end_uncommitted
from stream_app.kafka.compacted import CompactedView

__all__ = ["RefusedRecordError", "Stage", "process"]

R = TypeVar("R", bound=Record)

logger = logging.getLogger(__name__)

MAX_KEY_BYTES = 1024


class RefusedRecordError(Exception):
    """A record that can't be passed on: `error` is a class name to filter by."""

    def __init__(self, error: str, message: str) -> None:
        super().__init__(message)
        self.error = error


@dataclass(frozen=True)
class Stage(Generic[R]):
    """One agent: from `source` to `target` by `transform`, once `views` are read to their end.

    `transform` gets a valid record whose key is right, and where it stood; it raises
    `RefusedRecordError` where it has nothing to pass on. A null value is passed on as null where
    the table of topics gives it a meaning.
    """

    name: str
    source: Topic
    target: Topic
    dead_letters: Topic
    model: type[R]
    transform: Callable[[R, SourcePosition], Awaitable[Record]]
    views: Sequence[CompactedView] = ()
    close: Callable[[], None] = lambda: None


async def process(stage: Stage[R], message: Message, outbox: Outbox) -> None:
    """Pass one record on, or set it aside. Raises nothing but `CancelledError`."""
    try:
        value = await _transformed(stage, message)
        await outbox.send(stage.target.name, message.key, value)
    except RefusedRecordError as error:
        await _set_aside(stage, message, outbox, error.error, str(error))
    except RecordTooLargeError as error:
        await _set_aside(stage, message, outbox, "RecordTooLarge", str(error))
    except KafkaError as error:
        end_uncommitted(error)
    # A fault of ours must not cost more than the record that shows it.
    except Exception as error:
        logger.exception("record failed", extra=_position(message))
        name = type(error).__name__
        await _set_aside(stage, message, outbox, "UnexpectedError", f"unexpected {name}, see log")


async def _transformed(stage: Stage[R], message: Message) -> bytes | None:
    key_field = stage.source.key
    if message.key is None:
        raise RefusedRecordError("NullKey", f"the key must be the {key_field}, not null")
    if message.value is None:
        _require_forwardable(stage, message.key)
        return None
    record = decode(stage.model, message.value)
    if isinstance(record, Poison):
        raise RefusedRecordError(record.error, record.reason)
    if getattr(record, key_field).encode() != message.key:
        raise RefusedRecordError("KeyMismatch", f"the key is not the record's {key_field}")
    return encode(await stage.transform(record, _source_position(message)))


def _require_forwardable(stage: Stage[R], key: bytes) -> None:
    if stage.source.null_value is None:
        raise RefusedRecordError("NullValue", f"null has no meaning on {stage.source.name}")
    # Later stages read the key as an id.
    try:
        key.decode()
    except UnicodeDecodeError:
        raise RefusedRecordError("InvalidKey", "the key is not UTF-8") from None
    if not 0 < len(key) <= MAX_KEY_BYTES:
        raise RefusedRecordError("InvalidKey", f"key has {len(key)} bytes, limit {MAX_KEY_BYTES}")


def _source_position(message: Message) -> SourcePosition:
    try:
        timestamp = datetime.fromtimestamp(message.timestamp, UTC)
    except (OverflowError, ValueError, OSError):
        raise RefusedRecordError("InvalidTimestamp", "the record's time is no date") from None
    return SourcePosition(partition=message.partition, offset=message.offset, timestamp=timestamp)


async def _set_aside(
    stage: Stage[R], message: Message, outbox: Outbox, error: str, reason: str
) -> None:
    letter = DeadLetter(
        topic=message.topic,
        partition=message.partition,
        offset=message.offset,
        stage=stage.name,
        error=error,
        message=reason,
    )
    logger.warning("record set aside", extra={**_position(message), "error": error})
    topic = stage.dead_letters.name
    try:
        await outbox.send(topic, message.key, message.value, letter.headers(_headers(message)))
    except RecordTooLargeError:
        # Its headers or its key are too large for the broker. Empty, not null: null would erase.
        key = message.key if len(message.key or b"") <= MAX_KEY_BYTES else None
        cut = replace(letter, cut_bytes=len(message.value or b""))
        await outbox.send(topic, key, b"", cut.to_headers())


def _headers(message: Message) -> list[tuple[str, bytes | None]]:
    return cast("list[tuple[str, bytes | None]]", message.headers or [])


def _position(message: Message) -> dict[str, object]:
    return {"topic": message.topic, "partition": message.partition, "offset": message.offset}
