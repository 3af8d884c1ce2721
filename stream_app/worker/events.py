"""interactions-enriched -> states and rankings: decides, writes nothing."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from aiokafka import ConsumerRecord

from models.catalogue import Catalogue
from models.engine import Engine
from models.errors import EngineError
from models.preference import is_applied
from models.profile import UNREAD, profile_items, unread_profile
from models.step import StepInput, StepOptions, step
from schemas.codec import Poison, decode
from schemas.enriched_interaction import EnrichedInteraction
from schemas.item_image import ItemImage
from schemas.item_profile import ItemProfile
from schemas.user_preference import UserPreference
from stream_app.worker.outcome import Answered, Erased, Outcome, Refused, Unchanged

__all__ = ["process_events"]

BLIND = "the item was read without its picture"

StateOf = Callable[[ConsumerRecord], bytes | None]
AdapterOf = Callable[[str], str | None]


@dataclass(frozen=True)
class _Event:
    record: ConsumerRecord
    enriched: EnrichedInteraction
    state: UserPreference | None
    adapter: str | None


def process_events(
    engine: Engine,
    catalogue: Catalogue,
    state_of: StateOf,
    records: Sequence[ConsumerRecord],
    *,
    options: StepOptions,
    adapter_of: AdapterOf = lambda _: None,
) -> list[Outcome]:
    """Apply one event of each user and rank for each; the catalogue learns new items on the way.

    `adapter_of` tells by user id which adapter answers, None the base weights.
    """
    outcomes: list[Outcome] = []
    events: list[_Event] = []
    for record in records:
        read = _read(record, state_of, adapter_of)
        if isinstance(read, _Event):
            events.append(read)
        else:
            outcomes.append(read)
    return outcomes + _answer(engine, catalogue, events, {}, options)


def _read(record: ConsumerRecord, state_of: StateOf, adapter_of: AdapterOf) -> _Event | Outcome:
    if record.key is None:
        return Refused(record, "NullKey", "an enriched interaction needs its user as key")
    if record.value is None:
        return Erased(record)
    enriched = decode(EnrichedInteraction, record.value)
    if isinstance(enriched, Poison):
        return Refused(record, enriched.error, enriched.reason)
    if enriched.interaction.user_id.encode() != record.key:
        return Refused(record, "KeyMismatch", "the key is not the user_id of the value")
    raw = state_of(record)
    state = None if raw is None else decode(UserPreference, raw)
    if isinstance(state, Poison):
        # Going on without it would overwrite what the user's history was.
        return Refused(record, "UnreadableState", state.reason)
    if is_applied(state, enriched.source, enriched.interaction.event_id):
        return Unchanged(record)
    return _Event(record, enriched, state, adapter_of(enriched.interaction.user_id))


def _answer(
    engine: Engine,
    catalogue: Catalogue,
    events: list[_Event],
    profiles: dict[str, ItemProfile],
    options: StepOptions,
) -> list[Outcome]:
    """Answer events; `profiles` learns what was read for them, and keeps it over a retry."""
    if not events:
        return []
    try:
        profiles |= _profile_unknown(engine, catalogue, events)
        inputs = [_step_input(event, catalogue, profiles) for event in events]
        results = step(engine, catalogue, inputs, options)
    except Exception as error:  # noqa: BLE001  # one bad record costs one record, whatever it broke
        if len(events) == 1:
            return [Refused(events[0].record, type(error).__name__, str(error))]
        return [
            outcome
            for event in events
            for outcome in _answer(engine, catalogue, [event], profiles, options)
        ]
    return [
        Answered(event.record, result.state, result.ranking, _new_profile(event, profiles))
        for event, result in zip(events, results, strict=True)
    ]


def _profile_unknown(
    engine: Engine, catalogue: Catalogue, events: list[_Event]
) -> dict[str, ItemProfile]:
    """Return profiles of the items that the catalogue doesn't know, and put the good ones in."""
    unknown = {
        event.enriched.item.item_id: ItemImage(
            item=event.enriched.item, image=event.enriched.image, degraded=event.enriched.degraded
        )
        for event in events
        if catalogue.get(event.enriched.item.item_id) is None
    }
    profiles: dict[str, ItemProfile] = {}
    read = profile_items(engine, list(unknown.values()))
    for (item_id, source), profile in zip(unknown.items(), read, strict=True):
        if isinstance(profile, EngineError):
            profiles[item_id] = unread_profile(engine, source, profile)
        elif source.item.image is not None and source.image is None:
            # Good for this answer; kept, it would stand for a profile that knows the picture.
            profiles[item_id] = profile.model_copy(update={"versions": UNREAD, "degraded": BLIND})
        else:
            catalogue.put(profile)
            profiles[item_id] = profile
    return profiles


def _step_input(event: _Event, catalogue: Catalogue, profiles: dict[str, ItemProfile]) -> StepInput:
    item_id = event.enriched.item.item_id
    profile = profiles.get(item_id) or catalogue.get(item_id)
    if profile is None:
        raise LookupError(f"item {item_id} was neither known nor profiled")
    missing = [event.enriched.degraded, profile.degraded]
    return StepInput(
        state=event.state,
        event=event.enriched.interaction,
        source=event.enriched.source,
        profile=profile,
        degraded=tuple(dict.fromkeys(filter(None, missing))),
        adapter=event.adapter,
    )


def _new_profile(event: _Event, profiles: dict[str, ItemProfile]) -> ItemProfile | None:
    profile = profiles.get(event.enriched.item.item_id)
    return None if profile is None or profile.versions == UNREAD else profile
