"""Items drawn by a seed: the same in whatever order they came, and without a look at all."""

from hashlib import blake2b

from sortedcontainers import SortedList

__all__ = ["Lots"]

BITS = 64


class Lots:
    """Items by their lot, a hash of the id.

    Those are drawn whose lots are nearest to the seed's by XOR: to each seed the items are in
    another order. Lots that share their first bits with the seed's lie beside each other.
    """

    def __init__(self) -> None:
        self._items: SortedList = SortedList()

    def __len__(self) -> int:
        return len(self._items)

    def add(self, item_id: str) -> None:
        """Let an item be drawn."""
        self._items.add((_lot(item_id), item_id))

    def discard(self, item_id: str) -> None:
        """Let an item be drawn no more."""
        self._items.discard((_lot(item_id), item_id))

    def draw(self, count: int, seed: str) -> list[str]:
        """Return the `count` items that the seed draws first, in its order."""
        lot = _lot(seed)
        first, last = self._block(lot, count)
        drawn = sorted((its_lot ^ lot, item_id) for its_lot, item_id in self._items[first:last])
        return [item_id for _, item_id in drawn[:count]]

    def _block(self, lot: int, count: int) -> tuple[int, int]:
        """Return where those lie that share so many first bits with a lot that they are enough."""
        first, last = 0, len(self._items)
        for num_free in range(BITS - 1, -1, -1):
            low = lot >> num_free << num_free
            inner = (self._place(low), self._place(low + (1 << num_free)))
            if inner[1] - inner[0] < count:
                break
            first, last = inner
        return first, last

    def _place(self, lot: int) -> int:
        """Return how many items have a smaller lot."""
        return int(self._items.bisect_left((lot, "")))


def _lot(text: str) -> int:
    return int.from_bytes(blake2b(text.encode(), digest_size=8).digest(), "little")
