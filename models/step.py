"""`step(state, event, item, catalogue) -> state', ranking`: the whole product in one line.

Live and replay call the same function. It takes many users at once, one event of each, because
models are fast in batches; a user's result does not depend on who else is in the batch.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

from models.candidates import Candidate, find_candidates, tie_break
from models.catalogue import Catalogue
from models.engine import Embeddable, Engine, ScoreRequest
from models.errors import EngineError
from models.item_text import item_line
from models.preference import (
    apply_event,
    evidence_line,
    leaning,
    new_preference,
    summary_request,
    taste,
    with_summary,
)
from schemas.enriched_interaction import SourcePosition
from schemas.interaction import Interaction
from schemas.item_profile import ItemProfile
from schemas.ranking import CitedItem, RankedCandidate, Ranking, Trigger
from schemas.user_preference import Evidence, UserPreference

__all__ = ["StepInput", "StepResult", "rank_id", "step"]

T = TypeVar("T")

# A model's last digits depend on who else is in the batch (about 1e-6 in fp32); a ranking must not.
SCORE_DIGITS = 4
# Two citations fill a sentence.
MAX_CITED = 2


@dataclass(frozen=True)
class StepInput:
    """An event of a user, what it did it to, and the state before it (None for a new user).

    `degraded` says what is already missing, such as the picture.
    """

    state: UserPreference | None
    event: Interaction
    source: SourcePosition
    profile: ItemProfile
    degraded: tuple[str, ...] = ()


@dataclass(frozen=True)
class StepResult:
    """The state after the event, and the ranking that answers it."""

    state: UserPreference
    ranking: Ranking


def rank_id(event: Interaction, source: SourcePosition) -> str:
    """Return the id of the answer to an event: the same however often it is delivered."""
    return f"{event.user_id}:{source.partition}:{source.offset}"[-256:]


def step(
    engine: Engine, catalogue: Catalogue, inputs: Sequence[StepInput], *, num_candidates: int
) -> list[StepResult]:
    """Apply one event of each user and rank for each of them.

    Where the engine fails, the summary waits for the next block, the prior alone ranks, and the
    ranking says so: an answer never fails to come.

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
    states, summary_faults = _summarised(engine, applied)
    candidates, search_faults = _candidates(engine, catalogue, states, inputs, num_candidates)
    scores, score_faults = _scored(engine, states, candidates)
    faults = summary_faults + search_faults + score_faults
    return [
        StepResult(after, _ranking(engine, catalogue, old, after, one, found, scored, faults))
        for old, after, one, found, scored in zip(
            before, states, inputs, candidates, scores, strict=True
        )
    ]


def _new_state(engine: Engine, one: StepInput) -> UserPreference:
    return new_preference(one.event.user_id, one.event.occurred_at, engine.versions)


def _summarised(
    engine: Engine, states: list[UserPreference]
) -> tuple[list[UserPreference], tuple[str, ...]]:
    requests = {
        row: request
        for row, state in enumerate(states)
        if (request := summary_request(state)) is not None
    }
    if not requests:
        return states, ()
    try:
        summaries = engine.summarise(list(requests.values()))
    except EngineError as error:
        return states, (f"summary not updated: {error}",)
    for row, summary in zip(requests, summaries, strict=True):
        states[row] = with_summary(states[row], summary, engine.versions)
    return states, ()


def _candidates(
    engine: Engine,
    catalogue: Catalogue,
    states: list[UserPreference],
    inputs: Sequence[StepInput],
    num_candidates: int,
) -> tuple[list[list[Candidate]], tuple[str, ...]]:
    vectors, faults = _summary_vectors(engine, states)
    return [
        find_candidates(
            state,
            catalogue,
            vectors.get(state.user_id),
            num_candidates=num_candidates,
            seed=rank_id(one.event, one.source),
        )
        for state, one in zip(states, inputs, strict=True)
    ], faults


def _summary_vectors(
    engine: Engine, states: list[UserPreference]
) -> tuple[dict[str, NDArray[np.float32]], tuple[str, ...]]:
    told = [state for state in states if state.summary]
    if not told:
        return {}, ()
    try:
        vectors = engine.embed([Embeddable(state.summary) for state in told])
    except EngineError as error:
        return {}, (f"summary not used to find candidates: {error}",)
    return {state.user_id: vector for state, vector in zip(told, vectors, strict=True)}, ()


def _scored(
    engine: Engine, states: list[UserPreference], candidates: list[list[Candidate]]
) -> tuple[list[list[float | None]], tuple[str, ...]]:
    requests = [
        ScoreRequest(
            summary=state.summary,
            recent=tuple(map(evidence_line, state.recent[len(state.recent) - state.block_size :])),
            taste=taste(state),
            candidates=tuple(item_line(candidate.profile) for candidate in found),
        )
        for state, found in zip(states, candidates, strict=True)
    ]
    try:
        scores = engine.score(requests)
    except EngineError as error:
        return [[None] * len(found) for found in candidates], (f"ranked without model: {error}",)
    return [[round(score, SCORE_DIGITS) for score in of_user] for of_user in scores], ()


def _ranking(
    engine: Engine,
    catalogue: Catalogue,
    before: UserPreference,
    after: UserPreference,
    one: StepInput,
    candidates: list[Candidate],
    scores: list[float | None],
    faults: tuple[str, ...],
) -> Ranking:
    ranking_id = rank_id(one.event, one.source)
    cites = _citations(catalogue, after, [one.profile.item_id for one in candidates])
    ranked = [
        RankedCandidate(
            item_id=candidate.profile.item_id,
            title=candidate.profile.title,
            score=_blend(candidate.prior, score),
            model_score=score,
            prior=candidate.prior,
            sources=candidate.sources,
            categories=candidate.profile.categories,
            cites=cited,
        )
        for candidate, score, cited in zip(candidates, scores, cites, strict=True)
    ]
    ranked.sort(key=lambda one: (-one.score, tie_break(ranking_id, one.item_id)))
    return Ranking(
        ranking_id=ranking_id,
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
        versions=engine.versions,
        degraded=one.degraded + faults,
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
            _citation(catalogue, evidence[row], item_id, float(similarity[row, column]))
            for row in nearest[:, column]
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
        shared=tuple(name for name in catalogue.features(seen.item_id) if name in of_candidate),
    )
