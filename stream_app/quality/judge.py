"""Lists and interactions, in turn -> what came of the lists.

Pure, in event time, and the same whether they come one by one or in batches. A list counts as shown
once its user does something within a day while it is the newest there is, or turns to one of its
items: every event is answered, and most answers are replaced before anybody looks.
"""

from collections.abc import Callable
from datetime import datetime, timedelta

from models.preference import credible_time, leaning
from schemas.enriched_interaction import SourcePosition
from schemas.interaction import Interaction
from schemas.list_outcome import ListOutcome
from schemas.list_quality import ListQuality
from schemas.ranking import Trigger
from schemas.recommendation import Recommendation
from schemas.user_lists import ListedItem, RememberedList, UserLists
from stream_app.attribution import Attribution, Shown, attribute
from stream_app.quality.tally import Tally

__all__ = ["WITHIN", "Judge", "remembered"]

WITHIN = timedelta(days=1)
# A state is a few KB; who turns to a list behind so many newer ones is not counted.
MAX_LISTS = 8
# As long as `Interaction` promises that a repeated event is known.
MAX_EVENT_IDS = 16

UserOf = Callable[[str], UserLists | None]
CountsOf = Callable[[str], ListQuality | None]


def _unknown(_: str) -> None:
    return None


def remembered(recommendation: Recommendation) -> RememberedList:
    """Return what of a recommendation is needed to tell what comes of it."""
    trigger: Trigger = recommendation.trigger
    return RememberedList(
        recommendation_id=recommendation.recommendation_id,
        answers=trigger.source.offset,
        at=credible_time(trigger, trigger.source),
        published_at=recommendation.published_at,
        versions=recommendation.versions,
        items=tuple(
            ListedItem(item_id=item.item_id, sources=item.sources) for item in recommendation.items
        ),
    )


class Judge:
    """Judges lists by interactions; what it has not changed itself it looks up.

    `users` (None: erased) by id are what has changed, `outcomes` what came of lists, in the order
    of the interactions, and `tally` has counted it.
    """

    def __init__(self, user_of: UserOf = _unknown, counts_of: CountsOf = _unknown) -> None:
        self.users: dict[str, UserLists | None] = {}
        self.outcomes: list[ListOutcome] = []
        self.tally = Tally(counts_of)
        self._user_of = user_of

    def remember(self, user_id: str, one: RememberedList) -> None:
        """Remember a list, after the event that it answers and all earlier lists of its user.

        One that comes again is left out, and one for an event before the user was erased.
        """
        user = self._user(user_id)
        if user is None or not max(user.since, user.listed_offset + 1) <= one.answers:
            return
        self.users[user_id] = user.model_copy(
            update={"lists": (*user.lists, one)[-MAX_LISTS:], "listed_offset": one.answers}
        )

    def observe(self, event: Interaction, source: SourcePosition) -> None:
        """Judge by one event, after all earlier ones of its user and their lists.

        One that was judged by, by its offset or by its id among the user's newest 16, is left out.
        """
        user = self._user(event.user_id) or UserLists(user_id=event.user_id, since=source.offset)
        if source.offset <= user.applied_offset or event.event_id in user.event_ids:
            return
        self.users[event.user_id] = user.model_copy(
            update={
                "lists": self._judged(user.lists, event, source),
                "event_ids": (*user.event_ids, event.event_id)[-MAX_EVENT_IDS:],
                "applied_offset": source.offset,
            }
        )

    def erase(self, user_id: str) -> None:
        """Forget a user; what was counted of them is nobody's."""
        self.users[user_id] = None

    def _user(self, user_id: str) -> UserLists | None:
        return self.users[user_id] if user_id in self.users else self._user_of(user_id)

    def _judged(
        self, lists: tuple[RememberedList, ...], event: Interaction, source: SourcePosition
    ) -> tuple[RememberedList, ...]:
        """Return the lists with what this event tells of them."""
        event = event.model_copy(update={"occurred_at": credible_time(event, source)})
        before = [one for one in lists if _was_there(one, event.occurred_at, source)]
        if not before:
            return lists
        before.sort(key=lambda one: one.at)
        found = attribute(event, [_shown(one, event.user_id) for one in before], WITHIN)
        told = {before[-1].recommendation_id, found and found.list_id}
        return tuple(
            self._told(one, event, found) if one.recommendation_id in told else one for one in lists
        )

    def _told(
        self, one: RememberedList, event: Interaction, found: Attribution | None
    ) -> RememberedList:
        if not one.is_shown:
            self.tally.show(one)
            self.outcomes.append(_outcome(one, event))
            one = one.model_copy(update={"is_shown": True})
        if found is None or found.list_id != one.recommendation_id:
            return one
        self.outcomes.append(_outcome(one, event, found))
        if leaning(event) <= 0 or found.rank in one.taken:
            return one
        self.tally.take(one, found.rank)
        return one.model_copy(update={"taken": (*one.taken, found.rank)})


def _was_there(one: RememberedList, at: datetime, source: SourcePosition) -> bool:
    """Tell whether a user can have had a list when something happened.

    By two clocks, the sender's and the servers': an event that was sent late is judged as of when
    it happened, and an answer that came late was not there.
    """
    return at - WITHIN <= one.at < at and one.published_at <= source.timestamp


def _shown(one: RememberedList, user_id: str) -> Shown:
    return Shown(
        list_id=one.recommendation_id,
        user_id=user_id,
        at=one.at,
        item_ids=tuple(item.item_id for item in one.items),
        sources=tuple(item.sources for item in one.items),
    )


def _outcome(
    one: RememberedList, event: Interaction, found: Attribution | None = None
) -> ListOutcome:
    shown = ListOutcome(
        recommendation_id=one.recommendation_id,
        user_id=event.user_id,
        kind="shown",
        num_items=len(one.items),
        event_id=event.event_id,
        at=event.occurred_at,
        published_at=one.published_at,
        versions=one.versions,
    )
    if found is None:
        return shown
    return shown.model_copy(
        update={
            "kind": event.kind,
            "item_id": event.item_id,
            "rank": found.rank,
            "sources": found.sources,
            "weight": leaning(event),
        }
    )
