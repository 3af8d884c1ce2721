"""item-images -> profiles: decides, writes nothing."""

from collections.abc import Sequence

from aiokafka import ConsumerRecord

from models.catalogue import Catalogue
from models.engine import Engine
from models.errors import EngineError
from models.profile import is_current, profile_items, with_shop_fields
from schemas.codec import Poison, decode
from schemas.item_image import ItemImage
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
            outcomes.append(_refreshed(record, source, catalogue) if known else Unchanged(record))
        else:
            to_read.append((record, source))
    return outcomes + _read(engine, to_read)


def _refreshed(record: ConsumerRecord, source: ItemImage, catalogue: Catalogue) -> Outcome:
    known = catalogue.get(source.item.item_id)
    if known is None or (fresh := with_shop_fields(known, source.item)) == known:
        return Unchanged(record)
    return Profiled(record, fresh)


def _read(engine: Engine, to_read: list[tuple[ConsumerRecord, ItemImage]]) -> list[Outcome]:
    if not to_read:
        return []
    try:
        profiles = profile_items(engine, [source for _, source in to_read])
    except EngineError as error:
        if len(to_read) == 1:
            return [Refused(to_read[0][0], type(error).__name__, str(error))]
        # Alone, the items without fault go through and the one at fault is known.
        return [outcome for one in to_read for outcome in _read(engine, [one])]
    return [
        Profiled(record, profile) for (record, _), profile in zip(to_read, profiles, strict=True)
    ]
