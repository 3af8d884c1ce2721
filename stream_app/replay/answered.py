"""The whole of `stream-app replay`: read, ask, check, have the product answer."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import timedelta
from functools import partial
from pathlib import Path

from models.engine import Engine
from models.fusion import Fusion
from models.profile import UNREAD
from models.signals.decay import Decay
from models.step import StepOptions
from schemas.interaction import Interaction
from schemas.item_profile import ItemProfile
from stream_app.config import Settings
from stream_app.engine import load_engine
from stream_app.fusion.file import blend_of, write_weights
from stream_app.offline.cache import Cache
from stream_app.offline.profiles import missing_pictures, read_profiles
from stream_app.offline.remembering import RememberingEngine
from stream_app.offline.sources import Sources, read_sources
from stream_app.pictures import as_seen
from stream_app.replay.ablations import without
from stream_app.replay.job import Job, header_of
from stream_app.replay.journal import WORK, Answer, Header, open_journal, read_answers
from stream_app.replay.leaks import check_leaks
from stream_app.replay.learning import learn_weights
from stream_app.replay.queries import Query, RankedList
from stream_app.replay.run import Replayed, answer_queries, items_needed
from stream_app.replay.through_kafka.run import Through, answer_through_kafka
from stream_app.replay.timelines import require_asked
from stream_app.show import Progress

__all__ = ["OURS", "Answered", "run_job"]

OURS = "stream-app"
FUSION = "fusion.json"
WITHOUT = "without"


@dataclass(frozen=True)
class Answered:
    """What was asked of which log, and the answers in the order of the queries.

    `answers` are ours, by name: those of the `whole` first, then without each part that was taken
    away; `facts` are what the whole's answers depend on.
    """

    log: Sequence[Interaction]
    whole: Replayed
    queries: Sequence[Query]
    answers: Mapping[str, Sequence[RankedList]]
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
    require_asked(queries, job.timelines)
    running = _Running(job, settings, sources, queries, progress, tell)
    whole = running.whole()
    facts, answers = running.answered(whole, job.out)
    by_name = {OURS: answers}
    for part in job.without:
        rest = without(part, whole, running.words_alone)
        _, by_name[f"{OURS} without {part}"] = running.answered(rest, job.out / WITHOUT / part)
    return Answered(sources.events, whole, queries, by_name, facts)


@dataclass(frozen=True)
class _Running:
    """A job with what was read for it."""

    job: Job
    settings: Settings
    sources: Sources
    queries: Sequence[Query]
    progress: Progress
    tell: Callable[[str], None]

    def whole(self) -> Replayed:
        """Return the product as the settings have it."""
        settings = self.settings
        # Of the home, not of the folder of answers: other protocols and users have the same.
        summaries = Cache(settings.home / "replay" / "summaries.jsonl")
        engine = RememberingEngine(load_engine(settings), summaries)
        return Replayed(
            engine,
            self.sources.items,
            self._profiles(engine, settings),
            StepOptions(settings.num_candidates, settings.summaries, blend_of(settings.fusion)),
            settings.max_batch_events,
            Decay(timedelta(days=settings.signals_half_life_days)),
            excludes_seen=self.job.seen == "all",
        )

    def words_alone(self, whole: Replayed) -> Replayed:
        """Return the product with items that are known by their words alone."""
        settings = self.settings.model_copy(update={"pictures": False})
        return replace(whole, profiles=self._profiles(whole.engine, settings))

    def answered(self, by: Replayed, out: Path) -> tuple[Header, list[RankedList]]:
        """Have all queries answered in a folder; return what the answers depend on, and these."""
        if self.job.learns_fusion:
            by = self._with_learned_weights(by, out)
        header = header_of(self.job, self.settings, by, self.sources, self.queries)
        with open_journal(out, header) as journal:
            answer = self._through_kafka(header) if self.job.through_kafka else answer_queries
            answer(
                by,
                self.sources.events,
                self.queries,
                journal,
                learned=self.job.cut(self.sources.events),
                progress=self.progress,
            )
        answers = read_answers(out)
        _tell_degraded(answers, self.tell)
        by_query = {one.ranked.query_id: one.ranked for one in answers}
        return header, [by_query[query.query_id] for query in self.queries]

    def _with_learned_weights(self, by: Replayed, out: Path) -> Replayed:
        learnable = self.sources.events[: self.job.learnable(self.sources.events)]
        weights = learn_weights(by, learnable, self.job.sample, progress=self.progress)
        out.mkdir(parents=True, exist_ok=True)
        write_weights(out / FUSION, weights)
        self.tell(f"weights {weights.name} of {len(weights.stages)} stages: {out / FUSION}")
        return replace(by, options=replace(by.options, blend=Fusion(weights)))

    def _through_kafka(self, header: Header) -> Callable[..., None]:
        """Return what answers as `answer_queries` does, in a deployment named by the header."""
        job, fusion = self.job, self.settings.fusion
        fusion = job.out / FUSION if job.learns_fusion else fusion
        settings = self.settings.model_copy(update={"fusion": fusion})
        through = Through(settings, header, job.files.pictures, job.out / WORK, job.speed)
        return partial(answer_through_kafka, through)

    def _profiles(self, engine: Engine, settings: Settings) -> dict[str, ItemProfile]:
        needed = items_needed(self.sources.events, self.queries, self.sources.items)
        items = [as_seen(item, settings) for item in needed]
        pictures = self.job.files.pictures
        if missing := missing_pictures(items, pictures):
            self.tell(
                f"{len(missing)} pictures are not in {pictures}, such as {missing[0]}: those items "
                f"are read by their words"
            )
        cache = Cache(settings.home / "replay" / "profiles.jsonl")
        profiles = read_profiles(engine, items, pictures, cache, progress=self.progress)
        if unread := [one.item_id for one in profiles.values() if one.versions == UNREAD]:
            self.tell(f"{len(unread)} items could not be read by the model, such as {unread[0]}")
        return profiles


def _tell_degraded(answers: Sequence[Answer], tell: Callable[[str], None]) -> None:
    reasons = [answer.degraded for answer in answers if answer.degraded]
    if reasons:
        tell(f"{len(reasons)} of {len(answers)} answers are degraded, such as by: {reasons[0][0]}")
