"""Let a baseline answer queries, showing it nothing that lies behind them."""

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import replace
from time import perf_counter

from schemas.interaction import Interaction
from stream_app.evaluation.baselines.baseline import Baseline, Question
from stream_app.replay.queries import Query, RankedList

__all__ = ["answers"]


def answers(
    baseline: Baseline,
    log: Sequence[Interaction],
    queries: Sequence[Query],
    *,
    cut: int = 0,
    relearn_events: int | None = None,
) -> list[RankedList]:
    """Return the baseline's lists, in the order of the queries.

    The baseline learns `log[:cut]`, and after it once every `relearn_events` events the log up to
    there; a query is answered by what was learned at the last such point at or before its
    position. It is told the user's own events up to the query's position in any case.

    Args:
        baseline: One that has learned nothing yet.
        log: All events, in order.
        queries: Each at a position of `cut` or later.
        cut: What comes before it is there to learn from.
        relearn_events: None: what was learned at the cut stays as it is.

    Raises:
        ValueError: If a query lies before the cut.
    """
    if early := [one.query_id for one in queries if one.position < cut]:
        raise ValueError(f"query {early[0]!r} lies before the cut at event {cut}")
    by_point: defaultdict[int, list[Query]] = defaultdict(list)
    for query in queries:
        by_point[_point(query.position, cut, relearn_events)].append(query)
    positions: defaultdict[str, list[int]] = defaultdict(list)
    for position, event in enumerate(log):
        positions[event.user_id].append(position)

    given: dict[str, RankedList] = {}
    learned = 0
    for point in sorted(by_point):
        baseline.learn(log[learned:point])
        learned = point
        for query in by_point[point]:
            history = [log[one] for one in positions[query.user_id] if one < query.position]
            started_s = perf_counter()
            (answer,) = baseline.answer([Question(query, history)])
            given[query.query_id] = replace(answer, cost_s=perf_counter() - started_s)
    return [given[query.query_id] for query in queries]


def _point(position: int, cut: int, relearn_events: int | None) -> int:
    if relearn_events is None:
        return cut
    return cut + (position - cut) // relearn_events * relearn_events
