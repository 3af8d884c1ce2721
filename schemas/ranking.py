"""Scored candidates for a user, before the last filters."""

from typing import Literal

from pydantic import AwareDatetime, Field

from schemas.enriched_interaction import SourcePosition
from schemas.interaction import InteractionKind
from schemas.record import Id, Record
from schemas.versions import Versions

__all__ = ["CitedItem", "FollowedItem", "RankedCandidate", "Ranking", "Trigger"]


class Trigger(Record):
    """The event that a ranking answers."""

    event_id: Id
    item_id: Id
    title: str
    kind: InteractionKind
    occurred_at: AwareDatetime
    source: SourcePosition


class CitedItem(Record):
    """One of the user's own items that speaks for a candidate.

    `similarity` is the cosine of both embeddings, in `[-1, 1]`; `shared` are the attributes and
    categories that both have.
    """

    item_id: Id
    title: str
    kind: InteractionKind
    similarity: float
    shared: tuple[str, ...] = ()


class FollowedItem(Record):
    """The user's own item from which others went on to a candidate, more than from any other."""

    item_id: Id
    title: str
    kind: InteractionKind


class RankedCandidate(Record):
    """A candidate with all that its rank rests on.

    `score` is the blend, in `[0, 1]`; `model_score` is p(yes) / (p(yes) + p(no)), None when the
    model did not answer; `sources` gives each candidate source's score in `[0, 1]`, and `prior`
    is what they say together. `opinions` has what each of them says, whoever proposed it, and
    "taste", the user's own counts.
    """

    item_id: Id
    title: str
    score: float = Field(ge=0, le=1)
    model_score: float | None = Field(default=None, ge=0, le=1)
    prior: float = Field(ge=0, le=1)
    sources: dict[str, float]
    categories: tuple[str, ...] = ()
    cites: tuple[CitedItem, ...] = ()
    follows: FollowedItem | None = None
    opinions: dict[str, float] = {}


class Ranking(Record):
    """The worker's answer to one event, keyed by `user_id`, best candidate first.

    `degraded` says what the answer had to do without. One event has one `ranking_id`, however
    often it is delivered. `num_events` is the length of the user's history: weights of the score
    go by it.
    """

    schema_version: Literal[1] = 1
    ranking_id: Id
    user_id: Id
    trigger: Trigger
    summary: str
    previous_summary: str
    candidates: tuple[RankedCandidate, ...]
    versions: Versions
    degraded: tuple[str, ...] = ()
    num_events: int | None = Field(default=None, ge=0)
