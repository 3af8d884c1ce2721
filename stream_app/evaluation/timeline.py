"""A user's way through the log: event, what it changed in the summary, the list it led to."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import pairwise

import numpy as np

from stream_app.summary_change import Change, changes, similarity

__all__ = ["Moment", "Timeline", "stability"]


@dataclass(frozen=True)
class Moment:
    """One event of the user, and what there was after it.

    `did` is what the user did ("rated 4.5 of 5"), `title` to which item; `listed` are titles,
    best first, in answer to the event, and `took` is the item taken next, where that is known.
    """

    at: datetime
    did: str
    title: str
    summary: str
    listed: tuple[str, ...] = ()
    took: str | None = None


@dataclass(frozen=True)
class Timeline:
    """The moments of one user, oldest first."""

    user_id: str
    moments: tuple[Moment, ...]

    def steps(self) -> Iterator[tuple[Moment, list[Change], frozenset[str]]]:
        """Yield each moment with the change of the summary and the titles new on the list."""
        summary, listed = "", frozenset[str]()
        for moment in self.moments:
            yield moment, list(changes(summary, moment.summary)), frozenset(moment.listed) - listed
            summary, listed = moment.summary, frozenset(moment.listed)


def stability(timelines: Sequence[Timeline]) -> float | None:
    """Return the mean share of words that a rewritten summary keeps, in `[0, 1]`.

    Events that left the summary as it was, or that wrote the first one, are not counted; None if
    no other is there.
    """
    kept = [
        similarity(before.summary, after.summary)
        for timeline in timelines
        for before, after in pairwise(timeline.moments)
        if before.summary and before.summary != after.summary
    ]
    return float(np.mean(kept)) if kept else None
