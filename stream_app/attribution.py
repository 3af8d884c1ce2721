"""Which list an interaction came from: the newest before it that showed the item.

All by event time: a list is there from the event that it answers on. What a user did in the second
before a list could be read is taken for its doing, which is too little to matter within hours.
"""

from bisect import bisect_left
from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from schemas.interaction import Interaction
from schemas.recommendation import Recommendation

__all__ = ["Attribution", "Shown", "attribute", "attribute_all", "shown"]


@dataclass(frozen=True)
class Shown:
    """A list that a user had from `at` on: the items by place, each with what proposed it."""

    list_id: str
    user_id: str
    at: datetime
    item_ids: tuple[str, ...]
    sources: tuple[tuple[str, ...], ...]


@dataclass(frozen=True)
class Attribution:
    """An interaction with an item of a list: its rank there, from 1, and what proposed it."""

    event: Interaction
    list_id: str
    rank: int
    sources: tuple[str, ...]


def shown(recommendation: Recommendation) -> Shown:
    """Return what of a recommendation is needed to attribute to it."""
    return Shown(
        list_id=recommendation.recommendation_id,
        user_id=recommendation.user_id,
        at=recommendation.trigger.occurred_at,
        item_ids=tuple(item.item_id for item in recommendation.items),
        sources=tuple(item.sources for item in recommendation.items),
    )


def attribute(event: Interaction, lists: Sequence[Shown], within: timedelta) -> Attribution | None:
    """Return from which list an interaction came, None if from none.

    Args:
        event: What the user did.
        lists: All of the user's, by growing `at`; of those at one time the last counts as newest.
        within: How long a list is remembered.
    """
    # A list that answers an event of the same moment can't have brought it about.
    place = bisect_left(lists, event.occurred_at, key=lambda one: one.at)
    while place > 0 and lists[place - 1].at >= event.occurred_at - within:
        place -= 1
        found = lists[place]
        if event.item_id in found.item_ids:
            position = found.item_ids.index(event.item_id)
            return Attribution(event, found.list_id, position + 1, found.sources[position])
    return None


def attribute_all(
    lists: Iterable[Shown], events: Iterable[Interaction], within: timedelta
) -> list[Attribution]:
    """Return all interactions that came from lists, in the order of the events.

    Lists and events may be of many users and in any order. Of a list that was delivered again, the
    last delivery counts; an event that was sent again counts once.
    """
    by_user: defaultdict[str, list[Shown]] = defaultdict(list)
    for one in {one.list_id: one for one in lists}.values():
        by_user[one.user_id].append(one)
    for of_user in by_user.values():
        of_user.sort(key=lambda one: one.at)
    once = {event.event_id: event for event in events}.values()
    found = (attribute(event, by_user.get(event.user_id, ()), within) for event in once)
    return [one for one in found if one is not None]
