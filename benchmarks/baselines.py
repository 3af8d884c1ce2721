"""What a recommender has to beat on MovieLens: every baseline, after a cut in time.

`python -m benchmarks.baselines [--data FOLDER] [--out report]`. The parameters of every baseline
are learned before the cut and stay as they are; of the user, each is told all that came before
the question. Targets are films rated 4 or better that the user had not rated before, a sample of
them for each user, and every film that was ever rated by then is ranked.
"""

import argparse
import shlex
import sys
from collections import defaultdict
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from models.mllm.text_embedder import TextEmbedder
from schemas.interaction import Interaction
from schemas.item import Item
from stream_app.evaluation.accuracy import accuracy
from stream_app.evaluation.baselines.answers import answers
from stream_app.evaluation.baselines.content import ContentOnly
from stream_app.evaluation.baselines.suite import suite
from stream_app.evaluation.report import write_report
from stream_app.evaluation.results import COMPARED
from stream_app.evaluation.statistics import estimate
from stream_app.interaction_rows import to_interaction
from stream_app.item_rows import to_item
from stream_app.replay.queries import Query, RankedList
from stream_app.show import progress_bars
from stream_app.tables import TableError, read_rows

SEED = 20
TRAINING_SHARE = 0.8
LIKED = 4.0


def read_log(path: Path) -> list[Interaction]:
    """Return all ratings by time; films rated in the same second come in an order by lot."""
    events = []
    for line, row in read_rows(path):
        if isinstance(row, TableError):
            raise row
        events.append(to_interaction(row, line))
    lots = np.random.default_rng(SEED).permutation(len(events))
    order = sorted(range(len(events)), key=lambda at: (events[at].occurred_at, lots[at]))
    return [events[at] for at in order]


def read_items(path: Path) -> dict[str, Item]:
    """Return the films by id."""
    items = {}
    for _, row in read_rows(path):
        if isinstance(row, TableError):
            raise row
        item = to_item(row, "posters", added_at=None)
        items[item.item_id] = item
    return items


def cut_of(log: Sequence[Interaction]) -> int:
    """Return where the last fifth of the ratings begins, no second being cut in two."""
    cut = int(TRAINING_SHARE * len(log))
    while log[cut - 1].occurred_at == log[cut].occurred_at:
        cut -= 1
    return cut


def ask(log: Sequence[Interaction], cut: int, *, num_per_user: int) -> list[Query]:
    """Return the queries after the cut, at most so many for each user, drawn at random."""
    rated: defaultdict[str, list[str]] = defaultdict(list)
    known: set[str] = set()
    by_user: defaultdict[str, list[Query]] = defaultdict(list)
    for position, event in enumerate(log):
        before = rated[event.user_id]
        is_liked = event.rating is not None and event.rating >= LIKED
        if position >= cut and is_liked and event.item_id not in before:
            by_user[event.user_id].append(
                Query(
                    query_id=event.event_id,
                    user_id=event.user_id,
                    at=event.occurred_at,
                    position=position,
                    target=event.item_id,
                    num_history=len(before),
                    seen=frozenset(before),
                    is_cold_item=event.item_id not in known,
                )
            )
        before.append(event.item_id)
        known.add(event.item_id)
    rng = np.random.default_rng(SEED)
    asked = [
        own[at]
        for own in by_user.values()
        for at in rng.permutation(len(own))[:num_per_user].tolist()
    ]
    return sorted(asked, key=lambda query: query.position)


def vectors_of(items: dict[str, Item]) -> dict[str, NDArray[np.float32]]:
    """Return an embedding of each film's title and genres."""
    texts = [f"{one.title}. {', '.join(one.categories)}" for one in items.values()]
    return dict(zip(items, TextEmbedder().embed(texts), strict=True))


def figures(queries: Sequence[Query], lists: Sequence[RankedList]) -> str:
    """Return the main figures of one baseline: whoever stops the rest has them."""
    user_ids = [query.user_id for query in queries]
    found = {
        name: estimate(values, user_ids)
        for name, values in accuracy(queries, lists).items()
        if name in COMPARED
    }
    return ", ".join(
        f"{name} {one.mean:.4f} [{one.low:.4f}, {one.high:.4f}]" for name, one in found.items()
    )


def main() -> None:
    """Measure all, print the table of the report, and write the report."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", type=Path, default=Path("../shared/data/movielens-posters"))
    parser.add_argument("--out", type=Path, default=Path("report/baselines"))
    parser.add_argument("--per-user", type=int, default=10)
    parser.add_argument("--relearn-events", type=int, help="default: nothing after the cut")
    parser.add_argument("--only", nargs="*", help="names of baselines; default: all")
    options = parser.parse_args()

    log = read_log(options.data / "interactions.csv")
    items = read_items(options.data / "items.jsonl")
    cut = cut_of(log)
    queries = ask(log, cut, num_per_user=options.per_user)
    given: dict[str, list[RankedList]] = {}
    with progress_bars() as progress:
        names = options.only or [*(one.name for one in suite()), ContentOnly.name]
        # Embedding all films takes longer than most baselines.
        baselines = suite(vectors_of(items) if ContentOnly.name in names else None)
        baselines = [one for one in baselines if one.name in names]
        for done, baseline in enumerate(baselines):
            progress(f"baselines, {baseline.name}", done, len(baselines))
            given[baseline.name] = answers(
                baseline, log, queries, cut=cut, relearn_events=options.relearn_events
            )
            print(f"{baseline.name}: {figures(queries, given[baseline.name])}", flush=True)
    write_report(
        options.out,
        title="Baselines on MovieLens",
        command=shlex.join(["python", "-m", "benchmarks.baselines", *sys.argv[1:]]),
        facts={
            "protocol": f"temporal, cut at event {cut}, {log[cut].occurred_at.isoformat()}",
            "targets": f"rated {LIKED} or better, not rated before, at most {options.per_user} "
            f"of each user, drawn with seed {SEED}",
            "learned": "before the cut"
            if options.relearn_events is None
            else f"before the cut, and anew every {options.relearn_events} events",
            "pictures": "none are used; films without a poster are kept",
        },
        queries=queries,
        answers=given,
        log=log,
        items=items,
    )
    print((options.out / "report.md").read_text(encoding="utf-8"))


if __name__ == "__main__":
    main()
