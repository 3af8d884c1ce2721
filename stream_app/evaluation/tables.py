"""What a report says, in tables of text that page and Markdown lay out."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from stream_app.evaluation.results import COMPARED, MAIN, Results, System
from stream_app.evaluation.statistics import Estimate
from stream_app.evaluation.timeline import Timeline

__all__ = ["Report", "Table", "tables"]

MISSING = "-"


@dataclass(frozen=True)
class Report:
    """Numbers and where they come from."""

    title: str
    command: str
    facts: Mapping[str, str]
    versions: Mapping[str, str]
    results: Results
    timelines: tuple[Timeline, ...]


@dataclass(frozen=True)
class Table:
    """A caption, a head, and rows as wide as the head, the first cell naming the row."""

    caption: str
    note: str
    head: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]


def tables(results: Results) -> list[Table]:
    """Return all tables of a report; those without data are left out."""
    made = [
        _accuracy(results),
        _comparisons(results),
        _slices(results),
        _beyond(results),
        _sources(results),
        _costs(results),
    ]
    return [table for table in made if table.rows]


def _accuracy(results: Results) -> Table:
    names = list(results.systems[0].metrics)
    return Table(
        "Accuracy",
        f"Mean over queries; {' and '.join(COMPARED)} with 95 % intervals, users drawn again. "
        "Ties count by expectation. One query has one target, so recall@k is HR@k.",
        ("system", *names),
        _rows(
            results,
            lambda system: [
                _with_interval(one) if name in COMPARED else _number(one.mean)
                for name, one in system.metrics.items()
            ],
        ),
    )


def _comparisons(results: Results) -> Table:
    return Table(
        "Compared with the reference",
        "Users' values swapped at random; p-values adjusted for their number.",
        ("reference", "verdict", "system", "metric", "difference", "p"),
        tuple(
            (
                one.reference,
                one.relation,
                one.other,
                one.metric,
                _with_interval(one.comparison.difference, sign="+"),
                f"{one.p_value:.3g}",
            )
            for one in results.verdicts
        ),
    )


def _slices(results: Results) -> Table:
    asked = {name: num for name, num in results.num_by_slice.items() if num}
    return Table(
        f"{MAIN} by history, new users and new items",
        "The first columns are the user's number of events before the query.",
        ("system", *(f"{name} ({num} queries)" for name, num in asked.items())),
        _rows(results, lambda system: [_with_interval(system.slices[name]) for name in asked]),
    )


def _beyond(results: Results) -> Table:
    return Table(
        "Beyond accuracy",
        "Coverage: share of the catalogue that is ever listed. Popularity: mean interactions of "
        "a listed item. Novelty: bits. Diversity: 1 - Jaccard of categories. Calibration error: "
        "of scores that are meant as probabilities.",
        ("system", *results.systems[0].beyond),
        _rows(results, lambda system: [_number(one) for one in system.beyond.values()]),
    )


def _sources(results: Results) -> Table:
    return Table(
        "Sources",
        "Shares of the first ten places and of the hits among them; several sources may propose "
        "the same item.",
        ("system", "source", "places", "hits", "hits by it alone"),
        tuple(
            (system.name, one.source, *map(_percent, (one.places, one.hits, one.only_hits)))
            for system in results.systems
            for one in system.sources
        ),
    )


def _costs(results: Results) -> Table:
    return Table(
        "Cost of a list",
        "Seconds on the machine that measured, model tokens where they are known.",
        ("system", "median s", "95 % s", "99 % s", "tokens"),
        tuple(
            (
                system.name,
                *(f"{system.cost.percentiles_s[at]:.3g}" for at in (50, 95, 99)),
                MISSING if system.cost.mean_tokens is None else f"{system.cost.mean_tokens:,.0f}",
            )
            for system in results.systems
            if system.cost is not None
        ),
    )


def _rows(
    results: Results, cells: Callable[[System], Sequence[str]]
) -> tuple[tuple[str, ...], ...]:
    return tuple((system.name, *cells(system)) for system in results.systems)


def _number(value: float | None, sign: str = "") -> str:
    if value is None:
        return MISSING
    return f"{value:{sign}.4f}" if abs(value) < 10 else f"{value:{sign},.0f}"


def _with_interval(found: Estimate | None, sign: str = "") -> str:
    if found is None:
        return MISSING
    if found.low is None:
        return _number(found.mean, sign)
    return f"{found.mean:{sign}.4f} [{found.low:{sign}.4f}, {found.high:{sign}.4f}]"


def _percent(share: float) -> str:
    return f"{share:.1%}"
