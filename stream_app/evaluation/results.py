"""From queries and lists to every number of a report."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import compress

import numpy as np
from numpy.typing import NDArray

from schemas.interaction import Interaction
from schemas.item import Item
from stream_app.evaluation.accuracy import CUTOFF, Values, accuracy
from stream_app.evaluation.beyond_accuracy import beyond_accuracy
from stream_app.evaluation.calibration import expected_calibration_error
from stream_app.evaluation.expected import AnswerError, in_order
from stream_app.evaluation.slices import by_history, by_time, new_and_known
from stream_app.evaluation.statistics import Comparison, Estimate, adjusted, compare, estimate
from stream_app.replay.queries import Query, RankedList

__all__ = [
    "COMPARED",
    "MAIN",
    "Cost",
    "Results",
    "SourceShare",
    "System",
    "Verdict",
    "evaluate",
]

MAIN = f"NDCG@{CUTOFF}"
COMPARED = (MAIN, f"HR@{CUTOFF}")
SIGNIFICANT = 0.05


@dataclass(frozen=True)
class Cost:
    """What a list took: seconds at the percentiles 0 to 100, and model tokens where known."""

    percentiles_s: tuple[float, ...]
    mean_tokens: float | None


@dataclass(frozen=True)
class SourceShare:
    """What a candidate source brought, each in `[0, 1]`; several may propose the same item.

    `places` of the first ten are its, `hits` among them, and `only_hits` that no other proposed.
    """

    source: str
    places: float
    hits: float
    only_hits: float


@dataclass(frozen=True)
class System:
    """All about one system. Estimates by metric, by slice (of NDCG@10) and along the log."""

    name: str
    metrics: dict[str, Estimate]
    beyond: dict[str, float | None]
    slices: dict[str, Estimate | None]
    over_time: tuple[float, ...]
    cost: Cost | None
    sources: tuple[SourceShare, ...]


@dataclass(frozen=True)
class Verdict:
    """How the reference does against another system; `p_value` is adjusted for their number."""

    metric: str
    reference: str
    other: str
    comparison: Comparison
    p_value: float

    @property
    def relation(self) -> str:
        """What the test says: "better than", "worse than" or "not told apart from"."""
        if self.p_value >= SIGNIFICANT:
            return "not told apart from"
        return "better than" if self.comparison.difference.mean > 0 else "worse than"

    @property
    def sentence(self) -> str:
        """The verdict with its figures."""
        found = self.comparison.difference
        interval = "" if found.low is None else f" [{found.low:+.4f}, {found.high:+.4f}]"
        return (
            f"{self.reference} is {self.relation} {self.other}: {self.metric} "
            f"{found.mean:+.4f}{interval}, p = {self.p_value:.3g}"
        )


@dataclass(frozen=True)
class Results:
    """Every system, and the first of them against each other one."""

    systems: tuple[System, ...]
    verdicts: tuple[Verdict, ...]
    num_by_slice: dict[str, int]
    dates: tuple[str, ...]


def evaluate(
    queries: Sequence[Query],
    answers: Mapping[str, Sequence[RankedList]],
    log: Sequence[Interaction],
    items: Mapping[str, Item],
) -> Results:
    """Measure every system on the same queries; the first of `answers` is the reference.

    Raises:
        AnswerError: If there are no queries, or a system's lists don't answer them.
    """
    if not queries:
        raise AnswerError("no queries: there is nothing to measure")
    ordered = {name: in_order(queries, given) for name, given in answers.items()}
    values = {name: accuracy(queries, given) for name, given in ordered.items()}
    slices = {**by_history(queries), **new_and_known(queries)}
    return Results(
        systems=tuple(
            _system(name, queries, given, values[name], log, items)
            for name, given in ordered.items()
        ),
        verdicts=tuple(one for metric in COMPARED for one in _verdicts(metric, queries, values)),
        num_by_slice={name: int(rows.sum()) for name, rows in slices.items()},
        dates=tuple(
            queries[part[len(part) // 2]].at.date().isoformat() for part in by_time(queries)
        ),
    )


def _system(
    name: str,
    queries: Sequence[Query],
    answers: Sequence[RankedList],
    values: Mapping[str, Values],
    log: Sequence[Interaction],
    items: Mapping[str, Item],
) -> System:
    user_ids = [query.user_id for query in queries]
    main = values[MAIN]
    return System(
        name=name,
        metrics={
            metric: _estimate(one, ~np.isnan(one), user_ids) for metric, one in values.items()
        },
        beyond={
            **beyond_accuracy(answers, log, items),
            "calibration error": expected_calibration_error(queries, answers),
        },
        slices={
            part: _estimate(main, rows, user_ids) if rows.any() else None
            for part, rows in {**by_history(queries), **new_and_known(queries)}.items()
        },
        over_time=tuple(float(main[rows].mean()) for rows in by_time(queries)),
        cost=_cost(answers),
        sources=_sources(queries, answers),
    )


def _estimate(values: Values, rows: NDArray[np.bool_], user_ids: Sequence[str]) -> Estimate:
    """Return the estimate over some of the queries."""
    return estimate(values[rows], list(compress(user_ids, rows.tolist())))


def _verdicts(
    metric: str, queries: Sequence[Query], values: Mapping[str, Mapping[str, Values]]
) -> list[Verdict]:
    user_ids = [query.user_id for query in queries]
    reference, *others = values
    found = [
        compare(values[reference][metric], values[other][metric], user_ids) for other in others
    ]
    p_values = adjusted([one.p_value for one in found])
    return [Verdict(metric, reference, *rest) for rest in zip(others, found, p_values, strict=True)]


def _cost(answers: Sequence[RankedList]) -> Cost | None:
    seconds = [one.cost_s for one in answers if one.cost_s is not None]
    tokens = [one.tokens for one in answers if one.tokens is not None]
    if not seconds:
        return None
    percentiles_s = tuple(np.percentile(seconds, range(101)).tolist())
    return Cost(percentiles_s, float(np.mean(tokens)) if tokens else None)


def _sources(queries: Sequence[Query], answers: Sequence[RankedList]) -> tuple[SourceShare, ...]:
    places = [
        (item_id == query.target, frozenset(answer.sources.get(item_id, ())))
        for query, answer in zip(queries, answers, strict=True)
        for item_id in answer.item_ids[:CUTOFF]
        if answer.sources
    ]
    hits = [sources for is_hit, sources in places if is_hit]
    names = sorted({source for _, sources in places for source in sources})
    return tuple(
        SourceShare(
            source=name,
            places=float(np.mean([name in sources for _, sources in places])),
            hits=float(np.mean([name in sources for sources in hits])) if hits else 0.0,
            only_hits=float(np.mean([sources == {name} for sources in hits])) if hits else 0.0,
        )
        for name in names
    )
