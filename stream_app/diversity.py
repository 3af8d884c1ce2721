"""Not all of one kind: which candidates make a list."""

from collections import Counter
from collections.abc import Sequence
from typing import Protocol, TypeVar

__all__ = ["diversify"]


class Categorised(Protocol):
    """A candidate that says what it is, the main category first."""

    @property
    def categories(self) -> tuple[str, ...]:
        """What it is."""
        ...


C = TypeVar("C", bound=Categorised)


def diversify(candidates: Sequence[C], length: int) -> list[C]:
    """Return the best `length` candidates, best first, at most half of them of one category.

    An item's category is the first that it names; items without any are not limited. Where
    nothing else is left, the best of the crowded category fill the list: it is never shorter
    than it could be. The order of the candidates stays.
    """
    limit = (length + 1) // 2
    taken: Counter[str] = Counter()
    chosen: list[int] = []
    crowded: list[int] = []
    for position, candidate in enumerate(candidates):
        category = candidate.categories[0] if candidate.categories else None
        if category is not None and taken[category] >= limit:
            crowded.append(position)
            continue
        chosen.append(position)
        if category is not None:
            taken[category] += 1
    return [candidates[position] for position in sorted((chosen + crowded)[:length])]
