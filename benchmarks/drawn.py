"""What pictures bring, and how soon a list follows a taste that has changed.

`python -m benchmarks.drawn [--shoppers N] [--events N] [--garments N] [--out FOLDER]`. Shoppers
with known, drifting tastes shop in the drawn catalogue, whose titles don't say what its pictures
show. Their log is replayed (prequential) with pictures and by words alone. NDCG@10 tells what was
picked next; because shoppers pick from a random page, most of that is chance, the same for both.
What a list is worth to its user is told by their taste: 1 for the ten best garments they have not
met, 0 for ten drawn ones.
"""

import argparse
from collections import defaultdict
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path

import click
import numpy as np
from rich.console import Console
from rich.table import Table

from schemas.codec import encode
from schemas.interaction import Interaction
from stream_app.config import read_settings
from stream_app.demo.garments import Garment, draw_catalogue
from stream_app.demo.shop import write_catalogue
from stream_app.demo.shoppers import Shopper, simulate_log
from stream_app.evaluation.statistics import estimate
from stream_app.offline.files import find_files
from stream_app.replay.answered import OURS, Answered, run_job
from stream_app.replay.job import Job
from stream_app.replay.protocols import Sample
from stream_app.replay.queries import Query, RankedList
from stream_app.replay.report import report
from stream_app.show import Progress, progress_bars

BEGIN = datetime(2024, 1, 1, tzinfo=UTC)
SEED = 2024
LENGTH = 10
# Events since a taste changed at once, and before it does: from, to below.
STRETCHES = {
    "5 before": (-5, 0),
    "1 to 3 after": (1, 4),
    "4 to 6 after": (4, 7),
    "7 to 9 after": (7, 10),
    "10 to 14 after": (10, 15),
}
WORDS = f"{OURS} without pictures"


def write_log(
    folder: Path, shoppers: Sequence[Shopper], garments: Sequence[Garment], num_events: int
) -> Path:
    """Write what the shoppers do when nothing is recommended, a minute between two events."""
    log = folder / "log.jsonl"
    with log.open("wb") as file:
        for one in simulate_log(shoppers, garments, num_events, SEED):
            event = Interaction(
                event_id=f"e{one.step}",
                user_id=one.user_id,
                item_id=one.item_id,
                kind=one.kind,
                occurred_at=BEGIN + timedelta(minutes=one.step),
            )
            file.write(encode(event) + b"\n")
    return log


def worth(
    done: Answered, name: str, shoppers: Mapping[str, Shopper], garments: Mapping[str, Garment]
) -> list[float]:
    """Return what each list is worth to its user: 1 for the best there could be, 0 for chance."""
    return [
        _worth(query, answer, shoppers[query.user_id], garments)
        for query, answer in zip(done.queries, done.answers[name], strict=True)
    ]


def _worth(
    query: Query, answer: RankedList, shopper: Shopper, garments: Mapping[str, Garment]
) -> float:
    taste = shopper.taste_at(query.num_history)
    unmet = [taste.utility(one) for item_id, one in garments.items() if item_id not in query.seen]
    best, chance = np.mean(sorted(unmet)[-LENGTH:]), np.mean(unmet)
    listed = [taste.utility(garments[item_id]) for item_id in answer.item_ids[:LENGTH]]
    return float((np.mean(listed) - chance) / (best - chance))


def since_change(query: Query, shopper: Shopper) -> int | None:
    """Return how many events ago the taste changed at once, below 0 before it will; else None."""
    step, reach = query.num_history, range(-5, 15)
    for distance in sorted(reach, key=abs):
        change = step - distance
        if change > 0 and _changes_at(shopper, change):
            return distance
    return None


def _changes_at(shopper: Shopper, step: int) -> bool:
    before, at, after = (shopper.taste_at(one) for one in (step - 1, step, step + 1))
    # On a gradual way each step has a taste of its own.
    return before is not at and at is after


def show(done: Answered, shoppers: Mapping[str, Shopper], garments: Mapping[str, Garment]) -> Table:
    """Return the table of both: what was picked next, and what lists were worth."""
    table = Table("", "with pictures", "words alone", "ratio", title="The drawn catalogue's log")
    user_ids = [query.user_id for query in done.queries]
    rows = {"NDCG@10": (ndcg(done, OURS), ndcg(done, WORDS))}
    worths = [worth(done, name, shoppers, garments) for name in (OURS, WORDS)]
    rows["what a list is worth"] = (worths[0], worths[1])
    for label, (seen, words) in rows.items():
        one, other = (estimate(np.array(values), user_ids) for values in (seen, words))
        cells = [f"{two.mean:.4f} [{two.low:.4f}, {two.high:.4f}]" for two in (one, other)]
        table.add_row(label, *cells, f"{one.mean / other.mean:.2f}")
    by_stretch: defaultdict[str, list[tuple[float, float]]] = defaultdict(list)
    for query, *both in zip(done.queries, *worths, strict=True):
        since = since_change(query, shoppers[query.user_id])
        for label, (start, end) in STRETCHES.items():
            if since is not None and start <= since < end:
                by_stretch[label].append((both[0], both[1]))
    for label in STRETCHES:
        if len(pairs := np.array(by_stretch[label])):
            one, other = pairs.mean(axis=0)
            table.add_row(
                f"worth, {label} a change ({len(pairs)})",
                f"{one:.3f}", f"{other:.3f}", f"{one / other:.2f}",
            )  # fmt: skip
    return table


def ndcg(done: Answered, name: str) -> list[float]:
    """Return NDCG@10 of each list."""
    return [
        1 / np.log2(2 + answer.item_ids.index(query.target))
        if query.target in answer.item_ids[:LENGTH]
        else 0.0
        for query, answer in zip(done.queries, done.answers[name], strict=True)
    ]


def measure(options: argparse.Namespace, progress: Progress) -> Table:
    """Simulate, replay, compare."""
    garments = list(draw_catalogue(options.garments, seed=SEED))
    shoppers = [Shopper(f"u{number}", seed=SEED) for number in range(options.shoppers)]
    options.out.mkdir(parents=True, exist_ok=True)
    items = write_catalogue(garments, options.out / "catalogue", progress=progress)
    log = write_log(options.out, shoppers, garments, options.shoppers * options.events)
    files = find_files(log, items=items)
    job = Job(files, "prequential", options.out, Sample(), 0.1, without=["pictures"])
    done = run_job(job, read_settings(), progress=progress, tell=lambda line: click.echo(line))
    report(done, job, baselines=False, progress=progress)
    by_id = {one.item_id: one for one in garments}
    return show(done, {one.user_id: one for one in shoppers}, by_id)


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--shoppers", type=int, default=24)
    parser.add_argument("--events", type=int, default=60, help="of each shopper, on average")
    parser.add_argument("--garments", type=int, default=240)
    parser.add_argument("--out", type=Path, required=True, help="folder for log and report")
    options = parser.parse_args()
    with progress_bars() as progress:
        table = measure(options, progress)
    Console().print(table)


if __name__ == "__main__":
    main()
