"""Retrieval of a large catalogue: how fast, how much of what exact search finds, at what cost.

`python -m benchmarks.retrieval [--items 1000000] [--json FILE]`. Recall is that of the 100 nearest
items against all cosines. A million items take 8 GB and ten minutes, most of it to make them.
"""

import argparse
import json
import platform
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, datetime, timedelta
from functools import partial
from itertools import islice
from pathlib import Path
from typing import TypeVar

import numpy as np
import psutil
from numpy.typing import NDArray
from rich.console import Console
from rich.progress import Progress, SpinnerColumn, TextColumn, TimeElapsedColumn
from rich.table import Table

from benchmarks.made_vectors import KINDS, MadeVectors
from models.candidates import find_candidates
from models.catalogue import Catalogue, embedding_to_bytes
from models.fusion import EvenBlend
from models.preference import MAX_RECENT, new_preference
from models.retrieval.filters import Filter
from schemas.item_profile import ItemProfile
from schemas.user_preference import Evidence, UserPreference
from schemas.versions import Versions

K = 100
NUM_QUERIES = 50
NUM_USERS = 100
NUM_CANDIDATES = 20
BATCH = 10_000
SIZES = (2_500, 5_000, 10_000, 20_000, 40_000)
START = datetime(2026, 1, 1, tzinfo=UTC)
VERSIONS = Versions(model="made", prompt="none")
# Of 100: one category is one in a hundred of the items.
NUM_CATEGORIES = 100
FILTERS = {
    "available": None,
    "price, 1 in 10": Filter(max_price=10.0),
    "category, 1 in 100": Filter(categories=frozenset({"category 7"})),
    "both, 1 in 1,000": Filter(categories=frozenset({"category 7"}), max_price=10.0),
}

Result = TypeVar("Result")
Vectors = NDArray[np.float32]
Say = Callable[[str], None]


@dataclass(frozen=True)
class Figure:
    """Seconds of one call, by median and 99th percentile; recall where it may be missed."""

    name: str
    p50_s: float
    p99_s: float
    recall: float | None = None


def made_items(made: MadeVectors, num_items: int) -> Iterator[ItemProfile]:
    """Yield items: one in ten not available, priced from 1 to 100, in a category by their kind."""
    rng = np.random.default_rng(1)
    template = ItemProfile(
        item_id="item",
        title="Item",
        summary="A thing.",
        embedding=bytes(2),
        source_hash="made",
        versions=Versions(model="made", prompt="none"),
    )
    for first in range(0, num_items, BATCH):
        vectors, centres = made.items(min(BATCH, num_items - first))
        for number, centre in enumerate(centres.tolist()):
            yield template.model_copy(
                update={
                    "item_id": f"item-{first + number}",
                    "title": f"Item {first + number}",
                    "summary": f"A thing of kind {centre}, number {first + number}.",
                    "attributes": {"colour": str(centre % 12), "material": str(centre % 7)},
                    "categories": (f"category {centre % NUM_CATEGORIES}",),
                    "embedding": embedding_to_bytes(vectors[number]),
                    "price": float(rng.integers(1, 101)),
                    "available": bool(rng.random() < 0.9),
                    "added_at": START + timedelta(seconds=first + number),
                }
            )


def made_queries(made: MadeVectors, catalogue: Catalogue) -> dict[str, Vectors]:
    """Return what is searched for, of each kind."""
    items = _some_vectors(catalogue, NUM_QUERIES, seed=2)
    mixed = sum(
        weight * _some_vectors(catalogue, NUM_QUERIES, seed=seed)
        for seed, weight in ((3, 1.0), (4, 0.8), (5, 0.64))
    )
    mixed = (mixed / np.linalg.norm(mixed, axis=1, keepdims=True)).astype(np.float32)
    return dict(zip(KINDS, (items, mixed, made.texts(NUM_QUERIES)), strict=True))


