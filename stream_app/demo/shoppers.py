"""Simulated shoppers whose tastes drift, for a closed loop or for a log to replay.

A shopper knows no clock: a step is one interaction, and the caller says when it happens. All that
a shopper does follows from the seed and the lists they were shown.
"""

import hashlib
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np

from schemas.interaction import InteractionKind
from stream_app.demo.garments import Garment
from stream_app.demo.tastes import Taste, blended, draw_taste

__all__ = ["Shopper", "SimulatedEvent", "make_shoppers", "simulate_log"]

# Utility that this much below the best is e times less likely to be picked.
_INDIFFERENCE = 0.1
# A list whose best garment has less utility than the one is left for sure, with more than the other
# it is stayed with. The best of ten picked blindly lies near the lower end.
_DULL, _DELIGHTFUL = 0.45, 0.75
# How many garments someone who browses looks at: about a page of a shop.
_PAGE_ITEMS = 24
# What was picked before tempts less, each time by this much utility.
_WEARINESS = 0.25

_NAMES = (
    "ada", "bruno", "chiara", "dmitri", "elif", "farid", "greta", "hugo", "ines", "jonas",
    "keiko", "luca", "mina", "noah", "olga", "pablo", "quinn", "rosa", "sven", "tara",
    "umar", "vera", "wanda", "ximena", "yusuf", "zoe",
)  # fmt: skip


@dataclass(frozen=True)
class _Phase:
    """A taste, from which step on it holds, and how many steps the way to it took before."""

    taste: Taste
    since: int
    transition: int


class Shopper:
    """A person with a taste that changes every few dozen interactions, gradually or at once.

    `num_steps` is how many interactions there were so far. User id and seed make the person: two
    shoppers with both alike do the same when shown the same.
    """

    def __init__(self, user_id: str, *, seed: int) -> None:
        self.user_id = user_id
        self.num_steps = 0
        self._seed = seed
        self._phases = [_Phase(draw_taste(self._dice("taste", 0)), since=0, transition=0)]
        self._picked: Counter[str] = Counter()

    @property
    def taste(self) -> Taste:
        """The taste at this moment."""
        return self.taste_at(self.num_steps)

    def taste_at(self, step: int) -> Taste:
        """Return the taste at a step, past or to come."""
        while self._phases[-1].since <= step:
            self._phases.append(self._next_phase())
        old, new = next(pair for pair in pairwise(self._phases) if step < pair[1].since)
        share = 1 - (new.since - step) / (new.transition + 1)
        return old.taste if share <= 0 else blended(old.taste, new.taste, share)

    def utility(self, garment: Garment) -> float:
        """Return how much the shopper likes the garment now, in `[0, 1]`."""
        return self.taste.utility(garment)

    def next_interaction(
        self, shown: Sequence[Garment], catalogue: Sequence[Garment]
    ) -> tuple[Garment, InteractionKind]:
        """Pick from the list shown or browse the catalogue, and react; the next step begins.

        Args:
            shown: The recommendations, best first; may be empty.
            catalogue: All there is; who does not like the list looks at a page of it.

        Raises:
            ValueError: If there is nothing at all to look at.
        """
        if not shown and not catalogue:
            raise ValueError("nothing shown and 0 garments in the catalogue: give at least one")
        rng = self._dice("step", self.num_steps)
        taste = self.taste
        seen = shown if self._stays(shown, taste, rng) or not catalogue else _page(catalogue, rng)
        picked = self._pick(seen, taste, rng)
        kind = _react(taste.utility(picked), rng)
        self._picked[picked.item_id] += 1
        self.num_steps += 1
        return picked, kind

    def _stays(self, shown: Sequence[Garment], taste: Taste, rng: np.random.Generator) -> bool:
        """The better the best on the list, the likelier the shopper stays with it."""
        best = max((self._appeal(garment, taste) for garment in shown), default=0.0)
        return bool(rng.random() < (best - _DULL) / (_DELIGHTFUL - _DULL))

    def _pick(self, seen: Sequence[Garment], taste: Taste, rng: np.random.Generator) -> Garment:
        appeals = np.array([self._appeal(garment, taste) for garment in seen])
        odds = np.exp((appeals - appeals.max()) / _INDIFFERENCE)
        return seen[rng.choice(len(seen), p=odds / odds.sum())]

    def _appeal(self, garment: Garment, taste: Taste) -> float:
        return taste.utility(garment) - _WEARINESS * self._picked[garment.item_id]

    def _next_phase(self) -> _Phase:
        last, rng = self._phases[-1], self._dice("taste", len(self._phases))
        stay, gradual = int(rng.integers(25, 60)), bool(rng.random() < 0.5)
        transition = int(rng.integers(8, 20)) if gradual else 0
        return _Phase(draw_taste(rng), last.since + stay, transition)

    def _dice(self, purpose: str, number: int) -> np.random.Generator:
        """Chance for one purpose at one time: nothing drawn elsewhere can shift it."""
        name = f"{self._seed}/{self.user_id}/{purpose}/{number}"
        digest = hashlib.blake2b(name.encode(), digest_size=16).digest()
        return np.random.default_rng(int.from_bytes(digest))


def _page(catalogue: Sequence[Garment], rng: np.random.Generator) -> list[Garment]:
    return [catalogue[index] for index in rng.integers(len(catalogue), size=_PAGE_ITEMS)]


def _react(utility: float, rng: np.random.Generator) -> InteractionKind:
    """The more it is liked the more is done: from a dislike over a glance to a purchase."""
    weights: dict[InteractionKind, float] = {
        "view": 0.35,
        "click": 0.2 + 0.5 * utility,
        "like": 1.5 * utility**3,
        "dislike": 1.2 * (1 - utility) ** 3,
        "purchase": 0.8 * utility**5,
    }
    odds = np.array(list(weights.values()))
    kinds = list(weights)
    return kinds[rng.choice(len(kinds), p=odds / odds.sum())]


def make_shoppers(num: int, *, seed: int = 7) -> list[Shopper]:
    """Return shoppers with names for ids, numbered when the names have run out ("ada-2")."""
    return [Shopper(_user_id(index), seed=seed) for index in range(num)]


def _user_id(index: int) -> str:
    turn, position = divmod(index, len(_NAMES))
    return f"{_NAMES[position]}-{turn + 1}" if turn else _NAMES[position]


@dataclass(frozen=True)
class SimulatedEvent:
    """One interaction of a log; `step` is its place in the log, from 0."""

    user_id: str
    item_id: str
    kind: InteractionKind
    step: int


def simulate_log(
    shoppers: Sequence[Shopper], catalogue: Sequence[Garment], num_events: int, seed: int
) -> Iterator[SimulatedEvent]:
    """Yield what the shoppers do when nothing is recommended; who comes next is drawn by seed.

    The shoppers go on from where they are, so a second log continues the first.
    """
    rng = np.random.default_rng(seed)
    for step in range(num_events):
        shopper = shoppers[int(rng.integers(len(shoppers)))]
        garment, kind = shopper.next_interaction((), catalogue)
        yield SimulatedEvent(shopper.user_id, garment.item_id, kind, step)
