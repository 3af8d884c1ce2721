"""What the crowd's signals add to the candidates, and that nothing changes without them."""

from collections import Counter

import pytest

from models.candidates import SOURCES, Candidate, find_candidates
from models.fusion import EvenBlend, ModelScores, Opinions
from models.preference import apply_event, new_preference
from models.signals.signals import Signals
from records import EPOCH, interaction, source
from schemas.interaction import InteractionKind
from schemas.user_preference import UserPreference
from world import ENGINE, catalogue, profiles

PROFILES = {profile.item_id: profile for profile in profiles(60)}
LEARNED = {"transitions", "popular"}


def state_after(*item_ids: str, kind: InteractionKind = "like") -> UserPreference:
    state = new_preference("ada", EPOCH, ENGINE.versions)
    for number, item_id in enumerate(item_ids):
        event = interaction(number, item=item_id, kind=kind)
        state = apply_event(state, event, source(number), PROFILES[item_id])
    return state


def shop(*walks: tuple[str, ...]):
    """A catalogue of sixty items, with signals of users who went these ways."""
    filled = catalogue(60)
    offset = 0
    for number, walk in enumerate(walks):
        for item_id in walk:
            offset += 1
            event = interaction(offset, user=f"u{number}", item=item_id, kind="like")
            filled.signals.observe(event, source(offset))
    return filled


def found(filled, state: UserPreference, num: int = 20) -> dict[str, Candidate]:
    candidates = find_candidates(
        state,
        filled,
        None,
        num_candidates=num,
        blend=EvenBlend(),
        seed="seed",
        at=source(0).timestamp,
    )
    assert len(candidates) == num
    return {one.profile.item_id: one for one in candidates}


def test_without_signals_no_source_speaks_of_them() -> None:
    candidates = found(shop(), state_after("i1"))
    assert not LEARNED & {name for one in candidates.values() for name in one.sources}


def test_what_others_went_on_to_is_proposed_by_how_many_did() -> None:
    filled = shop(("i1", "i50"), ("i1", "i50"), ("i1", "i41"))
    candidates = found(filled, state_after("i1"))
    assert candidates["i50"].sources["transitions"] == 1.0
    assert 0 < candidates["i41"].sources["transitions"] < 1.0


def test_what_others_went_on_to_rises_among_the_others() -> None:
    def by_prior(filled) -> list[str]:
        candidates = find_candidates(
            state_after("i1"),
            filled,
            None,
            num_candidates=59,
            blend=EvenBlend(),
            seed="",
            at=source(0).timestamp,
        )
        assert len(candidates) == 59
        ranked = sorted(candidates, key=lambda one: -one.prior)
        return [one.profile.item_id for one in ranked]

    assert by_prior(shop()).index("i50") > 10
    assert by_prior(shop(("i1", "i50"))).index("i50") == 0


def test_an_item_with_few_followers_says_less_than_one_with_many() -> None:
    filled = shop(("i1", "i50"), *[("i2", "i41")] * 9)
    candidates = found(filled, state_after("i2", "i1"))
    assert candidates["i41"].sources["transitions"] == 1.0


def test_it_knows_from_which_item_most_went_on() -> None:
    filled = shop(("i1", "i50"), ("i2", "i50"), ("i1", "i3"), ("i1", "i4"))
    candidates = found(filled, state_after("i1", "i2"))
    assert candidates["i50"].follows is not None
    assert candidates["i50"].follows.item_id == "i2"
    assert {one.follows for one in found(shop(), state_after("i1")).values()} == {None}


def test_a_disliked_item_leads_nowhere() -> None:
    filled = shop(("i1", "i50"), ("i2", "i41"))
    candidates = found(filled, state_after("i1", kind="dislike"))
    assert "transitions" not in {name for one in candidates.values() for name in one.sources}


def test_what_is_popular_is_proposed_the_liked_category_first() -> None:
    filled = shop(*[("i30",)] * 5, *[("i41",)] * 3)
    candidates = found(filled, state_after("i1"))
    assert candidates["i30"].sources["popular"] == 1.0
    assert candidates["i41"].sources["popular"] == pytest.approx(0.6, abs=1e-3)
    filled = shop(*[(f"i{2 * number}",) for number in range(25) for _ in range(5)], ("i41",))
    popular = {
        one for one, of in found(filled, state_after("i1"), 59).items() if "popular" in of.sources
    }
    assert "i41" in popular


def test_what_cannot_be_shown_is_not_proposed() -> None:
    filled = shop(("i1", "i50"), ("i1", "i2"), ("i1", "gone"))
    filled.put(PROFILES["i50"].model_copy(update={"available": False}))
    candidates = found(filled, state_after("i2", "i1"))
    assert not {"i50", "i2", "i1", "gone"} & candidates.keys()


def test_a_withdrawn_item_leads_its_category_no_more() -> None:
    filled = shop(("i1",), ("i3",))
    filled.withdraw("i1")
    assert [one for one, _ in filled.signals.popular(9, EPOCH, "odd")] == ["i3"]
    filled.put(PROFILES["i1"])
    assert [one for one, _ in filled.signals.popular(9, EPOCH, "odd")] == ["i3", "i1"]


def test_signals_may_be_there_before_the_items() -> None:
    signals = Signals()
    signals.observe(interaction(1, user="bob", item="i1"), source(1))
    filled = type(catalogue(0))(ENGINE.embedding_dim, signals)
    filled.put(PROFILES["i1"])
    assert [one for one, _ in filled.signals.popular(9, EPOCH, "odd")] == ["i1"]


def test_every_source_gets_its_share() -> None:
    walks = [("i1", f"i{number}") for number in range(20, 60)]
    counts = Counter(
        name for one in found(shop(*walks), state_after("i1")).values() for name in one.sources
    )
    assert counts.keys() == set(SOURCES) - {"summary"}
    assert counts["transitions"] >= 4
    assert counts["popular"] >= 2


class ByOne:
    """Scores by what one source says; by the others never."""

    def __init__(self, source: str) -> None:
        self.name = source

    def scores(self, opinions: Opinions, model_scores: ModelScores, num_events: int):
        return opinions[self.name]


@pytest.mark.parametrize("source", ["recent", "transitions", "popular"])
def test_the_best_by_the_blend_are_chosen_and_some_places_are_kept_for_the_unknown(source) -> None:
    filled = shop(*[("i1", f"i{number}") for number in range(20, 45)], *[("i7",)] * 9)
    state, at = state_after("i1"), EPOCH

    def chosen(num: int) -> list[Candidate]:
        return find_candidates(
            state, filled, None, num_candidates=num, blend=ByOne(source), seed="s", at=at
        )

    everything = {one.profile.item_id: one.opinions[source] for one in chosen(59)}
    few = {one.profile.item_id: one for one in chosen(10)}
    kept = {filled.newest(1, at=at, exclude={"i1"})[0], filled.draw(1, "s", exclude={"i1"})[0]}
    assert kept <= few.keys()
    by_blend = [one.opinions[source] for item_id, one in few.items() if item_id not in kept]
    best = sorted((said for item_id, said in everything.items() if item_id not in kept))[-8:]
    assert sorted(by_blend) == best
