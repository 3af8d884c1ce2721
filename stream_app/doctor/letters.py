"""Open dead letters of the last day, by what was wrong with them."""

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from aiokafka import ConsumerRecord

from stream_app.config import Settings
from stream_app.doctor.finding import Finding, named, ok, warning
from stream_app.doctor.reading import partitions_of, read, reader

__all__ = ["Letter", "judge_letters", "look_at_letters", "open_letters"]

CHECK = "dead letters"
DAY = timedelta(days=1)
# Of each partition, the newest: a flood must not keep the doctor.
MAX_LETTERS = 5_000
MAX_ERROR_CHARS = 64


@dataclass(frozen=True)
class Letter:
    """Where a dead letter lies, and why."""

    partition: int
    offset: int
    headers: Mapping[str, str]


async def look_at_letters(settings: Settings, num_partitions: Mapping[str, int]) -> Counter[str]:
    """Return how many letters of the last day are open, by error.

    Raises:
        KafkaError: If the brokers don't tell.
    """
    topic = settings.topics.dead_letters.name
    tps = partitions_of(topic, num_partitions[topic])
    day_ago_ms = int((datetime.now(UTC) - DAY).timestamp() * 1000)
    async with reader(settings) as consumer:
        ends = await consumer.end_offsets(tps)
        since = await consumer.offsets_for_times(dict.fromkeys(tps, day_ago_ms))
        begins = {
            tp: max(one.offset, ends[tp] - MAX_LETTERS)
            for tp, one in since.items()
            if one is not None
        }
        # Without the values, which may be large.
        found = [_letter(record) async for record in read(consumer, begins, ends)]
    return open_letters(found)


def _letter(record: ConsumerRecord) -> Letter:
    headers = {name: (value or b"").decode(errors="replace") for name, value in record.headers}
    return Letter(record.partition, record.offset, headers)


def open_letters(letters: Iterable[Letter]) -> Counter[str]:
    """Count letters by error; a record with `dlq.settles` is none, and settles the one it names."""
    found: dict[str, str] = {}
    for letter in letters:
        if "dlq.settles" in letter.headers:
            found.pop(letter.headers["dlq.settles"], None)
        else:
            error = letter.headers.get("dlq.error", "without a reason")
            found[f"{letter.partition}:{letter.offset}"] = error[:MAX_ERROR_CHARS]
    return Counter(found.values())


def judge_letters(open_by_error: Counter[str]) -> Finding:
    """Judge the letters of the last day."""
    if not open_by_error:
        return ok(CHECK, "none of the last day is open")
    by_error = dict(open_by_error.most_common())
    return warning(
        CHECK,
        f"{open_by_error.total()} of the last day are open: {named(by_error)}; see `stream-app "
        f"dead-letters list`",
        open=by_error,
    )
