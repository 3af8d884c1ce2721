"""Histories -> examples: what a user came to like next, each beside an item not seen with them.

A positive is a user's first event with an item, if it speaks for the item and is not the user's
very first: before that there is nothing to judge by, and an item met before would be known from
the prompt. The positives among `WINDOW` events are asked together, of the state before the first
of them, so that many pairs share one prefix.

The split is one cut in time for all users: an example is of events before it or of events after
it, never of both. What is learned is before, what is measured after; a state that is measured
holds the user's events up to that moment, as live.
"""

from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import cycle
from math import ceil

import numpy as np

from models.preference import leaning
from schemas.interaction import Interaction
from stream_app.finetune.negatives import Pool

__all__ = ["WINDOW", "Example", "Histories", "cut_at", "draw_examples", "histories_of", "windows"]

# One more than a block of the summary: so windows begin in all places of a block, as live.
WINDOW = 4

Histories = dict[str, tuple[Interaction, ...]]


@dataclass(frozen=True)
class Example:
    """Pairs to tell apart by the state of a user after their first `num_before` events.

    `ends_at` is when the last of the positives happened.
    """

    user_id: str
    num_before: int
    positives: tuple[str, ...]
    negatives: tuple[str, ...]
    ends_at: datetime

    @property
    def candidates(self) -> tuple[str, ...]:
        """All items that are asked about, positives first."""
        return (*self.positives, *self.negatives)

    @property
    def targets(self) -> tuple[float, ...]:
        """For each candidate 1 for yes, 0 for no."""
        return (*[1.0] * len(self.positives), *[0.0] * len(self.negatives))


def histories_of(events: Sequence[Interaction], *, max_users: int | None, seed: int) -> Histories:
    """Return the events of each user in their order, of at most `max_users` drawn at random.

    Users with one event are left out: there is nothing before it.
    """
    found: dict[str, list[Interaction]] = defaultdict(list)
    for event in events:
        found[event.user_id].append(event)
    user_ids = sorted(user_id for user_id, own in found.items() if len(own) > 1)
    if max_users is not None and max_users < len(user_ids):
        drawn = np.random.default_rng(seed).choice(len(user_ids), max_users, replace=False)
        user_ids = [user_ids[place] for place in sorted(drawn)]
    return {user_id: tuple(found[user_id]) for user_id in user_ids}


def cut_at(events: Sequence[Interaction], *, validation_share: float) -> datetime:
    """Return the time of the last event that is learned; `validation_share` of them are later.

    Source: the global temporal split by a quantile of all events, arXiv 2507.16289.
    """
    last = ceil((1 - validation_share) * len(events)) - 1
    return events[max(last, 0)].occurred_at


def windows(history: Sequence[Interaction], cut: datetime) -> Iterator[list[int]]:
    """Yield the places in a history of the positives that are asked together, in order."""
    window: list[int] = []
    met: set[str] = set()
    for place, event in enumerate(history):
        if window:
            is_cut = history[window[0]].occurred_at <= cut < event.occurred_at
            if is_cut or place >= window[0] + WINDOW:
                yield window
                window = []
        if place > 0 and leaning(event) > 0 and event.item_id not in met:
            window.append(place)
        met.add(event.item_id)
    if window:
        yield window


def draw_examples(
    histories: Histories, pools: Sequence[Pool], cut: datetime, *, seed: int
) -> list[Example]:
    """Return all examples, as many negatives as positives, drawn from the pools in turns.

    A negative existed when its positive happened, and up to the end of its window the user had
    no event with it. What the user met later may be drawn: nobody knew then. A positive for which
    no negative is left is not asked about.
    """
    rng = np.random.default_rng(seed)
    turns = cycle(pools)
    return [
        example
        for history in histories.values()
        for window in windows(history, cut)
        if (example := _example(history, window, turns, rng)) is not None
    ]


def _example(
    history: Sequence[Interaction],
    window: Sequence[int],
    turns: Iterator[Pool],
    rng: np.random.Generator,
) -> Example | None:
    taken = {event.item_id for event in history[: window[-1] + 1]}
    places: list[int] = []
    negatives: list[str] = []
    for place in window:
        negative = next(turns).draw(rng, at=history[place].occurred_at, excluded=taken)
        if negative is not None:
            places.append(place)
            negatives.append(negative)
            taken.add(negative)
    if not places:
        return None
    return Example(
        user_id=history[0].user_id,
        num_before=places[0],
        positives=tuple(history[place].item_id for place in places),
        negatives=tuple(negatives),
        ends_at=history[places[-1]].occurred_at,
    )
