"""Profile: items -> item-images, so that an item is looked at before anyone asks for it."""

from schemas.enriched_interaction import SourcePosition
from schemas.item import Item
from schemas.item_image import ItemImage
from stream_app.agents.stage import Stage
from stream_app.config import Settings
from stream_app.object_storage import ObjectStorage, connect
from stream_app.pictures import PictureReader, as_seen

__all__ = ["build"]


def build(settings: Settings) -> Stage[Item]:
    """Return the profile agent."""
    pictures = PictureReader(ObjectStorage(connect(settings), settings.buckets))

    async def with_picture(item: Item, _: SourcePosition) -> ItemImage:
        shown = as_seen(item, settings)
        image, degraded = await pictures.read(shown.image)
        return ItemImage(item=shown, image=image, degraded=degraded)

    return Stage(
        name="profile",
        source=settings.topics.items,
        target=settings.topics.item_images,
        dead_letters=settings.topics.dead_letters,
        model=Item,
        transform=with_picture,
        close=pictures.close,
    )
