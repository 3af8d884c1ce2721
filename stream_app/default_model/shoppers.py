"""Lessons from shoppers of the drawn catalogue, whose tastes drift."""

from collections.abc import Iterable, Iterator, Sequence
from datetime import UTC, datetime, timedelta

import numpy as np

from models.preference import (
    apply_event,
    new_preference,
    score_request,
    summary_request,
    with_summary,
)
from models.profile import UNREAD
from schemas.enriched_interaction import SourcePosition
from schemas.interaction import Interaction, InteractionKind
from schemas.item_profile import ItemProfile
from schemas.user_preference import UserPreference
from stream_app.default_model.lessons import (
    Lesson,
    RankingLesson,
    SummaryLesson,
    liking,
)
from stream_app.default_model.orders import with_additions
from stream_app.demo.garments import LOOKS, Garment, caption
from stream_app.demo.shoppers import Shopper
from stream_app.demo.tastes import FAVOURITE, Taste, listed

__all__ = ["EPOCH", "History", "guessed_taste", "profile_of", "shopper_lessons", "told_taste"]

EPOCH = datetime(2024, 1, 1, tzinfo=UTC)
MIN_HISTORY, MAX_HISTORY = 2, 40
NUM_CANDIDATES = 12
# So many candidates are the best of a page each, as what a shopper picks is; the rest is drawn.
NUM_PICKED = 5
PAGE_ITEMS = 24
# A summary names at most so many colours, so many patterns and so on.
MAX_NAMED = 3
# How probable it is that of a picked and a random garment this is the picked one, by its utility:
# logistic regression on simulated picks, one random garment to each.
MIDPOINT, SPREAD = 0.47, 0.1


def profile_of(garment: Garment) -> ItemProfile:
    """Return the profile of a model that sees everything as it is."""
    return ItemProfile(
        item_id=garment.item_id,
        title=garment.title,
        summary=f"{caption(garment)} {garment.description}",
        attributes={name: getattr(garment, name) for name in LOOKS if name != "kind"},
        categories=(garment.kind,),
        embedding=b"\0\0",
        source_hash="",
        versions=UNREAD,
    )


class History:
    """A user's state, event by event, an hour between two."""

    def __init__(self, user_id: str) -> None:
        self.state: UserPreference = new_preference(user_id, EPOCH, UNREAD)

    def add(self, profile: ItemProfile, kind: InteractionKind) -> None:
        """Apply the next event."""
        number = self.state.num_events
        at = EPOCH + timedelta(hours=number)
        event = Interaction(
            event_id=str(number),
            user_id=self.state.user_id,
            item_id=profile.item_id,
            kind=kind,
            occurred_at=at,
        )
        source = SourcePosition(partition=0, offset=number, timestamp=at)
        self.state = apply_event(self.state, event, source, profile)

    def summarise(self, summary: str) -> None:
        """Take this for what the model wrote of the block."""
        self.state = with_summary(self.state, summary, UNREAD)


def shopper_lessons(garments: Sequence[Garment], user_id: str, *, seed: int) -> Iterator[Lesson]:
    """Yield what one shopper teaches: a summary for some blocks, and one ranking."""
    rng = np.random.default_rng([seed, *user_id.encode()])
    shopper = Shopper(user_id, seed=seed)
    history = History(user_id)
    summaries: list[SummaryLesson] = []
    for _ in range(int(rng.integers(MIN_HISTORY, MAX_HISTORY + 1))):
        garment, kind = shopper.next_interaction((), garments)
        history.add(profile_of(garment), kind)
        request = summary_request(history.state)
        if request is not None and request.taste.likes:
            answer = told_taste(shopper.taste, request.taste.likes)
            summaries.append(SummaryLesson(request, answer))
            history.summarise(f"Likes {guessed_taste(request.taste.likes, rng)}")
    if summaries:
        yield summaries[int(rng.integers(len(summaries)))]
    yield _ranking(shopper, history.state, garments, rng)


def _ranking(
    shopper: Shopper,
    state: UserPreference,
    garments: Sequence[Garment],
    rng: np.random.Generator,
) -> RankingLesson:
    shown = [garments[index] for index in rng.integers(len(garments), size=NUM_CANDIDATES)]
    for place in range(NUM_PICKED):
        page = [garments[index] for index in rng.integers(len(garments), size=PAGE_ITEMS)]
        shown[place] = max(page, key=shopper.utility)
    shown = [shown[place] for place in rng.permutation(NUM_CANDIDATES)]
    sold = with_additions([profile_of(one) for one in shown], rng)
    targets = tuple(liking(shopper.utility(one), MIDPOINT, SPREAD) for one in shown)
    return RankingLesson(score_request(state, sold), targets)


def told_taste(true: Taste, likes: Sequence[str]) -> str:
    """Say what the person likes, as far as the likes shown tell; these come weightiest first."""
    found = []
    for names in _by_attribute(likes):
        favourites = [name for name in names if true.weights.get(name, 0.0) >= FAVOURITE]
        found.append((favourites or names[:1])[:MAX_NAMED])
    return _said(found)


def guessed_taste(likes: Sequence[str], rng: np.random.Generator) -> str:
    """Say what the likes show without knowing the true taste, as a summary read live would.

    With the truth in it a ranking would learn to trust the summary more than the counts.
    """
    depth = int(rng.integers(1, MAX_NAMED + 1))
    return _said([names[:depth] for names in _by_attribute(likes)])


def _by_attribute(likes: Sequence[str]) -> list[list[str]]:
    return [
        [name.removeprefix(prefix) for name in likes if name.startswith(prefix)]
        for prefix in ("colour=", "pattern=", "category=", "style=")
    ]


def _said(found: Iterable[Sequence[str]]) -> str:
    return ", ".join(filter(None, map(listed, found))) + "."
