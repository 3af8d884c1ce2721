"""The whole of `stream-app replay`: read, ask, check, have the product answer."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import timedelta
from functools import partial
from importlib.metadata import version
from pathlib import Path
from typing import Literal

from models.engine import Engine
from models.fusion import Fusion
from models.profile import UNREAD
from models.signals.decay import Decay
from models.step import StepOptions
from schemas.codec import encode
from schemas.interaction import Interaction
from schemas.item import Item
from schemas.item_profile import ItemProfile
from stream_app.config import Settings
from stream_app.engine import load_engine
from stream_app.fusion.file import blend_of, write_weights
from stream_app.offline.cache import Cache, digest
from stream_app.offline.files import LogFiles
from stream_app.offline.profiles import missing_pictures, read_profiles
from stream_app.offline.sources import Sources, read_sources
from stream_app.pictures import as_seen
from stream_app.replay.errors import ReplayError
from stream_app.replay.journal import WORK, Answer, Header, open_journal, read_answers
from stream_app.replay.leaks import check_leaks
from stream_app.replay.learning import learn_weights
from stream_app.replay.part import Part
from stream_app.replay.protocols import Sample, cut_position, paper, prequential, temporal
from stream_app.replay.queries import Query, RankedList
from stream_app.replay.run import Replayed, answer_queries, items_needed
from stream_app.replay.through_kafka.run import Through, answer_through_kafka
from stream_app.show import Progress

__all__ = ["Answered", "Job", "Protocol", "Seen", "run_job"]

Protocol = Literal["prequential", "temporal", "paper"]
# Whether lists leave out all that a user has met, or the newest 16 and 200 bought, rated or
# disliked, which is what a state remembers.
Seen = Literal["all", "as-live"]

# Of the header: another number where the same options would give other bytes.
FORMAT = 1
FUSION = "fusion.json"


@dataclass(frozen=True)
class Job:
    """Which log is replayed, by which protocol, and where the answers go.

    With `learns_fusion` the weights of the final score are learned from before the cut. With
    `through_kafka` the lists come from topics and processes; `speed` is then how many times as
    fast as the log's clock events are sent, None flat out.
    """

    files: LogFiles
    protocol: Protocol
    out: Path
    sample: Sample
    test_share: float
    learns_fusion: bool = False
    part: Part = field(default_factory=Part)
    seen: Seen = "all"
    through_kafka: bool = False
    speed: float | None = None

    def cut(self, log: Sequence[Interaction]) -> int | None:
        """Return how many events may be learned from, None where learning goes on as live."""
        if self.protocol == "prequential":
            return None
        return cut_position(log, test_share=self.test_share)

    def queries(self, sources: Sources) -> list[Query]:
        """Return what is asked of the log.

        Raises:
            ReplayError: If there is nothing to ask.
        """
        log = sources.events
        if self.protocol == "prequential":
            queries = prequential(log, self.sample)
        elif self.protocol == "temporal":
            queries = temporal(log, self.sample, test_share=self.test_share)
        else:
            queries = paper(log, sources.items, self.sample, test_share=self.test_share)
        if not queries:
            raise ReplayError(
                f"none of {len(log)} events can be asked about: a query is a view, a click, a "
                f"like, a purchase, or a rating above 2.5 of 5, that is a user's first of its item "
                f"and, but for `prequential`, among the newest part of the log: see --test-share"
            )
        return queries


@dataclass(frozen=True)
class Answered:
    """What was asked of which log, and our answers in the order of the queries.

    `profiles` are what the model read of the items; `facts` are what the answers depend on.
    """

    log: Sequence[Interaction]
    items: Mapping[str, Item]
    profiles: Mapping[str, ItemProfile]
    queries: Sequence[Query]
    answers: Sequence[RankedList]
    facts: Header


def run_job(
    job: Job, settings: Settings, *, progress: Progress, tell: Callable[[str], None]
) -> Answered:
    """Answer all queries, and keep the answers in `job.out`; interrupted, go on where it was.

    Args:
        job: Files and options.
        settings: Whose engine and options answer, as the worker's would.
        progress: Is told how far each stage is.
        tell: Is told what a person should know, a line each.

    Raises:
        TableError: If a file can't be read.
        ReplayError: If nothing can be asked, a query leaks, or the folder has another replay.
        EngineError: If the model can't be loaded or can't go on.
    """
    seed, bucket = job.sample.seed, settings.buckets[0]
    sources = read_sources(job.files, bucket=bucket, seed=seed, progress=progress)
    sources = replace(sources, events=job.part.of(sources.events))
    for line in sources.left_out.told():
        tell(line)
    queries = job.queries(sources)
    check_leaks(queries, sources.events, sources.items)
    engine = load_engine(settings)
    profiles = _profiles(job, settings, engine, sources, queries, progress, tell)
    by = Replayed(
        engine,
        sources.items,
        profiles,
        StepOptions(settings.num_candidates, settings.summaries, blend_of(settings.fusion)),
        settings.max_batch_events,
        Decay(timedelta(days=settings.signals_half_life_days)),
        excludes_seen=job.seen == "all",
    )
    if job.learns_fusion:
        by = _with_learned_weights(by, job, sources, progress, tell)
    header = _header(job, settings, by, sources, queries)
    with open_journal(job.out, header) as journal:
        answer = _through_kafka(job, settings, header) if job.through_kafka else answer_queries
        answer(
            by,
            sources.events,
            queries,
            journal,
            learned=job.cut(sources.events),
            progress=progress,
        )
    answers = read_answers(job.out)
    _tell_degraded(answers, tell)
    by_query = {one.ranked.query_id: one.ranked for one in answers}
    in_order = [by_query[query.query_id] for query in queries]
    return Answered(sources.events, sources.items, profiles, queries, in_order, header)


def _with_learned_weights(
    by: Replayed,
    job: Job,
    sources: Sources,
    progress: Progress,
    tell: Callable[[str], None],
) -> Replayed:
    learnable = sources.events[: job.cut(sources.events)]
    weights = learn_weights(by, learnable, job.sample, progress=progress)
    job.out.mkdir(parents=True, exist_ok=True)
    write_weights(job.out / FUSION, weights)
    tell(f"weights {weights.name} of {len(weights.stages)} stages: {job.out / FUSION}")
    return replace(by, options=replace(by.options, blend=Fusion(weights)))


def _through_kafka(job: Job, settings: Settings, header: Header) -> Callable[..., None]:
    """Return what answers as `answer_queries` does, through a deployment named by the header."""
    fusion = job.out / FUSION if job.learns_fusion else settings.fusion
    settings = settings.model_copy(update={"fusion": fusion})
    through = Through(settings, header, job.files.pictures, job.out / WORK, job.speed)
    return partial(answer_through_kafka, through)


def _profiles(
    job: Job,
    settings: Settings,
    engine: Engine,
    sources: Sources,
    queries: Sequence[Query],
    progress: Progress,
    tell: Callable[[str], None],
) -> dict[str, ItemProfile]:
    needed = items_needed(sources.events, queries, sources.items)
    items = [as_seen(item, settings) for item in needed]
    pictures = job.files.pictures
    if missing := missing_pictures(items, pictures):
        tell(
            f"{len(missing)} pictures are not in {pictures}, such as {missing[0]}: those items are "
            f"read by their words"
        )
    # Of the home, not of the folder of answers: other protocols and users have the same items.
    cache = Cache(settings.home / "replay" / "profiles.jsonl")
    profiles = read_profiles(engine, items, pictures, cache, progress=progress)
    if unread := [one.item_id for one in profiles.values() if one.versions == UNREAD]:
        tell(f"{len(unread)} items could not be read by the model, such as {unread[0]}")
    return profiles


def _header(
    job: Job, settings: Settings, by: Replayed, sources: Sources, queries: Sequence[Query]
) -> Header:
    """Return all that the answers depend on."""
    versions = by.engine.versions
    read = sorted(by.profiles)
    asked = [(query.query_id, query.position, query.candidates) for query in queries]
    return {
        "format": FORMAT,
        "stream_app": version("stream-app"),
        "model": versions.model,
        "prompt": versions.prompt,
        "log_sha256": sources.events_sha256,
        "items_sha256": sources.items_sha256,
        "protocol": job.protocol,
        "users": job.sample.num_users,
        "queries_per_user": job.sample.queries_per_user,
        "test_share": None if job.protocol == "prequential" else job.test_share,
        "seed": job.sample.seed,
        "num_candidates": by.options.num_candidates,
        "summaries": by.options.summaries,
        "blend": by.options.blend.name,
        "signals_half_life_days": settings.signals_half_life_days,
        "pictures": settings.pictures,
        **job.part.facts,
        "seen": job.seen,
        "through": "kafka" if job.through_kafka else "step",
        "max_batch_events": by.max_turns,
        "queries": digest(asked),
        "profiles": digest(*(encode(by.profiles[item_id]).decode() for item_id in read)),
    }


def _tell_degraded(answers: Sequence[Answer], tell: Callable[[str], None]) -> None:
    reasons = [answer.degraded for answer in answers if answer.degraded]
    if reasons:
        tell(f"{len(reasons)} of {len(answers)} answers are degraded, such as by: {reasons[0][0]}")
