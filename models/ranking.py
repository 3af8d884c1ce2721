"""Candidates, scores and reasons: the ranking that answers an event.

Many users at once, because models are fast in batches; on who else is in the batch only the last
digits of a model's scores depend.
"""

from collections.abc import Collection, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from math import isfinite

import numpy as np
from numpy.typing import NDArray

from models.attempts import attempt
from models.candidates import Candidate, find_candidates, given_candidates, tie_break
from models.catalogue import Catalogue
from models.engine import Embeddable, Engine
from models.errors import EngineError
from models.fusion import Blend, EvenBlend, columns
from models.item_text import shorten
from models.preference import leaning, score_request
from schemas.enriched_interaction import SourcePosition
from schemas.interaction import Interaction
from schemas.ranking import CitedItem, FollowedItem, RankedCandidate, Ranking, Trigger
from schemas.user_preference import Evidence, UserPreference
from schemas.versions import Versions

__all__ = ["Asked", "Question", "rank", "rank_candidates", "ranking_id"]

# A model's last digits depend on who else is in the batch (about 1e-6 in fp32). Rounded, by
# arithmetic one score in a hundred still does.
SCORE_DIGITS = 4
# Two citations fill a sentence.
MAX_CITED = 2
# Below it, and with nothing in common, an item is no reason for another.
MIN_SIMILARITY = 0.2
# A shop may give an item 64 attributes: a ranking must fit into a record all the same.
MAX_SHARED = 3
MAX_CATEGORIES = 4
MAX_TITLE_CHARS = 160


@dataclass(frozen=True)
class Question:
    """For which user, at what time, with which seed candidates are to be ranked.

    `exclude` is not listed, besides what the state rules out; `candidates` are the items to rank
    where they are given, None has them found in the catalogue. `by_model` is false where the prior
    alone is to rank; `blend` makes the score. What the answer has to do without is added to
    `faults`, in words.
    """

    state: UserPreference
    at: datetime
    seed: str
    adapter: str | None = None
    by_model: bool = True
    blend: Blend = field(default_factory=EvenBlend)
    exclude: Collection[str] = ()
    candidates: Sequence[str] | None = None
    faults: list[str] = field(default_factory=list)


@dataclass(frozen=True)
class Asked:
    """The event that a ranking answers, and the summary before it."""

    event: Interaction
    source: SourcePosition
    title: str
    previous_summary: str
    versions: Versions
    question: Question


def ranking_id(event: Interaction, source: SourcePosition) -> str:
    """Return the id of the answer to an event: the same however often it is delivered."""
    return f"{event.user_id}:{source.partition}:{source.offset}"[-256:]


def rank(
    engine: Engine, catalogue: Catalogue, asked: Sequence[Asked], num_candidates: int
) -> list[Ranking]:
    """Return the answer to each event; where the engine fails for one, the prior alone ranks."""
    questions = [one.question for one in asked]
    ranked = rank_candidates(engine, catalogue, questions, num_candidates)
    return [_ranking(one, candidates) for one, candidates in zip(asked, ranked, strict=True)]


def rank_candidates(
    engine: Engine, catalogue: Catalogue, questions: Sequence[Question], num_candidates: int
) -> list[list[RankedCandidate]]:
    """Return the candidates of each question, best first; no event is needed.

    Raises:
        KeyError: If a given candidate is not in the catalogue.
    """
    vectors = _summary_vectors(engine, questions)
    candidates = [
        _candidates(catalogue, one, vectors.get(row), num_candidates)
        for row, one in enumerate(questions)
    ]
    scores = _scores(engine, questions, candidates)
    return [
        _ranked(catalogue, one, found, scored)
        for one, found, scored in zip(questions, candidates, scores, strict=True)
    ]


def _summary_vectors(
    engine: Engine, questions: Sequence[Question]
) -> dict[int, NDArray[np.float32]]:
    """Return by row what the summaries say as vectors; users without a summary have none."""
    told = {
        row: Embeddable(one.state.summary) for row, one in enumerate(questions) if one.state.summary
    }
    embedded = attempt(engine.embed, list(told.values()))
    vectors: dict[int, NDArray[np.float32]] = {}
    for row, vector in zip(told, embedded, strict=True):
        if isinstance(vector, EngineError):
            questions[row].faults.append(f"summary not used to find candidates: {vector.public}")
        else:
            vectors[row] = vector
    return vectors


