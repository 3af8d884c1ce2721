"""The catalogue's searches against a dict and sorting, exact and by cells."""

from datetime import timedelta
from hashlib import blake2b

import numpy as np
import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from models.catalogue import Catalogue, embedding_from_bytes, embedding_to_bytes
from models.retrieval import cells
from models.retrieval.filters import FIRST_CAPACITY, Filter, FilterColumns
from models.retrieval.lots import Lots
from records import EPOCH
from schemas.item_profile import ItemProfile
from schemas.versions import Versions

LATER = EPOCH + timedelta(days=365)
DIM = 64
K = 100

# Their products are exact in float32, so that equal cosines are ties and nothing else is.
HALVES = st.lists(st.sampled_from([-1.0, -0.5, 0.0, 0.5, 1.0]), min_size=4, max_size=4)
IDS = st.sampled_from([f"i{number}" for number in range(12)])
PRICES = st.none() | st.sampled_from([1.0, 2.0, 3.0])
CATEGORIES = st.frozensets(st.sampled_from(["hats", "coats", "boots"]))


def item(item_id: str, vector, **fields) -> ItemProfile:
    return ItemProfile(
        item_id=item_id,
        title=item_id,
        summary="",
        embedding=embedding_to_bytes(np.array(vector, dtype=np.float32)),
        source_hash="",
        versions=Versions(model="made", prompt="none"),
        **fields,
    )


def best(profiles, vector, k: int, exclude=frozenset(), where: Filter | None = None) -> list[str]:
    """Sort all that is allowed."""
    found = [
        (-round(float(embedding_from_bytes(one.embedding) @ vector), 6), one.item_id)
        for one in profiles
        if one.available and one.item_id not in exclude and (where is None or fits(one, where))
    ]
    return [item_id for _, item_id in sorted(found)[:k]]


def fits(profile: ItemProfile, where: Filter) -> bool:
    price = profile.price
    return (
        (not where.categories or bool(where.categories & set(profile.categories)))
        and (where.min_price is None or (price is not None and price >= where.min_price))
        and (where.max_price is None or (price is not None and price <= where.max_price))
    )


def lot(text: str) -> int:
    return int.from_bytes(blake2b(text.encode(), digest_size=8).digest(), "little")


class Shop(RuleBasedStateMachine):
    """Items come, change and go in any order; a dict knows what should be found."""

    def __init__(self) -> None:
        super().__init__()
        self.catalogue = Catalogue(4)
        self.known: dict[str, ItemProfile] = {}

    @initialize(max_exact=st.sampled_from([4, 100]))
    def open(self, max_exact: int) -> None:
        self.catalogue = Catalogue(4, max_exact=max_exact)

    @rule(
        item_id=IDS,
        vector=HALVES,
        available=st.booleans(),
        price=PRICES,
        categories=CATEGORIES,
        day=st.none() | st.integers(0, 5),
    )
    def put(self, item_id, vector, available, price, categories, day) -> None:
        added_at = None if day is None else EPOCH + timedelta(days=day)
        self.known[item_id] = item(
            item_id,
            vector,
            available=available,
            price=price,
            categories=tuple(sorted(categories)),
            added_at=added_at,
        )
        assert self.catalogue.put(self.known[item_id])

    @rule(item_id=IDS)
    def remove(self, item_id) -> None:
        self.catalogue.remove(item_id)
        self.known.pop(item_id, None)

    @rule(
        vector=HALVES,
        k=st.integers(0, 5),
        exclude=st.frozensets(IDS, max_size=4),
        categories=CATEGORIES,
        bounds=st.tuples(PRICES, PRICES),
    )
    def search(self, vector, k, exclude, categories, bounds) -> None:
        query = np.array(vector, dtype=np.float32)
        where = Filter(categories, *bounds)
        expected = best(self.known.values(), query, k, exclude, where)
        assert self.catalogue.nearest(query, k, exclude=exclude, where=where) == expected

    @rule(k=st.integers(0, 5), exclude=st.frozensets(IDS, max_size=4), day=st.integers(0, 6))
    def look_for_new(self, k, exclude, day) -> None:
        at = EPOCH + timedelta(days=day)
        found = self.available(exclude)
        dated = [one for one in found if one.added_at is None or one.added_at <= at]
        dated.sort(key=lambda one: (-one.added_at.timestamp() if one.added_at else 0, one.item_id))
        expected = [one.item_id for one in dated[:k]]
        assert self.catalogue.newest(k, at=at, exclude=exclude) == expected

    @rule(k=st.integers(0, 5), exclude=st.frozensets(IDS, max_size=4), seed=st.text(max_size=3))
    def draw(self, k, exclude, seed) -> None:
        found = [one.item_id for one in self.available(exclude)]
        expected = sorted(found, key=lambda item_id: lot(item_id) ^ lot(seed))[:k]
        assert self.catalogue.draw(k, seed, exclude=exclude) == expected

    @invariant()
    def has_the_profiles(self) -> None:
        assert {one.item_id: one for one in self.catalogue} == self.known
        for item_id, one in self.known.items():
            expected = embedding_from_bytes(one.embedding)
            np.testing.assert_array_equal(self.catalogue.vectors([item_id])[0], expected)

    def available(self, exclude) -> list[ItemProfile]:
        return [one for one in self.known.values() if one.available and one.item_id not in exclude]


