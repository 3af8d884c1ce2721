"""Whether queries tell anything of the future: asked before any model is."""

from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from schemas.interaction import Interaction
from schemas.item import Item
from stream_app.replay.arrivals import Arrivals, arrival_moments, before
from stream_app.replay.errors import LeakError
from stream_app.replay.queries import Query

__all__ = ["check_leaks"]

# Standard deviations. By chance it happens once in two million replays.
LIMIT = 5.0


def check_leaks(
    queries: Sequence[Query], log: Sequence[Interaction], items: Mapping[str, Item]
) -> None:
    """Refuse queries that tell what could not be known when they were asked.

    That is: a log out of order; a query that is not its event's; the target among what the user
    had met; anything there that the user met later; a candidate that was met or that did not exist
    yet; a target that is told by its place; and negatives that are not drawn uniformly but, say,
    by how popular they become.

    Raises:
        LeakError: If one does; the message names it.
    """
    _require_order(log)
    _require_pasts(queries, log)
    sampled = [query for query in queries if query.candidates is not None]
    if sampled:
        arrivals = Arrivals(arrival_moments(items, log))
        for query in sampled:
            _require_candidates(query, items, arrivals)
        _require_no_place(sampled)
        _require_uniform(sampled, log, arrivals)


def _require_order(log: Sequence[Interaction]) -> None:
    for position, (one, other) in enumerate(pairwise(log), start=1):
        if other.occurred_at < one.occurred_at:
            raise LeakError(
                f"event {other.event_id} at position {position} of the log is of "
                f"{other.occurred_at}, before the one in front of it: sort the log by time"
            )


def _require_pasts(queries: Sequence[Query], log: Sequence[Interaction]) -> None:
    by_position: dict[int, list[Query]] = defaultdict(list)
    for query in queries:
        by_position[query.position].append(query)
    met: dict[str, list[str]] = defaultdict(list)
    for position, event in enumerate(log):
        for query in by_position.pop(position, []):
            _require_past(query, event, met[query.user_id])
        met[event.user_id].append(event.item_id)
    for position in by_position:
        raise LeakError(f"position {position} of a query is not in the log of {len(log)} events")


def _require_past(query: Query, event: Interaction, met: Sequence[str]) -> None:
    asked = query.query_id, query.user_id, query.target, query.at
    if asked != (event.event_id, event.user_id, event.item_id, event.occurred_at):
        raise LeakError(f"query {query.query_id} is not of event {event.event_id} at its position")
    past = set(met)
    if query.target in past or query.target in query.seen:
        raise LeakError(f"query {query.query_id}: the target {query.target} is in the history")
    if later := sorted(query.seen - past):
        raise LeakError(f"query {query.query_id}: {later[0]} is seen, but only in the future")
    if missing := sorted(past - query.seen):
        raise LeakError(f"query {query.query_id}: {missing[0]} was seen, and may still be listed")
    if query.num_history != len(met):
        raise LeakError(
            f"query {query.query_id}: {query.num_history} events before it, not {len(met)}"
        )


def _require_candidates(query: Query, items: Mapping[str, Item], arrivals: Arrivals) -> None:
    candidates = query.candidates or ()
    if unknown := set(candidates).difference(items):
        raise LeakError(f"query {query.query_id}: candidate {min(unknown)} is not in the catalogue")
    if len(set(candidates)) < len(candidates) or query.target not in candidates:
        raise LeakError(f"query {query.query_id}: its candidates are not its target and others")
    if met := query.seen.intersection(candidates):
        raise LeakError(f"query {query.query_id}: candidate {min(met)} was seen: a sure negative")
    num_known = arrivals.num_known(before(query.position))
    for item_id in candidates:
        if item_id != query.target and arrivals.place(item_id) >= num_known:
            raise LeakError(f"query {query.query_id}: candidate {item_id} is of the future")


def _require_no_place(queries: Sequence[Query]) -> None:
    places, expected, variance = 0.0, 0.0, 0.0
    for query in queries:
        candidates = query.candidates or ()
        places += candidates.index(query.target)
        expected += (len(candidates) - 1) / 2
        variance += (len(candidates) ** 2 - 1) / 12
    if _is_beyond(places - expected, variance):
        raise LeakError(
            f"the target's place among its candidates is {places / len(queries):.1f} on average, "
            f"not {expected / len(queries):.1f}: shuffle them"
        )


def _require_uniform(
    queries: Sequence[Query], log: Sequence[Interaction], arrivals: Arrivals
) -> None:
    """Compare how popular negatives become with what uniform draws would give.

    By ranks, as Wilcoxon's test does: a few very popular items make counts far from normal.
    """
    first = min(query.position for query in queries)
    ranks = _popularity_ranks(log[first:], arrivals.item_ids)
    difference, variance = 0.0, 0.0
    for query in queries:
        num_known = arrivals.num_known(before(query.position))
        others = {arrivals.place(item_id) for item_id in (query.target, *query.seen)}
        is_drawn_from = np.ones(num_known, dtype=np.bool_)
        is_drawn_from[[place for place in others if place < num_known]] = False
        pool = ranks[:num_known][is_drawn_from]
        drawn = ranks[
            [arrivals.place(one) for one in query.candidates or () if one != query.target]
        ]
        if len(pool) > 1:
            difference += float(drawn.sum() - len(drawn) * pool.mean())
            # Of a sum of draws without replacement.
            share_left = (len(pool) - len(drawn)) / (len(pool) - 1)
            variance += float(len(drawn) * pool.var() * share_left)
    if _is_beyond(difference, variance):
        more = "more" if difference > 0 else "less"
        raise LeakError(
            f"negatives are {more} popular after the first query than uniform draws are "
            f"({difference / variance**0.5:+.1f} standard deviations): who knows that knows the "
            f"future"
        )


def _popularity_ranks(
    events: Sequence[Interaction], item_ids: Sequence[str]
) -> NDArray[np.float64]:
    """Return the rank of each item by its number of events; equal numbers have their mean rank."""
    counts = Counter(event.item_id for event in events)
    numbers = np.array([counts[item_id] for item_id in item_ids])
    _, places, sizes = np.unique(numbers, return_inverse=True, return_counts=True)
    last = np.cumsum(sizes)
    ranks: NDArray[np.float64] = (last - (sizes - 1) / 2)[places]
    return ranks


def _is_beyond(difference: float, variance: float) -> bool:
    return variance > 0 and abs(difference) > LIMIT * variance**0.5
