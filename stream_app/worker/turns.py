"""Events come first; items are read in between, a few at a time."""

import time
from collections.abc import Callable

__all__ = ["FIRST_ITEMS", "ITEMS_REST_S", "Turns"]

# Yet under unending load one batch in so many goes to the catalogue.
EVENT_BATCHES_PER_ITEM_BATCH = 16
# An event that comes waits for the items in hand, so these are few at first. Many take little
# longer than few (each token takes all weights from memory once): while no event comes they double.
FIRST_ITEMS = 2
# A model server that was away is asked again after so long.
ITEMS_REST_S = 30.0


class Turns:
    """Knows whose turn it is, and how many items the next batch of them may have."""

    def __init__(self, max_items: int, clock: Callable[[], float] = time.monotonic) -> None:
        self._max_items = max_items
        self._clock = clock
        self._items_rest_until = 0.0
        self._num_event_batches = 0
        self._num_items = FIRST_ITEMS

    @property
    def is_for_events(self) -> bool:
        """Whether waiting events go before waiting items."""
        return self._num_event_batches < EVENT_BATCHES_PER_ITEM_BATCH

    @property
    def num_items(self) -> int:
        """Items of the next batch, at most."""
        if self._clock() < self._items_rest_until:
            return 0
        return min(self._num_items, self._max_items)

    def took_events(self) -> None:
        """Note a batch of events."""
        self._num_event_batches += 1
        self._num_items = FIRST_ITEMS

    def postponed_items(self) -> None:
        """Note that items can't be read just now; none is tried for a while."""
        self._items_rest_until = self._clock() + ITEMS_REST_S

    def took_items(self) -> None:
        """Note a batch of items."""
        self._num_event_batches = 0
        self._num_items = min(2 * self._num_items, self._max_items)
