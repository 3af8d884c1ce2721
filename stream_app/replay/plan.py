"""What is to be done for the queries, in which order and which batches, before a model is asked.

Users' states don't know each other. What they share is the catalogue and what is counted of all:
where neither changes meanwhile, the events of different users may be taken in any order, and many
users make one batch; where counting goes on, they are taken in the order of time.
"""

from bisect import bisect_right
from collections import defaultdict, deque
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from heapq import heapify, heappop, heappush

from schemas.interaction import Interaction
from stream_app.replay.arrivals import Arrivals, before, including, num_events
from stream_app.replay.queries import Query

__all__ = ["AnyTurn", "Batch", "FirstTurn", "Turn", "batches_in_time", "batches_of", "turns_of"]


@dataclass(frozen=True)
class Turn:
    """A user's event at its position in the log, and the query that the list behind it answers."""

    user_id: str
    position: int
    event: Interaction
    query: Query | None = None

    @property
    def moment(self) -> int:
        """When it is taken: what arrives with the event itself is known."""
        return including(self.position)


@dataclass(frozen=True)
class FirstTurn:
    """A query about a user of whom nothing is known yet."""

    user_id: str
    position: int
    query: Query

    @property
    def moment(self) -> int:
        """When it is taken: just before the user's first event."""
        return before(self.position)


AnyTurn = Turn | FirstTurn


@dataclass(frozen=True)
class Batch:
    """Items that came by then, and the turns of different users that are taken together."""

    arrived: tuple[str, ...]
    turns: tuple[AnyTurn, ...]

    @property
    def num_known(self) -> int:
        """How many events of the log, its first ones, are known at the latest turn."""
        return max(num_events(turn.moment) for turn in self.turns)


def turns_of(log: Sequence[Interaction], queries: Iterable[Query]) -> dict[str, list[AnyTurn]]:
    """Return the turns of each user up to the last query, in their order.

    A query is answered by the list behind the user's previous event: it is the one that this user
    would have had before them, whatever happened elsewhere since.
    """
    asked = {query.position: query for query in queries}
    last = {log[position].user_id: position for position in sorted(asked)}
    turns: dict[str, list[AnyTurn]] = {user_id: [] for user_id in last}
    for position, event in enumerate(log):
        if position > last.get(event.user_id, -1):
            continue
        own = turns[event.user_id]
        if (query := asked.get(position)) is not None:
            if own:
                own[-1] = replace(own[-1], query=query)
            else:
                own.append(FirstTurn(event.user_id, position, query))
        if position < last[event.user_id]:
            own.append(Turn(event.user_id, position, event))
    return turns


def batches_of(
    turns: Mapping[str, Sequence[AnyTurn]], moments: Mapping[str, int], max_turns: int
) -> Iterator[Batch]:
    """Yield all turns in batches of at most `max_turns`, one of each user in each.

    Within a batch no user sees what another does, and every user sees the items that were known
    at the moment of the turn and no other.

    Args:
        turns: Of each user, in order.
        moments: When each item became known.
        max_turns: The limit of a batch.
    """
    arrivals = Arrivals(moments)
    ends = sorted(set(moments.values()))
    stretches: dict[int, dict[str, deque[AnyTurn]]] = defaultdict(lambda: defaultdict(deque))
    for user_id, own in turns.items():
        for turn in own:
            stretches[bisect_right(ends, turn.moment)][user_id].append(turn)
    num_put = 0
    for stretch in sorted(stretches):
        num_known = arrivals.num_known(ends[stretch - 1]) if stretch else 0
        arrived = tuple(arrivals.item_ids[num_put:num_known])
        num_put = num_known
        for taken in _taken_together(stretches[stretch], max_turns):
            yield Batch(arrived, taken)
            arrived = ()


def batches_in_time(
    turns: Mapping[str, Sequence[AnyTurn]], moments: Mapping[str, int], max_turns: int
) -> Iterator[Batch]:
    """Yield all turns in the order of time, in batches of at most `max_turns`, one of each user.

    A batch ends with a turn that has a query: it alone looks at the items and at what is counted,
    and these are of its moment.

    Args:
        turns: Of each user, in order.
        moments: When each item became known.
        max_turns: The limit of a batch.
    """
    arrivals = Arrivals(moments)
    num_put = 0
    taken: dict[str, AnyTurn] = {}
    for turn in sorted((one for own in turns.values() for one in own), key=_moment):
        if turn.user_id in taken:
            yield Batch((), tuple(taken.values()))
            taken = {}
        taken[turn.user_id] = turn
        if turn.query is not None or len(taken) == max_turns:
            num_known = arrivals.num_known(turn.moment)
            yield Batch(tuple(arrivals.item_ids[num_put:num_known]), tuple(taken.values()))
            num_put, taken = num_known, {}


def _moment(turn: AnyTurn) -> int:
    return turn.moment


def _taken_together(
    waiting: Mapping[str, deque[AnyTurn]], max_turns: int
) -> Iterator[tuple[AnyTurn, ...]]:
    """Yield a turn of each of the users with the most left to do: so batches stay full longest."""
    most_left = [(-len(own), user_id) for user_id, own in waiting.items()]
    heapify(most_left)
    while most_left:
        users = [heappop(most_left) for _ in range(min(max_turns, len(most_left)))]
        yield tuple(waiting[user_id].popleft() for _, user_id in users)
        for left, user_id in users:
            if left < -1:
                heappush(most_left, (left + 1, user_id))
