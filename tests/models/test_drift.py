"""An old taste fades, and one that returns comes back faster than it came first."""

from models.preference import apply_event, new_preference, taste
from records import EPOCH, interaction, source
from schemas.item_profile import ItemProfile
from schemas.user_preference import UserPreference
from world import ENGINE, profiles

[SOME] = profiles(1)


def of_colour(colour: str, number: int) -> ItemProfile:
    return SOME.model_copy(
        update={
            "item_id": f"{colour}-{number}",
            "title": f"{colour} {number}",
            "attributes": {"colour": colour},
            "categories": (),
        }
    )


def after(state: UserPreference, colour: str, num_events: int) -> UserPreference:
    for _ in range(num_events):
        number = state.num_events
        profile = of_colour(colour, number)
        event = interaction(number, item=profile.item_id, kind="like")
        state = apply_event(state, event, source(number), profile)
    return state


def num_events_until_first(state: UserPreference, colour: str) -> int:
    for num_events in range(1, 100):
        state = after(state, colour, 1)
        if taste(state).likes[0] == f"colour={colour}":
            return num_events
    raise AssertionError(f"{colour} never came first")


START = new_preference("ada", EPOCH, ENGINE.versions)


def test_a_new_taste_comes_first_within_ten_events_and_the_old_one_fades() -> None:
    blue = after(START, "blue", 30)
    assert num_events_until_first(blue, "red") <= 10
    then_red = after(blue, "red", 30)
    assert then_red.likes["colour=blue"] < 0.2 * then_red.likes["colour=red"]
    assert not any("blue" in seen.title for seen in then_red.evidence)


def test_a_taste_that_returns_comes_back_faster_than_a_new_one() -> None:
    blue_then_red = after(after(START, "blue", 20), "red", 12)
    returning = num_events_until_first(blue_then_red, "blue")
    assert returning < num_events_until_first(blue_then_red, "green")
