"""What comes of lists, against a plain walk over all of them, and case by case."""

from collections import Counter, defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import timedelta
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from models.preference import leaning
from records import EPOCH
from schemas.codec import decode, encode
from schemas.list_quality import ListQuality
from schemas.user_lists import UserLists
from stream_app.quality.judge import MAX_LISTS, WITHIN, Judge
from stream_app.quality.tally import added_up
from tests.quality.steps import Done, Listed, apply, recommendation

MINUTE = timedelta(minutes=1)
HOUR = timedelta(hours=1)
RECENT, POPULAR = ("recent",), ("popular",)
BOTH = ("recent", "popular")
Step = Done | Listed
Written = dict[str, bytes | None]


def minute(number: int, item: str | None = "x", **fields) -> Done:
    return Done(number, item, at=EPOCH + number * MINUTE, **fields)


def kinds(judge: Judge) -> list[tuple[str, str, int | None]]:
    return [(one.recommendation_id, one.kind, one.rank) for one in judge.outcomes]


def counts_of(judge: Judge, part: str = "all") -> ListQuality:
    return added_up(one for one in judge.tally.counts.values() if one is not None)[part]


FIRST = minute(0)
LIST = Listed(FIRST, [("a", RECENT), ("b", BOTH), ("c", POPULAR)])


def test_what_is_done_next_shows_the_list_and_takes_its_item() -> None:
    judge = apply(Judge(), [FIRST, LIST, minute(1, "b")])
    assert kinds(judge) == [("ada:0:0", "shown", None), ("ada:0:0", "like", 2)]
    taken = judge.outcomes[1]
    assert (taken.item_id, taken.sources, taken.event_id) == ("b", BOTH, "e1")
    assert (taken.at, taken.weight, taken.num_items) == (EPOCH + MINUTE, 1.0, 3)
    whole = counts_of(judge)
    assert (whole.lists, whole.shown, whole.taken, whole.best) == (1, (1, 1, 1), (0, 1), (0, 1))
    recent, popular = counts_of(judge, "source=recent"), counts_of(judge, "source=popular")
    assert (recent.shown, recent.taken, recent.best) == ((1, 1), (0, 1), (0, 1))
    assert (popular.shown, popular.taken, popular.best) == ((0, 1, 1), (0, 1), (0, 1))


def test_an_item_counts_once_and_a_better_one_moves_the_best() -> None:
    done = [minute(1, "c", kind="view"), minute(2, "c"), minute(3, "b")]
    judge = apply(Judge(), [FIRST, LIST, *done])
    assert [kind for _, kind, _ in kinds(judge)] == ["shown", "view", "like", "like"]
    whole, recent = counts_of(judge), counts_of(judge, "source=recent")
    assert (whole.lists, whole.taken, whole.best) == (1, (0, 1, 1), (0, 1, 0))
    assert (recent.taken, recent.best) == ((0, 1), (0, 1))


def test_an_item_that_is_spoken_against_was_seen_and_is_no_hit() -> None:
    judge = apply(Judge(), [FIRST, LIST, minute(1, "a", kind="dislike")])
    assert [kind for _, kind, _ in kinds(judge)] == ["shown", "dislike"]
    assert (counts_of(judge).lists, counts_of(judge).best) == (1, ())


@pytest.mark.parametrize(
    ("steps", "what_it_is"),
    [
        ([FIRST, LIST], "nobody came back"),
        ([minute(0, "a"), replace(LIST, answers=minute(0, "a"))], "it answers the event"),
        ([FIRST, LIST, Done(1, "a", at=EPOCH + WITHIN + MINUTE)], "too late"),
        ([FIRST, replace(LIST, after=2 * MINUTE), minute(1, "a")], "it was not there yet"),
        ([FIRST, LIST, minute(1, None), minute(2, "a")], "the user was erased"),
        ([FIRST, minute(1, None), minute(2), LIST, minute(3, "a")], "of before the erasure"),
        ([FIRST, minute(1, None), LIST, minute(2, "a")], "nobody knows the user"),
        ([FIRST, LIST, minute(1, "a", user="bob")], "another user's"),
        ([FIRST, LIST, minute(1, "a", event_id="e0")], "an event that was sent again"),
        ([FIRST, LIST, Done(1, "a", at=EPOCH - HOUR, recorded_at=EPOCH + HOUR)], "done before"),
    ],
    ids=lambda one: one if isinstance(one, str) else "",
)
def test_a_list_of_which_nothing_can_have_come(steps: Sequence[Step], what_it_is: str) -> None:
    judge = apply(Judge(), steps)
    assert (judge.outcomes, judge.tally.counts) == ([], {}), what_it_is


