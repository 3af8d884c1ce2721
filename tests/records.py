"""Records for tests, with everything that a test doesn't care about filled in."""

from datetime import UTC, datetime, timedelta

from models.fusion import FEATURES
from schemas.enriched_interaction import EnrichedInteraction, SourcePosition
from schemas.fusion_weights import FusionStage, FusionWeights
from schemas.interaction import Interaction, InteractionKind
from schemas.item import Item
from schemas.item_image import ItemImage

EPOCH = datetime(2026, 1, 1, tzinfo=UTC)


def interaction(
    number: int, *, user: str = "ada", item: str = "i1", kind: InteractionKind = "click"
) -> Interaction:
    return Interaction(
        event_id=f"e{number}",
        user_id=user,
        item_id=item,
        kind=kind,
        occurred_at=EPOCH + timedelta(seconds=number),
    )


def item(number: int, **fields: object) -> Item:
    defaults: dict[str, object] = {
        "item_id": f"i{number}",
        "title": f"Item {number}",
        "categories": ("even" if number % 2 == 0 else "odd",),
        "attributes": {"colour": ("red", "blue", "green")[number % 3]},
        "added_at": EPOCH + timedelta(days=number),
    }
    return Item(**(defaults | fields))


def source(offset: int, partition: int = 0) -> SourcePosition:
    return SourcePosition(partition=partition, offset=offset, timestamp=EPOCH + timedelta(days=365))


def enriched(
    number: int,
    of_item: Item,
    *,
    user: str = "ada",
    offset: int = 0,
    partition: int = 0,
    kind: InteractionKind = "click",
) -> EnrichedInteraction:
    return EnrichedInteraction(
        interaction=interaction(number, user=user, item=of_item.item_id, kind=kind),
        source=source(offset, partition),
        item=of_item,
    )


def item_image(of_item: Item) -> ItemImage:
    return ItemImage(item=of_item)


def fusion_weights(name: str, weight: float = 0.5) -> FusionWeights:
    """The same weight for all that this version looks at."""
    of_all = tuple(weight for _ in FEATURES)
    stage = FusionStage(
        min_events=0, intercept=-1, weights=of_all, prior_intercept=-1, prior_weights=of_all
    )
    return FusionWeights(name=name, features=FEATURES, stages=(stage,))
