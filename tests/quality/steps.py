"""Lists and interactions in turn, as a partition gives them, with all else filled in."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from records import EPOCH
from schemas.enriched_interaction import SourcePosition
from schemas.interaction import Interaction, InteractionKind
from schemas.ranking import Trigger
from schemas.recommendation import Recommendation, RecommendedItem
from schemas.versions import Versions
from stream_app.quality.judge import Judge, remembered

__all__ = ["Done", "Listed", "apply", "recommendation"]


@dataclass(frozen=True)
class Done:
    """Something that a user did, at an offset; None for an item: the user was erased."""

    offset: int
    item: str | None
    user: str = "ada"
    kind: InteractionKind = "like"
    at: datetime = EPOCH
    recorded_at: datetime | None = None
    event_id: str = ""

    @property
    def source(self) -> SourcePosition:
        return SourcePosition(
            partition=0, offset=self.offset, timestamp=self.recorded_at or self.at
        )

    @property
    def event(self) -> Interaction:
        assert self.item is not None
        return Interaction(
            event_id=self.event_id or f"e{self.offset}",
            user_id=self.user,
            item_id=self.item,
            kind=self.kind,
            occurred_at=self.at,
        )


@dataclass(frozen=True)
class Listed:
    """A list that answers something done: items with their sources."""

    answers: Done
    items: Sequence[tuple[str, Sequence[str]]]
    after: timedelta = timedelta(seconds=1)
    adapter: str | None = None
    fusion: str | None = None


def recommendation(one: Listed, partition: int = 0) -> Recommendation:
    done = one.answers
    event, source = done.event, done.source.model_copy(update={"partition": partition})
    return Recommendation(
        recommendation_id=f"{done.user}:{partition}:{done.offset}",
        user_id=done.user,
        items=tuple(
            RecommendedItem(
                item_id=item_id,
                title=item_id,
                rank=rank,
                score=0.5,
                reason="because",
                sources=tuple(sources),
            )
            for rank, (item_id, sources) in enumerate(one.items, start=1)
        ),
        trigger=Trigger(
            event_id=event.event_id,
            item_id=event.item_id,
            title=event.item_id,
            kind=event.kind,
            occurred_at=event.occurred_at,
            source=source,
        ),
        summary="",
        previous_summary="",
        versions=Versions(model="m", prompt="p", adapter=one.adapter, fusion=one.fusion),
        published_at=source.timestamp + one.after,
    )


def apply(judge: Judge, steps: Iterable[Done | Listed]) -> Judge:
    for step in steps:
        if isinstance(step, Listed):
            judge.remember(step.answers.user, remembered(recommendation(step)))
        elif step.item is None:
            judge.erase(step.user)
        else:
            judge.observe(step.event, step.source)
    return judge
