"""Which offset of a partition may be committed while records finish out of order."""

from collections import OrderedDict

__all__ = ["OffsetTracker"]


class OffsetTracker:
    """Knows the records in hand of one partition; commits only behind the oldest unfinished one.

    Two events of one user never share a batch, so records finish out of order; a commit past an
    unfinished one would lose it at the next restart.
    """

    def __init__(self) -> None:
        self._finished: OrderedDict[int, bool] = OrderedDict()
        self._next: int | None = None
        self._committed: int | None = None

    def start(self, offset: int) -> None:
        """Take a record in hand; offsets come in rising order.

        Raises:
            ValueError: If the offset does not lie behind all earlier ones.
        """
        if self._finished and offset <= next(reversed(self._finished)):
            raise ValueError(f"offset {offset} is not above {next(reversed(self._finished))}")
        self._finished[offset] = False

    def finish(self, offset: int) -> None:
        """Mark a record as done.

        Raises:
            KeyError: If it was not in hand.
        """
        if offset not in self._finished:
            raise KeyError(offset)
        self._finished[offset] = True
        while self._finished and self._finished[oldest := next(iter(self._finished))]:
            del self._finished[oldest]
            self._next = oldest + 1

    @property
    def num_in_hand(self) -> int:
        """Records that a commit would wait for or that wait for an older one."""
        return len(self._finished)

    def to_commit(self) -> int | None:
        """Return the next offset to read after a restart, None if nothing new is finished."""
        return self._next if self._next != self._committed else None

    def committed(self, next_offset: int) -> None:
        """Remember what the broker has acknowledged."""
        self._committed = next_offset
