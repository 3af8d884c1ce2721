"""The faust app of one agent, with the settings under which it loses nothing.

Raw bytes in and out; no Table, no batches, no concurrency: faust loses records with those.
"""

import asyncio
import logging
from collections.abc import AsyncIterator

import faust
from aiokafka import AIOKafkaConsumer
from aiokafka.errors import KafkaError
from faust.auth import Credentials
from faust.transport.drivers import aiokafka as driver
from faust.types import TP, Message

from schemas.codec import MAX_RECORD_BYTES
from stream_app.agents.outbox import end_uncommitted
from stream_app.config import Settings
from stream_app.kafka.connection import client_options

__all__ = ["build_app"]

# What a rebalance repeats at most, for each partition; beyond it the partition is paused.
BUFFERED_RECORDS = 256
COMMIT_EVERY_RECORDS = 1_000
COMMIT_INTERVAL_S = 1.0
HEARTBEATS_PER_SESSION = 3
LOOK_EVERY_S = 1.0
# How long a write waits for a broker that is away; then the process ends, uncommitted.
WRITE_TIMEOUT_S = 60.0


class _ReadCommittedThread(driver.AIOKafkaConsumerThread):
    """faust reads uncommitted records unless it writes in transactions itself.

    Whoever writes rankings in transactions may abort one: it must not be published.
    """

    logger = driver.logger
    _looking: asyncio.Task[None] | None = None

    def _create_worker_consumer(self, transport: driver.Transport) -> AIOKafkaConsumer:
        consumer = super()._create_worker_consumer(transport)
        # Read when the consumer starts; there is no setting for it.
        consumer._isolation_level = "read_committed"
        return consumer

    async def on_start(self) -> None:
        """Start the consumer, and look after what its group's coordinator says."""
        await super().on_start()
        self._looking = asyncio.create_task(_end_when_refused(self._consumer))

    async def on_thread_stop(self) -> None:
        """Stop looking, then stop the consumer."""
        if self._looking is not None:
            self._looking.cancel()
        await super().on_thread_stop()


async def _end_when_refused(consumer: AIOKafkaConsumer) -> None:
    """End the process with an error of the group, such as a missing right to it.

    aiokafka keeps it for the next read and does nothing until then; faust reads past that.
    """
    while True:
        await asyncio.sleep(LOOK_EVERY_S)
        try:
            consumer._coordinator.check_errors()
        except KafkaError as error:
            end_uncommitted(error)


class _ReadCommittedConsumer(driver.Consumer):
    logger = driver.logger

    def _new_consumer_thread(self) -> _ReadCommittedThread:
        return _ReadCommittedThread(self, loop=self.loop, beacon=self.beacon)

    async def getmany(
        self,
        timeout: float,  # noqa: ASYNC109  # the signature is faust's
    ) -> AsyncIterator[tuple[TP, Message]]:
        """Yield what faust reads, and tell it of offsets missing behind offset 0.

        Aborted transactions and compaction leave holes. faust knows them but there, where it
        takes the offset 0 for none: it would never commit past such a hole.
        """
        async for partition, message in super().getmany(timeout):
            if self._read_offset[partition] == 0 and message.offset > 1:
                await self._add_gap(partition, 1, message.offset)
            yield partition, message

    async def _add_gap(self, tp: TP, offset_from: int, offset_to: int) -> None:
        """Note that there is nothing from an offset to before the one that was read.

        faust counts that one in, and again once it is processed: a commit then got no further
        than the next hole, which is the end of the next transaction. An agent that is fed by
        transactions fell behind for ever, and did it all again after a restart.
        """
        await super()._add_gap(tp, offset_from, offset_to - 1)


class _ReadCommittedTransport(driver.Transport):
    Consumer = _ReadCommittedConsumer


class _DisklessApp(faust.App):
    """Without tables there is nothing to keep, and a container's disk may be read-only."""

    def _create_directories(self) -> None:
        """Leave the working directory alone."""


def build_app(settings: Settings, name: str) -> faust.App:
    """Return the app of the agent `name`; topics must exist before it starts."""
    # At their defaults these build a debug record for each event, only to drop it.
    for library in ("faust", "mode", "aiokafka"):
        logging.getLogger(library).setLevel(logging.WARNING)
    session_s = settings.session_timeout_s
    app = _DisklessApp(
        settings.group(name),
        broker=[f"kafka://{server}" for server in settings.kafka_bootstrap_servers.split(",")],
        broker_credentials=_credentials(settings),
        autodiscover=False,
        store="memory://",
        web_enabled=False,
        key_serializer="raw",
        value_serializer="raw",
        topic_allow_declare=False,
        topic_disable_leader=True,
        consumer_auto_offset_reset="earliest",
        consumer_max_fetch_size=MAX_RECORD_BYTES,
        stream_buffer_maxsize=BUFFERED_RECORDS,
        stream_wait_empty=False,
        producer_linger=0,
        producer_acks=-1,
        producer_max_request_size=MAX_RECORD_BYTES,
        producer_request_timeout=WRITE_TIMEOUT_S,
        broker_commit_every=COMMIT_EVERY_RECORDS,
        broker_commit_interval=COMMIT_INTERVAL_S,
        broker_session_timeout=session_s,
        broker_heartbeat_interval=session_s / HEARTBEATS_PER_SESSION,
        broker_rebalance_timeout=2 * session_s,
        broker_request_timeout=2 * session_s + WRITE_TIMEOUT_S,
    )
    app.finalize()
    app.transport = _ReadCommittedTransport(app.conf.broker_consumer, app)
    return app


def _credentials(settings: Settings) -> Credentials | None:
    """Return the options of every other client, as faust wants them for both of its own."""
    options = client_options(settings)
    context = options.get("ssl_context")
    if "sasl_mechanism" in options:
        return faust.SASLCredentials(
            username=options["sasl_plain_username"],
            password=options["sasl_plain_password"],
            mechanism=options["sasl_mechanism"],
            ssl_context=context,
        )
    return None if context is None else faust.SSLCredentials(context)