TestShop = Shop.TestCase
TestShop.settings = settings(max_examples=60, stateful_step_count=40, deadline=None)


class World:
    """Items around 60 centres; each world has other centres."""

    def __init__(self, seed: int) -> None:
        self.rng = np.random.default_rng(seed)
        self.centres = self.rng.normal(size=(60, DIM))

    def vectors(self, count: int):
        near = self.centres[self.rng.integers(60, size=count)]
        rows = near + 0.7 * self.rng.normal(size=(count, DIM))
        return (rows / np.linalg.norm(rows, axis=1, keepdims=True)).astype(np.float32)

    def items(self, count: int, first: int = 0) -> list[ItemProfile]:
        return [
            item(
                f"i{first + number}",
                vector,
                available=number % 10 != 3,
                price=float(number % 100),
                categories=("rare",) if number % 60 == 7 else ("usual",),
            )
            for number, vector in enumerate(self.vectors(count))
        ]


def filled(items: list[ItemProfile], max_exact: int) -> Catalogue:
    catalogue = Catalogue(DIM, max_exact=max_exact)
    for one in items:
        catalogue.put(one)
    return catalogue


def recall(catalogue: Catalogue, queries, where: Filter | None = None) -> float:
    """Return how much of the true 100 nearest is found; all that is found must be allowed."""
    allowed = {one.item_id for one in catalogue if one.available}
    shares = []
    for query in queries:
        found = catalogue.nearest(query, K, where=where)
        expected = best(catalogue, query, K, where=where)
        assert len(found) == len(expected)
        assert set(found) <= allowed
        shares.append(len(set(found) & set(expected)) / len(expected))
    return float(np.mean(shares))


@pytest.fixture
def few_looked_at(monkeypatch):
    """Let a small catalogue be searched as a large one is: a few cells, few compared once more."""
    monkeypatch.setattr(cells, "NUM_SEARCHED", 48)
    monkeypatch.setattr(cells, "READ_FOR_EACH", 2)
    monkeypatch.setattr(cells, "MIN_READ", 0)


@pytest.fixture
def world() -> World:
    return World(seed=1)


@pytest.mark.usefixtures("few_looked_at")
def test_cells_find_almost_all_of_what_is_nearest(world) -> None:
    catalogue = filled(world.items(4000), max_exact=500)
    assert recall(catalogue, world.vectors(20)) >= 0.95


@pytest.mark.usefixtures("few_looked_at")
@pytest.mark.parametrize(
    "where", [Filter(max_price=49.0), Filter(max_price=9.0), Filter(frozenset({"rare"}))]
)
def test_a_filter_is_asked_inside_the_search_by_cells(world, where) -> None:
    catalogue = filled(world.items(4000), max_exact=500)
    assert recall(catalogue, world.vectors(20), where) >= 0.95


@pytest.mark.usefixtures("few_looked_at")
def test_what_is_allowed_far_away_from_the_query_is_found(world) -> None:
    items = world.items(4000)
    here = embedding_from_bytes(items[0].embedding)
    # Half of the items, and none of those in the cells around the query.
    far = sorted(items, key=lambda one: float(embedding_from_bytes(one.embedding) @ here))[:2000]
    sold_out = {one.item_id for one in items} - {one.item_id for one in far}
    catalogue = filled(
        [one.model_copy(update={"available": one.item_id not in sold_out}) for one in items],
        max_exact=500,
    )
    assert recall(catalogue, [here]) >= 0.95


