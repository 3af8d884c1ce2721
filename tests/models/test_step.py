from dataclasses import replace

import numpy as np
import pytest

from models.catalogue import embedding_from_bytes, embedding_to_bytes
from models.engine import ScoreRequest
from models.errors import CapacityError, UnavailableError
from models.preference import new_preference
from models.ranking import MIN_SIMILARITY, Question, rank_candidates
from models.step import StepInput, StepOptions, StepResult, step
from models.weightless import WeightlessEngine
from records import EPOCH, interaction, source
from schemas.codec import encode
from schemas.user_preference import UserPreference
from world import ENGINE, catalogue, profiles

CATALOGUE = catalogue(60)
PROFILES = profiles(60)


def asked(number: int, user: str, item_number: int, state: UserPreference | None, kind="like"):
    profile = PROFILES[item_number]
    event = interaction(number, user=user, item=profile.item_id, kind=kind)
    return StepInput(state, event, source(number), profile)


def run(inputs: list[StepInput], engine: WeightlessEngine = ENGINE) -> list[StepResult]:
    return step(engine, CATALOGUE, inputs, StepOptions(20))


def after(user: str, item_numbers: list[int]) -> StepResult:
    result, state = None, None
    for number, item_number in enumerate(item_numbers):
        (result,) = run([asked(number, user, item_number, state)])
        state = result.state
    assert result is not None
    return result


def test_a_batch_gives_each_user_what_a_step_alone_gives() -> None:
    states = [after(f"u{n}", [n, n + 3, n + 6, n + 9][: n % 4 + 1]).state for n in range(8)]
    inputs = [asked(50 + n, f"u{n}", 20 + n, state) for n, state in enumerate(states)]
    together = run(inputs)
    alone = [run([one])[0] for one in inputs]
    assert [encode(one.ranking) for one in together] == [encode(one.ranking) for one in alone]
    assert [encode(one.state) for one in together] == [encode(one.state) for one in alone]


def test_the_same_history_gives_the_same_bytes() -> None:
    assert encode(after("ada", [1, 4, 7, 10]).ranking) == encode(
        after("ada", [1, 4, 7, 10]).ranking
    )


def test_liking_blue_brings_blue() -> None:
    ranking = after("ada", [1, 4, 7, 10, 13]).ranking
    colours = [int(one.item_id[1:]) % 3 == 1 for one in ranking.candidates[:5]]
    assert sum(colours) >= 4


def test_candidates_are_distinct_ordered_known_and_new_to_the_user() -> None:
    result = after("ada", [1, 4, 7, 10])
    found = [one.item_id for one in result.ranking.candidates]
    assert len(found) == len(set(found)) == 20
    assert not {"i1", "i4", "i7", "i10"} & set(found)
    assert all(CATALOGUE.get(item_id) for item_id in found)
    scores = [one.score for one in result.ranking.candidates]
    assert scores == sorted(scores, reverse=True)


def test_citations_are_the_users_own_positive_items() -> None:
    (liked,) = run([asked(0, "ada", 1, None, "like")])
    (result,) = run([asked(1, "ada", 2, liked.state, "dislike")])
    cited = {cite.item_id for one in result.ranking.candidates for cite in one.cites}
    assert cited == {"i1"}


def test_the_summary_is_written_with_the_third_event_and_shown_beside_the_old_one() -> None:
    assert after("ada", [1, 4]).ranking.summary == ""
    third = after("ada", [1, 4, 7]).ranking
    assert third.summary
    assert third.previous_summary == ""


def test_two_events_of_one_user_are_no_batch() -> None:
    with pytest.raises(ValueError, match="2 events of 1 users"):
        run([asked(0, "ada", 1, None), asked(1, "ada", 2, None)])


def test_an_empty_catalogue_gives_an_empty_list() -> None:
    (result,) = step(ENGINE, catalogue(0), [asked(0, "ada", 1, None)], StepOptions(20))
    assert result.ranking.candidates == ()


class _Failing(WeightlessEngine):
    def __init__(self, *, broken: str) -> None:
        self.broken = broken

    def score(self, requests: list[ScoreRequest]) -> list[list[float]]:
        if self.broken == "score":
            raise CapacityError("out of memory")
        return super().score(requests)

    def summarise(self, requests):
        if self.broken == "summarise":
            raise CapacityError("out of memory")
        return super().summarise(requests)


def test_without_the_model_the_prior_ranks_and_the_record_says_so() -> None:
    (result,) = run([asked(0, "ada", 1, None)], _Failing(broken="score"))
    assert len(result.ranking.candidates) == 20
    assert all(one.model_score is None for one in result.ranking.candidates)
    assert [one.score for one in result.ranking.candidates] == [
        one.prior for one in result.ranking.candidates
    ]
    assert "out of memory" in result.ranking.degraded[0]


