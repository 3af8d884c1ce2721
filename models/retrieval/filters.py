"""Which rows may be found: what of an item a filter asks for, as columns."""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from schemas.item_profile import ItemProfile

__all__ = ["Filter", "FilterColumns"]

FIRST_CAPACITY = 1024


@dataclass(frozen=True)
class Filter:
    """What an item must be: in one of `categories`, and priced from `min_price` to `max_price`.

    What is empty or None asks for nothing. An item without a price is within no bound.
    """

    categories: frozenset[str] = frozenset()
    min_price: float | None = None
    max_price: float | None = None


class FilterColumns:
    """Availability, price and categories of the rows of a catalogue.

    Items that are in the same categories are on one shelf. There are few shelves, so a filter
    looks at each of them once, and then at a number for each row.
    """

    def __init__(self) -> None:
        self._columns: dict[str, NDArray[Any]] = {
            "available": np.zeros(FIRST_CAPACITY, dtype=np.bool_),
            "price": np.zeros(FIRST_CAPACITY, dtype=np.float64),
            "shelf": np.zeros(FIRST_CAPACITY, dtype=np.int32),
        }
        self._shelves: dict[tuple[str, ...], int] = {}

    def put(self, row: int, profile: ItemProfile) -> None:
        """Set a row, which is there or the next one."""
        if row == len(self._columns["shelf"]):
            self._grow()
        if len(self._shelves) > 2 * len(self._columns["shelf"]):
            self._forget_empty_shelves()
        shelf = self._shelves.setdefault(profile.categories, len(self._shelves))
        self._columns["available"][row] = profile.available
        self._columns["price"][row] = np.nan if profile.price is None else profile.price
        self._columns["shelf"][row] = shelf

    def move(self, row: int, to: int) -> None:
        """Put a row in another one's place."""
        for column in self._columns.values():
            column[to] = column[row]

    def allowed(self, num_rows: int, where: Filter | None) -> NDArray[np.bool_]:
        """Return for each of `num_rows` rows whether it is available and as the filter asks."""
        available, price, shelf = (column[:num_rows] for column in self._columns.values())
        allowed: NDArray[np.bool_] = available.copy()
        if where is None:
            return allowed
        if where.categories:
            allowed &= self._shelves_with(where.categories)[shelf]
        if where.min_price is not None:
            allowed &= price >= where.min_price
        if where.max_price is not None:
            allowed &= price <= where.max_price
        return allowed

    def _shelves_with(self, categories: frozenset[str]) -> NDArray[np.bool_]:
        return np.array([not categories.isdisjoint(names) for names in self._shelves], dtype=bool)

    def _forget_empty_shelves(self) -> None:
        """Number the shelves anew: items that change their categories leave empty ones behind."""
        names = list(self._shelves)
        in_use, self._columns["shelf"] = np.unique(self._columns["shelf"], return_inverse=True)
        self._shelves = {names[old]: new for new, old in enumerate(in_use)}

    def _grow(self) -> None:
        self._columns = {
            name: np.concatenate([column, np.zeros_like(column)])
            for name, column in self._columns.items()
        }
