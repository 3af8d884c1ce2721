"""Publish: rankings -> recommendations, without what is gone, not all of one kind, with reasons."""

from collections.abc import Sequence
from datetime import UTC, datetime

from schemas.enriched_interaction import SourcePosition
from schemas.item import Item
from schemas.ranking import RankedCandidate, Ranking
from schemas.recommendation import Contender, Exploration, Recommendation, RecommendedItem
from stream_app.agents.reasons import evidence, reason
from stream_app.agents.stage import Stage
from stream_app.agents.views import ItemsView
from stream_app.config import Settings
from stream_app.diversity import diversify
from stream_app.exploration import draws, propensities, with_drawn_place

__all__ = ["build", "recommendation"]

NOTHING_LEFT = "no candidate is available"


def build(settings: Settings) -> Stage[Ranking]:
    """Return the publish agent."""
    items = ItemsView(settings)

    async def publish(ranking: Ranking, _: SourcePosition) -> Recommendation:
        available = [c for c in ranking.candidates if _is_available(items, c.item_id)]
        return recommendation(
            ranking, available, length=settings.list_length, share=settings.exploration
        )

    return Stage(
        name="publish",
        source=settings.topics.rankings,
        target=settings.topics.recommendations,
        dead_letters=settings.topics.dead_letters,
        model=Ranking,
        transform=publish,
        views=(items.view,),
    )


def recommendation(
    ranking: Ranking, available: Sequence[RankedCandidate], *, length: int, share: float
) -> Recommendation:
    """Return the list that answers a ranking.

    Args:
        ranking: What was ranked, for whom and why.
        available: Its candidates that may be shown, best first.
        length: Items of a list.
        share: Of the answers that have a drawn place; at 0 none is drawn and nothing is told.
    """
    best = diversify(available, length)
    # A worker of an older version doesn't tell what weights went by: nothing to compare with.
    if share == 0 or ranking.num_events is None:
        return _recommendation(ranking, best, [None for _ in best])
    by_id = {candidate.item_id: candidate for candidate in available}
    best_ids = [candidate.item_id for candidate in best]
    is_drawn = draws(share, ranking.ranking_id)
    shown = with_drawn_place(best_ids, list(by_id), ranking.ranking_id) if is_drawn else best_ids
    exploration = Exploration(
        share=share,
        is_drawn=is_drawn,
        num_events=ranking.num_events,
        candidates=tuple(map(_contender, available)),
    )
    likely = propensities(shown, best_ids, len(by_id), share)
    return _recommendation(ranking, [by_id[item_id] for item_id in shown], likely, exploration)


def _is_available(items: ItemsView, item_id: str) -> bool:
    item = items.find(item_id)
    return isinstance(item, Item) and item.available


def _recommendation(
    ranking: Ranking,
    shown: Sequence[RankedCandidate],
    likely: Sequence[float | None],
    exploration: Exploration | None = None,
) -> Recommendation:
    return Recommendation(
        recommendation_id=ranking.ranking_id,
        user_id=ranking.user_id,
        items=tuple(
            _item(rank, candidate, propensity)
            for rank, (candidate, propensity) in enumerate(zip(shown, likely, strict=True), start=1)
        ),
        trigger=ranking.trigger,
        summary=ranking.summary,
        previous_summary=ranking.previous_summary,
        versions=ranking.versions,
        degraded=ranking.degraded if shown else (*ranking.degraded, NOTHING_LEFT),
        published_at=datetime.now(UTC),
        exploration=exploration,
    )


def _item(rank: int, candidate: RankedCandidate, propensity: float | None) -> RecommendedItem:
    return RecommendedItem(
        item_id=candidate.item_id,
        title=candidate.title,
        rank=rank,
        score=candidate.score,
        reason=reason(candidate),
        sources=tuple(candidate.sources),
        evidence=evidence(candidate),
        propensity=propensity,
    )


def _contender(candidate: RankedCandidate) -> Contender:
    return Contender(
        item_id=candidate.item_id,
        categories=candidate.categories[:1],
        prior=candidate.prior,
        model_score=candidate.model_score,
        opinions=candidate.opinions,
    )
