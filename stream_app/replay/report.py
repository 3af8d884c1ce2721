"""Our answers beside those of the baselines: what was asked, and the report."""

import shlex
import sys
from collections.abc import Sequence
from pathlib import Path

import orjson

from models.catalogue import embedding_from_bytes
from stream_app.evaluation.baselines.answers import answers
from stream_app.evaluation.baselines.suite import suite
from stream_app.evaluation.report import write_report
from stream_app.evaluation.results import MAIN
from stream_app.replay.answered import OURS, Answered
from stream_app.replay.job import Job
from stream_app.replay.queries import Query, RankedList
from stream_app.replay.timelines import most_asked, timelines
from stream_app.show import Progress

__all__ = ["report"]

QUERIES = "queries.jsonl"
FOLDER = "report"
SEEN = {
    "all": "left out of every list",
    "as-live": "of ours the newest 16 and 200 bought, rated or disliked are left out; of the "
    "baselines' lists all",
}


def report(done: Answered, job: Job, *, baselines: bool, progress: Progress) -> str:
    """Write queries and report into the replay's folder; return the main figures in one line.

    The baselines learn what the product may: up to the cut, or with what comes as live.
    """
    _write_queries(job.out / QUERIES, done.queries)
    given = dict(done.answers)
    if baselines:
        given |= _baselines(done, job, progress)
    results = write_report(
        job.out / FOLDER,
        title=f"{job.files.events.name}, {job.protocol}",
        command=shlex.join(["stream-app", *sys.argv[1:]]),
        facts={
            **done.facts,
            "seen items": SEEN[job.seen],
            "after the cut": "nothing is learned but the user's own state"
            if job.cut(done.log) is not None
            else "no cut: all learn as the log goes on",
        },
        queries=done.queries,
        answers=given,
        log=done.log,
        items=done.whole.items,
        timelines=timelines(
            done.whole,
            done.log,
            done.queries,
            done.answers[OURS],
            job.timelines or most_asked(done.queries),
        ),
    )
    figures = ", ".join(f"{one.name} {one.metrics[MAIN].mean:.4f}" for one in results.systems)
    return f"{job.out / FOLDER / 'index.html'}: {MAIN} {figures}"


def _baselines(done: Answered, job: Job, progress: Progress) -> dict[str, Sequence[RankedList]]:
    cut = job.cut(done.log)
    vectors = {
        item_id: embedding_from_bytes(profile.embedding)
        for item_id, profile in done.whole.profiles.items()
    }
    given: dict[str, Sequence[RankedList]] = {}
    of_report = suite(vectors)
    for number, baseline in enumerate(of_report):
        progress(f"baselines, {baseline.name}", number, len(of_report))
        given[baseline.name] = answers(
            baseline,
            done.log,
            done.queries,
            cut=cut or 0,
            relearn_events=baseline.relearn_events if cut is None else None,
        )
    return given


def _write_queries(path: Path, queries: Sequence[Query]) -> None:
    with path.open("wb") as file:
        for query in queries:
            # What the user has seen is in the log, and would be most of the file.
            fields = {
                "query_id": query.query_id,
                "user_id": query.user_id,
                "at": query.at,
                "position": query.position,
                "target": query.target,
                "num_history": query.num_history,
                "candidates": query.candidates,
                "is_cold_item": query.is_cold_item,
            }
            file.write(orjson.dumps(fields) + b"\n")
