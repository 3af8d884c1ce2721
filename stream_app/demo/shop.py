"""The drawn catalogue as files: what `stream-app catalog load` reads."""

from collections.abc import Callable, Sequence
from pathlib import Path

import orjson

from stream_app.demo.garments import Garment, draw

__all__ = ["write_catalogue"]


def write_catalogue(
    garments: Sequence[Garment], folder: Path, *, progress: Callable[[str, int, int], None]
) -> Path:
    """Write items.jsonl and pictures/ below `folder`, and return the former's path.

    Pictures that are there are not drawn again. The rows don't tell what only the picture shows.
    """
    (folder / "pictures").mkdir(parents=True, exist_ok=True)
    for done, garment in enumerate(garments, start=1):
        picture = folder / _picture(garment)
        if not picture.exists():
            # By renaming, so that an interrupted run leaves no half picture behind.
            partial = picture.with_suffix(".part")
            partial.write_bytes(draw(garment))
            partial.rename(picture)
        progress("drawing the catalogue", done, len(garments))
    items = folder / "items.jsonl"
    items.write_bytes(b"".join(orjson.dumps(_row(garment)) + b"\n" for garment in garments))
    return items


def _picture(garment: Garment) -> str:
    return f"pictures/{garment.item_id}.jpg"


def _row(garment: Garment) -> dict[str, object]:
    return {
        "item_id": garment.item_id,
        "title": garment.title,
        "description": garment.description,
        "categories": [garment.kind],
        "image": _picture(garment),
        "price": garment.price,
    }