def exactly(
    catalogue: Catalogue, queries: Vectors, wanted: Sequence[Filter | None]
) -> list[list[set[str]]]:
    """Return for each filter, and each query, the 100 nearest items by all cosines."""
    profiles = [one for one in catalogue if one.available]
    best = np.full((len(wanted), len(queries), 2 * K), -np.inf, dtype=np.float32)
    rows = np.zeros(best.shape, dtype=np.int64)
    for first in range(0, len(profiles), BATCH):
        some = profiles[first : first + BATCH]
        cosines = queries @ catalogue.vectors([one.item_id for one in some]).T
        for number, where in enumerate(wanted):
            fits = np.array([_fits(one, where) for one in some])
            near = np.where(fits, cosines, -np.inf)
            new = np.argpartition(-near, min(K, len(some)) - 1)[:, :K]
            room = slice(K, K + new.shape[1])
            best[number, :, room] = np.take_along_axis(near, new, 1)
            rows[number, :, room] = first + new
            order = np.argsort(-best[number], axis=1)
            best[number] = np.take_along_axis(best[number], order, 1)
            rows[number] = np.take_along_axis(rows[number], order, 1)
    return [
        [
            {profiles[row].item_id for row, cosine in zip(*pair, strict=True) if cosine > -np.inf}
            for pair in zip(rows[number, :, :K], best[number, :, :K], strict=True)
        ]
        for number in range(len(wanted))
    ]


def measure(num_items: int, say: Say) -> tuple[list[Figure], dict[str, float]]:
    """Return the figures of searches, and what it took to get ready."""
    made = MadeVectors()
    catalogue = Catalogue(made.dim)
    started, before = time.perf_counter(), _memory_gb()
    for number, profile in enumerate(made_items(made, num_items)):
        catalogue.put(profile)
        if number % BATCH == 0:
            say(f"making items, {number:,} of {num_items:,}")
    costs = {"items: make and put, s": time.perf_counter() - started}
    costs["items: memory, GB"] = _memory_gb() - before
    say("making the index")
    started, before = time.perf_counter(), _memory_gb()
    catalogue.refresh()
    costs["index: make, s"] = time.perf_counter() - started
    costs["index: memory, GB"] = _memory_gb() - before
    say("comparing with all")
    queries = made_queries(made, catalogue)
    expected = exactly(catalogue, np.concatenate(list(queries.values())), list(FILTERS.values()))
    say("searching")
    figures = [
        _nearest(
            f"100 nearest to {kind}; {words}",
            catalogue,
            queries[kind],
            expected[filter_number][kind_number * NUM_QUERIES :],
            where,
        )
        for filter_number, (words, where) in enumerate(FILTERS.items())
        for kind_number, kind in enumerate(queries)
    ]
    say("candidates")
    figures += [_candidates(catalogue, made.texts(NUM_USERS), num) for num in (NUM_CANDIDATES, K)]
    say("changes")
    return figures, costs | _changes(made, catalogue)


def measure_crossing(say: Say) -> list[Figure]:
    """Compare exact search with search by cells at sizes around the limit."""
    made, figures = MadeVectors(), []
    items = list(made_items(made, max(SIZES)))
    for size in SIZES:
        say(f"exact and by cells, {size:,} items")
        for name, max_exact in (("exact", size), ("by cells", 0)):
            catalogue = Catalogue(made.dim, max_exact=max_exact)
            for profile in islice(items, size):
                catalogue.put(profile)
            queries = np.concatenate(list(made_queries(made, catalogue).values()))
            (expected,) = exactly(catalogue, queries, [None])
            figures.append(_nearest(f"{size:,} items, {name}", catalogue, queries, expected))
    return figures


def _nearest(
    name: str,
    catalogue: Catalogue,
    queries: Vectors,
    expected: Sequence[set[str]],
    where: Filter | None = None,
) -> Figure:
    catalogue.nearest(queries[0], K, where=where)
    shares, times_s = [], []
    for query, theirs in zip(queries, expected, strict=False):
        ours, elapsed_s = _timed(partial(catalogue.nearest, query, K, where=where))
        shares.append(len(theirs & set(ours)) / len(theirs) if theirs else 1.0)
        times_s.append(elapsed_s)
    return _figure(name, times_s, recall=float(np.mean(shares)))


def _candidates(catalogue: Catalogue, summaries: Vectors, num_candidates: int) -> Figure:
    """Measure all four sources for users with a full state."""
    rng = np.random.default_rng(6)
    profiles = list(islice(catalogue, 20 * MAX_RECENT))
    at = START + timedelta(days=365)
    times = []
    for number, summary in enumerate(summaries):
        touched = [profiles[row] for row in rng.integers(len(profiles), size=MAX_RECENT)]
        find = partial(
            find_candidates,
            _state(number, touched),
            catalogue,
            summary,
            num_candidates=num_candidates,
            blend=EvenBlend(),
            seed=str(number),
            at=at,
        )
        times.append(_timed(find)[1])
    return _figure(f"{num_candidates} candidates for a user, four sources", times[1:])


