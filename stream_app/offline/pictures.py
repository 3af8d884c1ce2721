"""Pictures beside a catalogue, made safe as the agents make those of object storage."""

from hashlib import md5
from pathlib import Path

from schemas.item import Item
from schemas.item_image import ItemImage
from stream_app.image_errors import ImageError, TooManyBytesError
from stream_app.images import normalise
from stream_app.object_storage import MAX_OBJECT_BYTES, StoredObject

__all__ = ["picture_file", "with_picture"]


def picture_file(item: Item, pictures: Path) -> Path | None:
    """Return the file of an item's picture, None if it names none or there is none."""
    if item.image is None:
        return None
    try:
        file = (pictures / item.image.key).resolve()
        # As `catalog load`: a catalogue from elsewhere names no other files of this machine.
        is_inside = file.is_relative_to(pictures.resolve())
        return file if is_inside and file.is_file() else None
    except (OSError, ValueError):
        # A name that no file can have.
        return None


def with_picture(item: Item, pictures: Path) -> ItemImage:
    """Return the item and its picture as they come to the worker once both are loaded.

    A picture that is missing is left out of the item, as `catalog load` does; one that can't be
    decoded leaves its reason.
    """
    file = picture_file(item, pictures)
    if file is None:
        return ItemImage(item=item.model_copy(update={"image": None}))
    try:
        return ItemImage(item=item, image=normalise(_stored(file)))
    except ImageError as error:
        reason = f"{type(error).__name__.removesuffix('Error')}: {error}"
        return ItemImage(item=item, degraded=reason)


def _stored(file: Path) -> StoredObject:
    size = file.stat().st_size
    if size > MAX_OBJECT_BYTES:
        raise TooManyBytesError(f"object has {size} bytes, limit {MAX_OBJECT_BYTES}")
    data = file.read_bytes()
    # What S3 gives as the version of an object that was put in one part.
    return StoredObject(data, md5(data, usedforsecurity=False).hexdigest())
