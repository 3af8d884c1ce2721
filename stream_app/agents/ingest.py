"""Ingest: interactions -> interactions-enriched, with the item and, while needed, its picture."""

from schemas.codec import Poison
from schemas.enriched_interaction import EnrichedInteraction, SourcePosition
from schemas.interaction import Interaction
from schemas.item import Item
from stream_app.agents.stage import RefusedRecordError, Stage
from stream_app.agents.views import ItemsView, ProfiledItems
from stream_app.config import Settings
from stream_app.object_storage import ObjectStorage, connect
from stream_app.pictures import PictureReader, as_seen

__all__ = ["build"]

# Until the worker has profiled a new item, all its events bring the picture along. A picture
# that was replaced counts after this time at the latest; the profile agent sees it at once.
REMEMBER_PICTURES_S = 30.0


def build(settings: Settings) -> Stage[Interaction]:
    """Return the ingest agent."""
    items = ItemsView(settings)
    profiled = ProfiledItems(settings)
    storage = ObjectStorage(connect(settings), settings.buckets)
    pictures = PictureReader(storage, remember_s=REMEMBER_PICTURES_S)

    async def enrich(interaction: Interaction, source: SourcePosition) -> EnrichedInteraction:
        item = as_seen(await _require_item(items, interaction.item_id), settings)
        # Cost is in pictures: an item that was looked at once is known by its profile.
        wanted = None if item.item_id in profiled else item.image
        image, degraded = await pictures.read(wanted)
        return EnrichedInteraction(
            interaction=interaction, source=source, item=item, image=image, degraded=degraded
        )

    return Stage(
        name="ingest",
        source=settings.topics.interactions,
        target=settings.topics.interactions_enriched,
        dead_letters=settings.topics.dead_letters,
        model=Interaction,
        transform=enrich,
        views=(items.view, profiled.view),
        close=pictures.close,
    )


async def _require_item(items: ItemsView, item_id: str) -> Item:
    item = await items.find_after_waiting(item_id)
    if item is None:
        raise RefusedRecordError("UnknownItem", "topic items holds no item with this item_id")
    if isinstance(item, Poison):
        raise RefusedRecordError("UnreadableItem", f"the item's own record: {item.reason}")
    return item
