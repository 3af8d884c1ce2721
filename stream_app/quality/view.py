"""How the quality of lists looks in a terminal."""

from collections.abc import Iterable, Iterator, Mapping

from rich.table import Table

from schemas.list_quality import ListQuality
from stream_app.quality.figures import CUTOFFS, Figures, Rate
from stream_app.quality.tally import ALL
from stream_app.show import plain

__all__ = ["notes", "places", "sorted_parts", "table"]

MISSING = "-"


def sorted_parts(totals: Mapping[str, ListQuality]) -> list[ListQuality]:
    """Return all lists first, then adapters, fusions and sources by name."""
    return sorted(totals.values(), key=lambda one: (one.part != ALL, one.part))


def table(found: Iterable[Figures]) -> Table:
    """Return a line for each part."""
    hit_rates = [f"hit rate @{k}" for k in CUTOFFS]
    made = Table("lists", "shown", "click-through", *hit_rates, "MRR")
    for one in found:
        made.add_row(
            plain(one.part),
            str(one.lists),
            _text(one.click_through),
            *[_with_interval(one.hit_rate[k]) for k in CUTOFFS],
            _text(one.mrr),
        )
    return made


def places(found: Iterable[Figures]) -> Table:
    """Return each part's click-through by place."""
    found = list(found)
    last = max((len(one.click_through_by_place) for one in found), default=0)
    made = Table("click-through of place", *[str(place) for place in range(1, last + 1)])
    for one in found:
        made.add_row(plain(one.part), *map(_text, one.click_through_by_place))
    return made


def notes(num_days: int, *, has_intervals: bool) -> Iterator[str]:
    """Yield what has to be known to read the tables, a line each."""
    yield (
        f"lists published on the newest {num_days} days (UTC) that were the newest one when their "
        f"user next did something within a day, or had an item taken; an item counts once"
    )
    yield (
        "intervals of 95 % (Wilson) as if lists were independent: a user's are not, so they are "
        "wider than shown"
        if has_intervals
        else "no intervals: they need scipy (pip install 'stream-app[replay]')"
    )
    yield "adapters and fusions: comparable over days on which both had their share of the users"
    yield (
        "sources: not comparable by hit rate and MRR, for they fill other places, and an item of "
        "two sources counts for both; compare them place by place, where the users differ still"
    )


def _with_interval(rate: Rate) -> str:
    if rate.low is None:
        return _text(rate.value)
    return f"{rate.value:.3f} [{rate.low:.3f}, {rate.high:.3f}]"


def _text(value: float | None) -> str:
    return MISSING if value is None else f"{value:.3f}"
