"""Decayed counts against sums over all events, and what keeps them bounded."""

from collections import defaultdict
from datetime import datetime, timedelta
from itertools import chain

import pytest
from hypothesis import given
from hypothesis import strategies as st

from models.preference import leaning
from models.signals import leaders
from models.signals.decay import Decay
from models.signals.leaders import Leaders
from models.signals.learner import KEPT_NEIGHBOURS, MAX_NEIGHBOURS, MAX_RECENT, Learner
from models.signals.signals import Signals
from records import EPOCH, source
from schemas.codec import decode, encode
from schemas.enriched_interaction import SourcePosition
from schemas.interaction import Interaction, InteractionKind
from schemas.item_signals import ItemSignals

HALF_LIFE = timedelta(hours=1)
DECAY = Decay(HALF_LIFE)
# Every count is rounded to a millionth each time that it is touched.
CLOSE = 1e-4
Event = tuple[Interaction, SourcePosition]


def event(
    number: int, user: str, item: str, kind: InteractionKind = "like", minutes: float = 0.0
) -> Event:
    happened = Interaction(
        event_id=f"e{number}",
        user_id=user,
        item_id=item,
        kind=kind,
        occurred_at=EPOCH + timedelta(minutes=minutes),
    )
    return happened, source(number)


def after(events: list[Event]) -> Signals:
    signals = Signals(DECAY)
    for one in events:
        signals.observe(*one)
    return signals


ROWS = st.lists(
    st.tuples(
        st.sampled_from(["ada", "bob", "cyd"]),
        st.sampled_from([f"i{number}" for number in range(8)]),
        st.sampled_from(["view", "click", "like", "purchase", "dislike"]),
        st.floats(0, 600),
    ),
    max_size=40,
)


def events_of(rows: list[tuple[str, str, InteractionKind, float]]) -> list[Event]:
    return [event(number, *row) for number, row in enumerate(rows)]


class BruteForce:
    """The definition: each count is a sum over all events, decayed from each one's own time."""

    def __init__(self, events: list[Event], at: datetime) -> None:
        self.popularity: defaultdict[str, float] = defaultdict(float)
        self.transitions: defaultdict[tuple[str, str], float] = defaultdict(float)
        self.covisits: defaultdict[tuple[str, str], float] = defaultdict(float)
        histories: defaultdict[str, list[tuple[str, float, datetime]]] = defaultdict(list)
        for one, _ in events:
            if leaning(one) > 0:
                self._add(histories[one.user_id], one, at)

    def _add(self, history: list, one: Interaction, at: datetime) -> None:
        now = max([one.occurred_at, *(then for *_, then in history)])
        left = self.decayed(now, at)
        self.popularity[one.item_id] += leaning(one) * left
        newest: dict[str, tuple[float, datetime]] = {}
        for item_id, weight, then in reversed(history):
            if len(newest) < MAX_RECENT:
                newest.setdefault(item_id, (weight, then))
        newest.pop(one.item_id, None)
        for age, (item_id, (weight, then)) in enumerate(newest.items()):
            pair = min(weight * self.decayed(then, now), leaning(one)) * left
            self.covisits[item_id, one.item_id] += pair
            self.covisits[one.item_id, item_id] += pair
            self.transitions[item_id, one.item_id] += pair if age == 0 else 0.0
        history.append((one.item_id, leaning(one), now))

    @staticmethod
    def decayed(since: datetime, at: datetime) -> float:
        return 2.0 ** -((at - since) / HALF_LIFE)


@given(rows=ROWS)
def test_counts_are_the_sums_over_all_events(rows: list) -> None:
    events, at = events_of(rows), EPOCH + timedelta(hours=12)
    signals, expected = after(events), BruteForce(events, at)
    for item_id in {one.item_id for one, _ in events}:
        assert signals.popularity(item_id, at) == pytest.approx(
            expected.popularity[item_id], abs=CLOSE
        )
        found = dict(signals.neighbours(item_id, MAX_NEIGHBOURS, at))
        for other in {one.item_id for one, _ in events}:
            pair = (item_id, other)
            wanted = expected.transitions[pair] + expected.covisits[pair]
            assert found.get(other, 0.0) == pytest.approx(wanted, abs=CLOSE)


