"""Publish: rankings -> recommendations, without what is gone, not all of one kind, with reasons."""

from collections import Counter
from collections.abc import Sequence
from datetime import UTC, datetime

from schemas.enriched_interaction import SourcePosition
from schemas.item import Item
from schemas.ranking import RankedCandidate, Ranking
from schemas.recommendation import Recommendation, RecommendedItem
from stream_app.agents.reasons import evidence, reason
from stream_app.agents.stage import Stage
from stream_app.agents.views import ItemsView
from stream_app.config import Settings

__all__ = ["build", "diversify"]

NOTHING_LEFT = "no candidate is available"


def build(settings: Settings) -> Stage[Ranking]:
    """Return the publish agent."""
    items = ItemsView(settings)

    async def publish(ranking: Ranking, _: SourcePosition) -> Recommendation:
        available = [c for c in ranking.candidates if _is_available(items, c.item_id)]
        return _recommendation(ranking, diversify(available, settings.list_length))

    return Stage(
        name="publish",
        source=settings.topics.rankings,
        target=settings.topics.recommendations,
        dead_letters=settings.topics.dead_letters,
        model=Ranking,
        transform=publish,
        views=(items.view,),
    )


def diversify(candidates: Sequence[RankedCandidate], length: int) -> list[RankedCandidate]:
    """Return the best `length` candidates, best first, at most half of them of one category.

    An item's category is the first that it names; items without any are not limited. Where
    nothing else is left, the best of the crowded category fill the list: it is never shorter
    than it could be. The order of the candidates stays.
    """
    limit = (length + 1) // 2
    taken: Counter[str] = Counter()
    chosen: list[int] = []
    crowded: list[int] = []
    for position, candidate in enumerate(candidates):
        category = candidate.categories[0] if candidate.categories else None
        if category is not None and taken[category] >= limit:
            crowded.append(position)
            continue
        chosen.append(position)
        if category is not None:
            taken[category] += 1
    return [candidates[position] for position in sorted((chosen + crowded)[:length])]


def _is_available(items: ItemsView, item_id: str) -> bool:
    item = items.find(item_id)
    return isinstance(item, Item) and item.available


def _recommendation(ranking: Ranking, chosen: Sequence[RankedCandidate]) -> Recommendation:
    return Recommendation(
        recommendation_id=ranking.ranking_id,
        user_id=ranking.user_id,
        items=tuple(_item(rank, candidate) for rank, candidate in enumerate(chosen, start=1)),
        trigger=ranking.trigger,
        summary=ranking.summary,
        previous_summary=ranking.previous_summary,
        versions=ranking.versions,
        degraded=ranking.degraded if chosen else (*ranking.degraded, NOTHING_LEFT),
        published_at=datetime.now(UTC),
    )


def _item(rank: int, candidate: RankedCandidate) -> RecommendedItem:
    return RecommendedItem(
        item_id=candidate.item_id,
        title=candidate.title,
        rank=rank,
        score=candidate.score,
        reason=reason(candidate),
        sources=tuple(candidate.sources),
        evidence=evidence(candidate),
    )
