"""Our own answers: the product's step over a log, in the order of time."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from time import perf_counter
from typing import Literal, Protocol

from models.catalogue import Catalogue
from models.engine import Engine
from models.preference import new_preference
from models.ranking import Question, rank_candidates
from models.signals.decay import Decay
from models.signals.signals import Signals
from models.step import StepInput, StepOptions, step
from schemas.enriched_interaction import SourcePosition
from schemas.interaction import Interaction
from schemas.item import Item
from schemas.item_profile import ItemProfile
from schemas.ranking import RankedCandidate
from schemas.user_preference import UserPreference
from stream_app.replay.arrivals import arrival_moments
from stream_app.replay.journal import Answer
from stream_app.replay.plan import AnyTurn, FirstTurn, Turn, batches_in_time, batches_of, turns_of
from stream_app.replay.queries import Query, RankedList
from stream_app.show import Progress

__all__ = ["Replayed", "Sink", "answer_of", "answer_queries", "items_needed", "source_of"]


@dataclass(frozen=True)
class Replayed:
    """By whom, with which items and options a log is replayed.

    `profiles` has all items that `items_needed` names; `max_turns` bounds a batch; `decay` is that
    of what is counted of all users, nothing is without `signals`; `ranked_by` "prior" leaves the
    model's scores out. Without `excludes_seen` a list may have what its user has met, but for what
    the state rules out, as live.
    """

    engine: Engine
    items: Mapping[str, Item]
    profiles: Mapping[str, ItemProfile]
    options: StepOptions
    max_turns: int
    decay: Decay = field(default_factory=Decay)
    signals: bool = True
    ranked_by: Literal["model", "prior"] = "model"
    excludes_seen: bool = True


class Sink(Protocol):
    """Where answers go: `states` are the users' after `num_batches` batches."""

    num_batches: int
    states: dict[str, UserPreference]

    def write(self, states: Mapping[str, UserPreference], answers: Sequence[Answer]) -> None:
        """Keep a batch: its answers, and the states behind it."""
        ...


def items_needed(
    log: Sequence[Interaction], queries: Sequence[Query], items: Mapping[str, Item]
) -> list[Item]:
    """Return the items that have to be read: all, or where candidates are given what is asked of.

    Those are the candidates, and what the users who are asked about have met.
    """
    if any(query.candidates is None for query in queries):
        return list(items.values())
    user_ids = {query.user_id for query in queries}
    needed = {event.item_id for event in log if event.user_id in user_ids}
    needed.update(*(query.candidates or () for query in queries))
    return [items[item_id] for item_id in items if item_id in needed]


def answer_queries(
    by: Replayed,
    log: Sequence[Interaction],
    queries: Sequence[Query],
    journal: Sink,
    *,
    learned: int | None,
    progress: Progress,
) -> None:
    """Answer the queries that the journal has not, and write the answers there.

    An answer knows the events before its query and no other, and is of the moment of the user's
    previous event, as live; a user without one is answered from a new state. What is counted of
    all users is counted of the first `learned` events, which are before all queries; None has the
    counting go on from query to query, as live.

    Raises:
        EngineLostError: If the engine can't go on; what is in the journal stays.
        ReplayError: If the journal can't be written.
    """
    turns = turns_of(log, queries)
    num_turns = sum(map(len, turns.values()))
    catalogue = Catalogue(by.engine.embedding_dim, Signals(by.decay))
    num_done = 0
    num_counted = 0
    batches = batches_of if learned is not None else batches_in_time
    for number, batch in enumerate(batches(turns, _moments(by, log, queries), by.max_turns)):
        for item_id in batch.arrived:
            catalogue.put(by.profiles[item_id])
        # A turn without a query looks at no counts: those before the cut may have later ones.
        num_known = batch.num_known if learned is None else learned
        num_known = num_known if by.signals else 0
        for position in range(num_counted, num_known):
            catalogue.signals.observe(log[position], source_of(log[position], position))
        num_counted = max(num_counted, num_known)
        if number >= journal.num_batches:
            journal.write(*_taken(by, catalogue, journal.states, batch.turns))
        num_done += len(batch.turns)
        progress("events", num_done, num_turns)


