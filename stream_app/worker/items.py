"""item-images -> profiles: decides, writes nothing."""

from collections.abc import Sequence

from aiokafka import ConsumerRecord

from models.catalogue import Catalogue
from models.engine import Engine
from models.errors import EngineError, UnavailableError
from models.profile import is_current, profile_items, with_shop_fields
from schemas.codec import Poison, decode
from schemas.item_image import ItemImage
from schemas.item_profile import ItemProfile
from stream_app.worker.outcome import Outcome, Postponed, Profiled, Refused, Unchanged, Withdrawn

__all__ = ["process_items"]


def process_items(
    engine: Engine, catalogue: Catalogue, records: Sequence[ConsumerRecord]
) -> list[Outcome]:
    """Read the items that are new or changed, in one batch; one record of each key at most."""
    outcomes: list[Outcome] = []
    to_read: list[tuple[ConsumerRecord, ItemImage]] = []
    for record in records:
        read = _decided(engine, catalogue, record)
        if isinstance(read, ItemImage):
            to_read.append((record, read))
        else:
            outcomes.append(read)
    return outcomes + _read(engine, to_read)


def _decided(engine: Engine, catalogue: Catalogue, record: ConsumerRecord) -> Outcome | ItemImage:
    """Return what becomes of a record, or the item if the model has to read it."""
    if record.key is None:
        return Refused(record, "NullKey", "an item image needs its item as key")
    if record.value is None:
        return Withdrawn(record)
    source = decode(ItemImage, record.value)
    if isinstance(source, Poison):
        return Refused(record, source.error, source.reason)
    if source.item.item_id.encode() != record.key:
        return Refused(record, "KeyMismatch", "the key is not the item_id of the value")
    known = catalogue.get(source.item.item_id)
    if is_current(known, source, engine.versions):
        return _refreshed(record, source, known)
    if source.degraded and known is not None and known.versions == engine.versions:
        # The picture can't be had just now: what was read with it is worth more.
        return _refreshed(record, source, known)
    return source


def _refreshed(record: ConsumerRecord, source: ItemImage, known: ItemProfile) -> Outcome:
    fresh = with_shop_fields(known, source.item)
    return Unchanged(record) if fresh == known else Profiled(record, fresh)


def _read(engine: Engine, to_read: list[tuple[ConsumerRecord, ItemImage]]) -> list[Outcome]:
    profiles = profile_items(engine, [source for _, source in to_read])
    return [
        _outcome(record, profile) for (record, _), profile in zip(to_read, profiles, strict=True)
    ]


def _outcome(record: ConsumerRecord, profile: ItemProfile | EngineError) -> Outcome:
    match profile:
        case UnavailableError():
            return Postponed(record)
        case EngineError():
            return Refused(record, type(profile).__name__, str(profile))
        case _:
            return Profiled(record, profile)
