"""What a report shows of single users: each event, what it made of the summary, the list behind it.

The states are made anew; their summaries are kept from the replay, so that costs next to nothing.
"""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace

from models.catalogue import Catalogue
from models.preference import deed
from models.step import StepInput, step
from schemas.interaction import Interaction
from schemas.user_preference import UserPreference
from stream_app.evaluation.timeline import Moment, Timeline
from stream_app.replay.errors import ReplayError
from stream_app.replay.queries import Query, RankedList
from stream_app.replay.run import Replayed, source_of

__all__ = ["most_asked", "require_asked", "timelines"]

NUM_SHOWN = 3
# A page is read by a person; the newest tell how it works as well as all of a thousand.
MAX_MOMENTS = 60
MAX_LISTED = 10


def most_asked(queries: Sequence[Query]) -> list[str]:
    """Return the ids of the three users who were asked about most."""
    counts = Counter(query.user_id for query in queries)
    return sorted(counts, key=lambda user_id: (-counts[user_id], user_id))[:NUM_SHOWN]


def require_asked(queries: Sequence[Query], user_ids: Sequence[str]) -> None:
    """Raise if one of the users was not asked about.

    Raises:
        ReplayError: It names the user, and some who were.
    """
    asked = {query.user_id for query in queries}
    if strangers := [user_id for user_id in user_ids if user_id not in asked]:
        raise ReplayError(
            f"no query is about user {strangers[0]}: there is no list to show; asked about are "
            f"{len(asked)} users, such as {', '.join(most_asked(queries))}"
        )


def timelines(
    by: Replayed,
    log: Sequence[Interaction],
    queries: Sequence[Query],
    answers: Sequence[RankedList],
    user_ids: Sequence[str],
) -> list[Timeline]:
    """Return the newest moments of each of these users, up to the last query about them."""
    asked = {
        query.position: (query, answer) for query, answer in zip(queries, answers, strict=True)
    }
    last = {log[position].user_id: position for position in sorted(asked)}
    return [
        Timeline(user_id, tuple(_moments(by, log, asked, user_id, last[user_id]))[-MAX_MOMENTS:])
        for user_id in user_ids
    ]


def _moments(
    by: Replayed,
    log: Sequence[Interaction],
    asked: Mapping[int, tuple[Query, RankedList]],
    user_id: str,
    last: int,
) -> Iterator[Moment]:
    own = [position for position in range(last + 1) if log[position].user_id == user_id]
    # Nothing is ranked here: no item is looked for.
    nothing = Catalogue(by.engine.embedding_dim)
    state: UserPreference | None = None
    for position, following in zip(own, [*own[1:], None], strict=True):
        event = log[position]
        profile, source = by.profiles[event.item_id], source_of(event, position)
        one = StepInput(state, event, source, profile, ranked_by=None)
        [result] = step(by.engine, nothing, [one], by.options)
        state = result.state
        seen = state.recent[-1]
        moment = Moment(event.occurred_at, deed(seen), seen.title, state.summary)
        if following is not None and following in asked:
            query, answer = asked[following]
            titles = [by.items[item_id].title for item_id in answer.item_ids[:MAX_LISTED]]
            took = by.items[query.target].title
            moment = replace(moment, listed=tuple(titles), took=took)
        yield moment
