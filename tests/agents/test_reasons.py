from typing import get_args

import pytest

from models import candidates
from schemas.interaction import InteractionKind
from schemas.ranking import CitedItem, FollowedItem, RankedCandidate
from stream_app.agents.reasons import SOURCES, citable, evidence, reason


def candidate(*cites: CitedItem, **sources: float) -> RankedCandidate:
    return RankedCandidate(
        item_id="c", title="C", score=0.5, prior=0.5, sources=sources, cites=cites
    )


def cited(title: str = "Alder Street hoodie", similarity: float = 0.8, **changes) -> CitedItem:
    fields = {"item_id": "cited", "title": title, "kind": "like", "similarity": similarity}
    return CitedItem(**{**fields, **changes})


def test_it_says_what_both_items_share():
    one = cited(shared=("category=hoodie", "style=sporty", "colour=blue"))
    expected = (
        "Because you liked Alder Street hoodie: hoodie, sporty style and blue colour in both."
    )
    assert reason(candidate(one)) == expected


def test_one_thing_in_common_needs_no_list():
    found = reason(candidate(cited(shared=("style=sporty",))))
    assert found == "Because you liked Alder Street hoodie: sporty style in both."


def test_nothing_shared_is_not_invented():
    assert reason(candidate(cited())) == "Because you liked Alder Street hoodie."


def test_the_most_similar_item_is_cited():
    assert "Near" in reason(candidate(cited("Far", 0.1), cited("Near", 0.9), recent=1.0))


def test_of_equally_similar_items_the_first_is_cited():
    assert "One" in reason(candidate(cited("One", 0.5), cited("Two", 0.5)))


def test_a_disliked_item_is_never_a_reason():
    disliked = cited("Bad hat", 0.99, kind="dislike")
    assert reason(candidate(disliked, newest=0.4)) == "New in the shop."
    assert citable(candidate(disliked)) == []


def test_every_source_of_candidates_has_its_sentence():
    assert SOURCES.keys() == set(candidates.SOURCES)


@pytest.mark.parametrize("kind", set(get_args(InteractionKind)) - {"dislike"})
def test_every_kind_has_its_verb(kind):
    assert reason(candidate(cited(kind=kind))).endswith("Alder Street hoodie.")


@pytest.mark.parametrize(
    ("sources", "expected"),
    [
        ({"recent": 0.2, "newest": 0.9}, "New in the shop."),
        ({"explore": 0.5}, "A change from your usual."),
        ({"summary": 0.5, "recent": 0.5}, "Fits what you like now."),
        ({"season": 1.0}, "Suggested by season."),
        ({}, "Picked for you."),
    ],
)
def test_without_a_citation_the_best_source_is_named(sources, expected):
    assert reason(candidate(**sources)) == expected


def test_a_title_stays_one_short_line():
    found = reason(candidate(cited("a\r\nb\x1b[31m\x00 " + "x" * 500)))
    assert found.isprintable()
    assert found.startswith("Because you liked a b [31m xxx")
    assert len(found) < 110


def test_what_others_went_on_to_names_the_users_own_item():
    followed = FollowedItem(item_id="own", title="Old Mill hat", kind="purchase")
    one = candidate(cited(), transitions=1.0, recent=0.4).model_copy(update={"follows": followed})
    assert reason(one) == "Others went on to it from Old Mill hat, which you bought."
    assert evidence(one) == ("cited", "own")


def test_others_are_not_named_where_something_else_speaks_louder():
    followed = FollowedItem(item_id="own", title="Old Mill hat", kind="like")
    one = candidate(cited(), transitions=0.1, recent=0.4).model_copy(update={"follows": followed})
    assert reason(one) == "Because you liked Alder Street hoodie."
    unnamed = candidate(transitions=1.0)
    assert reason(unnamed) == "Others went on to it from what you were for lately."
