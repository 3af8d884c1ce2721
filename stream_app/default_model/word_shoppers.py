"""Lessons from people in shops of words: films, books, food and more."""

from collections.abc import Iterator

import numpy as np

from models.preference import score_request, summary_request
from models.profile import UNREAD
from schemas.interaction import InteractionKind
from schemas.item_profile import ItemProfile
from stream_app.default_model.lessons import (
    Lesson,
    RankingLesson,
    SummaryLesson,
    liking,
)
from stream_app.default_model.orders import with_additions
from stream_app.default_model.shoppers import History
from stream_app.default_model.word_shops import SHOPS, WordShop, title
from stream_app.demo.tastes import listed

__all__ = ["word_lessons"]

MIN_HISTORY, MAX_HISTORY = 1, 20
NUM_CANDIDATES = 12
MAX_TOPICS = 3
# How much the mean interest in an item's topics must change for the odds to change e-fold.
SPREAD = 0.25
MIDPOINT = 0.2


def word_lessons(user_id: str, *, seed: int) -> Iterator[Lesson]:
    """Yield what one person of a shop drawn by chance teaches."""
    rng = np.random.default_rng([seed, *user_id.encode()])
    shop = SHOPS[str(rng.choice(list(SHOPS)))]
    interest = _interests(shop, rng)
    history = History(user_id)
    summaries: list[SummaryLesson] = []
    for _ in range(int(rng.integers(MIN_HISTORY, MAX_HISTORY + 1))):
        # Of three items in sight, the most interesting one is taken.
        item = max((_item(shop, rng) for _ in range(3)), key=lambda one: _liking(one, interest))
        history.add(item, _reaction(_liking(item, interest), rng))
        request = summary_request(history.state)
        if request is not None and request.taste.likes:
            names = [name.removeprefix("category=") for name in request.taste.likes]
            loved = [name for name in names if interest[name] > 0.5] or names
            summaries.append(SummaryLesson(request, f"{listed(loved[:4])}."))
            # As it is written live: without knowing what is loved.
            history.summarise(f"Likes {listed(names[: int(rng.integers(1, 6))])}.")
    if summaries:
        yield summaries[-1]
    shown = [_item(shop, rng) for _ in range(NUM_CANDIDATES)]
    asked = score_request(history.state, with_additions(shown, rng))
    yield RankingLesson(asked, tuple(_liking(one, interest) for one in shown))


def _interests(shop: WordShop, rng: np.random.Generator) -> dict[str, float]:
    interest = {topic: float(rng.uniform(-0.3, 0.2)) for topic in shop.topics}
    drawn = [str(topic) for topic in rng.permutation(shop.topics)]
    num_loved = int(rng.integers(1, 5))
    interest |= dict.fromkeys(drawn[:num_loved], 1.0)
    return interest | dict.fromkeys(drawn[num_loved : num_loved + int(rng.integers(0, 4))], -1.0)


def _item(shop: WordShop, rng: np.random.Generator) -> ItemProfile:
    drawn = rng.choice(shop.topics, int(rng.integers(1, MAX_TOPICS + 1)), replace=False)
    topics = tuple(map(str, drawn))
    name = title(shop, rng)
    return ItemProfile(
        item_id=f"{name}-{rng.integers(1 << 30)}",
        title=name,
        summary=f"{name}: {', '.join(topics)}",
        categories=topics,
        embedding=b"\0\0",
        source_hash="",
        versions=UNREAD,
    )


def _liking(item: ItemProfile, interest: dict[str, float]) -> float:
    mean = sum(interest[topic] for topic in item.categories) / len(item.categories)
    return liking(mean, MIDPOINT, SPREAD)


def _reaction(odds: float, rng: np.random.Generator) -> InteractionKind:
    if rng.random() < 0.3:
        return "view"
    likes: tuple[InteractionKind, ...] = ("click", "like", "purchase")
    return likes[int(rng.integers(3))] if rng.random() < odds else "dislike"
