"""The items that can be recommended: profiles by id, and what retrieval compares as arrays.

Not safe to change while another thread reads it: the caller changes it between two steps.
"""

from bisect import bisect_left
from collections import OrderedDict
from collections.abc import Collection, Iterator, Sequence
from datetime import datetime
from hashlib import blake2b
from itertools import islice
from typing import Any

import numpy as np
from numpy.typing import NDArray

from models.item_text import features
from models.signals.signals import Signals
from schemas.item_profile import ItemProfile

__all__ = ["Catalogue", "embedding_from_bytes", "embedding_to_bytes"]

FIRST_CAPACITY = 1024
# An event of a deleted item may still be on its way.
MAX_WITHDRAWN = 100_000


def embedding_to_bytes(embedding: NDArray[np.float32]) -> bytes:
    """Return a vector, shape `(dim,)`, as the record carries it: little-endian float16."""
    return embedding.astype("<f2").tobytes()


def embedding_from_bytes(raw: bytes) -> NDArray[np.float32]:
    """Return the vector of a record, shape `(dim,)`."""
    return np.frombuffer(raw, dtype="<f2").astype(np.float32)


class Catalogue:
    """Profiles by item id, with exact search; `signals` are what the crowd does with the items.

    Every search breaks ties by item id and never by row, so that a replay agrees with the live
    run in whatever order the items came.
    """

    def __init__(self, embedding_dim: int, signals: Signals | None = None) -> None:
        self.signals = Signals() if signals is None else signals
        self._embedding_dim = embedding_dim
        self._profiles: list[ItemProfile] = []
        self._features: list[tuple[str, ...]] = []
        self._row_of: dict[str, int] = {}
        # Newest first, then by id; sorting anew for each event was a sixth of a step.
        self._by_age: list[tuple[float, str]] = []
        self._changed: set[str] = set()
        self._withdrawn: OrderedDict[str, None] = OrderedDict()
        self._columns: dict[str, NDArray[Any]] = {
            "vector": np.zeros((FIRST_CAPACITY, embedding_dim), dtype=np.float32),
            "available": np.zeros(FIRST_CAPACITY, dtype=np.bool_),
            "lot": np.zeros(FIRST_CAPACITY, dtype=np.uint64),
        }

    def __len__(self) -> int:
        return len(self._profiles)

    def __iter__(self) -> Iterator[ItemProfile]:
        return iter(self._profiles)

    def get(self, item_id: str) -> ItemProfile | None:
        """Return the profile, or None for an item that has none."""
        row = self._row_of.get(item_id)
        return None if row is None else self._profiles[row]

    def put(self, profile: ItemProfile) -> bool:
        """Add or replace an item; False if its embedding can't be compared with the others.

        It is of another length while a catalogue made by another model is being made anew; a
        value that is no number would spoil every search.
        """
        if len(profile.embedding) != 2 * self._embedding_dim:
            return False
        vector = embedding_from_bytes(profile.embedding)
        if not np.isfinite(vector).all():
            return False
        row = self._row_of.setdefault(profile.item_id, len(self._profiles))
        if row == len(self._profiles):
            self._profiles.append(profile)
            self._features.append(())
            self._grow_to(len(self._profiles))
        # Sorted when it is asked for: thousands are put before the first question.
        self._changed.add(profile.item_id)
        self._withdrawn.pop(profile.item_id, None)
        self._profiles[row] = profile
        self._features[row] = features(profile)
        self._columns["vector"][row] = vector
        self._columns["available"][row] = profile.available
        self._columns["lot"][row] = _lot(profile.item_id)
        self.signals.describe(profile.item_id, profile.categories)
        return True

    def withdraw(self, item_id: str) -> None:
        """Forget an item that its shop has deleted, and remember for a while that it has."""
        self.remove(item_id)
        self._withdrawn[item_id] = None
        if len(self._withdrawn) > MAX_WITHDRAWN:
            self._withdrawn.popitem(last=False)

    def is_withdrawn(self, item_id: str) -> bool:
        """Tell whether an item that is not here was here, and was deleted."""
        return item_id in self._withdrawn

    def remove(self, item_id: str) -> None:
        """Forget an item; the last row takes its place."""
        row = self._row_of.pop(item_id, None)
        if row is None:
            return
        self._changed.add(item_id)
        self.signals.describe(item_id, ())
        last, its_features = self._profiles.pop(), self._features.pop()
        if last.item_id != item_id:
            self._profiles[row] = last
            self._features[row] = its_features
            self._row_of[last.item_id] = row
            for column in self._columns.values():
                column[row] = column[len(self._profiles)]

    def features(self, item_id: str) -> tuple[str, ...]:
        """Return what can be liked about a known item.

        Raises:
            KeyError: If the item is not in the catalogue.
        """
        return self._features[self._row_of[item_id]]

    def vectors(self, item_ids: Sequence[str]) -> NDArray[np.float32]:
        """Return the embeddings of known items, shape `(len(item_ids), dim)`.

        Raises:
            KeyError: If an item is not in the catalogue.
        """
        rows = [self._row_of[item_id] for item_id in item_ids]
        found: NDArray[np.float32] = self._columns["vector"][rows]
        return found

    def nearest(
        self, vector: NDArray[np.float32], k: int, *, exclude: Collection[str] = ()
    ) -> list[str]:
        """Return the `k` available items with the highest cosine to `vector`, best first."""
        # Rounded, because a matrix product's last digits depend on the matrix's shape.
        similarity = np.round(self._column("vector") @ vector, 6)
        return self._first(-similarity.astype(np.float64), k, exclude)

    def newest(self, k: int, *, at: datetime, exclude: Collection[str] = ()) -> list[str]:
        """Return the `k` available items that were added last, but not after `at`.

        Items without a date come last.
        """
        in_order = self._sorted_by_age()
        first = bisect_left(in_order, (-at.timestamp(), ""))
        found = (
            item_id
            for _, item_id in islice(in_order, first, None)
            if item_id not in exclude and self._profiles[self._row_of[item_id]].available
        )
        return list(islice(found, k))

    def draw(self, k: int, seed: str, *, exclude: Collection[str] = ()) -> list[str]:
        """Return `k` available items drawn by the seed, whatever else is in the catalogue."""
        return self._first((self._column("lot") ^ _lot(seed)).astype(np.float64), k, exclude)

    def _first(self, order: NDArray[np.float64], k: int, exclude: Collection[str]) -> list[str]:
        order = np.where(self._column("available"), order, np.inf)
        num_looked_at = min(k + len(exclude), len(self))
        if num_looked_at == 0:
            return []
        last = np.partition(order, num_looked_at - 1)[num_looked_at - 1]
        rows = np.flatnonzero((order <= last) & (order < np.inf))
        found = sorted((float(order[row]), self._profiles[row].item_id) for row in rows)
        return [item_id for _, item_id in found if item_id not in exclude][:k]

    def _sorted_by_age(self) -> list[tuple[float, str]]:
        if self._changed:
            kept = [one for one in self._by_age if one[1] not in self._changed]
            rows = [self._row_of[item_id] for item_id in self._changed if item_id in self._row_of]
            # Two sorted runs, or nearly so, which the sort merges in one go.
            self._by_age = sorted(kept + sorted(_age(self._profiles[row]) for row in rows))
            self._changed = set()
        return self._by_age

    def _column(self, name: str) -> NDArray[Any]:
        return self._columns[name][: len(self)]

    def _grow_to(self, num_rows: int) -> None:
        if num_rows <= len(self._columns["lot"]):
            return
        self._columns = {
            name: np.concatenate([column, np.zeros_like(column)])
            for name, column in self._columns.items()
        }


def _age(profile: ItemProfile) -> tuple[float, str]:
    return -profile.added_at.timestamp() if profile.added_at else 0.0, profile.item_id


def _lot(text: str) -> np.uint64:
    return np.uint64(int.from_bytes(blake2b(text.encode(), digest_size=8).digest(), "little"))
