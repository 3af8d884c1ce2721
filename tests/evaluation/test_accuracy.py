from collections.abc import Callable
from itertools import permutations

import numpy as np
import pytest
import torch
from cornac.metrics import MRR as CornacMRR
from cornac.metrics import NDCG as CornacNDCG
from cornac.metrics import HitRatio, Recall
from evaluation.made import asked, listed
from hypothesis import given
from hypothesis import strategies as st
from sklearn.metrics import ndcg_score, roc_auc_score
from torchmetrics.functional.retrieval import (
    retrieval_hit_rate,
    retrieval_normalized_dcg,
    retrieval_reciprocal_rank,
)

from stream_app.evaluation.accuracy import accuracy, auc, hit_rate, mrr, ndcg
from stream_app.evaluation.expected import AnswerError, in_order, places
from stream_app.replay.queries import Query, RankedList

ITEMS = "abcdef"
GAINS: dict[str, Callable[[int], float]] = {
    "hit": lambda place: 1.0,
    "ndcg": lambda place: 1 / np.log2(1 + place),
    "mrr": lambda place: 1 / place,
}
METRICS = {"hit": hit_rate, "ndcg": ndcg, "mrr": mrr}

tied_scores = st.lists(st.sampled_from([0.1, 0.2, 0.3]), min_size=6, max_size=6)


@given(scores=tied_scores, target=st.sampled_from(ITEMS + "x"), cutoff=st.integers(1, 7))
def test_metrics_of_ties_are_the_mean_over_all_their_orders(scores, target, cutoff):
    by_item = dict(zip(ITEMS, scores, strict=True))
    where = places([asked(target)], [listed("q", by_item)])
    orders = [
        order
        for order in permutations(ITEMS)
        if [by_item[one] for one in order] == sorted(scores, reverse=True)
    ]
    for name, gain in GAINS.items():
        gained = [
            gain(order.index(target) + 1) if target in order[:cutoff] else 0.0 for order in orders
        ]
        assert METRICS[name](where, cutoff)[0] == pytest.approx(np.mean(gained))


@given(scores=tied_scores, target=st.sampled_from(ITEMS), cutoff=st.integers(1, 6))
def test_ndcg_agrees_with_scikit_learn_which_knows_ties(scores, target, cutoff):
    answer = listed("q", dict(zip(ITEMS, scores, strict=True)))
    relevant = [[float(one == target) for one in answer.item_ids]]
    expected = ndcg_score(relevant, [list(answer.scores)], k=cutoff)
    assert ndcg(places([asked(target)], [answer]), cutoff)[0] == pytest.approx(expected)


@pytest.mark.parametrize("target", ["i0", "i4", "i9", "i10", "i29"])
def test_without_ties_two_libraries_agree(target):
    answer = listed("q", {f"i{number}": 1 - number / 100 for number in range(30)})
    where = places([asked(target)], [answer])
    relevant = torch.tensor([one == target for one in answer.item_ids])
    scores = torch.tensor(answer.scores)
    ranked, taken = np.arange(30), np.array([answer.item_ids.index(target)])
    by_torch = {
        "hit": float(retrieval_hit_rate(scores, relevant, top_k=10)),
        "ndcg": float(retrieval_normalized_dcg(scores, relevant.long(), top_k=10)),
        "mrr": float(retrieval_reciprocal_rank(scores, relevant, top_k=10)),
    }
    by_cornac = {
        "hit": HitRatio(k=10).compute(taken, ranked),
        "ndcg": CornacNDCG(k=10).compute(taken, ranked[:10]),
    }
    ours = {name: float(metric(where, 10)[0]) for name, metric in METRICS.items()}
    assert ours == pytest.approx(by_torch, abs=1e-6)
    assert {name: ours[name] for name in by_cornac} == pytest.approx(by_cornac)
    assert hit_rate(where, 10)[0] == Recall(k=10).compute(taken, ranked)
    assert mrr(where, 30)[0] == pytest.approx(CornacMRR().compute(taken, ranked))


@given(scores=tied_scores, target=st.sampled_from(ITEMS))
def test_auc_agrees_with_scikit_learn(scores, target):
    query = Query("q", "u", asked("a").at, 0, target, 0, frozenset(), candidates=tuple(ITEMS))
    answer = listed("q", dict(zip(ITEMS, scores, strict=True)))
    expected = roc_auc_score([one == target for one in answer.item_ids], answer.scores)
    assert auc([query], [answer])[0] == pytest.approx(expected)


def test_candidates_that_are_not_listed_tie_at_the_end():
    query = Query("q", "u", asked("a").at, 0, "d", 0, frozenset(), candidates=tuple("abcd"))
    assert auc([query], [listed("q", {"a": 1.0, "b": 0.5})])[0] == pytest.approx(0.5 / 3)


def test_auc_is_for_candidates_only():
    assert "AUC" not in accuracy([asked("a")], [listed("q", {"a": 1.0})])


def test_scoring_all_alike_gets_what_chance_gets():
    answer = RankedList("q", tuple(f"i{number}" for number in range(100)), (0.5,) * 100)
    assert accuracy([asked("i0")], [answer])["HR@10"][0] == pytest.approx(0.1)


@pytest.mark.parametrize(
    ("answers", "complaint"),
    [
        ([], "1 queries have no list"),
        ([listed("q", {"a": 1}), listed("q", {"a": 1})], "2 lists for 1 queries"),
        ([RankedList("q", ("a", "b"), (1.0,))], "2 items with 1 scores"),
        ([RankedList("q", ("a", "a"), (1.0, 0.5))], "an item twice"),
        ([RankedList("q", ("a", "b"), (1.0, float("nan")))], "a score that is no number"),
        ([RankedList("q", ("a", "b"), (0.5, 1.0))], "a score above the one before it"),
    ],
)
def test_what_is_no_ranking_is_refused(answers, complaint):
    with pytest.raises(AnswerError, match=complaint):
        in_order([asked("a")], answers)


def test_lists_come_in_the_order_of_the_queries():
    queries = [asked("a", query_id="q1"), asked("a", query_id="q2")]
    answers = [listed("q2", {"b": 1}), listed("q1", {"a": 1})]
    assert [one.query_id for one in in_order(queries, answers)] == ["q1", "q2"]