@given(rows=ROWS, order=st.randoms(use_true_random=False))
def test_the_order_in_which_users_come_does_not_matter(rows: list, order) -> None:
    by_user: defaultdict[str, list[Event]] = defaultdict(list)
    for one in events_of(rows):
        by_user[one[0].user_id].append(one)
    turns = [user for user, events in by_user.items() for _ in events]
    order.shuffle(turns)
    shuffled = [
        next(waiting) for waiting in map({u: iter(e) for u, e in by_user.items()}.get, turns)
    ]
    at = EPOCH + timedelta(hours=12)
    one, other = after(list(chain(*by_user.values()))), after(shuffled)
    for item_id in {row[1] for row in rows}:
        assert dict(one.neighbours(item_id, 50, at)) == pytest.approx(
            dict(other.neighbours(item_id, 50, at)), abs=CLOSE
        )
        assert one.popularity(item_id, at) == pytest.approx(
            other.popularity(item_id, at), abs=CLOSE
        )


@given(rows=ROWS)
def test_partitions_add_up_to_the_whole(rows: list) -> None:
    events, at = events_of(rows), EPOCH + timedelta(hours=12)
    whole, summed = after(events), Signals(DECAY)
    for number, user in enumerate(["ada", "bob", "cyd"]):
        learner = Learner(DECAY)
        for one in events:
            if one[0].user_id == user:
                learner.observe(*one)
        for item_id, partial in learner.items.items():
            summed.put(number, item_id, partial)
    for item_id in {row[1] for row in rows}:
        assert dict(summed.neighbours(item_id, 50, at)) == pytest.approx(
            dict(whole.neighbours(item_id, 50, at)), abs=CLOSE
        )
        assert summed.popularity(item_id, at) == pytest.approx(
            whole.popularity(item_id, at), abs=CLOSE
        )


@given(rows=ROWS, cuts=st.sets(st.integers(0, 40)))
def test_batches_change_nothing_not_even_a_digit(rows: list, cuts: set[int]) -> None:
    """As the process does it: each batch knows only what was written, as bytes."""
    events, whole = events_of(rows), Learner(DECAY)
    users, items = {}, {}
    for first, last in zip([0, *sorted(cuts)], [*sorted(cuts), 40], strict=True):
        batch = Learner(DECAY, users.get, items.get)
        for one in events[first:last]:
            batch.observe(*one)
        users |= {one: decode(type(user), encode(user)) for one, user in batch.users.items()}
        items |= {one: decode(ItemSignals, encode(item)) for one, item in batch.items.items()}
    for one in events:
        whole.observe(*one)
    assert (users, items) == (whole.users, whole.items)


def test_what_users_go_on_to_leads_and_what_they_only_saw_too_follows() -> None:
    events = [event(number, f"u{number // 3}", f"i{number % 3}") for number in range(9)]
    at = events[-1][0].occurred_at
    # Three users went 0 -> 1 -> 2: 1 follows on 0, and each goes with each.
    assert after(events).neighbours("i0", 5, at) == [("i1", 6.0), ("i2", 3.0)]
    assert after(events).neighbours("i2", 5, at) == [("i0", 3.0), ("i1", 3.0)]
    assert after(events).neighbours("i0", 1, at) == [("i1", 6.0)]


def test_an_event_that_comes_again_counts_once() -> None:
    events = [event(0, "ada", "a"), event(1, "ada", "b")]
    again = [events[0], (events[1][0], source(2)), (events[0][0], source(3))]
    one, other = after(events), after(events + again)
    at = events[-1][0].occurred_at
    assert one.neighbours("a", 5, at) == other.neighbours("a", 5, at)
    assert one.popular(5, at) == other.popular(5, at)


def test_what_speaks_against_an_item_counts_for_nothing() -> None:
    signals = after([event(0, "ada", "a"), event(1, "ada", "bad", "dislike"), event(2, "ada", "b")])
    assert [item_id for item_id, _ in signals.neighbours("a", 5, EPOCH)] == ["b"]
    assert signals.popularity("bad", EPOCH) == 0.0


