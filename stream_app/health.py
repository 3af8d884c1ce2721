"""What a process still lacks before it does its work, and how long its work in hand takes.

The process keeps it up to date as it goes; `stream_app.probes` answers from it over HTTP.
"""

import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager

__all__ = ["MAX_WORK_S", "STOPPING", "UNASSIGNED", "Health", "unread"]

# Sixteen pictures read by a large model without a GPU take minutes; a hung call takes for ever.
MAX_WORK_S = 900.0

UNASSIGNED = "the consumer group has given out no partitions yet"
STOPPING = "the process is stopping"


def unread(topic: str) -> str:
    """Return the sentence for a topic that has to be known before the first record."""
    return f"{topic} is not read to its end yet"


class Health:
    """Readiness as the sentences that speak against it, liveness as the age of the work in hand.

    `max_work_s` is the age, in seconds, from which work in hand counts as hung; `clock` is
    monotonic, in seconds.
    """

    def __init__(
        self,
        lacking: Iterable[str] = (),
        *,
        max_work_s: float = MAX_WORK_S,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        # A dict, for its order: what comes first is said first.
        self._lacking = dict.fromkeys(lacking)
        self._max_work_s = max_work_s
        self._clock = clock
        self._begun_at: float | None = None

    def lacks(self, what: str) -> None:
        """Note a sentence that speaks against readiness."""
        self._lacking[what] = None

    def has(self, what: str) -> None:
        """Strike a sentence off, if it is there."""
        self._lacking.pop(what, None)

    @contextmanager
    def work(self) -> Iterator[None]:
        """Have work in hand for as long as the block lasts; one block at a time."""
        self._begun_at = self._clock()
        try:
            yield
        finally:
            self._begun_at = None

    def not_ready(self) -> list[str]:
        """Return what speaks against readiness; empty: the process does its work."""
        return list(self._lacking)

    def not_alive(self) -> list[str]:
        """Return what only a restart mends; that the event loop turns shows in being asked."""
        if self._begun_at is None:
            return []
        age_s = self._clock() - self._begun_at
        if age_s <= self._max_work_s:
            return []
        return [f"work is in hand for {age_s:.0f} s, limit {self._max_work_s:.0f} s"]
