"""The whole of `stream-app finetune`: read, draw, ask, train, measure, write."""

from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from datetime import datetime
from math import ceil
from shutil import rmtree

from accelerate import PartialState
from transformers import TrainerCallback

from models.engine import Engine, ScoreRequest
from models.mllm.chat import special_tokens
from models.mllm.load import LoadedModel
from models.mllm.prompts import Plain
from models.mllm.training.rows import RowBuilder
from models.mllm.training.train import Plan, train
from stream_app.finetune.batches import Batches, repeated
from stream_app.finetune.card import Report, card
from stream_app.finetune.errors import FinetuneError
from stream_app.finetune.evaluation import Quality, popularity_scores, quality
from stream_app.finetune.examples import (
    Example,
    Histories,
    cut_at,
    draw_examples,
    histories_of,
)
from stream_app.finetune.folder import finished_training, require_own, write_folder
from stream_app.finetune.job import Job
from stream_app.finetune.negatives import Pool, exists_from, popularity
from stream_app.finetune.states import score_requests
from stream_app.offline.cache import Cache, digest
from stream_app.offline.files import LogFiles
from stream_app.offline.profiles import missing_pictures, read_profiles
from stream_app.offline.remembering import RememberingEngine
from stream_app.offline.sources import Sources, read_sources
from stream_app.show import Progress

__all__ = ["run_finetune"]

# Fewer say nothing, and an AUC of them is noise.
MIN_PAIRS = 10
# Batches of a step: 8 rows, some 50 pairs.
ACCUMULATION = 2
NUM_EVALUATIONS = 10
NUM_SCORED_AT_ONCE = 32


@dataclass(frozen=True)
class Draft:
    """What will be asked, before a model was paid for anything."""

    histories: Histories
    learned: list[Example]
    validation: list[Example]
    cut: datetime

    @property
    def examples(self) -> list[Example]:
        """All of them."""
        return [*self.learned, *self.validation]

    @property
    def item_ids(self) -> list[str]:
        """Every item that a prompt may show."""
        met = {event.item_id for history in self.histories.values() for event in history}
        return sorted(met.union(*(example.candidates for example in self.examples)))


def run_finetune(
    job: Job,
    loaded: LoadedModel,
    engine: Engine,
    *,
    progress: Progress,
    tell: Callable[[str], None],
    callbacks: Sequence[TrainerCallback] = (),
) -> dict[str, float]:
    """Train an adapter, write it to `job.out`, and return its metrics.

    Interrupted, it goes on where it was when it is called again: profiles, summaries and
    checkpoints are kept below `job.out`. Finished, it changes nothing. Of several processes
    started by `accelerate launch` the first reads and writes, all of them train.

    Args:
        job: Files and settings.
        loaded: The base model; it is trained in place, so use it for nothing else afterwards.
        engine: An engine of that model.
        progress: Is told how far each stage is.
        tell: Is told what a person should know, a line each.
        callbacks: The Trainer's.

    Raises:
        FinetuneError: If the data or the folder can't be used; says what to change.
        TableError: If a file can't be read, or its pictures are not there.
        EngineError: If the model fails.
    """
    processes = PartialState()
    require_own(job.out, engine.versions)
    seed = job.settings.seed
    files = LogFiles(job.events, job.items, job.pictures)
    sources = read_sources(files, bucket=job.bucket, seed=seed)
    for line in sources.left_out.told():
        tell(line)
    draft = _draft(job, sources)
    with processes.main_process_first():
        requests = _requests(
            job, sources, draft, engine, progress, tell, writes=processes.is_main_process
        )
    targets = [example.targets for example in draft.examples]
    run = digest(
        engine.versions.model_dump(),
        asdict(job.settings),
        [asdict(request) for request in requests],
        targets,
    )
    if (metrics := finished_training(job.out, run)) is not None:
        tell(f"{job.out} has this adapter already; for another one change settings or data")
        return metrics
    asked = requests[len(draft.learned) :]
    before = _scores(engine, asked, progress) if processes.is_main_process else []
    _train(job, run, loaded, draft, requests, callbacks, tell, num_shares=processes.num_processes)
    # Left to the end of the process, the group's threads now and then abort it.
    processes.wait_for_everyone()
    processes.destroy_process_group()
    if not processes.is_main_process:
        return {}
    report = _report(job, engine, sources, draft, before, _scores(engine, asked, progress))
    write_folder(
        job.out,
        job.work / run,
        engine.versions,
        card(report),
        report.metrics,
        report.training | {"run": run},
    )
    rmtree(job.work / run)
    tell(report.verdict)
    return report.metrics


