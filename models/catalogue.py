"""The items that can be recommended: profiles by id, and the searches that retrieval makes.

Not safe to change while another thread reads it: the caller changes it between two steps.
"""

from collections import OrderedDict
from collections.abc import Collection, Iterator, Sequence
from datetime import datetime
from itertools import islice

import numpy as np
from numpy.typing import NDArray
from sortedcontainers import SortedList

from models.item_text import features
from models.retrieval.filters import Filter, FilterColumns
from models.retrieval.index import MAX_EXACT, VectorIndex
from models.retrieval.lots import Lots
from models.signals.signals import Signals
from schemas.item_profile import ItemProfile

__all__ = ["Catalogue", "embedding_from_bytes", "embedding_to_bytes"]

# A float32's exponent has three bits more, which widening has filled with the sign's.
EXPONENT_COPIES_OF_SIGN = np.int32(0b111 << 28)
EXPONENT_OFFSET = np.float32(2.0 ** (127 - 15))
# An event of a deleted item may still be on its way.
MAX_WITHDRAWN = 100_000


def embedding_to_bytes(embedding: NDArray[np.float32]) -> bytes:
    """Return a vector, shape `(dim,)`, as the record carries it: little-endian float16."""
    return embedding.astype("<f2").tobytes()


def embedding_from_bytes(raw: bytes) -> NDArray[np.float32]:
    """Return the finite values of a record's vector, shape `(dim,)`."""
    # numpy's own cast goes value by value, which was most of a search. A float16 has its sign,
    # exponent and fraction side by side as a float32 has; only the exponent starts elsewhere.
    bits = np.frombuffer(raw, dtype="<i2").astype(np.int32) << 13
    bits &= ~EXPONENT_COPIES_OF_SIGN
    return bits.view(np.float32) * EXPONENT_OFFSET


class Catalogue:
    """Profiles by item id, with search by vector, by age and by lot.

    What the crowd does with the items is in `signals`.

    Every search breaks ties by item id and never by row. Up to `max_exact` items a replay agrees
    with the live run in whatever order the items came; beyond, `nearest` is approximate
    (`models.retrieval.cells` says what holds there), the other two are not.

    An item takes its record, with the embedding as the record has it, and 2 KB or so for the
    searches: 7 GB for 1,000,000 items of 1,664 dimensions.
    """

    def __init__(
        self, embedding_dim: int, signals: Signals | None = None, *, max_exact: int = MAX_EXACT
    ) -> None:
        self.signals = Signals() if signals is None else signals
        self._embedding_dim = embedding_dim
        self._profiles: list[ItemProfile] = []
        self._features: list[tuple[str, ...]] = []
        self._row_of: dict[str, int] = {}
        self._withdrawn: OrderedDict[str, None] = OrderedDict()
        self._filters = FilterColumns()
        self._index = VectorIndex(embedding_dim, self._vectors_at, max_exact)
        # Of the available items only: however many are sold out, the newest are found at once.
        self._by_age: SortedList = SortedList()
        self._lots = Lots()

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
        if not np.isfinite(np.frombuffer(profile.embedding, dtype="<f2")).all():
            return False
        row = self._row_of.setdefault(profile.item_id, len(self._profiles))
        if row == len(self._profiles):
            self._profiles.append(profile)
            self._features.append(())
            self._index.change(row)
        elif profile.embedding != self._profiles[row].embedding:
            self._index.change(row)
        self._leave_orders(self._profiles[row])
        self._withdrawn.pop(profile.item_id, None)
        self._profiles[row] = profile
        self._features[row] = features(profile)
        self._filters.put(row, profile)
        if profile.available:
            self._by_age.add(_age(profile))
            self._lots.add(profile.item_id)
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
        self._leave_orders(self._profiles[row])
        self.signals.describe(item_id, ())
        last, its_features = self._profiles.pop(), self._features.pop()
        self._index.change(len(self._profiles))
        if last.item_id != item_id:
            self._profiles[row] = last
            self._features[row] = its_features
            self._row_of[last.item_id] = row
            self._filters.move(len(self._profiles), row)
            self._index.change(row)

    def refresh(self) -> None:
        """Let the search by vector learn of all changes now, and not when it is next asked.

        For 1,000,000 items that are new to it this takes one minute or two.
        """
        self._index.refresh(len(self))

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
        return self._vectors_at([self._row_of[item_id] for item_id in item_ids])

    def nearest(
        self,
        vector: NDArray[np.float32],
        k: int,
        *,
        exclude: Collection[str] = (),
        where: Filter | None = None,
    ) -> list[str]:
        """Return the `k` available items with the highest cosine to `vector`, best first.

        `exclude` and `where` are asked inside the search: there are fewer than `k` only if no
        more items are allowed.
        """
        allowed = self._filters.allowed(len(self), where)
        allowed[[self._row_of[item_id] for item_id in exclude if item_id in self._row_of]] = False
        rows, cosines = self._index.nearest(vector, k, allowed)
        found = zip((-cosines).tolist(), rows.tolist(), strict=True)
        best_first = sorted((order, self._profiles[row].item_id) for order, row in found)
        return [item_id for _, item_id in best_first[:k]]

    def newest(self, k: int, *, at: datetime, exclude: Collection[str] = ()) -> list[str]:
        """Return the `k` available items that were added last, but not after `at`.

        Items without a date come last.
        """
        not_after = self._by_age.irange(minimum=(-at.timestamp(), ""))
        return list(islice((one for _, one in not_after if one not in exclude), k))

    def draw(self, k: int, seed: str, *, exclude: Collection[str] = ()) -> list[str]:
        """Return `k` available items drawn by the seed, whatever else is in the catalogue."""
        drawn = self._lots.draw(k + len(exclude), seed)
        return [item_id for item_id in drawn if item_id not in exclude][:k]

    def _leave_orders(self, profile: ItemProfile) -> None:
        self._by_age.discard(_age(profile))
        self._lots.discard(profile.item_id)

    def _vectors_at(self, rows: Sequence[int] | NDArray[np.int64]) -> NDArray[np.float32]:
        raw = b"".join([self._profiles[row].embedding for row in rows])
        return embedding_from_bytes(raw).reshape(-1, self._embedding_dim)


def _age(profile: ItemProfile) -> tuple[float, str]:
    return -profile.added_at.timestamp() if profile.added_at else 0.0, profile.item_id