@pytest.mark.usefixtures("few_looked_at")
def test_cells_follow_what_is_added_changed_and_deleted(world) -> None:
    catalogue = filled(world.items(3000), max_exact=500)
    queries = world.vectors(20)
    catalogue.nearest(queries[0], K)
    for one in world.items(1000, first=3000):
        catalogue.put(one)
    for old, new in zip(world.items(1000), world.items(1000), strict=True):
        catalogue.put(old.model_copy(update={"embedding": new.embedding}))
    for number in range(500, 2500):
        catalogue.remove(f"i{number}")
    assert recall(catalogue, queries) >= 0.95


@pytest.mark.usefixtures("few_looked_at")
def test_cells_are_made_anew_when_other_items_are_there_than_they_were_made_from(world) -> None:
    catalogue, other = filled(world.items(2000), max_exact=500), World(seed=2)
    catalogue.nearest(world.vectors(1)[0], K)
    for _ in range(4):
        for one in other.items(2000):
            catalogue.put(one)
        catalogue.refresh()
    fresh = filled(other.items(1), max_exact=500)
    for one in catalogue:
        fresh.put(one)
    queries = other.vectors(20)
    assert recall(catalogue, queries) >= recall(fresh, queries) - 0.01


@pytest.mark.usefixtures("few_looked_at")
def test_a_catalogue_that_shrinks_is_searched_exactly_again(world) -> None:
    items, queries = world.items(2000), world.vectors(20)
    catalogue = filled(items, max_exact=500)
    catalogue.nearest(queries[0], K)
    for one in items[250:]:
        catalogue.remove(one.item_id)
    for query in queries:
        assert catalogue.nearest(query, 10) == best(items[:250], query, 10)


def test_the_same_changes_in_the_same_order_give_the_same_answers_by_cells(world) -> None:
    items, queries = world.items(2000), world.vectors(5)
    one, other = filled(items, max_exact=500), filled(items, max_exact=500)
    for query in queries:
        assert one.nearest(query, K) == other.nearest(query, K)


def test_the_order_of_arrival_does_not_matter_to_exact_search(world) -> None:
    items, queries = world.items(1000), world.vectors(5)
    one, other = filled(items, max_exact=1000), filled(items[::-1], max_exact=1000)
    for query in queries:
        assert one.nearest(query, K) == other.nearest(query, K) == best(items, query, K)


def test_every_finite_value_of_a_record_is_read_as_numpy_casts_it() -> None:
    halves = np.arange(2**16, dtype=np.uint16).view(np.float16)
    halves = halves[np.isfinite(halves)]
    read = embedding_from_bytes(halves.astype("<f2").tobytes())
    # As bits: zero has a sign, too.
    np.testing.assert_array_equal(read.view("u4"), halves.astype(np.float32).view("u4"))


def test_what_else_could_be_drawn_does_not_change_the_order_of_two() -> None:
    few, many = Lots(), Lots()
    for number in range(2000):
        many.add(f"i{number}")
        if number % 100 == 0:
            few.add(f"i{number}")
    in_order = [one for one in many.draw(2000, "seed") if int(one[1:]) % 100 == 0]
    assert few.draw(20, "seed") == in_order


def test_items_that_change_their_categories_leave_nothing_behind() -> None:
    columns, vector = FilterColumns(), [1.0]
    for number in range(5 * FIRST_CAPACITY):
        columns.put(0, item("i0", vector, categories=(f"c{number}",)))
    columns.put(1, item("i1", vector, categories=("last", "c1")))
    newest = frozenset({f"c{5 * FIRST_CAPACITY - 1}"})
    assert len(columns._shelves) <= 2 * FIRST_CAPACITY + 1
    assert columns.allowed(2, Filter(newest)).tolist() == [True, False]
    assert columns.allowed(2, Filter(frozenset({"last"}))).tolist() == [False, True]
    assert columns.allowed(2, Filter(frozenset({"c0", "c7"}))).tolist() == [False, False]
