"""Writes to Kafka, on which faust's commit may rely.

faust commits what its agents have seen, whether or not what they wrote has arrived. It flushes
the producer before each commit, so a write that failed is known by then, and the process ends
before the commit: the records are read again.
"""

import asyncio
import logging
import os
from collections.abc import Sequence
from typing import NoReturn, cast

import faust
from aiokafka.errors import KafkaError, MessageSizeTooLargeError
from faust.exceptions import NotReady, ProducerSendError

from stream_app.kafka.access import next_step

__all__ = ["EXIT_UNCOMMITTED", "Header", "Outbox", "RecordTooLargeError", "end_uncommitted"]

Header = tuple[str, bytes]

logger = logging.getLogger(__name__)

EXIT_UNCOMMITTED = 74
# No broker is set to refuse records of this size; larger ones wait for the broker's answer.
SURELY_ACCEPTED_BYTES = 64 * 1024


class RecordTooLargeError(Exception):
    """The broker, or its topic, takes no record of this size."""


class Outbox:
    """The producer of a faust app. Order is kept for each key."""

    def __init__(self, app: faust.App) -> None:
        self._app = app

    async def send(
        self,
        topic: str,
        key: bytes | None,
        value: bytes | None,
        headers: Sequence[Header] = (),
    ) -> None:
        """Write a record; a null `value` is written as null.

        Small records are on their way when this returns: waiting for each would cost nine
        tenths of the throughput. Ends the process if one can't be written.

        Raises:
            RecordTooLargeError: If the broker does not take a record of this size.
        """
        size = len(value or b"") + len(key or b"") + sum(len(text) for _, text in headers)
        try:
            # faust declares an awaitable; it is aiokafka's future.
            sent = cast(
                "asyncio.Future[object]",
                await self._app.producer.send(topic, key, value, None, None, list(headers)),
            )
            if size > SURELY_ACCEPTED_BYTES:
                await sent
            else:
                sent.add_done_callback(_require_sent)
        except (KafkaError, ProducerSendError, NotReady) as error:
            if MessageSizeTooLargeError in (type(error), type(error.__cause__)):
                raise RecordTooLargeError(f"{topic} refuses a record of {size} bytes") from error
            end_uncommitted(error)


def _require_sent(sent: asyncio.Future[object]) -> None:
    if not sent.cancelled() and (error := sent.exception()) is not None:
        end_uncommitted(error)


def end_uncommitted(error: BaseException) -> NoReturn:
    """End the process at once, so that nothing more is committed; a supervisor starts it again."""
    logger.critical("ending without a commit", extra={"error": f"{error!r}{next_step(error)}"})
    logging.shutdown()
    os._exit(EXIT_UNCOMMITTED)
