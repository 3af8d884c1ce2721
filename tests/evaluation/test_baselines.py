from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest
from evaluation.made import asked, event, log_of, queries_after, query_at, tastes_log

from stream_app.evaluation.accuracy import accuracy
from stream_app.evaluation.baselines import matrix
from stream_app.evaluation.baselines.answers import answers
from stream_app.evaluation.baselines.baseline import LIST_LENGTH, Baseline, Question, Scores
from stream_app.evaluation.baselines.content import ContentOnly
from stream_app.evaluation.baselines.matrix import Ease, ItemKnn
from stream_app.evaluation.baselines.popularity import MostPop, RecentPop
from stream_app.evaluation.baselines.sequential import SasRec
from stream_app.evaluation.baselines.suite import suite
from stream_app.evaluation.baselines.transitions import Transitions

VECTORS = {
    f"g{group}-{number}": np.eye(4, dtype=np.float32)[group] + number / 1000
    for group in range(4)
    for number in range(30)
}
KINDS: dict[str, Callable[[], Baseline]] = {
    "MostPop": MostPop,
    "recent popularity": RecentPop,
    "item to item": Transitions,
    "item kNN": lambda: ItemKnn(num_neighbours=20),
    "EASE": lambda: Ease(l2=10.0),
    "SASRec (GPT-2 blocks)": lambda: SasRec(num_epochs=3, max_length=10, dimension=8),
    "content only": lambda: ContentOnly(VECTORS),
}
LOG = tastes_log(900)
CUT = 700

every_kind = pytest.mark.parametrize("make", KINDS.values(), ids=KINDS.keys())


class Planted(MostPop):
    """Knows what comes, as a baseline that is given the whole log would."""

    def _scores(self, question: Question) -> Scores:
        return np.array([float(one == question.query.target) for one in self.item_ids])


def test_the_suite_has_each_kind_once():
    assert [one.name for one in suite(VECTORS)] == list(KINDS)
    assert [one.name for one in suite()] == list(KINDS)[:-1]


@every_kind
def test_what_comes_later_changes_no_answer(make):
    position = CUT + 50
    other_future = [*LOG[:position], LOG[position], *reversed(LOG[position + 1 :])]
    other_future[position + 1 :] = [
        replace_item(one, "g9-new") for one in other_future[position + 1 :]
    ]
    queries = [query_at(LOG, position)]
    as_it_was, otherwise = (
        answers(make(), log, queries, cut=CUT, relearn_events=25) for log in (LOG, other_future)
    )
    assert as_it_was[0].item_ids == otherwise[0].item_ids
    assert as_it_was[0].scores == pytest.approx(otherwise[0].scores)


def replace_item(one, item_id):
    return one.model_copy(update={"item_id": item_id})


@every_kind
def test_items_that_the_user_met_are_left_out_and_none_comes_twice(make):
    for query, answer in zip(
        queries := queries_after(LOG, CUT), answers(make(), LOG, queries, cut=CUT), strict=True
    ):
        assert not query.seen & set(answer.item_ids)
        assert len(set(answer.item_ids)) == len(answer.item_ids) <= LIST_LENGTH
        assert list(answer.scores) == sorted(answer.scores, reverse=True)


@every_kind
def test_without_a_history_it_is_popularity(make):
    query = replace(asked("g0-0", position=CUT), user_id="nobody", at=LOG[CUT].occurred_at)
    [answer], [popular] = (answers(one, LOG, [query], cut=CUT) for one in (make(), MostPop()))
    if isinstance(make(), RecentPop):
        return
    num = [sum(one.item_id == item_id for one in LOG[:CUT]) for item_id in answer.item_ids]
    assert num == sorted(num, reverse=True)
    assert set(answer.item_ids[:10]) <= set(popular.item_ids[:20])


@every_kind
def test_candidates_are_all_ranked_also_those_never_met(make):
    query = replace(query_at(LOG, CUT), candidates=("g0-0", "never met", "g1-1", "g2-2"))
    [answer] = answers(make(), LOG, [query], cut=CUT)
    assert set(answer.item_ids) == set(query.candidates)
    assert answer.item_ids[-1] == "never met"


@every_kind
def test_before_anything_was_learned_nothing_breaks(make):
    [answer] = answers(make(), LOG, [query_at(LOG, 0)], cut=0)
    assert len(answer.item_ids) == (LIST_LENGTH if make().item_ids else 0)


@every_kind
def test_dislikes_are_no_reason_to_list(make):
    log = [event(number, f"u{number}", "bad", kind="dislike") for number in range(5)]
    log = [*log, event(6, "u6", "good"), event(7, "u7", "good"), event(8, "u6", "other")]
    [answer] = answers(make(), log, [query_at(log, 7)], cut=7)
    assert "bad" not in answer.item_ids[:1]


@pytest.mark.parametrize("name", ["item to item", "item kNN", "EASE"])
def test_who_knows_tastes_beats_popularity(name):
    queries = queries_after(LOG, CUT)
    ours, popular = (
        accuracy(queries, answers(one, LOG, queries, cut=CUT))["NDCG@10"].mean()
        for one in (KINDS[name](), MostPop())
    )
    assert ours > 1.2 * popular


def test_content_lists_what_looks_like_the_users_own():
    log = [*LOG[:CUT], event(9_000, "new", "g1-3"), event(9_001, "new", "g1-7")]
    [answer] = answers(ContentOnly(VECTORS), log, [query_at(log, len(log) - 1)], cut=CUT)
    assert {one.split("-")[0] for one in answer.item_ids[:29]} == {"g1"}


