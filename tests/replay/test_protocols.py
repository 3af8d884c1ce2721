"""What is asked of a log."""

from collections import Counter
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st
from replay.logs import SHOP, event, in_order, logs, shop

from models.preference import leaning
from schemas.interaction import Interaction
from stream_app.replay.errors import ReplayError
from stream_app.replay.protocols import Sample, cut_position, paper, prequential, temporal

ALL = Sample()

LOG = [
    event(0, "ada", 1),
    event(1, "bob", 1, "dislike"),
    event(2, "ada", 2, "dislike"),
    event(3, "ada", 2),
    event(4, "bob", 3, "view"),
    event(5, "ada", 1),
    event(6, "ada", 3, "purchase"),
]


def asked(queries) -> list[str]:
    return [query.query_id for query in queries]


def test_a_query_is_a_first_positive_and_knows_what_was_before_it() -> None:
    # e2 speaks against its item, and e3 is not the first event with it; e5 comes back to e0's.
    first, second, third = prequential(LOG, ALL)
    assert asked([first, second, third]) == ["e0", "e4", "e6"]
    assert (first.target, first.num_history, first.seen) == ("i1", 0, set())
    assert (second.position, second.num_history) == (4, 1)
    assert (third.num_history, third.seen) == (4, {"i1", "i2"})
    assert [one.is_cold_item for one in (first, second, third)] == [True, True, False]
    assert third.at == LOG[6].occurred_at


@given(logs)
def test_what_a_query_knows_is_what_the_log_up_to_it_tells(log: list[Interaction]) -> None:
    expected = {}
    for position, one in enumerate(log):
        own = [past for past in log[:position] if past.user_id == one.user_id]
        if leaning(one) > 0 and all(past.item_id != one.item_id for past in own):
            known = any(past.item_id == one.item_id for past in log[:position])
            expected[position] = {past.item_id for past in own}, len(own), not known
    found = {
        query.position: (query.seen, query.num_history, query.is_cold_item)
        for query in prequential(log, ALL)
    }
    assert found == expected


def test_the_cut_is_the_same_moment_for_all_and_events_of_that_moment_are_before_it() -> None:
    log = in_order([event(n, f"u{n % 3}", n, at=n // 4) for n in range(20)])
    position = cut_position(log, test_share=0.3)
    assert position == 16
    assert asked(temporal(log, ALL, test_share=0.3)) == ["e16", "e17", "e18", "e19"]
    # The history before the cut counts as the user's own.
    assert [query.num_history for query in temporal(log, ALL, test_share=0.3)] == [5, 5, 6, 6]


def test_a_log_of_one_moment_has_nothing_after_the_cut() -> None:
    log = in_order([event(n, "ada", n, at=1) for n in range(9)])
    assert cut_position(log, test_share=0.5) == 9
    assert temporal(log, ALL, test_share=0.5) == []


def test_users_are_drawn_by_the_seed_and_their_newest_queries_are_kept() -> None:
    log = in_order([event(n, f"u{n % 10}", n // 10) for n in range(100)])
    queries = prequential(log, Sample(num_users=3, queries_per_user=2, seed=1))
    assert set(Counter(query.user_id for query in queries).values()) == {2}
    assert len(queries) == 6
    assert all(query.target in {"i8", "i9"} for query in queries)
    assert queries == prequential(log, Sample(num_users=3, queries_per_user=2, seed=1))
    others = prequential(log, Sample(num_users=3, queries_per_user=2, seed=2))
    assert {query.user_id for query in queries} != {query.user_id for query in others}


PAPER_LOG = in_order([event(n, f"u{n % 7}", n % 40, at=24 * n // 10) for n in range(100)])


def test_the_papers_candidates_are_the_target_and_twenty_that_were_there_and_not_met() -> None:
    queries = paper(PAPER_LOG, SHOP, ALL, test_share=0.3)
    assert len(queries) > 20
    for query in queries:
        assert len(set(query.candidates)) == 21
        assert query.target in query.candidates
        assert not query.seen.intersection(query.candidates)
        met = {one.item_id for one in PAPER_LOG[: query.position]}
        for item_id in set(query.candidates) - {query.target} - met:
            added_at = SHOP[item_id].added_at
            assert added_at is None or added_at <= query.at
    assert len({query.candidates.index(query.target) for query in queries}) > 5


def test_what_is_drawn_for_a_query_does_not_depend_on_which_others_are_asked() -> None:
    everything = {query.query_id: query for query in paper(PAPER_LOG, SHOP, ALL, test_share=0.3)}
    some = paper(PAPER_LOG, SHOP, Sample(num_users=2), test_share=0.3)
    assert some
    assert all(everything[query.query_id] == query for query in some)
    drawn_anew = paper(PAPER_LOG, SHOP, replace(ALL, seed=8), test_share=0.3)
    assert [query.candidates for query in drawn_anew] != [
        query.candidates for query in everything.values()
    ]


@given(st.integers(0, 1000))
def test_negatives_do_not_know_what_becomes_popular(seed: int) -> None:
    later = in_order([*PAPER_LOG, *(event(1000 + n, "new", n % 3) for n in range(50))])
    # The same cut: what follows is of another user.
    share = (len(later) - 70) / len(later)
    sample = Sample(seed=seed)
    before = {one.query_id: one for one in paper(PAPER_LOG, SHOP, sample, test_share=0.3)}
    after = {one.query_id: one for one in paper(later, SHOP, sample, test_share=share)}
    assert all(after[query_id] == query for query_id, query in before.items())


def test_a_catalogue_too_small_for_twenty_is_refused() -> None:
    log = in_order([event(n, "ada", n % 12) for n in range(12)])
    with pytest.raises(ReplayError, match=r"had not met 0 of 11 items .* take `temporal`"):
        paper(log, {item_id: SHOP[item_id] for item_id in shop(12)}, ALL, test_share=0.1)
