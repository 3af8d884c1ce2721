"""Events -> what they change in the records of their users and items.

Pure, in event time, and the same whether events come one by one or in batches.
"""

from collections.abc import Callable, Iterable, Mapping
from datetime import UTC, datetime

from models.preference import credible_time, leaning
from models.signals.decay import Decay
from schemas.enriched_interaction import SourcePosition
from schemas.interaction import Interaction
from schemas.item_signals import ItemSignals
from schemas.user_signals import UserSignals, Visit

__all__ = ["Learner"]

# An item is counted together with so many that its user met before it.
MAX_RECENT = 5
# As long as `Interaction` promises that a repeated event is known.
MAX_EVENT_IDS = 16
# Cut back to fewer than there may be: a newcomer, always the lightest, would else be cut at once,
# and none could ever rise.
MAX_NEIGHBOURS = 50
KEPT_NEIGHBOURS = 30
# Half a millionth of an event is nothing: so a record loses what has faded.
DIGITS = 6

UserOf = Callable[[str], UserSignals | None]
ItemOf = Callable[[str], ItemSignals | None]
Weights = Mapping[str, float]
NOTHING: Weights = {}


def _unknown(_: str) -> None:
    return None


class Learner:
    """Counts events into records; what it has not changed itself it looks up.

    `users` (None: erased) and `items` (None: faded) are what has changed, by id. An event counts by
    how strongly it speaks for its item; one that speaks against it counts for nothing. A pair of
    items counts by the weaker of its two events, the earlier one faded to the time of the later.
    """

    def __init__(
        self, decay: Decay, user_of: UserOf = _unknown, item_of: ItemOf = _unknown
    ) -> None:
        self.users: dict[str, UserSignals | None] = {}
        self.items: dict[str, ItemSignals | None] = {}
        self._newest_at = datetime.min.replace(tzinfo=UTC)
        self._decay = decay
        self._user_of = user_of
        self._item_of = item_of

    def observe(self, event: Interaction, source: SourcePosition) -> tuple[str, ...]:
        """Count one event, after all earlier ones of its user; return the ids of changed items.

        One that has counted, by its offset or by its id among the user's newest 16, is left out.
        """
        user = self._user(event.user_id)
        if source.offset <= user.applied_offset or event.event_id in user.event_ids:
            return ()
        visit = self._visit(user, event, source)
        others = [one for one in user.recent if one.item_id != event.item_id]
        changed = self._count(visit, others) if visit.weight > 0 else ()
        recent = (*others, visit) if visit.weight > 0 else user.recent
        self.users[event.user_id] = user.model_copy(
            update={
                "recent": recent[-MAX_RECENT:],
                "event_ids": (*user.event_ids, event.event_id)[-MAX_EVENT_IDS:],
                "applied_offset": source.offset,
            }
        )
        return changed

    def erase(self, user_id: str) -> None:
        """Forget a user; what was counted of them is nobody's, and fades."""
        self.users[user_id] = None

    def drop_faded(self, items: Iterable[ItemSignals]) -> None:
        """Drop those of which nothing is left by the time of the newest event counted here."""
        for item in items:
            left = item.popularity * self._decay.left(item.updated_at, self._newest_at)
            if item.item_id not in self.items and round(left, DIGITS) == 0:
                self.items[item.item_id] = None

    def _user(self, user_id: str) -> UserSignals:
        known = self.users[user_id] if user_id in self.users else self._user_of(user_id)
        return known or UserSignals(user_id=user_id)

    def _visit(self, user: UserSignals, event: Interaction, source: SourcePosition) -> Visit:
        """Return the event as a visit; a user's clock runs forward only."""
        at = credible_time(event, source)
        if user.recent:
            at = max(at, user.recent[-1].at)
        return Visit(item_id=event.item_id, weight=max(leaning(event), 0.0), at=at)

    def _count(self, visit: Visit, others: list[Visit]) -> tuple[str, ...]:
        self._newest_at = max(self._newest_at, visit.at)
        pairs = {one.item_id: self._pair(one, visit) for one in others}
        self._add(visit.item_id, visit.at, visit.weight, covisits=pairs)
        for item_id, weight in pairs.items():
            follows = {visit.item_id: weight}
            is_last = item_id == others[-1].item_id
            self._add(
                item_id, visit.at, transitions=follows if is_last else NOTHING, covisits=follows
            )
        return (visit.item_id, *pairs)

    def _pair(self, earlier: Visit, later: Visit) -> float:
        return min(earlier.weight * self._decay.left(earlier.at, later.at), later.weight)

    def _add(
        self,
        item_id: str,
        at: datetime,
        popularity: float = 0.0,
        *,
        transitions: Weights = NOTHING,
        covisits: Weights = NOTHING,
    ) -> None:
        known = self.items.get(item_id) or self._item_of(item_id)
        known = known or ItemSignals(item_id=item_id, updated_at=at)
        now = max(known.updated_at, at)
        fade, share = self._decay.left(known.updated_at, now), self._decay.left(at, now)
        self.items[item_id] = known.model_copy(
            update={
                "popularity": round(known.popularity * fade + popularity * share, DIGITS),
                "transitions": _summed(known.transitions, fade, transitions, share),
                "covisits": _summed(known.covisits, fade, covisits, share),
                "updated_at": now,
            }
        )


def _summed(known: Weights, fade: float, added: Weights, share: float) -> dict[str, float]:
    after = {item_id: round(weight * fade, DIGITS) for item_id, weight in known.items()}
    for item_id, weight in added.items():
        after[item_id] = round(after.get(item_id, 0.0) + weight * share, DIGITS)
    left = {item_id: weight for item_id, weight in after.items() if weight > 0}
    if len(left) <= MAX_NEIGHBOURS:
        return left
    heaviest = sorted(left.items(), key=lambda one: (-one[1], one[0]))
    return dict(heaviest[:KEPT_NEIGHBOURS])
