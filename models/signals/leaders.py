"""The highest of many items, kept without sorting them all."""

from math import inf

__all__ = ["MAX_LEADERS", "Leaders"]

# Enough to find twenty that a user has neither bought nor just seen.
MAX_LEADERS = 500


class Leaders:
    """The `MAX_LEADERS` items of the highest standing, at least.

    Exact as long as standings only rise, as those of decayed sums do with each event; one that
    falls (an item has gone) is forgotten if others were higher.
    """

    def __init__(self) -> None:
        self._standings: dict[str, float] = {}
        self._in_order: list[tuple[str, float]] | None = []
        self._floor = -inf

    def put(self, item_id: str, standing: float) -> None:
        """Note an item's standing; minus infinity takes it out."""
        if standing >= self._floor and standing > -inf:
            self._standings[item_id] = standing
        elif self._standings.pop(item_id, None) is None:
            return
        self._in_order = None
        if len(self._standings) > 2 * MAX_LEADERS:
            self._cut()

    def best(self) -> list[tuple[str, float]]:
        """Return items with their standings, highest first, then by id."""
        if self._in_order is None:
            self._in_order = sorted(self._standings.items(), key=lambda one: (-one[1], one[0]))
        return self._in_order

    def _cut(self) -> None:
        kept = self.best()[:MAX_LEADERS]
        self._standings = dict(kept)
        self._in_order = kept
        # None of those that were cut stands higher.
        self._floor = kept[-1][1]
