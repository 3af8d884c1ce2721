"""Who is asked about what: windows, the split in time, negatives."""

from collections import Counter
from datetime import timedelta

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from records import EPOCH, interaction, item
from schemas.interaction import Interaction
from stream_app.finetune.examples import WINDOW, cut_at, draw_examples, histories_of, windows
from stream_app.finetune.negatives import Pool, exists_from, popularity

ITEM_IDS = [f"i{number}" for number in range(12)]
OLD = EPOCH - timedelta(days=1)
ALL_OLD = dict.fromkeys(ITEM_IDS, OLD)
FOR_EVER = EPOCH + timedelta(days=999)


def history(*item_ids: str, kinds: str = "") -> list[Interaction]:
    kind_of = {"l": "like", "d": "dislike"}
    return [
        interaction(number, item=item_id, kind=kind_of[(kinds or "l" * len(item_ids))[number]])  # type: ignore[arg-type]
        for number, item_id in enumerate(item_ids)
    ]


def uniform() -> Pool:
    return Pool(ALL_OLD, dict.fromkeys(ITEM_IDS, 1.0))


logs = st.lists(
    st.tuples(
        st.sampled_from("ab"), st.sampled_from(ITEM_IDS), st.sampled_from(["like", "dislike"])
    ),
    min_size=1,
    max_size=40,
).map(
    lambda rows: [
        interaction(number, user=user, item=item, kind=kind)
        for number, (user, item, kind) in enumerate(rows)
    ]
)


def test_the_first_event_and_items_met_before_are_no_positives() -> None:
    assert list(windows(history("i0", "i1", "i0", "i2"), FOR_EVER)) == [[1, 3]]


def test_what_is_disliked_is_no_positive() -> None:
    assert list(windows(history("i0", "i1", "i2", kinds="ldl"), FOR_EVER)) == [[2]]


def test_windows_begin_in_every_place_of_a_summary_block() -> None:
    found = windows(history(*ITEM_IDS, *(f"j{n}" for n in range(12))), FOR_EVER)
    assert {window[0] % 3 for window in found} == {0, 1, 2}


def test_a_window_ends_at_the_cut() -> None:
    own = history(*ITEM_IDS[:5])
    assert list(windows(own, own[2].occurred_at)) == [[1, 2], [3, 4]]


@given(events=logs, share=st.floats(0.05, 0.9), seed=st.integers(0, 9))
@settings(deadline=None)
def test_no_example_has_events_on_both_sides_of_the_cut(
    events: list[Interaction], share: float, seed: int
) -> None:
    cut = cut_at(events, validation_share=share)
    histories = histories_of(events, max_users=None, seed=seed)
    for example in draw_examples(histories, [uniform()], cut, seed=seed):
        own = histories[example.user_id]
        # The positives are asked of the state before the first of them.
        asked = [event for event in own[example.num_before :] if event.item_id in example.positives]
        times = {
            event.occurred_at <= cut for event in asked if event.occurred_at <= example.ends_at
        }
        assert times == {example.ends_at <= cut}


@given(events=logs, seed=st.integers(0, 9))
@settings(deadline=None)
def test_negatives_are_as_many_and_were_not_met(events: list[Interaction], seed: int) -> None:
    histories = histories_of(events, max_users=None, seed=seed)
    for example in draw_examples(histories, [uniform()], FOR_EVER, seed=seed):
        own = histories[example.user_id]
        before = [event.item_id for event in own if event.occurred_at <= example.ends_at]
        assert len(example.negatives) == len(example.positives) <= WINDOW
        assert len(set(example.candidates)) == len(example.candidates)
        assert not set(example.negatives) & set(before)
        assert not set(example.positives) & {one.item_id for one in own[: example.num_before]}


@given(
    ages=st.dictionaries(st.sampled_from(ITEM_IDS), st.integers(0, 50), min_size=1),
    weights=st.dictionaries(st.sampled_from(ITEM_IDS), st.floats(0, 5)),
    at=st.integers(0, 50),
    excluded=st.sets(st.sampled_from(ITEM_IDS)),
    seed=st.integers(0, 9),
)
@settings(deadline=None)
def test_a_pool_draws_what_exists_has_weight_and_is_not_excluded(
    ages: dict[str, int], weights: dict[str, float], at: int, excluded: set[str], seed: int
) -> None:
    since = {item_id: EPOCH + timedelta(days=age) for item_id, age in ages.items()}
    now = EPOCH + timedelta(days=at)
    drawn = Pool(since, weights).draw(np.random.default_rng(seed), at=now, excluded=excluded)
    allowed = {
        item_id
        for item_id in since
        if since[item_id] <= now and weights.get(item_id, 0) > 0 and item_id not in excluded
    }
    assert drawn in allowed if allowed else drawn is None


def test_draws_follow_the_weights() -> None:
    pool = Pool(ALL_OLD, {"i1": 3.0, "i2": 1.0})
    rng = np.random.default_rng(1)
    counts = Counter(pool.draw(rng, at=EPOCH, excluded=()) for _ in range(2000))
    assert set(counts) == {"i1", "i2"}
    assert counts["i1"] / 2000 == pytest.approx(0.75, abs=0.05)


def test_both_pools_take_turns() -> None:
    hot = Pool(ALL_OLD, dict.fromkeys(["i8", "i9", "i10", "i11"], 1.0))
    cold = Pool(ALL_OLD, dict.fromkeys(["i4", "i5", "i6", "i7"], 1.0))
    histories = {"ada": tuple(history("i0", "i1", "i2", "i3"))}
    [example] = draw_examples(histories, [hot, cold], FOR_EVER, seed=3)
    assert [one in {"i8", "i9", "i10", "i11"} for one in example.negatives] == [True, False, True]


def test_what_a_user_meets_later_may_be_a_negative() -> None:
    pool = Pool(ALL_OLD, {"i9": 1.0})
    own = tuple(history("i0", "i1", "i2", "i3", "i4", "i9"))
    [example] = draw_examples({"ada": own}, [pool], FOR_EVER, seed=0)
    assert example.negatives == ("i9",)


def test_an_item_exists_since_it_was_added_or_first_seen() -> None:
    items = {"i1": item(1, added_at=EPOCH + timedelta(days=9)), "i2": item(2, added_at=None)}
    since = exists_from({**items, "i3": item(3, added_at=None)}, history("i1", "i2"))
    assert since == {"i1": EPOCH, "i2": EPOCH + timedelta(seconds=1)}


def test_popularity_counts_what_speaks_for_an_item() -> None:
    assert popularity(history("i1", "i1", "i2", kinds="lld")) == {"i1": 2}


def test_users_are_drawn_the_same_way_each_time() -> None:
    events = [interaction(n, user=f"u{n % 10}", item=f"i{n}") for n in range(40)]
    chosen = histories_of(events, max_users=3, seed=1)
    assert len(chosen) == 3
    assert chosen == histories_of(events, max_users=3, seed=1)
    assert set(chosen) != set(histories_of(events, max_users=3, seed=2))


def test_a_user_with_one_event_is_left_out() -> None:
    assert histories_of(history("i1"), max_users=None, seed=0) == {}
