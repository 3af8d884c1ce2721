from datetime import UTC, datetime, timedelta
from typing import get_args

import pytest
from hypothesis import given
from hypothesis import strategies as st

from models.preference import (
    BLOCK_SIZE,
    MAX_AHEAD,
    MAX_EVIDENCE,
    MAX_EXCLUDED,
    MAX_FULL_FEATURES,
    MAX_RECENT,
    Applied,
    apply_event,
    evidence_line,
    new_preference,
    score_request,
    summary_request,
    taste,
    with_summary,
)
from models.step import StepInput, StepOptions, step
from records import EPOCH, interaction, source
from schemas.codec import encode
from schemas.interaction import InteractionKind
from schemas.user_preference import UserPreference
from world import ENGINE, catalogue, profiles

PROFILES = profiles(30)
KINDS = ("view", "click", "like", "dislike", "purchase")


def lived(history: list[tuple[int, str]]) -> UserPreference:
    """The state after events on items (by number) of a kind, one a second."""
    state = new_preference("ada", EPOCH, ENGINE.versions)
    for number, (item_number, kind) in enumerate(history):
        profile = PROFILES[item_number]
        event = interaction(number, item=profile.item_id, kind=kind)
        state = apply_event(state, event, source(number), profile)
    return state


def test_an_event_is_applied_once_and_earlier_ones_are_recognised() -> None:
    state = lived([(1, "click"), (2, "click")])
    assert Applied(state).includes(source(0), "e0")
    assert Applied(state).includes(source(1), "new")
    assert not Applied(state).includes(source(2), "new")
    assert not Applied(state).includes(source(0, partition=1), "new")
    assert not Applied(None).includes(source(0), "e0")


def test_a_first_event_from_the_future_stops_no_clock() -> None:
    event = interaction(1).model_copy(update={"occurred_at": EPOCH + timedelta(days=30_000)})
    one = StepInput(None, event, source(1), profiles(1)[0], ranked_by=None)
    (result,) = step(ENGINE, catalogue(3), [one], StepOptions(1))
    assert result.state.updated_at == source(1).timestamp + MAX_AHEAD


def test_an_item_with_every_feature_there_is_weighs_no_more_than_one_with_eight() -> None:
    modest, stuffed = (
        profiles(1)[0].model_copy(update={"attributes": {f"a{n}": "x" for n in range(number)}})
        for number in (4, 60)
    )
    weights = [
        sum(apply_event(lived([]), interaction(1, kind="like"), source(1), one).likes.values())
        for one in (modest, stuffed)
    ]
    num_features = len(modest.attributes) + len(modest.categories)
    assert weights[0] == pytest.approx(num_features)
    # Of sixty, thirty-two are kept.
    assert weights[1] < MAX_FULL_FEATURES


def test_a_rating_without_a_number_is_told_without_one() -> None:
    rated = lived([(1, "rating")]).recent[0].model_copy(update={"rating": None})
    assert evidence_line(rated).startswith("rated Item")


def test_an_event_sent_again_is_recognised_by_its_id_among_the_newest_16() -> None:
    state = lived([(1, "click")] + [(2, "view")] * (MAX_RECENT - 1))
    assert Applied(state).includes(source(50), "e0")
    assert not Applied(lived([(1, "click")] + [(2, "view")] * MAX_RECENT)).includes(
        source(50), "e0"
    )


@pytest.mark.parametrize("kind", get_args(InteractionKind))
def test_every_kind_can_be_applied_and_told(kind: str) -> None:
    state = lived([(1, kind)])
    assert evidence_line(state.recent[0]).endswith(state.recent[0].text)


def test_liking_counts_the_items_features_and_disliking_counts_against_them() -> None:
    state = lived([(1, "like"), (2, "dislike")])
    assert state.likes["colour=blue"] == 0.933033  # one event later, at a half-life of ten
    assert "colour=blue" not in state.dislikes
    assert state.dislikes["colour=green"] == 1.0