def _candidates(
    catalogue: Catalogue,
    question: Question,
    summary_vector: NDArray[np.float32] | None,
    num_candidates: int,
) -> list[Candidate]:
    if question.candidates is not None:
        return given_candidates(
            question.state, catalogue, summary_vector, question.candidates, at=question.at
        )
    return find_candidates(
        question.state,
        catalogue,
        summary_vector,
        num_candidates=num_candidates,
        blend=question.blend,
        seed=question.seed,
        at=question.at,
        exclude=question.exclude,
    )


def _scores(
    engine: Engine, questions: Sequence[Question], candidates: list[list[Candidate]]
) -> list[list[float] | None]:
    """Return the model's score of each candidate, None where it gave none."""
    scores: list[list[float] | None] = [None] * len(candidates)
    requests = {
        row: score_request(one.state, (found.profile for found in candidates[row]), one.adapter)
        for row, one in enumerate(questions)
        if one.by_model
    }
    for row, answer in zip(requests, attempt(engine.score, list(requests.values())), strict=True):
        if isinstance(answer, EngineError):
            questions[row].faults.append(f"ranked without model: {answer.public}")
        elif not all(map(isfinite, answer)):
            questions[row].faults.append("ranked without model: its scores are no numbers")
        else:
            scores[row] = [round(score, SCORE_DIGITS) for score in answer]
    return scores


def _ranked(
    catalogue: Catalogue,
    question: Question,
    candidates: list[Candidate],
    model_scores: list[float] | None,
) -> list[RankedCandidate]:
    scores = question.blend.scores(
        columns([one.opinions for one in candidates]),
        None if model_scores is None else np.array(model_scores),
        question.state.num_events,
    ).tolist()
    told: Sequence[float | None] = model_scores or [None] * len(candidates)
    cites = _citations(catalogue, question.state, [one.profile.item_id for one in candidates])
    ranked = [
        RankedCandidate(
            item_id=candidate.profile.item_id,
            title=shorten(candidate.profile.title, MAX_TITLE_CHARS),
            score=score,
            model_score=model_score,
            prior=candidate.prior,
            sources=candidate.sources,
            categories=candidate.profile.categories[:MAX_CATEGORIES],
            cites=cited,
            follows=_followed(candidate.follows),
            opinions=dict(candidate.opinions),
        )
        for candidate, score, model_score, cited in zip(
            candidates, scores, told, cites, strict=True
        )
    ]
    return sorted(ranked, key=lambda one: (-one.score, tie_break(question.seed, one.item_id)))


def _ranking(asked: Asked, candidates: Sequence[RankedCandidate]) -> Ranking:
    question = asked.question
    return Ranking(
        ranking_id=question.seed,
        user_id=question.state.user_id,
        trigger=Trigger(
            event_id=asked.event.event_id,
            item_id=asked.event.item_id,
            title=shorten(asked.title, MAX_TITLE_CHARS),
            kind=asked.event.kind,
            occurred_at=asked.event.occurred_at,
            source=asked.source,
        ),
        summary=question.state.summary,
        previous_summary=asked.previous_summary,
        candidates=tuple(candidates),
        versions=asked.versions,
        degraded=tuple(question.faults),
        num_events=question.state.num_events,
    )


def _followed(seen: Evidence | None) -> FollowedItem | None:
    if seen is None:
        return None
    title = shorten(seen.title, MAX_TITLE_CHARS)
    return FollowedItem(item_id=seen.item_id, title=title, kind=seen.kind)


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
    own_features = [catalogue.features(seen.item_id) for seen in evidence]
    # One column for each candidate; rounded, so that equal items keep the evidence's order.
    similarity = np.round(own @ catalogue.vectors(item_ids).T, 6)
    nearest = np.argsort(-similarity, axis=0, kind="stable")[:MAX_CITED].T.tolist()
    near = similarity.T.tolist()
    cited = []
    for item_id, rows, similarities in zip(item_ids, nearest, near, strict=True):
        of_candidate = set(catalogue.features(item_id))
        found = (
            _citation(evidence[row], own_features[row], of_candidate, similarities[row])
            for row in rows
        )
        cited.append(tuple(one for one in found if one is not None))
    return cited


def _citation(
    seen: Evidence, own_features: Sequence[str], of_candidate: set[str], similarity: float
) -> CitedItem | None:
    shared = tuple(name for name in own_features if name in of_candidate)[:MAX_SHARED]
    if not shared and similarity < MIN_SIMILARITY:
        return None
    return CitedItem(
        item_id=seen.item_id,
        title=shorten(seen.title, MAX_TITLE_CHARS),
        kind=seen.kind,
        similarity=round(similarity, 6),
        shared=shared,
    )
