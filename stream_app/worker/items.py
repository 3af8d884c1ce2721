"""item-images -> profiles: decides, writes nothing."""

from collections.abc import Sequence

from aiokafka import ConsumerRecord

from models.catalogue import Catalogue
from models.engine import Engine
from models.errors import EngineError
from models.profile import is_current, profile_items, with_shop_fields
from schemas.codec import Poison, decode
from schemas.item_image import ItemImage
from schemas.item_profile import ItemProfile
from stream_app.worker.outcome import Outcome, Profiled, Refused, Unchanged, Withdrawn

__all__ = ["process_items"]


def process_items(
    engine: Engine, catalogue: Catalogue, records: Sequence[ConsumerRecord]
) -> list[Outcome]:
    """Read the items that are new or changed, in one batch; one record of each key at most."""
    outcomes: list[Outcome] = []
    to_read: list[tuple[ConsumerRecord, ItemImage]] = []
    for record in records:
        if record.value is None:
            outcomes.append(Withdrawn(record))
            continue
        source = decode(ItemImage, record.value)
        if isinstance(source, Poison):
            outcomes.append(Refused(record, source.error, source.reason))
        elif is_current(known := catalogue.get(source.item.item_id), source, engine.versions):
            outcomes.append(_refreshed(record, source, known))
        else:
            to_read.append((record, source))
    return outcomes + _read(engine, to_read)


def _refreshed(record: ConsumerRecord, source: ItemImage, known: ItemProfile) -> Outcome:
    fresh = with_shop_fields(known, source.item)
    return Unchanged(record) if fresh == known else Profiled(record, fresh)


def _read(engine: Engine, to_read: list[tuple[ConsumerRecord, ItemImage]]) -> list[Outcome]:
    profiles = profile_items(engine, [source for _, source in to_read])
    return [
        Refused(record, type(profile).__name__, str(profile))
        if isinstance(profile, EngineError)
        else Profiled(record, profile)
        for (record, _), profile in zip(to_read, profiles, strict=True)
    ]
