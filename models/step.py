"""`step(state, event, item, catalogue) -> state', ranking`: the whole product in one line.

Live and replay call the same function. It takes many users at once, one event of each, because
models are fast in batches; a user's result does not depend on who else is in the batch.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from math import isfinite

import numpy as np
from numpy.typing import NDArray

from models.attempts import attempt
from models.candidates import Candidate, find_candidates, tie_break
from models.catalogue import Catalogue
from models.engine import Embeddable, Engine
from models.errors import EngineError
from models.preference import (
    Summaries,
    apply_event,
    leaning,
    new_preference,
    score_request,
    summary_request,
    with_summary,
)
from schemas.enriched_interaction import SourcePosition
from schemas.interaction import Interaction
from schemas.item_profile import ItemProfile
from schemas.ranking import CitedItem, RankedCandidate, Ranking, Trigger
from schemas.user_preference import Evidence, UserPreference
from schemas.versions import Versions

__all__ = ["StepInput", "StepOptions", "StepResult", "ranking_id", "step"]

# What each row had to do without, in words; grows from stage to stage.
Faults = list[list[str]]

# A model's last digits depend on who else is in the batch (about 1e-6 in fp32); a ranking must not.
SCORE_DIGITS = 4
# Two citations fill a sentence.
MAX_CITED = 2
# Below it, and with nothing in common, an item is no reason for another.
MIN_SIMILARITY = 0.2
# A shop may give an item 64 attributes: a ranking must fit into a record all the same.
MAX_SHARED = 3
MAX_CATEGORIES = 4


@dataclass(frozen=True)
class StepInput:
    """An event of a user, what it did it to, and the state before it (None for a new user).

    `degraded` says what is already missing, such as the picture; `adapter` names the one that
    answers this user, None the base weights.
    """

    state: UserPreference | None
    event: Interaction
    source: SourcePosition
    profile: ItemProfile
    degraded: tuple[str, ...] = ()
    adapter: str | None = None


@dataclass(frozen=True)
class StepOptions:
    """What a deployment or an experiment chooses of the step."""

    num_candidates: int
    summaries: Summaries = "recurrent"


@dataclass(frozen=True)
class StepResult:
    """The state after the event, and the ranking that answers it."""

    state: UserPreference
    ranking: Ranking


def ranking_id(event: Interaction, source: SourcePosition) -> str:
    """Return the id of the answer to an event: the same however often it is delivered."""
    return f"{event.user_id}:{source.partition}:{source.offset}"[-256:]


def step(
    engine: Engine, catalogue: Catalogue, inputs: Sequence[StepInput], options: StepOptions
) -> list[StepResult]:
    """Apply one event of each user and rank for each of them.

    Where the engine fails for a user, the summary waits for the next block, the prior alone
    ranks, and the ranking says so: an answer never fails to come.

    Raises:
        ValueError: If a user occurs twice: the second event needs the state after the first.
    """
    user_ids = [one.event.user_id for one in inputs]
    if len(set(user_ids)) < len(user_ids):
        raise ValueError(f"{len(user_ids)} events of {len(set(user_ids))} users in one step")
    before = [one.state or _new_state(engine, one) for one in inputs]
    applied = [
        apply_event(state, one.event, one.source, one.profile)
        for state, one in zip(before, inputs, strict=True)
    ]
    faults: Faults = [list(one.degraded) for one in inputs]
    states = _summarised(engine, applied, inputs, options.summaries, faults)
    candidates = _candidates(engine, catalogue, states, inputs, options.num_candidates, faults)
    scores = _scored(engine, states, inputs, candidates, faults)
    return [
        StepResult(after, _ranking(engine, catalogue, old, after, one, found, scored, wrong))
        for old, after, one, found, scored, wrong in zip(
            before, states, inputs, candidates, scores, faults, strict=True
        )
    ]


def _new_state(engine: Engine, one: StepInput) -> UserPreference:
    return new_preference(one.event.user_id, one.event.occurred_at, _versions(engine, one))


def _versions(engine: Engine, one: StepInput) -> Versions:
    return engine.versions.model_copy(update={"adapter": one.adapter})


def _summarised(
    engine: Engine,
    states: list[UserPreference],
    inputs: Sequence[StepInput],
    summaries: Summaries,
    faults: Faults,
) -> list[UserPreference]:
    """Return the states with new summaries where a block is full."""
    requests = {
        row: request
        for row, (state, one) in enumerate(zip(states, inputs, strict=True))
        if (request := summary_request(state, one.adapter, summaries)) is not None
    }
    summarised = list(states)
    written = attempt(engine.summarise, list(requests.values()))
    for row, summary in zip(requests, written, strict=True):
        if isinstance(summary, EngineError):
            faults[row].append(f"summary not updated: {summary}")
        else:
            summarised[row] = with_summary(states[row], summary, _versions(engine, inputs[row]))
    return summarised


def _candidates(
    engine: Engine,
    catalogue: Catalogue,
    states: list[UserPreference],
    inputs: Sequence[StepInput],
    num_candidates: int,
    faults: Faults,
) -> list[list[Candidate]]:
    vectors = _summary_vectors(engine, states, faults)
    return [
        find_candidates(
            state,
            catalogue,
            vectors.get(row),
            num_candidates=num_candidates,
            seed=ranking_id(one.event, one.source),
        )
        for row, (state, one) in enumerate(zip(states, inputs, strict=True))
    ]


def _summary_vectors(
    engine: Engine, states: list[UserPreference], faults: Faults
) -> dict[int, NDArray[np.float32]]:
    """Return by row what the summaries say as vectors; users without a summary have none."""
    told = {row: Embeddable(state.summary) for row, state in enumerate(states) if state.summary}
    embedded = attempt(engine.embed, list(told.values()))
    vectors: dict[int, NDArray[np.float32]] = {}
    for row, vector in zip(told, embedded, strict=True):
        if isinstance(vector, EngineError):
            faults[row].append(f"summary not used to find candidates: {vector}")
        else:
            vectors[row] = vector
    return vectors


def _scored(
    engine: Engine,
    states: list[UserPreference],
    inputs: Sequence[StepInput],
    candidates: list[list[Candidate]],
    faults: Faults,
) -> list[list[float | None]]:
    """Return the model's score of each candidate, None where it gave none."""
    requests = [
        score_request(state, (candidate.profile for candidate in found), one.adapter)
        for state, one, found in zip(states, inputs, candidates, strict=True)
    ]
    scores: list[list[float | None]] = []
    for row, answer in enumerate(attempt(engine.score, requests)):
        if isinstance(answer, EngineError):
            faults[row].append(f"ranked without model: {answer}")
            scores.append([None] * len(candidates[row]))
        elif not all(map(isfinite, answer)):
            faults[row].append("ranked without model: its scores are no numbers")
            scores.append([None] * len(candidates[row]))
        else:
            scores.append([round(score, SCORE_DIGITS) for score in answer])
    return scores


