"""Rows of a catalogue -> items, in the shapes that catalogues come in."""

from datetime import datetime

from pydantic import ValidationError

from schemas.item import ImageLocation, Item
from stream_app.tables import Row, TableError, text_of

__all__ = ["image_path", "to_item"]

LIST_SEPARATOR = "|"
FALSE = {"false", "0", "no"}


def image_path(row: Row) -> str | None:
    """Return the picture's path relative to the folder of pictures, which is its key too.

    A row may also have it as the topic does: {"bucket": …, "key": …}.
    """
    image = row.get("image")
    if isinstance(image, dict):
        image = image.get("key")
    return None if image is None else str(image)


def to_item(row: Row, bucket: str, *, added_at: datetime | None) -> Item:
    """Return the item of a row; its picture is named as lying in `bucket` under its path.

    Ids may be numbers; `categories` (or `genres`) is a list or separated by "|"; `added_at` is
    used where the row has none.

    Raises:
        TableError: If a field is missing or refused; the message names it.
    """
    path = image_path(row)
    try:
        return Item(
            item_id=text_of(row, "item_id"),
            title=text_of(row, "title"),
            description=text_of(row, "description"),
            categories=_words(row.get("categories", row.get("genres"))),
            attributes=_attributes(row.get("attributes")),
            image=None if path is None else ImageLocation(bucket=bucket, key=path),
            price=None if row.get("price") is None else float(str(row["price"])),
            available=str(row.get("available", True)).lower() not in FALSE,
            added_at=datetime.fromisoformat(str(row["added_at"]))
            if row.get("added_at") is not None
            else added_at,
        )
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False)[0]
        raise TableError(f"{'.'.join(map(str, first['loc']))}: {first['msg']}") from error
    except ValueError as error:
        raise TableError(str(error)) from error


def _words(value: object) -> tuple[str, ...]:
    parts = value if isinstance(value, list) else str(value or "").split(LIST_SEPARATOR)
    return tuple(word for part in parts if (word := str(part).strip()))


def _attributes(value: object) -> dict[str, str]:
    if value is None:
        return {}
    if not isinstance(value, dict):
        raise TableError("attributes: expected an object of names and values")
    return {str(name): str(one) for name, one in value.items()}
