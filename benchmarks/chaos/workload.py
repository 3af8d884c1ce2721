"""What is sent: events of many users, some with a wrong clock, and one bad record in a hundred."""

import json
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import get_args

import numpy as np

from schemas.codec import encode
from schemas.interaction import Interaction, InteractionKind
from schemas.item import ImageLocation, Item

__all__ = ["KINDS", "made_items", "made_record"]

NUM_USERS = 200
NUM_ITEMS = 60
PICTURED_EVERY = 5
BAD_EVERY = 100
WRONG_CLOCK_EVERY = 70
START = datetime(2026, 1, 1, tzinfo=UTC)
KINDS: Sequence[InteractionKind] = [kind for kind in get_args(InteractionKind) if kind != "rating"]
COLOURS = ("red", "blue", "green")

Sent = tuple[bytes | None, bytes]


def made_items(bucket: str) -> list[Item]:
    """Return the catalogue; a fifth of it has a picture at a place that may not exist."""
    return [
        Item(
            item_id=f"i{number}",
            title=f"Item {number}",
            categories=(f"category {number % 7}",),
            attributes={"colour": COLOURS[number % len(COLOURS)]},
            image=ImageLocation(bucket=bucket, key=f"{number}.jpg")
            if number % PICTURED_EVERY == 0
            else None,
        )
        for number in range(NUM_ITEMS)
    ]


def made_record(number: int, seed: int) -> Sent:
    """Return key and value of the record `number`, the same for the same seed."""
    rng = np.random.default_rng([seed, number])
    event = Interaction(
        event_id=f"e{number}",
        user_id=f"user-{rng.integers(NUM_USERS)}",
        item_id=f"i{rng.integers(NUM_ITEMS)}",
        kind=KINDS[int(rng.integers(len(KINDS)))],
        occurred_at=_clock(number, rng),
    )
    key, value = event.user_id.encode(), encode(event)
    if number % BAD_EVERY == BAD_EVERY - 1:
        return _spoilt(number // BAD_EVERY, key, event)
    return key, value


def _clock(number: int, rng: np.random.Generator) -> datetime:
    """A second for each event, but for a sender whose clock is a year off either way."""
    right = START + timedelta(seconds=number)
    if number % WRONG_CLOCK_EVERY:
        return right
    return right + timedelta(days=int(rng.choice([-365, 365])))


def _spoilt(number: int, key: bytes, event: Interaction) -> Sent:
    """One of five ways to be wrong, in turn."""
    fields = json.loads(encode(event))
    spoilt: list[Sent] = [
        (key, b"\x00\xff not a record"),
        (key, json.dumps({**fields, "kind": "sniffed"}).encode()),
        (key, json.dumps({**fields, "schema_version": 99}).encode()),
        (b"somebody else", encode(event)),
        (key, json.dumps({**fields, "item_id": "unknown"}).encode()),
    ]
    return spoilt[number % len(spoilt)]
