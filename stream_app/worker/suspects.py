"""What was in hand when the process died: its successor takes each of these records alone.

A record that can end the process (by a fault in native code, or for want of memory) would else end
it again with every restart, and its partition would stand still.
"""

import asyncio
from collections import defaultdict
from collections.abc import Collection, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import orjson
import structlog
from aiokafka import ConsumerRecord, TopicPartition

__all__ = ["MAX_DEATHS", "Suspects"]

logger = structlog.get_logger(__name__)

# Killed by chance with the same record alone in hand, twice: a matter of milliseconds each time.
MAX_DEATHS = 2

Deaths = dict[TopicPartition, dict[int, int]]


class Suspects:
    """Records by the number of times that a process died with them alone in hand.

    Kept in a file, which the process that takes the directory over finds; a note of another
    cluster's records is none.
    """

    def __init__(self, path: Path, cluster_id: str) -> None:
        self._path = path
        self._cluster_id = cluster_id
        in_hand, self._deaths = _read(path, cluster_id)
        for tp, offset in in_hand:
            of_partition = self._deaths[tp]
            of_partition[offset] = of_partition.get(offset, 0) + (len(in_hand) == 1)
        if in_hand:
            logger.warning("died with records in hand", records=[f"{tp} {o}" for tp, o in in_hand])
            self._write([])

    def any_of(self, partitions: Collection[TopicPartition]) -> bool:
        """Tell whether a record of these partitions is suspect."""
        return any(self._deaths.get(tp) for tp in partitions)

    def is_poison(self, record: ConsumerRecord) -> bool:
        """Tell whether the record is to be set aside without being looked at."""
        return self._of(record) >= MAX_DEATHS

    def apart(self, records: Sequence[ConsumerRecord]) -> Iterator[list[ConsumerRecord]]:
        """Yield each suspect alone, and all other records together."""
        others = [record for record in records if self._of(record) < 0]
        yield from ([record] for record in records if self._of(record) >= 0)
        if others:
            yield others

    @contextmanager
    def in_hand(self, records: Sequence[ConsumerRecord]) -> Iterator[None]:
        """Note the records while the block runs; to be cancelled in it is not to die of it."""
        self._write([(_partition(record), record.offset) for record in records])
        try:
            yield
        except asyncio.CancelledError:
            self._write([])
            raise
        self._write([])

    def settle(self, records: Sequence[ConsumerRecord]) -> None:
        """Suspect records no more: what became of them is written."""
        for record in records:
            self._deaths.get(_partition(record), {}).pop(record.offset, None)

    def _of(self, record: ConsumerRecord) -> int:
        return self._deaths.get(_partition(record), {}).get(record.offset, -1)

    def _write(self, in_hand: Sequence[tuple[TopicPartition, int]]) -> None:
        deaths = [[*tp, offset, n] for tp, of in self._deaths.items() for offset, n in of.items()]
        note = {
            "cluster_id": self._cluster_id,
            "in_hand": [[*tp, offset] for tp, offset in in_hand],
            "deaths": deaths,
        }
        # Renamed into place: one who dies while writing leaves the file before it.
        unfinished = self._path.with_suffix(".new")
        unfinished.write_bytes(orjson.dumps(note))
        unfinished.rename(self._path)


def _read(path: Path, cluster_id: str) -> tuple[list[tuple[TopicPartition, int]], Deaths]:
    deaths: Deaths = defaultdict(dict)
    try:
        found = orjson.loads(path.read_bytes())
        if found["cluster_id"] != cluster_id:
            return [], deaths
        in_hand = [(TopicPartition(topic, number), one) for topic, number, one in found["in_hand"]]
        for topic, number, offset, times in found["deaths"]:
            deaths[TopicPartition(topic, number)][offset] = times
    except FileNotFoundError:
        return [], deaths
    except (orjson.JSONDecodeError, KeyError, TypeError, ValueError) as error:
        logger.warning("note of records in hand is unreadable", path=str(path), error=str(error))
        return [], defaultdict(dict)
    return in_hand, deaths


def _partition(record: ConsumerRecord) -> TopicPartition:
    return TopicPartition(record.topic, record.partition)
