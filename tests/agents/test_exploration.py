"""What is drawn, and how likely that was: against a count of all that could have been drawn."""

from collections import Counter
from fractions import Fraction

import orjson
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from records import EPOCH, source
from schemas.codec import decode, encode
from schemas.ranking import RankedCandidate, Ranking, Trigger
from schemas.recommendation import Recommendation
from schemas.versions import Versions
from stream_app.agents.publish import recommendation
from stream_app.diversity import diversify
from stream_app.exploration import draws, propensities, with_drawn_place

SIZES = st.integers(1, 6).flatmap(lambda n: st.tuples(st.just(n), st.integers(1, n)))
SHARES = st.sampled_from([0.01, 0.1, 0.25, 0.5])


def orders(num_candidates: int, length: int, share: float) -> dict[tuple[int, ...], Fraction]:
    """Every list of the policy with its probability, by going through all swaps."""
    best = tuple(range(length))
    lists: Counter[tuple[int, ...]] = Counter()
    lists[best] += 1 - Fraction(share)
    for place in range(length):
        for drawn in range(num_candidates):
            swapped = [
                {drawn: best[place], best[place]: drawn}.get(item_id, item_id) for item_id in best
            ]
            lists[tuple(swapped)] += Fraction(share) / (length * num_candidates)
    return lists


# Fractions take their time.
@settings(deadline=None)
@given(SIZES, SHARES)
def test_propensities_are_those_of_all_orders_which_sum_to_one(sizes, share) -> None:
    num_candidates, length = sizes
    best = [str(number) for number in range(length)]
    lists = orders(num_candidates, length, share)
    assert sum(lists.values()) == 1
    counted: Counter[tuple[int, int]] = Counter()
    for order, probability in lists.items():
        for spot in enumerate(order):
            counted[spot] += probability
    # Every candidate comes to every place.
    assert len(counted) == length * num_candidates
    for order in lists:
        told = propensities([str(one) for one in order], best, num_candidates, share)
        assert told == pytest.approx([float(counted[spot]) for spot in enumerate(order)], rel=1e-12)
        assert all(0 < one <= 1 for one in told)


def test_what_is_drawn_comes_as_often_as_is_told() -> None:
    best, candidates, share, number = ["a", "b"], ["a", "b", "c"], 0.5, 20_000
    seeds = [f"ada:0:{offset}" for offset in range(number)]
    shown = Counter(
        tuple(with_drawn_place(best, candidates, seed) if draws(share, seed) else best)
        for seed in seeds
    )
    for place in range(2):
        for item_id in candidates:
            (likely,) = {
                propensities(one, best, 3, share)[place] for one in shown if one[place] == item_id
            }
            found = sum(times for one, times in shown.items() if one[place] == item_id) / number
            # Four standard errors of a share of 20,000.
            assert found == pytest.approx(likely, abs=4 * (likely * (1 - likely) / number) ** 0.5)


@given(st.integers(1, 30), st.integers(1, 12), st.text(min_size=1))
def test_one_place_at_most_has_what_was_not_there(num_candidates, length, seed) -> None:
    candidates = [str(number) for number in range(num_candidates)]
    best = candidates[:length]
    shown = with_drawn_place(best, candidates, seed)
    assert len(set(shown)) == len(best)
    assert len(set(shown) - set(best)) <= 1
    assert sum(one != other for one, other in zip(shown, best, strict=True)) <= 2


def ranking(ranking_id: str = "ada:0:7", *, number: int = 8, **fields) -> Ranking:
    candidates = tuple(
        RankedCandidate(
            item_id=f"i{place}",
            title=f"Item {place}",
            score=1 - place / 100,
            model_score=0.5,
            prior=0.5,
            sources={"newest": 1.0},
            categories=("odd" if place < 5 else "even", "thing"),
            opinions={"taste": place / 10},
        )
        for place in range(number)
    )
    trigger = Trigger(
        event_id="e1",
        item_id="i9",
        title="Item 9",
        kind="click",
        occurred_at=EPOCH,
        source=source(7),
    )
    given: dict[str, object] = {
        "ranking_id": ranking_id,
        "user_id": "ada",
        "trigger": trigger,
        "summary": "likes blue",
        "previous_summary": "",
        "candidates": candidates,
        "versions": Versions(model="m", prompt="p"),
        "num_events": 3,
    }
    return Ranking(**(given | fields))


def published(of: Ranking, share: float, length: int = 4) -> Recommendation:
    made = recommendation(of, of.candidates, length=length, share=share)
    return made.model_copy(update={"published_at": EPOCH})


def ids(of: Recommendation) -> list[str]:
    return [item.item_id for item in of.items]


@pytest.mark.parametrize("old", [{"share": 0.0}, {"num_events": None, "share": 0.5}])
def test_without_exploration_a_record_has_the_bytes_that_it_always_had(old) -> None:
    share = old.pop("share")
    fields = orjson.loads(encode(published(ranking(**old), share)))
    assert list(fields) == [
        *("schema_version", "recommendation_id", "user_id", "items", "trigger", "summary"),
        *("previous_summary", "versions", "degraded", "published_at"),
    ]
    assert [one["item_id"] for one in fields["items"]] == ["i0", "i1", "i5", "i6"]
    assert {tuple(one) for one in fields["items"]} == {
        ("item_id", "title", "rank", "score", "reason", "sources", "evidence")
    }
    assert decode(Recommendation, orjson.dumps(fields)) == published(ranking(**old), share)


def test_a_replay_gives_the_same_bytes() -> None:
    made = [ranking(f"ada:0:{offset}") for offset in range(50)]
    once = [encode(published(one, 0.5)) for one in made]
    assert once == [encode(published(one, 0.5)) for one in made]
    assert len({tuple(ids(published(one, 0.5))) for one in made}) > 5


def test_a_share_of_the_lists_is_drawn_and_each_tells_how_likely_it_was() -> None:
    lists = [published(ranking(f"ada:0:{offset}"), 0.25) for offset in range(400)]
    best = [one.item_id for one in diversify(ranking().candidates, 4)]
    drawn = [one for one in lists if one.exploration is not None and one.exploration.is_drawn]
    assert 0.17 < len(drawn) / len(lists) < 0.33
    assert all(ids(one) == best for one in lists if one not in drawn)
    assert any("i7" in ids(one) for one in drawn)
    for one in lists:
        told = [item.propensity for item in one.items]
        assert told == propensities(ids(one), best, 8, 0.25)
        assert [item.rank for item in one.items] == [1, 2, 3, 4]


def test_a_list_carries_all_that_could_have_been_shown() -> None:
    found = published(ranking(), 0.1).exploration
    assert found is not None
    assert (found.share, found.num_events) == (0.1, 3)
    assert [one.item_id for one in found.candidates] == [f"i{place}" for place in range(8)]
    assert found.candidates[2].opinions == {"taste": 0.2}
    assert found.candidates[2].categories == ("odd",)


def test_an_empty_list_is_explored_without_harm() -> None:
    found = published(ranking(number=0), 0.5)
    assert found.items == ()
    assert found.degraded == ("no candidate is available",)
