"""The closed loop: shoppers click, wait for their new list, look at it, and click again."""

import asyncio
import time
from collections.abc import AsyncIterator, Callable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from uuid import uuid4

from aiokafka import AIOKafkaProducer

from schemas.codec import encode
from schemas.interaction import Interaction
from schemas.recommendation import Recommendation
from stream_app.config import Settings
from stream_app.demo.garments import Garment
from stream_app.demo.shoppers import Shopper
from stream_app.kafka.producer import reliable_producer
from stream_app.recommend import subscribed

__all__ = ["LoopReport", "run_loop"]

# A shopper looks at a list for this long before the next click.
LOOK_S = 3.0
# Longer than a first event with a picture takes on a slow machine.
ANSWER_DEADLINE_S = 60.0


@dataclass
class LoopReport:
    """What happened; latencies are from before the event was sent until its list was read, in s."""

    num_events: int = 0
    latencies_s: list[float] = field(default_factory=list)
    users: set[str] = field(default_factory=set)
    answered_users: set[str] = field(default_factory=set)
    unanswered: list[str] = field(default_factory=list)

    def latency_ms(self, quantile: float) -> float | None:
        """Return a quantile (in `[0, 1]`) of the latencies in milliseconds, None without any."""
        ordered = sorted(self.latencies_s)
        if not ordered:
            return None
        return 1000 * ordered[min(int(quantile * len(ordered)), len(ordered) - 1)]


OnAnswer = Callable[[Recommendation, float], None]


async def run_loop(
    settings: Settings,
    shoppers: Sequence[Shopper],
    garments: Sequence[Garment],
    *,
    num_events: int | None,
    report: LoopReport,
    on_answer: OnAnswer,
) -> None:
    """Let the shoppers shop until `num_events` were sent in all; for ever if it is None."""
    answers: dict[str, asyncio.Future[Recommendation]] = {}
    by_id = {garment.item_id: garment for garment in garments}
    async with subscribed(settings) as lists, reliable_producer(settings) as producer:
        listening = asyncio.create_task(_listen(lists, answers))
        try:
            shop = _Shop(settings, producer, by_id, answers, num_events, report, on_answer)
            await asyncio.gather(
                *[
                    shop.visit(shopper, after_s=LOOK_S * number / len(shoppers))
                    for number, shopper in enumerate(shoppers)
                ]
            )
        finally:
            listening.cancel()


async def _listen(
    lists: AsyncIterator[Recommendation], answers: dict[str, asyncio.Future[Recommendation]]
) -> None:
    async for recommendation in lists:
        waiting = answers.pop(recommendation.trigger.event_id, None)
        if waiting is not None and not waiting.done():
            waiting.set_result(recommendation)


@dataclass
class _Shop:
    settings: Settings
    producer: AIOKafkaProducer
    garments: dict[str, Garment]
    answers: dict[str, asyncio.Future[Recommendation]]
    num_events: int | None
    report: LoopReport
    on_answer: OnAnswer

    async def visit(self, shopper: Shopper, *, after_s: float) -> None:
        """Come in `after_s` seconds; shop until all together have sent enough events."""
        await asyncio.sleep(after_s)
        shown: list[Garment] = []
        catalogue = list(self.garments.values())
        while self.num_events is None or self.report.num_events < self.num_events:
            self.report.num_events += 1
            garment, kind = shopper.next_interaction(shown, catalogue)
            event = Interaction(
                event_id=uuid4().hex,
                user_id=shopper.user_id,
                item_id=garment.item_id,
                kind=kind,
                occurred_at=datetime.now(UTC),
            )
            answer = await self._answer_to(event)
            if answer is not None:
                shown = [
                    self.garments[item.item_id]
                    for item in answer.items
                    if item.item_id in self.garments
                ]
            await asyncio.sleep(LOOK_S)

    async def _answer_to(self, event: Interaction) -> Recommendation | None:
        self.report.users.add(event.user_id)
        answer = asyncio.get_running_loop().create_future()
        self.answers[event.event_id] = answer
        started = time.monotonic()
        topic = self.settings.topics.interactions.name
        await self.producer.send_and_wait(topic, encode(event), key=event.user_id.encode())
        try:
            recommendation: Recommendation = await asyncio.wait_for(answer, ANSWER_DEADLINE_S)
        except TimeoutError:
            self.report.unanswered.append(event.event_id)
            return None
        latency_s = time.monotonic() - started
        self.report.latencies_s.append(latency_s)
        self.report.answered_users.add(event.user_id)
        self.on_answer(recommendation, latency_s)
        return recommendation
