"""interactions-enriched -> states and rankings: decides, writes nothing."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime

from aiokafka import ConsumerRecord

from models.catalogue import Catalogue
from models.engine import Engine
from models.errors import EngineError, EngineLostError
from models.fusion import Blend
from models.preference import Applied
from models.profile import UNREAD, profile_items, unread_profile
from models.step import RankedBy, StepInput, StepOptions, step
from schemas.codec import Poison, decode
from schemas.enriched_interaction import EnrichedInteraction
from schemas.item_image import ItemImage
from schemas.item_profile import ItemProfile
from schemas.user_preference import UserPreference
from stream_app.worker.outcome import Answered, Erased, Outcome, Refused, Unchanged

__all__ = ["Answering", "process_events"]

BLIND = "the item was read without its picture"
LATE = "it waited too long: ranked without model"

StateOf = Callable[[ConsumerRecord], bytes | None]
AdapterOf = Callable[[str], str | None]
BlendOf = Callable[[str], Blend | None]
States = dict[bytes, UserPreference | None]


@dataclass(frozen=True)
class _Event:
    record: ConsumerRecord
    enriched: EnrichedInteraction
    adapter: str | None
    blend: Blend | None
    ranked_by: RankedBy


@dataclass(frozen=True)
class Answering:
    """How events are answered.

    `adapter_of` tells by user id which adapter answers, None the base weights; `blend_of` what
    makes the final score, None the blend of the options. What was recorded before `shed_before` is
    ranked by the prior alone; None sheds nothing.
    """

    options: StepOptions
    adapter_of: AdapterOf = lambda _: None
    blend_of: BlendOf = lambda _: None
    shed_before: datetime | None = None


def process_events(
    engine: Engine,
    catalogue: Catalogue,
    state_of: StateOf,
    records: Sequence[ConsumerRecord],
    answering: Answering,
) -> list[Outcome]:
    """Apply events and rank for the newest one of each user; the catalogue learns new items.

    Each user's records must be in their order; all but the newest are applied without an answer.

    Raises:
        EngineLostError: If the engine can't go on; nothing has become of the records.
    """
    outcomes: list[Outcome] = []
    states: States = {}
    runs: list[list[_Event]] = []
    for of_user in _by_key(records):
        events, decided = _read_run(of_user, states, state_of, answering)
        outcomes += decided
        runs.append(events)
    for number in range(max(map(len, runs), default=0)):
        events = [run[number] for run in runs if number < len(run)]
        answered = _answer(engine, catalogue, states, events, {}, answering.options)
        for one in answered:
            if isinstance(one, Answered):
                states[one.record.key] = one.state
        outcomes += answered
    return outcomes


def _by_key(records: Sequence[ConsumerRecord]) -> list[list[ConsumerRecord]]:
    by_key: dict[object, list[ConsumerRecord]] = {}
    for record in records:
        key = (record.partition, record.offset) if record.key is None else record.key
        by_key.setdefault(key, []).append(record)
    return list(by_key.values())


def _read_run(
    records: Sequence[ConsumerRecord], states: States, state_of: StateOf, answering: Answering
) -> tuple[list[_Event], list[Outcome]]:
    """Return a user's events that are to be applied, and what becomes of the other records."""
    events: list[_Event] = []
    decided: list[Outcome] = []
    applied: Applied | None = None
    for record in records:
        read = _read(record, states, state_of)
        if not isinstance(read, EnrichedInteraction):
            decided.append(read)
            continue
        applied = applied or Applied(states[record.key])
        if applied.includes(read.source, read.interaction.event_id):
            decided.append(Unchanged(record))
        else:
            applied.add(read.source, read.interaction.event_id)
            user_id = read.interaction.user_id
            adapter, blend = answering.adapter_of(user_id), answering.blend_of(user_id)
            events.append(_Event(record, read, adapter, blend, ranked_by=None))
    if events:
        events[-1] = replace(events[-1], ranked_by=_ranked_by(events[-1], answering.shed_before))
    return events, decided


def _ranked_by(event: _Event, shed_before: datetime | None) -> RankedBy:
    is_late = shed_before is not None and event.enriched.source.timestamp < shed_before
    return "prior" if is_late else "model"


def _read(
    record: ConsumerRecord, states: States, state_of: StateOf
) -> EnrichedInteraction | Outcome:
    """Return the event, or what becomes of its record without being applied."""
    if record.key is None:
        return Refused(record, "NullKey", "an enriched interaction needs its user as key")
    if record.value is None:
        return Erased(record)
    enriched = decode(EnrichedInteraction, record.value)
    if isinstance(enriched, Poison):
        return Refused(record, enriched.error, enriched.reason)
    if enriched.interaction.user_id.encode() != record.key:
        return Refused(record, "KeyMismatch", "the key is not the user_id of the value")
    if record.key not in states:
        raw = state_of(record)
        state = None if raw is None else decode(UserPreference, raw)
        if isinstance(state, Poison):
            # Going on without it would overwrite what the user's history was.
            return Refused(record, "UnreadableState", state.reason)
        states[record.key] = state
    return enriched


def _answer(
    engine: Engine,
    catalogue: Catalogue,
    states: States,
    events: list[_Event],
    profiles: dict[str, ItemProfile],
    options: StepOptions,
) -> list[Outcome]:
    """Answer events of different users; `profiles` learns what was read, and keeps it on retry."""
    if not events:
        return []
    try:
        profiles |= _profile_unknown(engine, catalogue, events)
        inputs = [
            _step_input(event, states[event.record.key], catalogue, profiles) for event in events
        ]
        results = step(engine, catalogue, inputs, options)
    except EngineLostError:
        raise
    except Exception as error:  # noqa: BLE001  # one bad record costs one record, whatever it broke
        if len(events) == 1:
            if (read := _new_profile(events[0], profiles)) is not None:
                # Nobody but us would know it: no answer carries it to the topic.
                catalogue.remove(read.item_id)
            return [Refused(events[0].record, type(error).__name__, str(error))]
        middle = len(events) // 2
        return [
            outcome
            for half in (events[:middle], events[middle:])
            for outcome in _answer(engine, catalogue, states, half, profiles, options)
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
        elif catalogue.is_withdrawn(item_id):
            # Enriched before its item was deleted: good for this answer.
            profiles[item_id] = profile.model_copy(update={"versions": UNREAD})
        elif source.item.image is not None and source.image is None:
            # Good for this answer; kept, it would stand for a profile that knows the picture.
            profiles[item_id] = profile.model_copy(update={"versions": UNREAD, "degraded": BLIND})
        else:
            catalogue.put(profile)
            profiles[item_id] = profile
    return profiles


def _step_input(
    event: _Event,
    state: UserPreference | None,
    catalogue: Catalogue,
    profiles: dict[str, ItemProfile],
) -> StepInput:
    item_id = event.enriched.item.item_id
    profile = profiles.get(item_id) or catalogue.get(item_id)
    if profile is None:
        raise LookupError(f"item {item_id} was neither known nor profiled")
    late = LATE if event.ranked_by == "prior" else None
    missing = [event.enriched.degraded, profile.degraded, late]
    return StepInput(
        state=state,
        event=event.enriched.interaction,
        source=event.enriched.source,
        profile=profile,
        degraded=tuple(dict.fromkeys(filter(None, missing))),
        adapter=event.adapter,
        blend=event.blend,
        ranked_by=event.ranked_by,
    )


def _new_profile(event: _Event, profiles: dict[str, ItemProfile]) -> ItemProfile | None:
    profile = profiles.get(event.enriched.item.item_id)
    return None if profile is None or profile.versions == UNREAD else profile
