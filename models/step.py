"""`step(state, event, item, catalogue) -> state', ranking`: the whole product in one line.

Live and replay call the same function. It takes many users at once, one event of each, because
models are fast in batches; a user's result does not depend on who else is in the batch.
"""

from collections.abc import Collection, Sequence
from dataclasses import dataclass, field
from typing import Literal

from models.attempts import attempt
from models.catalogue import Catalogue
from models.engine import Engine
from models.errors import EngineError
from models.fusion import Blend, EvenBlend, weights_name
from models.preference import (
    Summaries,
    apply_event,
    credible_time,
    new_preference,
    summary_request,
    with_summary,
)
from models.ranking import Asked, Question, rank, ranking_id
from schemas.enriched_interaction import SourcePosition
from schemas.interaction import Interaction
from schemas.item_profile import ItemProfile
from schemas.ranking import Ranking
from schemas.user_preference import UserPreference

__all__ = ["RankedBy", "StepInput", "StepOptions", "StepResult", "step"]

RankedBy = Literal["model", "prior"] | None

# What each row had to do without, in words; grows from stage to stage.
Faults = list[list[str]]


@dataclass(frozen=True)
class StepInput:
    """An event of a user, what it did it to, and the state before it (None for a new user).

    `degraded` says what is already missing, such as the picture; `adapter` names the one that
    scores for this user, None the base weights; `blend` makes this user's final score, None has
    that of the options do it. `ranked_by` is None for an event that is applied
    only, because a newer one of its user is answered; "prior" leaves the model's scores out. The
    state after it is the same whichever it is.

    `exclude` is kept out of the list, besides what the state rules out; `candidates` are the items
    to rank where they are given. Both are an experiment's: live leaves them alone.
    """

    state: UserPreference | None
    event: Interaction
    source: SourcePosition
    profile: ItemProfile
    degraded: tuple[str, ...] = ()
    adapter: str | None = None
    blend: Blend | None = None
    ranked_by: RankedBy = "model"
    exclude: Collection[str] = ()
    candidates: Sequence[str] | None = None


@dataclass(frozen=True)
class StepOptions:
    """What a deployment or an experiment chooses of the step."""

    num_candidates: int
    summaries: Summaries = "recurrent"
    blend: Blend = field(default_factory=EvenBlend)


@dataclass(frozen=True)
class StepResult:
    """The state after the event, and the ranking that answers it if one was asked for."""

    state: UserPreference
    ranking: Ranking | None


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
    blends = [options.blend if one.blend is None else one.blend for one in inputs]
    faults: Faults = [list(one.degraded) for one in inputs]
    states = _summarised(engine, applied, options.summaries, faults)
    asked = {
        row: Asked(
            event=one.event,
            source=one.source,
            title=one.profile.title,
            previous_summary=before[row].summary,
            versions=engine.versions.model_copy(
                update={"adapter": one.adapter, "fusion": weights_name(blends[row])}
            ),
            question=_question(one, states[row], blends[row], faults[row]),
        )
        for row, one in enumerate(inputs)
        if one.ranked_by is not None
    }
    rankings = rank(engine, catalogue, list(asked.values()), options.num_candidates)
    answers = dict(zip(asked, rankings, strict=True))
    return [StepResult(state, answers.get(row)) for row, state in enumerate(states)]


def _new_state(engine: Engine, one: StepInput) -> UserPreference:
    at = credible_time(one.event, one.source)
    return new_preference(one.event.user_id, at, engine.versions)


def _question(one: StepInput, state: UserPreference, blend: Blend, faults: list[str]) -> Question:
    return Question(
        state=state,
        # When it was recorded: a sender's own clock may be wrong.
        at=one.source.timestamp,
        seed=ranking_id(one.event, one.source),
        adapter=one.adapter,
        by_model=one.ranked_by == "model",
        blend=blend,
        exclude=one.exclude,
        candidates=one.candidates,
        faults=faults,
    )


def _summarised(
    engine: Engine,
    states: list[UserPreference],
    summaries: Summaries,
    faults: Faults,
) -> list[UserPreference]:
    """Return the states with new summaries where a block is full."""
    requests = {
        row: request
        for row, state in enumerate(states)
        # By the base weights: adapters are trained, and measured, on yes and no alone.
        if (request := summary_request(state, summaries)) is not None
    }
    summarised = list(states)
    written = attempt(engine.summarise, list(requests.values()))
    for row, summary in zip(requests, written, strict=True):
        if isinstance(summary, EngineError):
            faults[row].append(f"summary not updated: {summary.public}")
        else:
            summarised[row] = with_summary(states[row], summary, engine.versions)
    return summarised