def test_a_pair_counts_by_the_weaker_of_its_events_the_earlier_one_faded() -> None:
    learner = Learner(DECAY)
    for one in (event(0, "ada", "a", "purchase"), event(1, "ada", "b", "click", minutes=60)):
        learner.observe(*one)
    assert learner.items["a"].transitions == {"b": 0.5}
    # 1.5 an hour ago is 0.75 now, and 0.75 another hour later is less than a like.
    for one in (event(2, "bob", "a", "purchase"), event(3, "bob", "c", "like", minutes=120)):
        learner.observe(*one)
    assert learner.items["a"].transitions == {"b": 0.25, "c": 0.375}


def test_an_erased_user_begins_anew_and_what_was_counted_stays() -> None:
    learner = Learner(DECAY)
    learner.observe(*event(5, "ada", "a"))
    learner.erase("ada")
    assert learner.users == {"ada": None}
    learner.observe(*event(6, "ada", "b"))
    ada = learner.users["ada"]
    assert ada is not None
    assert [visit.item_id for visit in ada.recent] == ["b"]
    assert learner.items["a"].transitions == {}
    assert learner.items["a"].popularity == 1.0


def test_states_are_bounded_whatever_comes() -> None:
    learner = Learner(DECAY)
    for number in range(400):
        learner.observe(*event(2 * number, "busy", f"{number:0>256}"))
        learner.observe(*event(2 * number + 1, f"u{number}", "hub"))
        learner.observe(*event(2 * number + 2, f"u{number}", f"next-{number}"))
    busy = learner.users["busy"]
    assert busy is not None
    assert len(busy.recent) == MAX_RECENT
    assert len(busy.event_ids) == 16
    hub = learner.items["hub"]
    assert KEPT_NEIGHBOURS <= len(hub.transitions) <= MAX_NEIGHBOURS
    assert KEPT_NEIGHBOURS <= len(hub.covisits) <= MAX_NEIGHBOURS
    assert hub.popularity == 400.0
    assert max(len(encode(one)) for one in learner.items.values()) < 40_000


def test_an_item_is_dropped_when_nothing_is_left_of_it_and_no_sooner() -> None:
    old = Learner(DECAY)
    old.observe(*event(0, "ada", "old"))
    known = [one for one in old.items.values() if one is not None]
    for hours, is_dropped in ((20, False), (21, True)):
        learner = Learner(DECAY, item_of=old.items.get)
        learner.observe(*event(1, "bob", "new", minutes=60 * hours))
        learner.drop_faded(known)
        assert ("old" in learner.items) == is_dropped
        learner.observe(*event(2, "bob", "old", minutes=60 * hours))
        back = learner.items["old"]
        assert back is not None
        assert back.popularity == pytest.approx(1.0, abs=1e-5)


def test_a_newcomer_rises_among_neighbours_that_are_all_taken() -> None:
    learner = Learner(DECAY)
    numbers = iter(range(10_000))

    def walk(user: str, *items: str) -> None:
        for item_id in items:
            learner.observe(*event(next(numbers), user, item_id))

    for number in range(MAX_NEIGHBOURS):
        for again in range(3):
            walk(f"old-{number}-{again}", "hub", f"old-{number}")
    for number in range(20):
        walk(f"new-{number}", "hub", "newcomer")
    weights = learner.items["hub"].transitions
    assert max(weights, key=lambda item_id: weights[item_id]) == "newcomer"


def test_trends_follow_the_stream_and_not_its_past() -> None:
    old = [event(number, f"u{number}", "old") for number in range(8)]
    new = [event(8 + number, f"v{number}", "new", minutes=240) for number in range(2)]
    signals, at = after(old + new), EPOCH + timedelta(minutes=240)
    assert signals.popular(2, at) == [("new", pytest.approx(2.0)), ("old", pytest.approx(0.5))]
    assert signals.popular(1, at) == [("new", pytest.approx(2.0))]


