"""Silent inactivity: all processes are there, events come in, and nothing comes out."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from aiokafka import AIOKafkaConsumer, TopicPartition

from stream_app.config import Settings
from stream_app.doctor.finding import Finding, ok, warning, wrong
from stream_app.doctor.reading import partitions_of, read, reader, written_at

__all__ = ["FlowFacts", "judge_flow", "look_at_flow"]

# Offsets of each partition that are looked through for the newest record: behind what was aborted
# and its markers there may be few.
TAIL = 100
# Events that were sent twice, erase a user or are refused get no answer: so few may be that.
UNANSWERED = 10


@dataclass(frozen=True)
class FlowFacts:
    """How one topic follows another.

    `answered_at` is the newest record of `answers`, None if its newest offsets hold none.
    `unanswered_at` is the oldest record of `asks` behind that, None if there is none, and
    `num_unanswered` how many offsets there are from it on.
    """

    asks: str
    answers: str
    answered_at: datetime | None
    unanswered_at: datetime | None
    num_unanswered: int


async def look_at_flow(
    settings: Settings, num_partitions: Mapping[str, int], asks: str, answers: str
) -> FlowFacts:
    """Compare the newest record of `answers` with what lies on `asks` since.

    Raises:
        KafkaError: If the brokers don't tell.
    """
    async with reader(settings) as consumer:
        answered_at = await _newest(consumer, partitions_of(answers, num_partitions[answers]))
        tps = partitions_of(asks, num_partitions[asks])
        ends = await consumer.end_offsets(tps)
        since_ms = 0 if answered_at is None else int(answered_at.timestamp() * 1000) + 1
        later = await consumer.offsets_for_times(dict.fromkeys(tps, since_ms))
        first = {tp: one for tp, one in later.items() if one is not None}
        return FlowFacts(
            asks=asks,
            answers=answers,
            answered_at=answered_at,
            unanswered_at=min(
                (datetime.fromtimestamp(one.timestamp / 1000, UTC) for one in first.values()),
                default=None,
            ),
            num_unanswered=sum(ends[tp] - one.offset for tp, one in first.items()),
        )


async def _newest(consumer: AIOKafkaConsumer, tps: list[TopicPartition]) -> datetime | None:
    begins = await consumer.beginning_offsets(tps)
    ends = await consumer.end_offsets(tps)
    tails = {tp: max(begins[tp], ends[tp] - TAIL) for tp in tps}
    times = [written_at(record) async for record in read(consumer, tails, ends)]
    return max(times, default=None)


def judge_flow(facts: FlowFacts, patience: timedelta, now: datetime | None = None) -> Finding:
    """Judge whether `answers` has gone silent for longer than `patience` while it was asked."""
    check = f"flow to {facts.answers}"
    last = f"last written {facts.answered_at:%Y-%m-%d %H:%M}Z" if facts.answered_at else "none yet"
    details = {"answered_at": facts.answered_at, "num_unanswered": facts.num_unanswered}
    if facts.unanswered_at is None:
        return ok(check, f"nothing waits for an answer; {last}", **details)
    waits = (now or datetime.now(UTC)) - facts.unanswered_at
    if waits <= patience:
        return ok(check, last, **details)
    found = (
        f"{facts.num_unanswered} of {facts.asks} since {facts.unanswered_at:%Y-%m-%d %H:%M}Z are "
        f"without an answer, {last}"
    )
    if facts.num_unanswered < UNANSWERED:
        return warning(
            check,
            f"{found}; repeated, erasing and refused ones get none: see dead letters",
            **details,
        )
    return wrong(
        check,
        f"{found}; see the lag of the groups, the dead letters and the worker's log",
        **details,
    )
