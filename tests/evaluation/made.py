"""Logs, queries and lists for the tests of evaluation."""

from collections import defaultdict
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta

import numpy as np

from schemas.interaction import Interaction
from schemas.item import Item
from stream_app.replay.queries import Query, RankedList

START = datetime(2026, 1, 1, tzinfo=UTC)


def event(number: int, user_id: str, item_id: str, *, kind: str = "like") -> Interaction:
    return Interaction(
        event_id=f"e{number}",
        user_id=user_id,
        item_id=item_id,
        kind=kind,
        occurred_at=START + timedelta(hours=number),
    )


def log_of(*clicks: tuple[str, str]) -> list[Interaction]:
    return [event(number, *click) for number, click in enumerate(clicks)]


def tastes_log(num_events: int, *, num_groups: int = 4, seed: int = 1) -> list[Interaction]:
    """Users of a group like the group's items, three of four times, and each item once."""
    rng = np.random.default_rng(seed)
    met: defaultdict[str, set[str]] = defaultdict(set)
    log: list[Interaction] = []
    while len(log) < num_events:
        user = int(rng.integers(40))
        group = user % num_groups if rng.random() < 0.75 else int(rng.integers(num_groups))
        item_id = f"g{group}-{int(rng.integers(30) * rng.random())}"
        if item_id not in met[f"u{user}"]:
            met[f"u{user}"].add(item_id)
            log.append(event(len(log), f"u{user}", item_id))
    return log


def query_at(log: Sequence[Interaction], position: int) -> Query:
    """What is asked before the event at that position is known."""
    target = log[position]
    own = [one.item_id for one in log[:position] if one.user_id == target.user_id]
    return Query(
        query_id=target.event_id,
        user_id=target.user_id,
        at=target.occurred_at,
        position=position,
        target=target.item_id,
        num_history=len(own),
        seen=frozenset(own),
        is_cold_item=all(one.item_id != target.item_id for one in log[:position]),
    )


def queries_after(log: Sequence[Interaction], cut: int) -> list[Query]:
    return [query_at(log, position) for position in range(cut, len(log))]


def listed(query_id: str, scores: dict[str, float], **more: object) -> RankedList:
    best = sorted(scores, key=lambda one: -scores[one])
    return RankedList(query_id, tuple(best), tuple(scores[one] for one in best), **more)


def asked(target: str, *, query_id: str = "q", user_id: str = "u", position: int = 0) -> Query:
    return Query(query_id, user_id, START, position, target, 0, frozenset())


def catalogue(log: Sequence[Interaction]) -> dict[str, Item]:
    ids = sorted({one.item_id for one in log})
    return {
        one: Item(item_id=one, title=f"Item {one}", categories=(one.split("-")[0],)) for one in ids
    }