def test_popularity_by_category_follows_the_catalogue() -> None:
    signals = Signals(DECAY)
    signals.describe("a", ("hats",))
    for one in (event(0, "ada", "a"), event(1, "bob", "b"), event(2, "cyd", "b")):
        signals.observe(*one)
    assert [item_id for item_id, _ in signals.popular(5, EPOCH, "hats")] == ["a"]
    signals.describe("b", ("hats", "coats"))
    assert [item_id for item_id, _ in signals.popular(5, EPOCH, "hats")] == ["b", "a"]
    assert [item_id for item_id, _ in signals.popular(5, EPOCH, "coats")] == ["b"]
    signals.describe("b", ("coats",))
    signals.describe("a", ())
    assert signals.popular(5, EPOCH, "hats") == []
    assert signals.popular(5, EPOCH, "shoes") == []


def test_what_a_partition_takes_back_is_gone() -> None:
    signals, learner = Signals(DECAY), Learner(DECAY)
    learner.observe(*event(0, "ada", "a"))
    for partition in (0, 3):
        signals.put(partition, "a", learner.items["a"])
    assert signals.popularity("a", EPOCH) == pytest.approx(2.0)
    signals.put(3, "a", None)
    assert signals.popularity("a", EPOCH) == pytest.approx(1.0)
    signals.put(0, "a", None)
    signals.put(0, "a", None)
    assert signals.popular(5, EPOCH) == []
    assert signals.is_empty


def test_a_clock_that_runs_ahead_is_believed_for_a_day() -> None:
    happened, position = event(0, "ada", "a", minutes=60 * 24 * 3650)
    signals = after([(happened, position)])
    believed = position.timestamp + timedelta(days=1)
    assert signals.popularity("a", believed) == pytest.approx(1.0)


@given(
    weights=st.lists(st.tuples(st.floats(1e-6, 1e6), st.floats(-9e4, 0)), min_size=2, max_size=5),
    later_h=st.floats(0, 500),
)
def test_an_order_by_standing_is_the_order_at_any_time(weights: list, later_h: float) -> None:
    at = EPOCH + timedelta(hours=later_h)
    known = [(weight, EPOCH + timedelta(hours=hours / 1e3)) for weight, hours in weights]
    one, rest = known[:1], known[1:]
    sums = [sum(w * 2.0 ** -((at - then) / HALF_LIFE) for w, then in some) for some in (one, rest)]
    standings = [DECAY.standing(some) for some in (one, rest)]
    for standing, expected in zip(standings, sums, strict=True):
        assert DECAY.weight(standing, at) == pytest.approx(expected, rel=1e-6)


def test_a_time_long_before_the_events_does_not_overflow() -> None:
    standing = DECAY.standing([(1.0, EPOCH)])
    assert DECAY.weight(standing, EPOCH - timedelta(days=36_500)) < float("inf")
    assert DECAY.weight(standing, EPOCH + timedelta(days=36_500)) == 0.0


@pytest.mark.parametrize("hours", [0, -1])
def test_a_half_life_that_is_none_is_refused(hours: int) -> None:
    with pytest.raises(ValueError, match="is not above zero"):
        Decay(timedelta(hours=hours))


@given(rises=st.lists(st.tuples(st.integers(0, 30), st.floats(0.001, 5)), max_size=120))
def test_leaders_are_those_that_sorting_all_would_find(rises: list[tuple[int, float]]) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(leaders, "MAX_LEADERS", 4)
        kept, everyone = Leaders(), defaultdict(float)
        for number, rise in rises:
            everyone[f"i{number}"] += rise
            kept.put(f"i{number}", everyone[f"i{number}"])
            expected = sorted(everyone.items(), key=lambda one: (-one[1], one[0]))[:4]
            assert [one[1] for one in kept.best()[:4]] == [one[1] for one in expected]
            assert len(kept.best()) <= 8


def test_a_leader_that_falls_makes_room() -> None:
    kept = Leaders()
    kept.put("a", 2.0)
    kept.put("b", 1.0)
    kept.put("a", float("-inf"))
    assert kept.best() == [("b", 1.0)]