def test_the_transformer_learns_which_item_follows():
    ring = [f"i{number}" for number in range(8)]
    rng = np.random.default_rng(1)
    log = [
        event(number * 5 + step, f"u{number}", ring[(start + step) % 8])
        for number, start in enumerate(rng.integers(8, size=150).tolist())
        for step in range(5)
    ]
    log.append(event(10_000, "u0", "i0"))
    log.append(event(10_001, "asks", "i3"))
    log.append(event(10_002, "asks", "i4"))
    sasrec = SasRec(num_epochs=30, max_length=10, dimension=16)
    [answer] = answers(sasrec, log, [query_at(log, len(log) - 1)], cut=len(log) - 2)
    assert answer.item_ids[0] == "i4"


def test_ease_is_its_closed_form():
    log = tastes_log(300)
    ease = Ease(l2=5.0)
    ease.learn(log)
    matrix = np.zeros((40, len(ease.item_ids)))
    for one in log:
        matrix[int(one.user_id[1:]), ease.index[one.item_id]] = 1
    inverse = np.linalg.inv(matrix.T @ matrix + 5 * np.eye(matrix.shape[1]))
    weights = np.eye(len(inverse)) - inverse / np.diag(inverse)
    found = ease._scores(Question(query_at(log, 299), [log[0], log[1]]))
    rows = [ease.index[log[0].item_id], ease.index[log[1].item_id]]
    assert found == pytest.approx(weights[rows].sum(axis=0), abs=1e-6)


def test_neighbours_have_the_cosine_and_the_far_ones_nothing():
    knn = ItemKnn(num_neighbours=1)
    knn.learn(log_of(("u", "a"), ("u", "b"), ("v", "a"), ("v", "b"), ("w", "a"), ("w", "c")))
    found = knn._scores(Question(asked("c"), [event(9, "x", "a")]))
    # a and b share two users of three and two.
    assert dict(zip(knn.item_ids, found, strict=True)) == pytest.approx(
        {"a": 0, "b": 2 / np.sqrt(6), "c": 0}
    )


def test_a_matrix_takes_the_most_liked_items_and_leaves_the_rest_to_popularity(monkeypatch):
    monkeypatch.setattr(matrix, "MAX_ITEMS", 2)
    log = log_of(*(("u", "a"), ("u", "b"), ("v", "a"), ("v", "b"), ("v", "c"), ("w", "a")))
    ease = Ease(l2=1.0)
    ease.learn(log)
    scores = ease._scores(Question(asked("b"), [event(9, "x", "a"), event(10, "x", "c")]))
    assert scores[ease.index["b"]] > 0
    assert scores[ease.index["c"]] == 0
    [answer] = ease.answer([Question(asked("b"), [event(9, "x", "a")])])
    assert set(answer.item_ids) == {"a", "b", "c"}


def test_recent_popularity_is_the_sum_of_faded_events():
    recent = RecentPop(half_life_days=2.0)
    recent.learn(LOG[:300])
    recent.learn(LOG[300:600])
    now = LOG[650].occurred_at
    expected = dict.fromkeys(recent.item_ids, 0.0)
    for one in LOG[:600]:
        expected[one.item_id] += 0.5 ** ((now - one.occurred_at).total_seconds() / 86_400 / 2)
    found = recent._scores(Question(query_at(LOG, 650), []))
    assert dict(zip(recent.item_ids, found, strict=True)) == pytest.approx(expected)


def test_a_step_that_was_often_taken_long_ago_fades():
    steps = [("old1", "a"), ("old1", "b"), ("old2", "a"), ("old2", "b")]
    old = [event(number, *step) for number, step in enumerate(steps)]
    new = [event(24 * 3000 + number, "new", item) for number, item in enumerate("ac")]
    chain = Transitions(half_life_days=365)
    chain.learn([*old, *new])
    query = replace(asked("c"), at=new[-1].occurred_at)
    scores = dict(
        zip(chain.item_ids, chain._scores(Question(query, [event(9, "x", "a")])), strict=True)
    )
    assert scores["c"] == pytest.approx(1.0, abs=1e-3)
    assert 0 < scores["b"] < 0.1


def test_ties_at_the_end_of_the_list_are_drawn_and_stay_ties():
    log = [event(number, f"u{number}", f"i{number}") for number in range(300)]
    lists = [
        answers(MostPop(), log, [replace(asked("i0"), position=300 + n)], cut=300)[0]
        for n in range(2)
    ]
    assert all(set(one.scores) == {1.0} and len(one.item_ids) == 100 for one in lists)
    assert set(lists[0].item_ids) != set(lists[1].item_ids)


@pytest.mark.parametrize(
    ("relearn_events", "learned"), [(None, [700]), (50, [700, 50, 50, 50]), (1, [700] + [1] * 199)]
)
def test_it_learns_at_the_points_that_were_asked_for(relearn_events, learned):
    class Counting(MostPop):
        def __init__(self):
            super().__init__()
            self.nums = []

        def learn(self, events):
            self.nums.append(len(events))
            super().learn(events)

    counting = Counting()
    answers(counting, LOG, queries_after(LOG, CUT), cut=CUT, relearn_events=relearn_events)
    assert counting.nums == learned


def test_a_query_before_the_cut_is_refused():
    with pytest.raises(ValueError, match="before the cut at event 700"):
        answers(MostPop(), LOG, [query_at(LOG, 699)], cut=CUT)


def test_a_planted_leak_shows_as_impossible_quality():
    queries = [one for one in queries_after(LOG, CUT) if not one.is_cold_item]
    leaking = accuracy(queries, answers(Planted(), LOG, queries, cut=CUT))["NDCG@10"].mean()
    honest = accuracy(queries, answers(MostPop(), LOG, queries, cut=CUT))["NDCG@10"].mean()
    assert leaking > 0.9 > honest