class _Choosy(WeightlessEngine):
    """Fails for one user, and for any batch that has that user in it."""

    def score(self, requests):
        if any("blue" in " ".join(one.recent) for one in requests):
            raise CapacityError("out of memory")
        return super().score(requests)


def test_what_fails_for_one_user_is_no_other_users_fault() -> None:
    inputs = [asked(0, "ada", 1, None), asked(1, "bob", 2, None)]
    blue = inputs[0].profile.model_copy(update={"summary": "a blue thing"})
    ada, bob = run([replace(inputs[0], profile=blue), inputs[1]], _Choosy())
    assert ada.ranking.degraded == ("ranked without model: out of memory",)
    assert bob.ranking.degraded == ()
    assert all(one.model_score is not None for one in bob.ranking.candidates)


class _Overflowing(WeightlessEngine):
    def score(self, requests):
        return [[float("nan")] * len(one.candidates) for one in requests]


def test_scores_that_are_no_numbers_are_no_scores() -> None:
    (result,) = run([asked(0, "ada", 1, None)], _Overflowing())
    assert result.ranking.degraded == ("ranked without model: its scores are no numbers",)
    assert all(one.model_score is None for one in result.ranking.candidates)


def test_an_item_that_shares_nothing_and_is_not_near_is_no_citation() -> None:
    stranger = PROFILES[1].model_copy(update={"attributes": {}, "categories": ()})
    (result,) = run([replace(asked(0, "ada", 1, None), profile=stranger)])
    cited = [cite for one in result.ranking.candidates for cite in one.cites]
    assert all(cite.shared or cite.similarity >= MIN_SIMILARITY for cite in cited)
    few = catalogue(3)
    odd = few.get("i1")
    assert odd is not None
    away = -embedding_from_bytes(PROFILES[2].embedding)
    few.put(
        odd.model_copy(
            update={"attributes": {}, "categories": (), "embedding": embedding_to_bytes(away)}
        )
    )
    (result,) = step(ENGINE, few, [asked(0, "ada", 1, None)], StepOptions(20))
    by_item = {one.item_id: one.cites for one in result.ranking.candidates}
    assert by_item["i2"] == ()


def test_what_an_item_shares_is_bounded() -> None:
    many = {f"a{number}": "x" for number in range(60)}
    rich = catalogue(0)
    for profile in PROFILES[:3]:
        rich.put(profile.model_copy(update={"attributes": many, "categories": ("c",) * 30}))
    (result,) = step(ENGINE, rich, [asked(0, "ada", 1, None)], StepOptions(20))
    assert result.ranking.candidates
    for one in result.ranking.candidates:
        assert len(one.categories) <= 4
        assert [len(cite.shared) for cite in one.cites] == [3]


def test_a_summary_that_fails_is_kept_as_it_was_and_written_with_the_next_event() -> None:
    state = after("ada", [1, 4]).state
    (failed,) = run([asked(9, "ada", 7, state)], _Failing(broken="summarise"))
    assert (failed.state.summary, failed.state.block_size) == ("", 3)
    assert "summary not updated" in failed.ranking.degraded[0]
    (mended,) = run([asked(10, "ada", 10, failed.state)])
    assert mended.state.summary
    assert mended.state.block_size == 0


class _Adapted(WeightlessEngine):
    """Scores by the adapter that it is asked by."""

    def score(self, requests):
        return [[float(one.adapter == "a@1")] * len(one.candidates) for one in requests]


def test_each_user_is_scored_by_their_adapter_and_summed_up_by_the_base_weights() -> None:
    before = after("ada", [1, 4]).state
    ada = replace(asked(9, "ada", 7, before), adapter="a@1")
    ada_answer, bob_answer = run([ada, asked(9, "bob", 7, None)], _Adapted())
    assert ada_answer.ranking.versions == ENGINE.versions.model_copy(update={"adapter": "a@1"})
    assert ada_answer.state.versions == ENGINE.versions
    (as_ever,) = run([replace(ada, adapter=None)])
    assert ada_answer.state == as_ever.state
    assert ada_answer.state.summary
    assert {one.model_score for one in ada_answer.ranking.candidates} == {1.0}
    assert bob_answer.ranking.versions == bob_answer.state.versions == ENGINE.versions
    assert {one.model_score for one in bob_answer.ranking.candidates} == {0.0}


class _One:
    """Makes every score the same."""

    def __init__(self, name: str, score: float) -> None:
        self.name = name
        self.score = score

    def scores(self, opinions, model_scores, num_events):
        return np.full(len(next(iter(opinions.values()))), self.score)


