"""What the topics hold in the end, against a clean replay of what was sent."""

from collections import Counter
from dataclasses import asdict, dataclass
from datetime import UTC, datetime

from aiokafka import ConsumerRecord

from benchmarks.chaos.watch import Watch, record_of
from models.catalogue import Catalogue
from models.profile import profile_items
from models.step import StepInput, StepOptions, step
from models.weightless import WeightlessEngine
from schemas.codec import decode, encode
from schemas.dead_letter import DeadLetter
from schemas.enriched_interaction import SourcePosition
from schemas.interaction import Interaction
from schemas.item import Item
from schemas.item_image import ItemImage
from schemas.user_preference import UserPreference
from stream_app.config import Settings
from stream_app.kafka.compacted import newest_by_key
from stream_app.kafka.reading import read_to_end

__all__ = ["Verdict", "judge"]

Position = tuple[int, int]
COUNTED_ONLY = {"events", "bad_records", "recommended_again"}


@dataclass(frozen=True)
class Verdict:
    """Events and bad records by what became of them; all but the first three must be 0.

    `recommended_again` counts what a publish agent that was ended did once more.
    """

    events: int
    bad_records: int
    recommended_again: int
    lost: int
    ranked_twice: int
    never_recommended: int
    applied_twice: int
    not_applied: int
    states_unlike_replay: int
    bad_records_lost: int
    good_records_refused: int

    @property
    def is_clean(self) -> bool:
        """Whether nothing was lost, doubled or wrong."""
        return not any(count for name, count in asdict(self).items() if name not in COUNTED_ONLY)


async def judge(settings: Settings, items: list[Item], watch: Watch) -> Verdict:
    """Compare; everything that was sent must have come to its end."""
    replay = Replay(items)
    async for record in read_to_end(settings, settings.topics.interactions.name):
        replay.add(record)
    states = await newest_by_key(settings, settings.topics.user_preferences.name)
    counted = {user: _num_events(value) for user, value in states.items()}
    expected = {user: state.num_events for user, state in replay.states.items()}
    refused = await _refused(settings)
    users = expected.keys() | counted.keys()
    return Verdict(
        events=len(replay.event_ids),
        bad_records=len(replay.bad),
        recommended_again=sum(number - 1 for number in watch.recommendations.values()),
        lost=sum(event_id not in watch.rankings for event_id in replay.event_ids),
        ranked_twice=sum(number > 1 for number in watch.rankings.values()),
        never_recommended=sum(one not in watch.recommendations for one in replay.event_ids),
        applied_twice=sum(max(0, counted.get(one, 0) - expected.get(one, 0)) for one in users),
        not_applied=sum(max(0, expected.get(one, 0) - counted.get(one, 0)) for one in users),
        states_unlike_replay=sum(
            states.get(user) != encode(state) for user, state in replay.states.items()
        ),
        bad_records_lost=len(replay.bad - refused[settings.topics.interactions.name].keys()),
        good_records_refused=sum(
            len(
                positions.keys()
                - (replay.bad if topic == settings.topics.interactions.name else set())
            )
            for topic, positions in refused.items()
        ),
    )


class Replay:
    """The same records through the same step, one after the other, with no broker and no fault."""

    def __init__(self, items: list[Item]) -> None:
        self.states: dict[str, UserPreference] = {}
        self.event_ids: set[str] = set()
        self.bad: set[Position] = set()
        self._engine = WeightlessEngine()
        read = profile_items(self._engine, [ItemImage(item=one) for one in items])
        self._profiles = {one.item_id: one for one in read if not isinstance(one, Exception)}
        self._catalogue = Catalogue(self._engine.embedding_dim)

    def add(self, record: ConsumerRecord) -> None:
        """Apply the record's event, or note that it is no event."""
        event = decode(Interaction, record.value)
        if (
            not isinstance(event, Interaction)
            or event.user_id.encode() != record.key
            or event.item_id not in self._profiles
        ):
            self.bad.add((record.partition, record.offset))
            return
        source = SourcePosition(
            partition=record.partition,
            offset=record.offset,
            timestamp=datetime.fromtimestamp(record.timestamp / 1000, UTC),
        )
        state = self.states.get(event.user_id)
        profile = self._profiles[event.item_id]
        one = StepInput(state, event, source, profile, ranked_by=None)
        (result,) = step(self._engine, self._catalogue, [one], StepOptions(num_candidates=1))
        self.states[event.user_id] = result.state
        self.event_ids.add(event.event_id)


def _num_events(raw: bytes) -> int:
    return record_of(UserPreference, raw).num_events


async def _refused(settings: Settings) -> dict[str, Counter[Position]]:
    """Return by topic which records have a dead letter, and how many."""
    refused: dict[str, Counter[Position]] = {settings.topics.interactions.name: Counter()}
    async for record in read_to_end(settings, settings.topics.dead_letters.name):
        letter = DeadLetter.from_headers(record.headers)
        refused.setdefault(letter.topic, Counter())[letter.partition, letter.offset] += 1
    return refused
