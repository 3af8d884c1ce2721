"""An evaluation written down for whoever doubts it: page, JSON and Markdown of the same numbers."""

import platform
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from hashlib import sha256
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

import orjson

from schemas.interaction import Interaction
from schemas.item import Item
from stream_app.evaluation.markdown import markdown
from stream_app.evaluation.page import page
from stream_app.evaluation.results import Results, evaluate
from stream_app.evaluation.tables import Report
from stream_app.evaluation.timeline import Timeline, stability
from stream_app.replay.queries import Query, RankedList

__all__ = ["log_sha256", "write_report"]

MEASURED_WITH = ("stream-app", "numpy", "scipy", "scikit-learn", "torch", "torchmetrics", "cornac")


def write_report(
    out: Path,
    *,
    title: str,
    command: str,
    facts: Mapping[str, object],
    queries: Sequence[Query],
    answers: Mapping[str, Sequence[RankedList]],
    log: Sequence[Interaction],
    items: Mapping[str, Item],
    timelines: Sequence[Timeline] = (),
) -> Results:
    """Write `index.html`, `report.json` and `report.md` into a folder; the page needs no network.

    Nothing of the machine or the day is written, so the same lists give the same bytes.

    Args:
        out: The folder, made if it isn't there.
        title: What was measured.
        command: The exact command, to measure it again.
        facts: What else a reader must know: protocol, cut, sampling, settings.
        queries: What was asked.
        answers: Lists by system; the first is the reference that the others are compared with.
        log: All events of the replay, in order.
        items: The catalogue.
        timelines: Users to be shown event by event.

    Returns:
        All numbers that were written.

    Raises:
        AnswerError: If there are no queries, or a system's lists don't answer them.
    """
    results = evaluate(queries, answers, log, items)
    report = Report(
        title=title,
        command=command,
        facts={
            **{name: str(fact) for name, fact in facts.items()},
            **_data_facts(queries, log, items),
            **_stability_fact(timelines),
        },
        versions={"Python": platform.python_version(), **_versions()},
        results=results,
        timelines=tuple(timelines),
    )
    out.mkdir(parents=True, exist_ok=True)
    (out / "report.json").write_bytes(_json(report))
    (out / "report.md").write_text(markdown(report), encoding="utf-8")
    (out / "index.html").write_text(page(report), encoding="utf-8")
    return results


def log_sha256(log: Sequence[Interaction]) -> str:
    """Return the hash of the events in their order, whatever file they came from."""
    digest = sha256()
    for event in log:
        digest.update(event.model_dump_json().encode() + b"\n")
    return digest.hexdigest()


def _data_facts(
    queries: Sequence[Query], log: Sequence[Interaction], items: Mapping[str, Item]
) -> dict[str, str]:
    return {
        "events": f"{len(log):,}, sha256 {log_sha256(log)}",
        "users and items": f"{len({one.user_id for one in log}):,} and "
        f"{len(items.keys() | {one.item_id for one in log}):,}",
        "queries": f"{len(queries):,} of {len({one.user_id for one in queries}):,} users, "
        f"{min(one.at for one in queries):%Y-%m-%d} to {max(one.at for one in queries):%Y-%m-%d}",
    }


def _stability_fact(timelines: Sequence[Timeline]) -> dict[str, str]:
    kept = stability(timelines)
    if kept is None:
        return {}
    return {"words that a rewritten summary keeps": f"{kept:.0%}, {len(timelines)} users shown"}


def _versions() -> dict[str, str]:
    found = {}
    for name in MEASURED_WITH:
        try:
            found[name] = version(name)
        except PackageNotFoundError:
            found[name] = "not installed"
    return found


def _json(report: Report) -> bytes:
    verdicts = [
        {**asdict(one), "relation": one.relation, "sentence": one.sentence}
        for one in report.results.verdicts
    ]
    fields: dict[str, Any] = asdict(report)
    fields["results"]["verdicts"] = verdicts
    return orjson.dumps(fields, option=orjson.OPT_INDENT_2) + b"\n"
