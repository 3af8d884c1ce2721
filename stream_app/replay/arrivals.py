"""Since when each item can be listed: a place in the log, so that nothing later decides it.

A moment is twice the position of an event for what is known just before it, and one more for what
is known with it.
"""

from bisect import bisect_left, bisect_right
from collections.abc import Mapping, Sequence

from schemas.interaction import Interaction
from schemas.item import Item

__all__ = ["Arrivals", "arrival_moments", "before", "including", "num_events"]


def before(position: int) -> int:
    """Return the moment just before an event."""
    return 2 * position


def including(position: int) -> int:
    """Return the moment at which an event is known."""
    return 2 * position + 1


def num_events(moment: int) -> int:
    """Return how many events of the log, its first ones, are known at a moment."""
    return (moment + 1) // 2


def arrival_moments(items: Mapping[str, Item], log: Sequence[Interaction]) -> dict[str, int]:
    """Return the moment from which each item is known.

    That is its `added_at`, or its first event if that is earlier; an item without a date has
    always been there. Whether anybody ever touches it plays no part.
    """
    times = [event.occurred_at for event in log]
    moments = {
        item.item_id: 0 if item.added_at is None else before(bisect_left(times, item.added_at))
        for item in items.values()
    }
    for position, event in enumerate(log):
        moments[event.item_id] = min(moments[event.item_id], including(position))
    return moments


class Arrivals:
    """The items in the order in which they came."""

    def __init__(self, moments: Mapping[str, int]) -> None:
        self.item_ids = sorted(moments, key=lambda item_id: (moments[item_id], item_id))
        self._moments = [moments[item_id] for item_id in self.item_ids]
        self._places = {item_id: place for place, item_id in enumerate(self.item_ids)}

    def place(self, item_id: str) -> int:
        """Return how many items came before this one."""
        return self._places[item_id]

    def num_known(self, moment: int) -> int:
        """Return how many items, the first of them, are known at a moment."""
        return bisect_right(self._moments, moment)
