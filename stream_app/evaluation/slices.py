"""Parts of the queries that are told apart: by length of history, and where something is new."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from stream_app.replay.queries import Query

__all__ = ["HISTORY", "by_history", "by_time", "new_and_known"]

# Bounds of the user's number of events before the query, the upper one included.
HISTORY = {"0": (0, 0), "1-4": (1, 4), "5-19": (5, 19), "20+": (20, None)}

Rows = NDArray[np.bool_]


def by_history(queries: Sequence[Query]) -> dict[str, Rows]:
    """Return which queries have a history of that length, shape `(num_queries,)` each."""
    num = np.array([one.num_history for one in queries])
    return {
        name: (num >= low) & (num <= (np.inf if high is None else high))
        for name, (low, high) in HISTORY.items()
    }


def new_and_known(queries: Sequence[Query]) -> dict[str, Rows]:
    """Return which queries are by users, or for items, of which the log knew nothing before."""
    is_new_user = np.array([one.num_history == 0 for one in queries])
    is_new_item = np.array([one.is_cold_item for one in queries])
    return {
        "new users": is_new_user,
        "new items": is_new_item,
        "known users and items": ~is_new_user & ~is_new_item,
    }


def by_time(queries: Sequence[Query], *, num_parts: int = 10) -> list[NDArray[np.int64]]:
    """Return rows of the queries in parts of equal number, in order of the log."""
    order = np.argsort([one.position for one in queries], kind="stable")
    return [part for part in np.array_split(order, num_parts) if len(part)]