def _state(number: int, touched: Sequence[ItemProfile]) -> UserPreference:
    recent = tuple(
        Evidence(
            event_id=f"{number}-{place}",
            item_id=one.item_id,
            title=one.title,
            text=one.summary,
            kind="click",
            weight=0.5,
            occurred_at=START,
        )
        for place, one in enumerate(touched)
    )
    state = new_preference(f"user-{number}", START, VERSIONS)
    return state.model_copy(update={"recent": recent, "likes": {"colour=1": 1.0}})


def _changes(made: MadeVectors, catalogue: Catalogue) -> dict[str, float]:
    """Return how many changes a second the search learns of, in batches of 1,000."""
    known = list(islice(catalogue, 1000))
    fresh = list(islice(made_items(made, 1000), 1000))
    new = [one.model_copy(update={"item_id": f"new-{one.item_id}"}) for one in fresh]
    changed = [
        old.model_copy(update={"embedding": one.embedding})
        for old, one in zip(known, fresh, strict=True)
    ]
    sold_out = [one.model_copy(update={"available": False}) for one in changed]

    def put(profiles: Sequence[ItemProfile]) -> None:
        for one in profiles:
            catalogue.put(one)
        catalogue.refresh()

    def delete() -> None:
        for one in new:
            catalogue.remove(one.item_id)
        catalogue.refresh()

    ways = {
        "adds": lambda: put(new),
        "updates of embeddings": lambda: put(changed),
        "updates of availability": lambda: put(sold_out),
        "deletes": delete,
    }
    return {f"{name} per s": 1000 / _timed(way)[1] for name, way in ways.items()}


def _fits(profile: ItemProfile, where: Filter | None) -> bool:
    if where is None:
        return True
    in_category = not where.categories or bool(where.categories & set(profile.categories))
    return in_category and (where.max_price is None or profile.price <= where.max_price)


def _some_vectors(catalogue: Catalogue, count: int, seed: int) -> Vectors:
    item_ids = [one.item_id for one in catalogue]
    rows = np.random.default_rng(seed).integers(len(item_ids), size=count)
    return catalogue.vectors([item_ids[row] for row in rows])


def _timed(call: Callable[[], Result]) -> tuple[Result, float]:
    started = time.perf_counter()
    result = call()
    return result, time.perf_counter() - started


def _figure(name: str, times_s: Sequence[float], recall: float | None = None) -> Figure:
    p50, p99 = np.quantile(times_s, [0.5, 0.99]).tolist()
    return Figure(name, p50, p99, recall)


def _memory_gb() -> float:
    return float(psutil.Process().memory_info().rss / 1e9)


def table(figures: Sequence[Figure], caption: str) -> Table:
    """Return the figures for people."""
    shown = Table(caption=caption)
    shown.add_column("search")
    for heading in ("recall@100", "p50 ms", "p99 ms"):
        shown.add_column(heading, justify="right")
    for one in figures:
        recall = "" if one.recall is None else f"{one.recall:.3f}"
        shown.add_row(one.name, recall, f"{one.p50_s * 1e3:.1f}", f"{one.p99_s * 1e3:.1f}")
    return shown


def main(arguments: Sequence[str] | None = None) -> None:
    """Measure, print, and write."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--items", type=int, default=1_000_000, help="in the large catalogue")
    parser.add_argument("--no-crossing", dest="crossing", action="store_false", help="only that")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write the figures there, too")
    options = parser.parse_args(arguments)
    columns = SpinnerColumn(), TextColumn("{task.description}"), TimeElapsedColumn()
    with Progress(*columns, console=Console(stderr=True), transient=True) as progress:
        line = progress.add_task("")

        def say(words: str) -> None:
            progress.update(line, description=words)

        crossing = measure_crossing(say) if options.crossing else []
        figures, costs = measure(options.items, say)
    machine = f"{psutil.cpu_count()} cores, {platform.machine()}"
    console = Console(width=120)
    if crossing:
        console.print(table(crossing, "exact and by cells"))
    console.print(table(figures, f"{options.items:,} items, {machine}"))
    for name, value in costs.items():
        console.print(f"{name}: {value:,.2f}")
    if options.json:
        found = [asdict(one) for one in [*crossing, *figures]]
        written = {"machine": machine, "items": options.items, "figures": found, "costs": costs}
        options.json.write_text(json.dumps(written, indent=1) + "\n")


if __name__ == "__main__":
    main()