def _moments(
    by: Replayed, log: Sequence[Interaction], queries: Sequence[Query]
) -> Mapping[str, int]:
    """Return since when each item can be listed; given candidates may be shown at any time."""
    if any(query.candidates is None for query in queries):
        return arrival_moments(by.items, log)
    return dict.fromkeys(by.profiles, 0)


def _taken(
    by: Replayed,
    catalogue: Catalogue,
    states: Mapping[str, UserPreference],
    turns: Sequence[AnyTurn],
) -> tuple[dict[str, UserPreference], list[Answer]]:
    """Return the states behind the turns, and the answers to their queries."""
    begun, read_before = perf_counter(), by.engine.num_tokens
    later = [turn for turn in turns if isinstance(turn, Turn)]
    first = [turn for turn in turns if isinstance(turn, FirstTurn)]
    inputs = [_input(by, states.get(turn.user_id), turn) for turn in later]
    results = step(by.engine, catalogue, inputs, by.options)
    questions = [_question(by, turn.query) for turn in first]
    ranked = rank_candidates(by.engine, catalogue, questions, by.options.num_candidates)
    # All rows went through the model together: nobody can tell which of them took how much.
    cost_s = (perf_counter() - begun) / len(turns)
    read = by.engine.num_tokens
    tokens = None if read is None or read_before is None else (read - read_before) // len(turns)
    answers = [
        answer_of(turn.query, result.ranking.candidates, result.ranking.degraded, cost_s, tokens)
        for turn, result in zip(later, results, strict=True)
        if turn.query is not None and result.ranking is not None
    ]
    answers += [
        answer_of(turn.query, candidates, question.faults, cost_s, tokens)
        for turn, question, candidates in zip(first, questions, ranked, strict=True)
    ]
    return {one.state.user_id: one.state for one in results}, answers


def _input(by: Replayed, state: UserPreference | None, turn: Turn) -> StepInput:
    event, query, profile = turn.event, turn.query, by.profiles[turn.event.item_id]
    return StepInput(
        state=state,
        event=event,
        source=source_of(event, turn.position),
        profile=profile,
        degraded=() if profile.degraded is None else (profile.degraded,),
        ranked_by=None if query is None else by.ranked_by,
        exclude=query.seen if query is not None and by.excludes_seen else (),
        candidates=None if query is None else query.candidates,
    )


def source_of(event: Interaction, position: int) -> SourcePosition:
    """Return where an event stands on a topic of one partition that holds the log."""
    whole_ms = event.occurred_at.microsecond // 1000 * 1000
    timestamp = event.occurred_at.replace(microsecond=whole_ms)
    return SourcePosition(partition=0, offset=position, timestamp=timestamp)


def _question(by: Replayed, query: Query) -> Question:
    return Question(
        state=new_preference(query.user_id, query.at, by.engine.versions),
        at=query.at,
        # Of the user alone: of the event that is to be guessed nothing may be known.
        seed=f"{query.user_id}:new",
        by_model=by.ranked_by == "model",
        blend=by.options.blend,
        candidates=query.candidates,
    )


def answer_of(
    query: Query,
    candidates: Sequence[RankedCandidate],
    degraded: Sequence[str],
    cost_s: float | None = None,
    tokens: int | None = None,
) -> Answer:
    """Return a ranking's candidates as the answer to a query, with what is known of its cost."""
    ranked = RankedList(
        query_id=query.query_id,
        item_ids=tuple(one.item_id for one in candidates),
        scores=tuple(one.score for one in candidates),
        cost_s=cost_s,
        tokens=tokens,
        sources={one.item_id: tuple(one.sources) for one in candidates},
    )
    return Answer(ranked, tuple(degraded), candidates)
