"""What the worker does with released weights, without a broker."""

import pytest
from structlog.testing import capture_logs

from examples import FUSION_RELEASE
from models.releases import assigned, release_id
from records import fusion_weights
from schemas.codec import encode
from schemas.fusion_release import FusionRelease
from stream_app.worker.fusion_feed import FusionFeed

USERS = [f"user-{number}" for number in range(40)]
UNFIT = {"weights": FUSION_RELEASE.weights}


def released(name: str, number: int, **fields: object) -> FusionRelease:
    update = {
        "name": name,
        "sha256": f"{number:064x}"[::-1],
        "share": 1.0,
        "weights": fusion_weights(f"w{number}"),
        **fields,
    }
    return FUSION_RELEASE.model_copy(update=update)


@pytest.fixture
def feed() -> FusionFeed:
    return FusionFeed()


def add(feed: FusionFeed, *releases: FusionRelease) -> None:
    for one in releases:
        feed.add(one.name, encode(one))


def used(feed: FusionFeed, user: str = "ada") -> str | None:
    blend = feed.blend_of(user)
    return None if blend is None else blend.name


def test_without_a_release_nothing_of_it_answers(feed: FusionFeed) -> None:
    assert used(feed) is None


def test_each_name_answers_for_its_share_and_the_newest_of_it(feed: FusionFeed) -> None:
    old, new = released("a", 1, share=0.9), released("a", 2, share=0.3)
    other = released("b", 3, share=0.4)
    add(feed, old, new, other)
    names = {"a": release_id(new), "b": release_id(other), None: None}
    shares = {"a": 0.3, "b": 0.4}
    for user in USERS:
        assert used(feed, user) == names[assigned(user, shares, of="fusion")]
    assert {used(feed, user) for user in USERS} == set(names.values())


def test_withdrawn_weights_are_gone_and_the_other_names_stay(feed: FusionFeed) -> None:
    add(feed, released("a", 1, share=0.5), other := released("b", 2, share=0.5))
    feed.add("a", None)
    feed.add("never-there", None)
    assert {used(feed, user) for user in USERS} == {None, release_id(other)}


def test_weights_of_other_features_are_refused_by_name_and_those_before_stay(
    feed: FusionFeed,
) -> None:
    good = released("a", 1)
    bad = released("a", 2, **UNFIT, previous=good)
    with capture_logs() as logs:
        add(feed, good, bad)
    assert used(feed) == release_id(good)
    (refused,) = [one for one in logs if one["event"] == "weights refused"]
    assert refused["weights"] == release_id(bad)
    assert "are of model, recent; this version has" in refused["error"]


def test_a_worker_that_begins_with_several_bad_ones_takes_the_good_one_before_them(
    feed: FusionFeed,
) -> None:
    """As it answers where a worker had it before them; with its own share."""
    good = released("a", 1, share=0.25)
    bad = released("a", 2, **UNFIT, previous=good)
    add(feed, released("a", 3, **UNFIT, previous=bad))
    for user in USERS:
        expected = assigned(user, {"a": 0.25}, of="fusion") and release_id(good)
        assert used(feed, user) == expected


def test_where_nothing_before_fits_what_was_in_use_goes_on(feed: FusionFeed) -> None:
    add(feed, good := released("a", 1), released("a", 2, **UNFIT))
    assert used(feed) == release_id(good)


def test_records_that_are_no_releases_change_nothing(feed: FusionFeed) -> None:
    add(feed, good := released("a", 1))
    feed.add("a", b"{no record")
    feed.add("b", encode(released("c", 2)))
    assert {used(feed, user) for user in USERS} == {release_id(good)}
