"""Each planted leak is caught, and what is clean passes."""

from collections import Counter
from dataclasses import replace
from datetime import timedelta

import numpy as np
import pytest
from hypothesis import given
from replay.logs import SHOP, event, in_order, logs

from schemas.interaction import Interaction
from stream_app.replay.errors import LeakError
from stream_app.replay.leaks import check_leaks
from stream_app.replay.protocols import Sample, paper, prequential, temporal

ALL = Sample()
# Four items are never touched.
LOG = in_order([event(n, f"u{n % 7}", (7 * n + n // 7) % 36) for n in range(120)])


@given(logs)
def test_what_the_protocols_ask_is_clean(log: list[Interaction]) -> None:
    check_leaks(prequential(log, ALL), log, SHOP)
    check_leaks(temporal(log, ALL, test_share=0.5), log, SHOP)


@pytest.mark.parametrize("seed", range(20))
def test_uniform_negatives_are_clean(seed: int) -> None:
    check_leaks(paper(LOG, SHOP, Sample(seed=seed), test_share=0.5), LOG, SHOP)


def planted(**changes: object):
    """The queries of the log, the last of them with something that it must not have."""
    *others, last = prequential(LOG, ALL)
    return [*others, replace(last, **changes)], last


def test_the_target_in_the_history_is_a_leak() -> None:
    queries, last = planted()
    queries[-1] = replace(last, seen=last.seen | {last.target})
    with pytest.raises(LeakError, match=f"target {last.target} is in the history"):
        check_leaks(queries, LOG, SHOP)


def test_a_query_of_an_item_that_was_met_before_is_a_leak() -> None:
    log = in_order([event(0, "ada", 1), event(1, "ada", 2), event(2, "ada", 1)])
    again = replace(
        prequential(log, ALL)[1], query_id="e2", position=2, target="i1", at=log[2].occurred_at
    )
    with pytest.raises(LeakError, match="target i1 is in the history"):
        check_leaks([again], log, SHOP)


def test_an_item_of_the_future_in_the_history_is_a_leak() -> None:
    log = in_order([event(0, "ada", 1), event(1, "ada", 2), event(2, "ada", 3)])
    queries = prequential(log, ALL)
    queries[1] = replace(queries[1], seen=queries[1].seen | {"i3"})
    with pytest.raises(LeakError, match="i3 is seen, but only in the future"):
        check_leaks(queries, log, SHOP)


def test_an_event_of_the_future_in_the_history_is_a_leak() -> None:
    queries, last = planted()
    queries[-1] = replace(last, num_history=last.num_history + 1)
    with pytest.raises(LeakError, match=f"{last.num_history + 1} events before it"):
        check_leaks(queries, LOG, SHOP)


def test_an_item_of_the_future_among_the_candidates_is_a_leak() -> None:
    queries = paper(LOG, SHOP, ALL, test_share=0.5)
    touched = {one.item_id for one in LOG}
    negative = next(one for one in queries[0].candidates if one not in touched)
    later = SHOP[negative].model_copy(update={"added_at": queries[0].at + timedelta(days=99)})
    with pytest.raises(LeakError, match=f"candidate {negative} is of the future"):
        check_leaks(queries, LOG, {**SHOP, negative: later})


def test_a_candidate_that_is_no_item_is_named() -> None:
    queries = paper(LOG, SHOP, ALL, test_share=0.5)
    without = {item_id: one for item_id, one in SHOP.items() if item_id != "i39"}
    with pytest.raises(LeakError, match="candidate i39 is not in the catalogue"):
        check_leaks(queries, LOG, without)


def test_a_query_at_another_events_place_is_a_leak() -> None:
    queries, last = planted()
    queries[-1] = replace(last, position=last.position - 1)
    with pytest.raises(LeakError, match="is not of event"):
        check_leaks(queries, LOG, SHOP)


def test_a_log_out_of_order_is_a_leak() -> None:
    with pytest.raises(LeakError, match="sort the log by time"):
        check_leaks([], [LOG[1], LOG[0]], SHOP)


def test_a_seen_item_that_may_still_be_listed_is_named() -> None:
    queries, _ = planted(seen=frozenset())
    with pytest.raises(LeakError, match="may still be listed"):
        check_leaks(queries, LOG, SHOP)


def test_a_candidate_that_was_met_is_a_leak() -> None:
    queries = paper(LOG, SHOP, ALL, test_share=0.5)
    last = queries[-1]
    negative = next(one for one in last.candidates if one != last.target)
    met = min(last.seen)
    swapped = tuple(met if one == negative else one for one in last.candidates)
    with pytest.raises(LeakError, match=f"candidate {met} was seen"):
        check_leaks([*queries[:-1], replace(last, candidates=swapped)], LOG, SHOP)


def test_a_target_that_always_comes_first_is_a_leak() -> None:
    first = [
        replace(
            query,
            candidates=(query.target, *(one for one in query.candidates if one != query.target)),
        )
        for query in paper(LOG, SHOP, ALL, test_share=0.5)
    ]
    with pytest.raises(LeakError, match=r"place among its candidates is 0\.0 on average, not 10"):
        check_leaks(first, LOG, SHOP)


@pytest.mark.parametrize("sign", [1, -1])
def test_negatives_by_the_popularity_of_the_test_period_are_a_leak(sign: int) -> None:
    rng = np.random.default_rng(0)
    # Half of the items are touched after the cut, ever more of them the later ones.
    popular = rng.choice(40, 600, p=np.arange(40) / np.arange(40).sum())
    log = in_order([event(n, f"u{n % 50}", int(one)) for n, one in enumerate(popular)])
    items = {item_id: one.model_copy(update={"added_at": None}) for item_id, one in SHOP.items()}
    clean = paper(log, items, ALL, test_share=0.5)
    check_leaks(clean, log, items)
    counts = Counter(one.item_id for one in log[300:])

    def by_popularity(query):
        pool = sorted(set(items) - query.seen - {query.target})
        weights = np.array([(1.0 + counts[item_id]) ** (2 * sign) for item_id in pool])
        drawn = rng.choice(pool, 20, replace=False, p=weights / weights.sum())
        candidates = [query.target, *map(str, drawn)]
        return replace(query, candidates=tuple(map(str, rng.permutation(candidates))))

    with pytest.raises(LeakError, match="popular after the first query than uniform draws"):
        check_leaks([by_popularity(query) for query in clean], log, items)