def test_each_user_is_ranked_by_their_own_weights_which_the_ranking_names() -> None:
    before = after("ada", [1, 4]).state
    ada, bob = asked(9, "ada", 7, before), asked(9, "bob", 7, None)
    options = StepOptions(20, blend=_One("file", 0.25))
    mine = replace(ada, blend=_One("mine", 0.75))
    ada_answer, bob_answer = step(ENGINE, CATALOGUE, [mine, bob], options)
    for answer, name, score in ((ada_answer, "mine", 0.75), (bob_answer, "file", 0.25)):
        assert answer.ranking.versions == ENGINE.versions.model_copy(update={"fusion": name})
        assert {one.score for one in answer.ranking.candidates} == {score}
        assert answer.state.versions == ENGINE.versions
    (as_ever,) = run([ada])
    assert as_ever.state == ada_answer.state
    assert as_ever.ranking.versions == ENGINE.versions
    assert b"fusion" not in encode(as_ever.ranking)


def test_an_event_that_is_applied_only_leaves_the_same_state() -> None:
    state = after("ada", [1, 4]).state
    ranked, by_prior, applied = (
        run([replace(asked(9, "ada", 7, state), ranked_by=by)])[0]
        for by in ("model", "prior", None)
    )
    assert ranked.state == by_prior.state == applied.state
    assert applied.ranking is None
    assert {one.model_score for one in by_prior.ranking.candidates} == {None}
    assert [one.prior for one in by_prior.ranking.candidates]


def test_a_batch_that_is_too_large_for_the_memory_is_halved_until_it_fits() -> None:
    class Small(WeightlessEngine):
        sizes: list[int] = []

        def score(self, requests):
            self.sizes.append(len(requests))
            if len(requests) > 2:
                raise CapacityError("out of memory")
            return super().score(requests)

    inputs = [asked(number, f"user {number}", number, None) for number in range(8)]
    assert all(not one.ranking.degraded for one in run(inputs, Small()))
    assert Small.sizes == [8, 4, 2, 2, 4, 2, 2]


def test_a_server_that_is_away_is_asked_once_for_all_rows() -> None:
    class Away(WeightlessEngine):
        num_calls = 0

        def score(self, requests):
            Away.num_calls += 1
            raise UnavailableError("http://models.internal:8000 is away")

    inputs = [asked(number, f"user {number}", number, None) for number in range(8)]
    found = run(inputs, Away())
    assert Away.num_calls == 1
    # Everybody reads this: no address, no library's words.
    degraded = ("ranked without model: the model's server is not available",)
    assert {one.ranking.degraded for one in found} == {degraded}


def test_a_state_does_not_depend_on_what_the_crowd_does() -> None:
    busy = catalogue(60)
    for number in range(30):
        event = interaction(number, user=f"u{number % 3}", item=f"i{number}", kind="like")
        busy.signals.observe(event, source(number))
    one = asked(50, "ada", 7, after("ada", [1, 4]).state)
    (alone,), (among_others,) = run([one]), step(ENGINE, busy, [one], StepOptions(20))
    assert encode(alone.state) == encode(among_others.state)
    assert encode(alone.ranking) != encode(among_others.ranking)


def test_a_long_title_is_cut_in_a_ranking() -> None:
    long = [one.model_copy(update={"title": "x" * 5000}) for one in PROFILES[:3]]
    shop = catalogue(0)
    for profile in long:
        shop.put(profile)
    one = replace(asked(0, "ada", 1, None), profile=long[1])
    (result,) = step(ENGINE, shop, [one], StepOptions(20))
    assert len(encode(result.ranking)) < 5000


def test_what_an_experiment_excludes_is_not_listed_and_its_place_is_filled() -> None:
    one = asked(0, "ada", 1, None)
    (free,) = run([one])
    shown = {found.item_id for found in free.ranking.candidates}
    (result,) = run([replace(one, exclude=shown)])
    found = {found.item_id for found in result.ranking.candidates}
    assert len(found) == 20
    assert not found & shown


def test_given_candidates_are_ranked_all_and_alone_with_the_scores_they_have_when_found() -> None:
    one = asked(0, "ada", 1, None)
    (free,) = run([one])
    by_id = {found.item_id: found for found in free.ranking.candidates}
    given = sorted(by_id)[:5]
    (result,) = run([replace(one, candidates=given)])
    assert sorted(found.item_id for found in result.ranking.candidates) == given
    for found in result.ranking.candidates:
        assert found == by_id[found.item_id].model_copy(update={"sources": {}})


def test_a_user_of_whom_nothing_is_known_is_asked_about_without_an_event() -> None:
    state = new_preference("new", EPOCH, ENGINE.versions)
    question = Question(state=state, at=EPOCH, seed="new")
    (found,) = rank_candidates(ENGINE, CATALOGUE, [question], 20)
    assert len({one.item_id for one in found}) == 20
    # Drawn, or the newest of that time: there is nothing else to go by.
    assert {name for one in found for name in one.sources} == {"newest", "explore"}