def test_an_old_taste_fades_and_a_returning_one_comes_back_faster() -> None:
    blue, red = [(n, "like") for n in range(1, 30, 3)], [(n, "like") for n in range(0, 30, 3)]
    drifted = lived(blue + 3 * red)
    assert drifted.likes["colour=red"] > 4 * drifted.likes["colour=blue"]
    back, fresh = lived(blue + 3 * red + blue[:3]), lived(3 * red + blue[:3])
    assert back.likes["colour=blue"] > fresh.likes["colour=blue"]


def test_thirty_days_halve_a_like_as_ten_events_do() -> None:
    state = lived([(1, "like")])
    profile = PROFILES[2]
    later = interaction(0, item=profile.item_id, kind="view").model_copy(
        update={"occurred_at": EPOCH + timedelta(days=30)}
    )
    after = apply_event(state, later, source(1), profile)
    assert after.likes["colour=blue"] == pytest.approx(0.5 * 0.5**0.1, abs=1e-5)


def test_an_event_from_the_future_moves_the_clock_by_a_day_at_most() -> None:
    state = lived([(1, "like")])
    ahead = interaction(0, item="i2").model_copy(
        update={"occurred_at": datetime(9999, 12, 31, tzinfo=UTC)}
    )
    after = apply_event(state, ahead, source(1), PROFILES[2])
    assert after.updated_at == source(1).timestamp + timedelta(days=1)
    assert after.likes["colour=blue"] > 0


def test_a_late_event_moves_no_clock_back() -> None:
    state = lived([(1, "like"), (2, "like")])
    late = interaction(-50, item="i3", kind="like")
    after = apply_event(state, late, source(2), PROFILES[3])
    assert after.updated_at == state.updated_at
    assert after.num_events == 3


def test_a_summary_is_due_when_the_block_is_full_and_knows_all_of_it() -> None:
    history = [(number, "click") for number in range(BLOCK_SIZE)]
    assert summary_request(lived(history[:-1])) is None
    request = summary_request(lived(history))
    assert request is not None
    assert len(request.block) == BLOCK_SIZE
    told = with_summary(lived(history), "likes it", ENGINE.versions)
    assert (told.summary, told.block_size) == ("likes it", 0)


def test_a_summary_that_could_not_be_written_is_made_up_for_with_the_next_event() -> None:
    request = summary_request(lived([(n, "click") for n in range(BLOCK_SIZE + 2)]))
    assert request is not None
    assert len(request.block) == BLOCK_SIZE + 2


@pytest.mark.parametrize("kind", ["purchase", "rating", "dislike"])
def test_what_was_bought_rated_or_ruled_out_is_excluded(kind: str) -> None:
    assert lived([(1, kind), (2, "click")]).excluded == ("i1",)


def test_the_likes_shown_are_the_weightiest() -> None:
    state = lived([(0, "like"), (1, "like"), (3, "like")])
    assert taste(state).likes[0] == "category=odd"


@given(st.lists(st.tuples(st.integers(0, 29), st.sampled_from(KINDS)), max_size=120))
def test_a_state_is_bounded_whatever_the_history(history: list[tuple[int, str]]) -> None:
    state = lived(history)
    assert len(state.recent) <= MAX_RECENT
    assert len(state.evidence) <= MAX_EVIDENCE
    assert len(state.excluded) <= MAX_EXCLUDED
    assert state.block_size <= len(state.recent)
    assert len(encode(state)) < 16_384
    assert state.num_events == len(history)


def test_a_one_shot_summary_rests_on_all_recent_events_and_no_summary() -> None:
    state = with_summary(lived([(1, "like")] * 5), "Likes hats.", ENGINE.versions)
    state = state.model_copy(update={"block_size": BLOCK_SIZE})
    request = summary_request(state, "one-shot")
    assert request is not None
    assert (request.previous, len(request.block)) == ("", 5)
    recurrent = summary_request(state)
    assert recurrent is not None
    assert (recurrent.previous, len(recurrent.block)) == ("Likes hats.", BLOCK_SIZE)


def test_without_summaries_a_prompt_has_the_newest_events_as_they_are() -> None:
    state = lived([(1, "like")] * (MAX_RECENT + 3))
    assert summary_request(state, "none") is None
    assert len(score_request(state, [PROFILES[2]]).recent) == MAX_RECENT
