"""A file of items and a folder of pictures -> object storage and the items topic.

Only what is new or changed is written, so that loading the same catalogue again does nothing.
"""

import asyncio
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from datetime import UTC, datetime
from hashlib import md5
from mimetypes import guess_type
from pathlib import Path

from schemas.codec import Poison, decode, encode
from schemas.item import ImageLocation, Item
from stream_app.config import Settings
from stream_app.item_rows import image_path, to_item
from stream_app.kafka.compacted import newest_by_key
from stream_app.kafka.producer import reliable_producer
from stream_app.kafka.topics import require_topics
from stream_app.object_storage import ObjectStorage, connect
from stream_app.tables import Row, TableError, read_rows

__all__ = ["CatalogueReport", "load_catalogue", "upload_pictures"]

NUM_UPLOADS_AT_ONCE = 8

Progress = Callable[[str, int, int], None]


@dataclass
class CatalogueReport:
    """What loading did; `errors` names lines of the file and why they were left out."""

    num_items: int = 0
    num_written: int = 0
    num_pictures: int = 0
    num_uploaded: int = 0
    missing_pictures: list[str] = field(default_factory=list)
    errors: list[str] = field(default_factory=list)


async def load_catalogue(
    settings: Settings,
    path: Path,
    pictures: Path,
    *,
    again: bool = False,
    progress: Progress = lambda *_: None,
) -> CatalogueReport:
    """Load the items of `path` (JSONL or CSV), with pictures relative to the folder `pictures`.

    Pictures go to the first configured bucket, which is made if need be. `again` writes every
    item, changed or not: with a new model, that has all of them profiled anew.

    Raises:
        MissingTopicsError: If the topics were not created.
        TableError: If the file can't be read.
        StorageUnavailableError: If object storage can't be reached.
        KafkaError: If the broker can't.
    """
    await require_topics(settings)
    report = CatalogueReport()
    bucket = settings.buckets[0]
    rows = list(_good_rows(path, report))
    keys = sorted({key for _, row in rows if (key := image_path(row)) is not None})
    storage = ObjectStorage(connect(settings), settings.buckets)
    stored = await asyncio.to_thread(storage.etags, bucket)
    report.num_pictures = len(keys)
    report.num_uploaded = await asyncio.to_thread(
        upload_pictures, storage, bucket, pictures, keys, stored, progress
    )
    items = _items(rows, bucket, stored, report, await _known_items(settings))
    report.num_items = len(items)
    await _write(settings, items, again, report, progress)
    return report


def _good_rows(path: Path, report: CatalogueReport) -> Iterable[tuple[int, Row]]:
    for line, row in read_rows(path):
        if isinstance(row, TableError):
            report.errors.append(f"{path.name}:{line}: {row}")
        else:
            yield line, row


def upload_pictures(
    storage: ObjectStorage,
    bucket: str,
    pictures: Path,
    keys: list[str],
    stored: dict[str, str],
    progress: Progress,
) -> int:
    """Put the pictures that are new or changed, and return how many; `stored` learns them."""

    def upload(key: str) -> bool:
        try:
            file = (pictures / key).resolve()
            # The catalogue may come from elsewhere: it must not publish files of this machine.
            if not file.is_relative_to(pictures.resolve()) or not file.is_file():
                return False
            data = file.read_bytes()
        except (OSError, ValueError):
            # A name that no file can have, or a file that may not be read: reported as missing.
            return False
        etag = md5(data, usedforsecurity=False).hexdigest()
        if stored.get(key) == etag:
            return False
        kind = guess_type(key)[0] or "application/octet-stream"
        storage.write(ImageLocation(bucket=bucket, key=key), data, kind)
        stored[key] = etag
        return True

    num_uploaded = 0
    with ThreadPoolExecutor(NUM_UPLOADS_AT_ONCE) as pool:
        for done, is_uploaded in enumerate(pool.map(upload, keys), start=1):
            num_uploaded += is_uploaded
            progress("pictures", done, len(keys))
    return num_uploaded


async def _known_items(settings: Settings) -> dict[str, Item]:
    raw = await newest_by_key(settings, settings.topics.items.name)
    decoded = {item_id: decode(Item, value) for item_id, value in raw.items()}
    return {item_id: one for item_id, one in decoded.items() if not isinstance(one, Poison)}


def _items(
    rows: list[tuple[int, Row]],
    bucket: str,
    stored: dict[str, str],
    report: CatalogueReport,
    known: dict[str, Item],
) -> list[tuple[Item, bool]]:
    """Return each row's item, and whether the topic has to learn it."""
    now = datetime.now(UTC).replace(microsecond=0)
    items: list[tuple[Item, bool]] = []
    for line, row in rows:
        before = known.get(str(row.get("item_id")))
        try:
            added_at = before.added_at if before and before.added_at else now
            item = to_item(row, bucket, added_at=added_at)
        except TableError as error:
            report.errors.append(f"line {line}: {error}")
            continue
        if item.image is not None and item.image.key not in stored:
            report.missing_pictures.append(item.image.key)
            item = item.model_copy(update={"image": None})
        items.append((item, item != before))
    return items


async def _write(
    settings: Settings,
    items: list[tuple[Item, bool]],
    again: bool,
    report: CatalogueReport,
    progress: Progress,
) -> None:
    to_write = [item for item, is_new in items if is_new or again]
    async with reliable_producer(settings) as producer:
        acknowledgements = []
        for done, item in enumerate(to_write, start=1):
            topic, key = settings.topics.items.name, item.item_id.encode()
            acknowledgements.append(await producer.send(topic, encode(item), key=key))
            progress("items", done, len(to_write))
        await asyncio.gather(*acknowledgements)
    report.num_written = len(to_write)
