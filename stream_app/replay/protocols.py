"""Log -> queries: at which moments a list is asked for, and what it is measured by.

A query is a positive event (`models.preference.leaning` above 0) that is its user's first with
that item: whoever comes back to an item needs no recommendation of it.
"""

from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from hashlib import blake2b

import numpy as np

from models.preference import leaning
from schemas.interaction import Interaction
from schemas.item import Item
from stream_app.finetune.examples import cut_at
from stream_app.replay.arrivals import Arrivals, arrival_moments, before
from stream_app.replay.errors import ReplayError
from stream_app.replay.queries import Query

__all__ = ["NUM_NEGATIVES", "Sample", "cut_position", "paper", "prequential", "temporal"]

# MLLM-MSR, arXiv 2408.09698: 1 positive and 20 negatives.
NUM_NEGATIVES = 20


@dataclass(frozen=True)
class Sample:
    """Of which queries is asked: so many users, drawn at random, and the newest of each.

    None is all. Which users are drawn depends on the seed and on who there is to draw from.
    """

    num_users: int | None = None
    queries_per_user: int | None = None
    seed: int = 7


def prequential(
    log: Sequence[Interaction], sample: Sample = Sample(), *, begins: int = 0
) -> list[Query]:
    """Return a query for each positive: the list comes first, then its event is applied.

    Everything that is learned may be learned from all events before the query, as live. What is
    before the position `begins` is not asked about.

    Source: Vinagre et al., "Evaluation of recommender systems in streaming environments",
    arXiv 1504.08175.
    """
    asked = [position for position in _first_positives(log) if position >= begins]
    return _queries(log, _sampled(log, asked, sample))


def temporal(
    log: Sequence[Interaction], sample: Sample = Sample(), *, test_share: float = 0.1
) -> list[Query]:
    """Return a query for each positive after one cut in time, the same for all users.

    A model may learn (weights, counts, neighbours) only from the events before `cut_position`.
    The user's own state goes on: an answer may rest on all events of this user before the query,
    those after the cut too. The full catalogue is to be ranked.

    Source: the global temporal split by a quantile of all events, arXiv 2507.16289.
    """
    cut = cut_position(log, test_share=test_share)
    later = [position for position in _first_positives(log) if position >= cut]
    return _queries(log, _sampled(log, later, sample))


def paper(
    log: Sequence[Interaction],
    items: Mapping[str, Item],
    sample: Sample = Sample(),
    *,
    test_share: float = 0.1,
) -> list[Query]:
    """Return the temporal queries, each with its target among 20 sampled negatives.

    For comparison with the paper's tables only: among so few items popularity alone does nearly
    as well, and what is better here need not be better over the catalogue. Negatives are drawn
    uniformly from the items that were known and that the user had not met. What the user met later
    may be drawn: nobody knew then.

    Source: MLLM-MSR, arXiv 2408.09698, its evaluation; Krichene and Rendle, "On sampled metrics
    for item recommendation", KDD 2020, for what it can't tell.

    Raises:
        ReplayError: If there are too few items to draw from.
    """
    moments = Arrivals(arrival_moments(items, log))
    return [
        replace(query, candidates=_candidates(query, moments, sample.seed))
        for query in temporal(log, sample, test_share=test_share)
    ]


def cut_position(log: Sequence[Interaction], *, test_share: float) -> int:
    """Return the position of the first event after the cut; models may learn what is before it.

    Args:
        log: Events in the order of time.
        test_share: Part of the events, the newest, that lies after the cut, in `(0, 1)`. Events
            at the time of the cut are all before it.
    """
    if not log:
        return 0
    cut = cut_at(log, validation_share=test_share)
    return next((place for place, event in enumerate(log) if event.occurred_at > cut), len(log))


def _first_positives(log: Sequence[Interaction]) -> list[int]:
    """Return the positions of the events that can be asked about."""
    met: set[tuple[str, str]] = set()
    positions = []
    for position, event in enumerate(log):
        pair = event.user_id, event.item_id
        if pair not in met and leaning(event) > 0:
            positions.append(position)
        met.add(pair)
    return positions


def _sampled(log: Sequence[Interaction], positions: Sequence[int], sample: Sample) -> list[int]:
    of_users: dict[str, list[int]] = defaultdict(list)
    for position in positions:
        of_users[log[position].user_id].append(position)
    user_ids = sorted(of_users)
    if sample.num_users is not None and sample.num_users < len(user_ids):
        rng = np.random.default_rng(sample.seed)
        drawn = rng.choice(len(user_ids), sample.num_users, replace=False)
        user_ids = [user_ids[place] for place in drawn]
    most = len(positions) if sample.queries_per_user is None else sample.queries_per_user
    return sorted(place for user_id in user_ids for place in of_users[user_id][-most:])


def _queries(log: Sequence[Interaction], positions: Sequence[int]) -> list[Query]:
    asked = set(positions)
    met: dict[str, set[str]] = defaultdict(set)
    num_events: Counter[str] = Counter()
    known: set[str] = set()
    queries = []
    for position, event in enumerate(log):
        if position in asked:
            queries.append(
                Query(
                    query_id=event.event_id,
                    user_id=event.user_id,
                    at=event.occurred_at,
                    position=position,
                    target=event.item_id,
                    num_history=num_events[event.user_id],
                    seen=frozenset(met[event.user_id]),
                    is_cold_item=event.item_id not in known,
                )
            )
        met[event.user_id].add(event.item_id)
        num_events[event.user_id] += 1
        known.add(event.item_id)
    return queries


def _candidates(query: Query, arrivals: Arrivals, seed: int) -> tuple[str, ...]:
    rng = _generator(query, seed)
    num_known = arrivals.num_known(before(query.position))
    negatives: list[str] = []
    for place in rng.permutation(num_known):
        item_id = arrivals.item_ids[place]
        if item_id != query.target and item_id not in query.seen:
            negatives.append(item_id)
        if len(negatives) == NUM_NEGATIVES:
            candidates = [query.target, *negatives]
            return tuple(candidates[place] for place in rng.permutation(len(candidates)))
    raise ReplayError(
        f"user {query.user_id} had not met {len(negatives)} of {num_known} items at {query.at}: "
        f"the protocol `paper` draws {NUM_NEGATIVES}; take `temporal` for so small a catalogue"
    )


def _generator(query: Query, seed: int) -> np.random.Generator:
    """One for each query: what is drawn for one does not depend on which others are asked."""
    digest = blake2b(query.query_id.encode(), digest_size=8).digest()
    return np.random.default_rng([seed, int.from_bytes(digest, "little")])