def test_what_came_late_is_judged_as_of_when_it_happened() -> None:
    later = minute(2, "y")
    newer = Listed(later, [("a", RECENT)])
    late = Done(3, "a", at=EPOCH + MINUTE, recorded_at=EPOCH + HOUR)
    judge = apply(Judge(), [FIRST, LIST, later, newer, late])
    assert kinds(judge) == [("ada:0:0", "shown", None), ("ada:0:0", "like", 1)]


def test_an_older_list_was_shown_too_if_its_item_is_taken() -> None:
    second = minute(1, "y", user="bob")
    lists = [replace(LIST, answers=minute(0, user="bob")), Listed(second, [("z", RECENT)])]
    # Both answers had come before anything was done: only the first was looked at.
    steps = [lists[0].answers, second, *lists, minute(2, "a", user="bob")]
    judge = apply(Judge(), steps)
    assert kinds(judge) == [
        ("bob:0:0", "shown", None),
        ("bob:0:0", "like", 1),
        ("bob:0:1", "shown", None),
    ]


def test_a_list_that_comes_again_counts_once() -> None:
    other = Listed(minute(1, "y"), [("z", RECENT)])
    steps = [FIRST, LIST, minute(1, "y"), other, LIST, other, minute(2, "z"), minute(3, "a")]
    assert counts_of(apply(Judge(), steps)).lists == 2


@pytest.mark.parametrize(
    ("released", "without", "part"),
    [
        ({"adapter": "style"}, "base weights", "adapter=style"),
        ({"fusion": "w@1"}, "even blend", "fusion=w@1"),
    ],
)
def test_shares_are_told_apart_by_what_was_released_to_them(released, without, part) -> None:
    second = minute(1, "a")
    steps = [FIRST, LIST, second, replace(LIST, answers=second, **released), minute(2, "q")]
    judge = apply(Judge(), steps)
    base, other = counts_of(judge, without), counts_of(judge, part)
    assert (base.lists, base.best, other.lists, other.best) == (1, (1,), 1, ())


def test_a_state_is_bounded() -> None:
    steps: list[Step] = []
    for number in range(3 * MAX_LISTS):
        steps += [minute(number), Listed(minute(number), [(f"a{number}", RECENT)])]
    user = apply(Judge(), steps).users["ada"]
    assert user is not None
    assert [one.answers for one in user.lists] == list(range(2 * MAX_LISTS, 3 * MAX_LISTS))
    assert len(user.event_ids) == 16


def test_old_days_are_forgotten_by_the_days_of_lists() -> None:
    old = ListQuality(day=EPOCH.date() - timedelta(days=91), part="all", lists=1)
    kept = ListQuality(day=EPOCH.date() - timedelta(days=90), part="all", lists=1)
    judge = apply(Judge(), [FIRST, LIST, minute(1)])
    judge.tally.forget_old([old, kept])
    assert [key for key, one in judge.tally.counts.items() if one is None] == [f"{old.day} all"]
    idle = Judge()
    idle.tally.forget_old([old, kept])
    assert idle.tally.counts == {}


# The second implementation: all lists are kept, and counted at the end.


@dataclass
class Known:
    listed: Listed
    is_shown: bool = False
    taken: set[int] = field(default_factory=set)

    @property
    def item_ids(self) -> list[str]:
        return [item_id for item_id, _ in self.listed.items]

    def was_there(self, done: Done) -> bool:
        answered = self.listed.answers
        published_at = recommendation(self.listed).published_at
        return (
            timedelta(0) < done.at - answered.at <= WITHIN and published_at <= done.source.timestamp
        )


def walked(steps: Sequence[Step]) -> tuple[list[Known], Counter]:
    """Return all lists with what came of them, and how many outcomes there are of each kind."""
    all_lists: list[Known] = []
    current: defaultdict[str, list[Known]] = defaultdict(list)
    done_ids: defaultdict[str, list[str]] = defaultdict(list)
    outcomes: Counter = Counter()
    for step in steps:
        if isinstance(step, Listed):
            user = step.answers.user
            known = [one.listed.answers.offset for one in current[user]]
            if step.answers.offset not in known:
                current[user].append(Known(step))
                all_lists.append(current[user][-1])
            continue
        if step.item is None:
            current[step.user], done_ids[step.user] = [], []
            continue
        if step.event.event_id in done_ids[step.user][-16:]:
            continue
        done_ids[step.user].append(step.event.event_id)
        there = [one for one in current[step.user][-MAX_LISTS:] if one.was_there(step)]
        newest_first = sorted(there, key=lambda one: one.listed.answers.at)[::-1]
        source = next((one for one in newest_first if step.item in one.item_ids), None)
        for one in {id(one): one for one in (*newest_first[:1], source) if one}.values():
            outcomes["shown"] += not one.is_shown
            one.is_shown = True
        if source is not None:
            outcomes[step.kind] += 1
            if leaning(step.event) > 0:
                source.taken.add(source.item_ids.index(step.item) + 1)
    return all_lists, outcomes


