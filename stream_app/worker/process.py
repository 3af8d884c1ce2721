"""The worker process: poll, batch, step, deliver.

One batch is in hand at a time; the engine runs in a thread, so polling, heartbeats and
rebalances go on during the longest batch.
"""

import asyncio
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import TypeVar

import structlog
from aiokafka import ConsumerRecord

from models.catalogue import Catalogue
from models.engine import Engine
from models.signals.decay import Decay
from models.signals.signals import Signals
from models.step import StepOptions
from schemas.item_profile import ItemProfile
from stream_app.adapters.storage import adapter_storage
from stream_app.config import Settings
from stream_app.deadline import end_if_longer
from stream_app.fusion.file import blend_of
from stream_app.health import Health, unread
from stream_app.kafka.compacted import CompactedView, TopicView
from stream_app.kafka.topics import cluster_id, require_topics
from stream_app.partitions.member import Member
from stream_app.partitions.slot import StateSlot
from stream_app.partitions.store import PartitionStore
from stream_app.partitions.takeover import TakeOver
from stream_app.worker.adapter_feed import AdapterFeed
from stream_app.worker.catalogue_feed import CatalogueFeed
from stream_app.worker.delivery import Delivery
from stream_app.worker.events import Answering, process_events
from stream_app.worker.fusion_feed import FusionFeed
from stream_app.worker.items import process_items
from stream_app.worker.outcome import Answered, Outcome, Postponed, Profiled, Refused, Withdrawn
from stream_app.worker.partition import Partition
from stream_app.worker.signals_feed import SignalsFeed
from stream_app.worker.suspects import MAX_DEATHS, Suspects
from stream_app.worker.turns import ITEMS_REST_S, Turns

__all__ = ["ADAPTERS", "Worker"]

logger = structlog.get_logger(__name__)

# What a user's burst adds to a batch at most, four summaries among it.
MAX_COALESCED = 12
POISON = f"the process ended {MAX_DEATHS} times with this record alone in hand"
ADAPTERS = "the adapters are not loaded yet"

Batch = dict[Partition, list[ConsumerRecord]]
Result = TypeVar("Result")


