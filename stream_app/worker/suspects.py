"""What was in hand when the process died: its successor takes each of these records alone.

A record that can end the process (by a fault in native code, or for want of memory) would else end
it again with every restart, and its partition would stand still.
"""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import orjson
import structlog
from aiokafka import ConsumerRecord

__all__ = ["MAX_DEATHS", "Suspects"]

logger = structlog.get_logger(__name__)

# Killed by chance with the same record alone in hand, twice: a matter of milliseconds each time.
MAX_DEATHS = 2


class Suspects:
    """Records by the number of times that a process died with them alone in hand.

    Kept in a file, which the process that takes the directory over finds.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        in_hand, self._deaths = _read(path)
        for name in in_hand:
            alone = len(in_hand) == 1
            self._deaths[name] = self._deaths.get(name, 0) + alone
        if in_hand:
            logger.warning("died with records in hand", records=in_hand)
            self._write([])

    def __len__(self) -> int:
        return len(self._deaths)

    def is_poison(self, record: ConsumerRecord) -> bool:
        """Tell whether the record is to be set aside without being looked at."""
        return self._deaths.get(_name(record), 0) >= MAX_DEATHS

    def apart(self, records: Sequence[ConsumerRecord]) -> Iterator[list[ConsumerRecord]]:
        """Yield each suspect alone, and all other records together."""
        suspects = [record for record in records if _name(record) in self._deaths]
        others = [record for record in records if _name(record) not in self._deaths]
        yield from ([record] for record in suspects)
        if others:
            yield others

    @contextmanager
    def in_hand(self, records: Sequence[ConsumerRecord]) -> Iterator[None]:
        """Note the records while the block runs; what comes out of it alive is suspect no more."""
        names = [_name(record) for record in records]
        self._write(names)
        yield
        for name in names:
            self._deaths.pop(name, None)
        self._write([])

    def _write(self, in_hand: list[str]) -> None:
        # Renamed into place: one who dies while writing leaves the file before it.
        unfinished = self._path.with_suffix(".new")
        unfinished.write_bytes(orjson.dumps({"in_hand": in_hand, "deaths": self._deaths}))
        unfinished.rename(self._path)


def _read(path: Path) -> tuple[list[str], dict[str, int]]:
    try:
        found = orjson.loads(path.read_bytes())
        return list(found["in_hand"]), dict(found["deaths"])
    except FileNotFoundError:
        return [], {}
    except (orjson.JSONDecodeError, KeyError, TypeError, ValueError) as error:
        logger.warning("note of records in hand is unreadable", path=str(path), error=str(error))
        return [], {}


def _name(record: ConsumerRecord) -> str:
    return f"{record.topic}-{record.partition}@{record.offset}"