def padded(counts: Sequence[int]) -> list[int]:
    return [*counts, *[0] * (5 - len(counts))]


def assert_counts(judge_counts: Sequence[ListQuality], lists: Sequence[Known]) -> None:
    shown = [one for one in lists if one.is_shown]
    parts = {
        "all": lambda _: True,
        "base weights": lambda one: one.listed.adapter is None,
        "adapter=style": lambda one: one.listed.adapter == "style",
        "source=recent": lambda one: any("recent" in by for _, by in one.listed.items),
        "source=popular": lambda one: any("popular" in by for _, by in one.listed.items),
    }
    found = added_up(judge_counts)
    for part, belongs in parts.items():
        source = part.partition("source=")[2]
        ranks = [
            [
                rank
                for rank, (_, by) in enumerate(one.listed.items, start=1)
                if not source or source in by
            ]
            for one in shown
            if belongs(one)
        ]
        taken = [
            sorted(one.taken & set(own))
            for one, own in zip(filter(belongs, shown), ranks, strict=True)
        ]
        if not ranks:
            assert part not in found
            continue
        counts, places = found[part], range(1, 6)
        assert counts.lists == len(ranks)
        assert padded(counts.shown) == [sum(k in own for own in ranks) for k in places]
        assert padded(counts.taken) == [sum(k in own for own in taken) for k in places]
        assert padded(counts.best) == [sum(own[:1] == [k] for own in taken) for k in places]


ITEMS = "vwxyz"
LISTS = st.lists(
    st.tuples(st.sampled_from(ITEMS), st.sampled_from([RECENT, POPULAR, BOTH])),
    max_size=5,
    unique_by=lambda one: one[0],
)


@st.composite
def histories(draw: st.DrawFn) -> list[Step]:
    """Users who do things, some told late, some erased, with lists that come soon or late."""
    now, steps = EPOCH, list[Step]()
    for offset in range(draw(st.integers(1, 30))):
        now += draw(st.sampled_from([timedelta(0), MINUTE, HOUR, 13 * HOUR]))
        user = draw(st.sampled_from("ab"))
        did = draw(st.sampled_from([*ITEMS, None, "x", "y"]))
        done = Done(
            offset,
            did,
            user=user,
            kind=draw(st.sampled_from(["view", "like", "dislike", "purchase"])),
            at=now - draw(st.sampled_from([timedelta(0), timedelta(0), 2 * HOUR])),
            recorded_at=now,
            event_id=draw(st.sampled_from(["", "", "", "again"])),
        )
        steps.append(done)
        if done.item is not None and draw(st.booleans()):
            after = draw(st.sampled_from([timedelta(0), MINUTE, 2 * HOUR]))
            listed = Listed(done, draw(LISTS), after, draw(st.sampled_from([None, "style"])))
            steps.append(listed)
            if draw(st.booleans()):
                steps.append(listed)
    return steps


@given(histories())
def test_counts_and_outcomes_are_what_a_walk_over_all_lists_finds(steps: list[Step]) -> None:
    lists, outcomes = walked(steps)
    judge = apply(Judge(), steps)
    assert Counter(one.kind for one in judge.outcomes) == +outcomes
    assert_counts([one for one in judge.tally.counts.values() if one], lists)


def resumed(users: Written, counts: Written) -> Judge:
    return Judge(
        lambda user_id: users.get(user_id) and decode(UserLists, users[user_id]),
        lambda key: counts.get(key) and decode(ListQuality, counts[key]),
    )


@given(histories(), st.lists(st.integers(0, 60), max_size=4))
def test_it_is_the_same_however_it_is_cut_into_batches(steps: list[Step], cuts: list[int]) -> None:
    """Each batch begins with what the one before has written, as after a restart."""
    users: Written = {}
    counts: Written = {}
    outcomes = []
    at = [0, *sorted(min(cut, len(steps)) for cut in cuts), len(steps)]
    for first, last in pairwise(at):
        judge = apply(resumed(users, counts), steps[first:last])
        outcomes += judge.outcomes
        users |= {key: one and encode(one) for key, one in judge.users.items()}
        counts |= {key: one and encode(one) for key, one in judge.tally.counts.items()}
    whole = apply(Judge(), steps)
    assert outcomes == whole.outcomes
    assert users == {key: one and encode(one) for key, one in whole.users.items()}
    assert counts == {key: one and encode(one) for key, one in whole.tally.counts.items()}