def _ranking(
    engine: Engine,
    catalogue: Catalogue,
    before: UserPreference,
    after: UserPreference,
    one: StepInput,
    candidates: list[Candidate],
    scores: list[float | None],
    faults: list[str],
) -> Ranking:
    answer_id = ranking_id(one.event, one.source)
    cites = _citations(catalogue, after, [one.profile.item_id for one in candidates])
    ranked = [
        RankedCandidate(
            item_id=candidate.profile.item_id,
            title=candidate.profile.title,
            score=_blend(candidate.prior, score),
            model_score=score,
            prior=candidate.prior,
            sources=candidate.sources,
            categories=candidate.profile.categories[:MAX_CATEGORIES],
            cites=cited,
        )
        for candidate, score, cited in zip(candidates, scores, cites, strict=True)
    ]
    ranked.sort(key=lambda one: (-one.score, tie_break(answer_id, one.item_id)))
    return Ranking(
        ranking_id=answer_id,
        user_id=after.user_id,
        trigger=Trigger(
            event_id=one.event.event_id,
            item_id=one.event.item_id,
            title=one.profile.title,
            kind=one.event.kind,
            occurred_at=one.event.occurred_at,
            source=one.source,
        ),
        summary=after.summary,
        previous_summary=before.summary,
        candidates=tuple(ranked),
        versions=_versions(engine, one),
        degraded=tuple(faults),
    )


def _blend(prior: float, score: float | None) -> float:
    """Model and prior count alike until weights by length of history are learned by replay."""
    return round(prior if score is None else (prior + score) / 2, 6)


def _citations(
    catalogue: Catalogue, state: UserPreference, item_ids: list[str]
) -> list[tuple[CitedItem, ...]]:
    """The user's own liked items that are nearest to each of `item_ids`, nearest first."""
    evidence = [
        seen for seen in state.evidence if leaning(seen) > 0 and catalogue.get(seen.item_id)
    ]
    if not evidence or not item_ids:
        return [() for _ in item_ids]
    own = catalogue.vectors([seen.item_id for seen in evidence])
    # One column for each candidate; rounded, so that equal items keep the evidence's order.
    similarity = np.round(own @ catalogue.vectors(item_ids).T, 6)
    nearest = np.argsort(-similarity, axis=0, kind="stable")[:MAX_CITED]
    return [
        tuple(
            citation
            for row in nearest[:, column]
            for citation in [
                _citation(catalogue, evidence[row], item_id, float(similarity[row, column]))
            ]
            if citation.shared or citation.similarity >= MIN_SIMILARITY
        )
        for column, item_id in enumerate(item_ids)
    ]


def _citation(catalogue: Catalogue, seen: Evidence, item_id: str, similarity: float) -> CitedItem:
    of_candidate = catalogue.features(item_id)
    return CitedItem(
        item_id=seen.item_id,
        title=seen.title,
        kind=seen.kind,
        similarity=round(similarity, 6),
        shared=tuple(name for name in catalogue.features(seen.item_id) if name in of_candidate)[
            :MAX_SHARED
        ],
    )