def _draft(job: Job, sources: Sources) -> Draft:
    settings = job.settings
    cut = cut_at(sources.events, validation_share=settings.validation_share)
    counts = popularity(event for event in sources.events if event.occurred_at <= cut)
    since = exists_from(sources.items, sources.events)
    pools = {
        "uniform": Pool(since, dict.fromkeys(since, 1.0)),
        "popularity": Pool(since, counts),
    }
    chosen = list(pools.values()) if settings.negatives == "both" else [pools[settings.negatives]]
    histories = histories_of(sources.events, max_users=settings.max_users, seed=settings.seed)
    if not popularity(sources.events):
        raise FinetuneError(
            f"none of {len(sources.events)} events speaks for its item: there must be views, "
            f"clicks, likes, purchases, or ratings above 2.5 of 5"
        )
    examples = draw_examples(histories, chosen, cut, seed=settings.seed)
    learned = [example for example in examples if example.ends_at <= cut]
    validation = [example for example in examples if example.ends_at > cut]
    _require_enough(learned, f"up to {cut:%Y-%m-%d %H:%M:%S}, to learn from")
    _require_enough(validation, f"after {cut:%Y-%m-%d %H:%M:%S}, to measure by")
    return Draft(histories, learned, validation, cut)


def _require_enough(examples: Sequence[Example], what: str) -> None:
    num_pairs = _num_pairs(examples)
    if num_pairs < MIN_PAIRS:
        raise FinetuneError(
            f"{num_pairs} pairs of {_num_users(examples)} users {what}: at least {MIN_PAIRS} are "
            f"needed; a pair is an item that a user with an earlier event came to like, and one "
            f"that existed by then; give a longer log, more users, or another --validation-share"
        )


def _requests(
    job: Job,
    sources: Sources,
    draft: Draft,
    engine: Engine,
    progress: Progress,
    tell: Callable[[str], None],
    *,
    writes: bool,
) -> list[ScoreRequest]:
    items = [sources.items[item_id] for item_id in draft.item_ids]
    if not job.settings.sees_pictures:
        items = [item.model_copy(update={"image": None}) for item in items]
    if missing := missing_pictures(items, job.pictures):
        tell(
            f"{len(missing)} pictures are not in {job.pictures}, such as {missing[0]}: those items "
            f"are read by their words"
        )
    profiles = read_profiles(
        engine,
        items,
        job.pictures,
        Cache(job.work / "profiles.jsonl", writes=writes),
        progress=progress,
    )
    return score_requests(
        RememberingEngine(engine, Cache(job.work / "summaries.jsonl", writes=writes)),
        draft.histories,
        profiles,
        draft.examples,
        summaries=job.settings.summaries,
        progress=progress,
    )


def _train(
    job: Job,
    run: str,
    loaded: LoadedModel,
    draft: Draft,
    requests: Sequence[ScoreRequest],
    callbacks: Sequence[TrainerCallback],
    tell: Callable[[str], None],
    *,
    num_shares: int,
) -> None:
    settings = job.settings
    rows = RowBuilder(loaded, Plain(special_tokens(loaded.tokenizer)))
    questions = [
        (request, example.targets)
        for request, example in zip(requests, draft.examples, strict=True)
    ]
    learned, asked = questions[: len(draft.learned)], questions[len(draft.learned) :]
    # All epochs in one, so that each has an order of its own.
    batches = Batches(rows, repeated(learned, settings.epochs, seed=settings.seed))
    num_steps = ceil(len(batches) / ACCUMULATION / num_shares)
    train(
        loaded,
        rows.answers,
        batches,
        Batches(rows, asked),
        Plan(
            rank=settings.rank,
            learning_rate=settings.learning_rate,
            accumulation=ACCUMULATION,
            evaluate_every=ceil(num_steps / NUM_EVALUATIONS),
            warmup_steps=num_steps // 20,
            seed=settings.seed,
        ),
        job.work / run,
        callbacks=callbacks,
        progress=tell,
    )


def _scores(
    engine: Engine, requests: Sequence[ScoreRequest], progress: Progress
) -> list[list[float]]:
    scores: list[list[float]] = []
    for start in range(0, len(requests), NUM_SCORED_AT_ONCE):
        scores += engine.score(requests[start : start + NUM_SCORED_AT_ONCE])
        progress("measuring", len(scores), len(requests))
    return scores


def _report(
    job: Job,
    engine: Engine,
    sources: Sources,
    draft: Draft,
    before: list[list[float]],
    after: list[list[float]],
) -> Report:
    counts = popularity(event for event in sources.events if event.occurred_at <= draft.cut)

    def measured(scores: Sequence[Sequence[float]]) -> Quality:
        return quality(draft.validation, scores)

    return Report(
        job=job,
        versions=engine.versions,
        sources=sources,
        cut=draft.cut,
        num_users=_num_users(draft.learned),
        num_pairs=_num_pairs(draft.learned),
        num_validation_users=_num_users(draft.validation),
        num_validation_pairs=_num_pairs(draft.validation),
        before=measured(before),
        after=measured(after),
        most_popular=measured(popularity_scores(draft.validation, counts)),
    )


def _num_users(examples: Sequence[Example]) -> int:
    return len({example.user_id for example in examples})


def _num_pairs(examples: Sequence[Example]) -> int:
    return sum(len(example.positives) for example in examples)
