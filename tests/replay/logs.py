"""Small logs and a catalogue, written or drawn, and our answers to what is asked of them."""

from collections.abc import Mapping, Sequence
from datetime import timedelta
from pathlib import Path

from hypothesis import strategies as st

from models.profile import profile_items
from models.step import StepOptions
from models.weightless import WeightlessEngine
from records import EPOCH, item, item_image
from schemas.interaction import Interaction
from schemas.item import Item
from schemas.item_profile import ItemProfile
from stream_app.replay.journal import Header, open_journal, read_answers
from stream_app.replay.queries import Query, RankedList
from stream_app.replay.run import Replayed, answer_queries

KINDS = ("view", "like", "dislike", "purchase")
HEADER: Header = {"format": 1, "users": None}
NUM_ITEMS = 40


def event(number: int, user: str, of_item: int, kind: str = "like", at: int | None = None):
    return Interaction(
        event_id=f"e{number}",
        user_id=user,
        item_id=f"i{of_item}",
        kind=kind,
        occurred_at=EPOCH + timedelta(hours=number if at is None else at),
    )


def shop(num_items: int = NUM_ITEMS) -> dict[str, Item]:
    """Items of which a third has no date, a third was there first, and a third comes day by day."""
    dates = (None, EPOCH - timedelta(days=1))
    return {
        f"i{number}": item(
            number,
            added_at=dates[number % 3] if number % 3 < 2 else EPOCH + timedelta(days=number / 12),
        )
        for number in range(num_items)
    }


SHOP = shop()
PROFILES: dict[str, ItemProfile] = {
    one.item_id: one
    for one in profile_items(WeightlessEngine(), [item_image(one) for one in SHOP.values()])
    if isinstance(one, ItemProfile)
}

events = st.builds(
    event,
    st.just(0),
    st.sampled_from(["ada", "bob", "cem", "dee"]),
    st.integers(0, NUM_ITEMS - 1),
    st.sampled_from(KINDS),
    st.integers(0, 60),
)


def in_order(drawn: Sequence[Interaction]) -> list[Interaction]:
    """The events by time, each with an id of its own."""
    by_time = sorted(drawn, key=lambda one: one.occurred_at)
    return [one.model_copy(update={"event_id": f"e{place}"}) for place, one in enumerate(by_time)]


logs = st.lists(events, min_size=1, max_size=30).map(in_order)


def replayed(
    engine: WeightlessEngine, items: Mapping[str, Item] = SHOP, *, max_turns: int = 3
) -> Replayed:
    profiles = {item_id: PROFILES[item_id] for item_id in items}
    return Replayed(engine, items, profiles, StepOptions(10), max_turns)


def answers_of(
    out: Path,
    log: Sequence[Interaction],
    queries: Sequence[Query],
    *,
    max_turns: int = 3,
    learned: int | None = None,
) -> dict[str, RankedList]:
    """Our answers by query id, without what they took."""
    by = replayed(WeightlessEngine(), max_turns=max_turns)
    with open_journal(out, HEADER) as journal:
        answer_queries(by, log, queries, journal, learned=learned, progress=lambda *_: None)
    return {one.ranked.query_id: timeless(one.ranked) for one in read_answers(out)}


def timeless(ranked: RankedList) -> RankedList:
    return RankedList(ranked.query_id, ranked.item_ids, ranked.scores, sources=ranked.sources)