class Worker:
    """Turns interactions-enriched into states and rankings, and item-images into profiles.

    `on_end` is called when the end begins, by a stop or a failure: something may be stuck in it.
    `health` is told what is there and what is in hand.
    """

    def __init__(
        self,
        settings: Settings,
        engine: Engine,
        on_end: Callable[[], object] = lambda: None,
        health: Health | None = None,
    ) -> None:
        self._settings = settings
        self._health = health or Health()
        self._options = StepOptions(
            settings.num_candidates, settings.summaries, blend_of(settings.fusion)
        )
        self._max_of_user = MAX_COALESCED if settings.coalesce else 1
        self._engine = engine
        self._events_topic = settings.topics.interactions_enriched.name
        self._items_topic = settings.topics.item_images.name
        signals = Signals(Decay(timedelta(days=settings.signals_half_life_days)))
        self._catalogue = Catalogue(engine.embedding_dim, signals)
        self._feed = CatalogueFeed(self._catalogue)
        self._view = CompactedView(settings, settings.topics.item_profiles.name, self._feed.add)
        self._signals = SignalsFeed(signals)
        self._signals_view = TopicView(
            settings, settings.topics.item_signals.name, self._signals.add
        )
        self._fusion = FusionFeed()
        self._fusion_view = CompactedView(
            settings, settings.topics.fusion_weights.name, self._fusion.add
        )
        group = settings.group("worker")
        self._delivery = Delivery(settings.topics, group)
        self._slot = StateSlot(settings.worker_state_dir)
        self._take_over = TakeOver(
            settings,
            group,
            self._slot.directory,
            changelogs={self._events_topic: [settings.topics.user_preferences.name]},
            own=Partition.with_stores,
        )
        self._member = Member(settings, group, self._take_over, self._health, on_end)
        self._assignment = self._member.assignment
        self._executor = ThreadPoolExecutor(max_workers=1, thread_name_prefix="engine")
        self._adapters = AdapterFeed(
            engine,
            adapter_storage(settings),
            self._in_engine,
            on_fetched=self._member.work_to_do.set,
        )
        self._adapters_view = CompactedView(
            settings, settings.topics.adapters.name, self._adapters.add
        )
        self._turns = Turns(settings.max_batch_items)

    def stop(self) -> None:
        """Finish the batch in hand, commit, and leave the group."""
        self._member.stop()

    async def run(self) -> None:
        """Work until `stop`.

        Raises:
            MissingTopicsError: If the topics aren't there, or not alike in partitions.
            KafkaError: If the broker is gone for longer than the clients' own retries, or a
                partition's state could not be restored.
            FencedInstanceError: If another worker has joined as our `instance_id`.
        """
        await require_topics(self._settings)
        cluster = await cluster_id(self._settings)
        self._take_over.cluster_id = cluster
        self._suspects = Suspects(self._slot.directory / "in-hand.json", cluster)
        try:
            await self._member.run(self._start())
            await self._member.run(
                self._view.run(),
                self._signals_view.run(),
                self._fusion_view.run(),
                self._adapters_view.run(),
                self._adapters.run(),
                self._member.poll(),
                self._work(),
            )
        finally:
            await self._member.leave()
            await self._view.stop()
            await self._signals_view.stop()
            await self._fusion_view.stop()
            await self._adapters_view.stop()
            self._executor.shutdown(wait=False, cancel_futures=True)
            self._slot.release()
            logger.info("worker stopped")

    async def _start(self) -> None:
        await self._view.start()
        # Before it joins the group: a catalogue of 100,000 items takes seconds.
        await self._in_engine(self._feed.apply)
        # A call of its own, with a deadline of its own: a minute or two for 1,000,000 items.
        await self._in_engine(self._catalogue.refresh)
        self._health.has(unread(self._view.topic))
        await self._signals_view.start()
        await self._in_engine(self._signals.apply)
        self._health.has(unread(self._signals_view.topic))
        await self._fusion_view.start()
        self._health.has(unread(self._fusion_view.topic))
        await self._adapters_view.start()
        await self._adapters.start()
        self._health.has(ADAPTERS)
        await self._member.join([self._events_topic, self._items_topic])
        logger.info("worker started", engine=self._engine.versions.model)

    async def _work(self) -> None:
        while not self._member.is_stopping:
            with self._health.work():
                await self._adapters.apply()
            batch = self._next_batch()
            if not batch:
                self._member.work_to_do.clear()
                await self._member.work_to_do.wait()
                continue
            self._member.idle.clear()
            try:
                with self._health.work():
                    await self._finish(batch, await self._process(batch))
            finally:
                self._member.idle.set()

    def _next_batch(self) -> Batch:
        if self._turns.is_for_events:
            return self._event_batch() or self._item_batch()
        return self._item_batch() or self._event_batch()

    def _event_batch(self) -> Batch:
        ours = [one.tp for one in self._assignment.of_topic(self._events_topic)]
        # A suspect goes alone, so what follows on it can't go with it.
        max_of_user = 1 if self._suspects.any_of(ours) else self._max_of_user
        batch = self._take(self._events_topic, self._settings.max_batch_events, max_of_user)
        if batch:
            self._turns.took_events()
        return batch

    def _item_batch(self) -> Batch:
        batch = self._take(self._items_topic, self._turns.num_items)
        if batch:
            self._turns.took_items()
        return batch

    def _take(self, topic: str, max_keys: int, max_of_key: int = 1) -> Batch:
        """Share a batch out over the topic's partitions; a key never lies on two of them."""
        waiting = [one for one in self._assignment.of_topic(topic) if one.num_waiting]
        waiting.sort(key=lambda partition: partition.num_waiting)
        batch: Batch = {}
        for num_served, partition in enumerate(waiting):
            share = -(-max_keys // (len(waiting) - num_served))
            batch[partition] = partition.take(share, max_of_key)
            max_keys -= len({record.key for record in batch[partition]})
        return {partition: records for partition, records in batch.items() if records}

    async def _process(self, batch: Batch) -> list[Outcome]:
        for feed in (self._feed, self._signals):
            if feed.has_changes:
                await self._in_engine(feed.apply)
        decide = self._decide_of(batch)
        outcomes: list[Outcome] = []
        records = [record for of_partition in batch.values() for record in of_partition]
        for together in self._suspects.apart(records):
            if self._suspects.is_poison(together[0]):
                outcomes.append(Refused(together[0], "EndsTheProcess", POISON))
                continue
            with self._suspects.in_hand(together):
                outcomes += await self._in_engine(partial(decide, together))
        return outcomes

    def _decide_of(self, batch: Batch) -> Callable[[Sequence[ConsumerRecord]], list[Outcome]]:
        """Return what decides on records of the batch."""
        if next(iter(batch)).tp.topic == self._items_topic:
            return partial(process_items, self._engine, self._catalogue)
        answering = Answering(
            self._options, self._adapters.adapter_of, self._fusion.blend_of, self._shed_before()
        )
        state_of = partial(_state_of, _stores(batch))
        return partial(process_events, self._engine, self._catalogue, state_of, answering=answering)

    def _shed_before(self) -> datetime | None:
        patience_s = self._settings.shed_after_s
        return None if patience_s is None else datetime.now(UTC) - timedelta(seconds=patience_s)

    async def _in_engine(self, call: Callable[[], Result]) -> Result:
        """Run a call in the engine's thread: one at a time, and off the event loop."""
        with end_if_longer(self._settings.call_timeout_s, "engine"):
            return await asyncio.get_running_loop().run_in_executor(self._executor, call)

    async def _finish(self, batch: Batch, outcomes: Sequence[Outcome]) -> None:
        """Deliver partition by partition; what belongs to one that is lost stays undone."""
        of_partition = {one.tp.partition: one for one in batch}
        parts: dict[Partition, list[Outcome]] = {one: [] for one in batch}
        for outcome in outcomes:
            partition = of_partition[outcome.record.partition]
            if isinstance(outcome, Postponed):
                self._postpone(partition, outcome.record)
            else:
                parts[partition].append(outcome)
        delivered = await asyncio.gather(
            *[self._deliver(one, found) for one, found in parts.items()], return_exceptions=True
        )
        # After all have ended: none is to go on beside what its error brings about.
        for result in delivered:
            if result is not None:
                raise result

    async def _deliver(self, partition: Partition, outcomes: Sequence[Outcome]) -> None:
        if not self._assignment.is_ours(partition) or not await self._member.is_written(
            partition, self._delivery.deliver(partition, outcomes)
        ):
            self._undo(outcomes)
            return
        self._suspects.settle([outcome.record for outcome in outcomes])
        for outcome in outcomes:
            if isinstance(outcome, Profiled):
                self._catalogue.put(outcome.profile)
            elif isinstance(outcome, Withdrawn):
                self._catalogue.withdraw(outcome.record.key.decode(errors="replace"))

    def _postpone(self, partition: Partition, record: ConsumerRecord) -> None:
        logger.warning("item waits for the model's server", item_id=record.key.decode())
        partition.put_back([record])
        self._turns.postponed_items()
        asyncio.get_running_loop().call_later(ITEMS_REST_S, self._member.work_to_do.set)

    def _undo(self, outcomes: Sequence[Outcome]) -> None:
        for outcome in outcomes:
            if isinstance(outcome, Answered):
                # Nobody but us would know this profile: the next owner writes it.
                self._forget(outcome.profile)

    def _forget(self, profile: ItemProfile | None) -> None:
        if profile is not None:
            self._catalogue.remove(profile.item_id)


def _stores(partitions: Iterable[Partition]) -> dict[int, PartitionStore]:
    return {one.tp.partition: one.store for one in partitions if one.store is not None}


def _state_of(stores: dict[int, PartitionStore], record: ConsumerRecord) -> bytes | None:
    return stores[record.partition].get(record.key)
