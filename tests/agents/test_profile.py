import pytest

from kafka_io import produce, read_count
from schemas.codec import decode, encode
from schemas.item import ImageLocation
from schemas.item_image import ItemImage
from tests.agents.harness import agent, read_dead_letters, stop
from tests.agents.pictures import plain
from tests.records import item

pytestmark = pytest.mark.kafka


async def test_items_become_pictures_with_their_text(settings, environment, put):
    etag = put("a.jpg", plain())
    bucket = settings.buckets[0]
    seen = item(1, image=ImageLocation(bucket=bucket, key="a.jpg"))
    unseen = item(1, image=ImageLocation(bucket=bucket, key="missing"))
    good = encode(seen)
    records = [
        (b"i1", good),
        (b"i1", b"not json"),
        (b"i2", good),
        (b"i1", encode(unseen)),
        (b"i1", None),
        (b"i1", encode(item(1))),
    ]
    await produce(settings, settings.topics.items.name, records)
    with agent("profile", environment) as process:
        found = await read_count(settings, settings.topics.item_images.name, 4)
        letters = await read_dead_letters(settings, 2)
        assert stop(process) == 0
    first, second, third, fourth = (
        record.value and decode(ItemImage, record.value) for record in found
    )
    assert [record.key for record in found] == [b"i1"] * 4
    assert first.item == seen
    assert (first.image.etag, first.degraded) == (etag, None)
    assert second.image is None
    assert second.degraded == f"MissingObject: no object missing in bucket {bucket}"
    assert third is None
    assert (fourth.image, fourth.degraded) == (None, None)
    assert {error: record.value for error, record in letters.items()} == {
        "MalformedJson": b"not json",
        "KeyMismatch": good,
    }
