"""A catalogue and users with a history, made up: the same in every run."""

from datetime import UTC, datetime

import numpy as np

from models.catalogue import Catalogue, embedding_to_bytes
from models.engine import Engine
from models.preference import BLOCK_SIZE, apply_event, new_preference
from models.step import StepInput
from schemas.enriched_interaction import SourcePosition
from schemas.interaction import Interaction
from schemas.item_profile import ItemProfile
from schemas.user_preference import UserPreference

__all__ = ["made_catalogue", "made_inputs"]

COLOURS = ("blue", "red", "green", "black", "cream", "rust")
KINDS = ("hoodie", "jumper", "dress", "scarf", "coat", "shirt", "skirt")
STUFFS = ("heavy brushed cotton", "merino wool", "washed linen", "recycled fleece")
START_S = 1_700_000_000


def made_catalogue(engine: Engine, num_items: int) -> Catalogue:
    """Return garments with random unit vectors."""
    rng = np.random.default_rng(0)
    catalogue = Catalogue(engine.embedding_dim)
    for number in range(num_items):
        colour = COLOURS[number % len(COLOURS)]
        kind = KINDS[number % len(KINDS)]
        stuff = STUFFS[number % len(STUFFS)]
        vector = rng.normal(size=engine.embedding_dim)
        catalogue.put(
            ItemProfile(
                item_id=str(number),
                title=f"Street {number} {kind}",
                summary=f"A {colour} {kind} in {stuff} with a relaxed cut.",
                attributes={"colour": colour, "material": stuff},
                categories=(kind,),
                embedding=embedding_to_bytes((vector / np.linalg.norm(vector)).astype(np.float32)),
                source_hash="made",
                versions=engine.versions,
            )
        )
    return catalogue


def made_inputs(engine: Engine, catalogue: Catalogue, num_users: int) -> list[StepInput]:
    """Return the next event of each user; for a third of them it fills a block."""
    return [_next_event(engine, catalogue, user) for user in range(num_users)]


def _next_event(engine: Engine, catalogue: Catalogue, user: int) -> StepInput:
    state: UserPreference | None = None
    for number in range(BLOCK_SIZE + user % BLOCK_SIZE):
        one = _event(catalogue, user, number, state)
        before = state or new_preference(str(user), one.event.occurred_at, engine.versions)
        state = apply_event(before, one.event, one.source, one.profile)
        if number == BLOCK_SIZE - 1:
            state = state.model_copy(
                update={"summary": "Likes warm blue clothes of cotton and wool.", "block_size": 0}
            )
    return _event(catalogue, user, BLOCK_SIZE + user % BLOCK_SIZE, state)


def _event(catalogue: Catalogue, user: int, number: int, state: UserPreference | None) -> StepInput:
    profile = catalogue.get(str((user * 31 + number * 7) % len(catalogue)))
    occurred_at = datetime.fromtimestamp(START_S + number, UTC)
    event = Interaction(
        event_id=f"{user}-{number}",
        user_id=str(user),
        item_id=profile.item_id,
        kind="click",
        occurred_at=occurred_at,
    )
    source = SourcePosition(partition=0, offset=number, timestamp=occurred_at)
    return StepInput(state, event, source, profile)
