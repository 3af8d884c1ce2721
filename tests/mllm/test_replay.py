"""A history replayed alone gives the states that it gave live, among others in a batch."""

from datetime import timedelta

import pytest

from models.catalogue import Catalogue
from models.mllm.engine import MllmEngine
from models.profile import profile_items
from models.step import StepInput, StepOptions, step
from records import EPOCH, item_image, source
from schemas.codec import encode
from schemas.interaction import Interaction
from schemas.item import Item
from schemas.item_profile import ItemProfile
from schemas.user_preference import UserPreference

pytestmark = pytest.mark.model

USERS = ("ada", "bruno", "chiara")
NUM_EVENTS = 7
WORDS = ("Harbour hoodie", "Wool coat", "Heat (1995)", "A long lasting red lamp", "Hat", "Tent")


@pytest.fixture(scope="module")
def profiles(engine: MllmEngine) -> list[ItemProfile]:
    items = [
        Item(item_id=f"i{number}", title=f"{word} {number}", categories=(word.split()[-1].lower(),))
        for number, word in enumerate(WORDS)
    ]
    return profile_items(engine, [item_image(item) for item in items])


def inputs(
    user: str, number: int, state: UserPreference | None, profiles: list[ItemProfile]
) -> StepInput:
    offset = number * len(USERS) + USERS.index(user)
    profile = profiles[(number * 2 + USERS.index(user)) % len(profiles)]
    event = Interaction(
        event_id=f"e{offset}",
        user_id=user,
        item_id=profile.item_id,
        kind="like",
        occurred_at=EPOCH + timedelta(minutes=offset),
    )
    return StepInput(state, event, source(offset), profile)


def test_states_of_a_replay_are_those_of_the_live_run_byte_for_byte(
    engine: MllmEngine, profiles: list[ItemProfile]
) -> None:
    catalogue = Catalogue(engine.embedding_dim)
    for profile in profiles:
        catalogue.put(profile)
    live: dict[str, UserPreference | None] = dict.fromkeys(USERS)
    for number in range(NUM_EVENTS):
        together = [inputs(user, number, live[user], profiles) for user in USERS]
        results = step(engine, catalogue, together, StepOptions(4))
        live = {one.state.user_id: one.state for one in results}
    for user in USERS:
        alone: UserPreference | None = None
        for number in range(NUM_EVENTS):
            one = inputs(user, number, alone, profiles)
            [result] = step(engine, catalogue, [one], StepOptions(4))
            alone = result.state
        assert alone is not None
        assert alone.summary
        assert encode(alone) == encode(live[user])
