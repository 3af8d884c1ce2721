"""Our own answers: of the past alone, the same in every run, the same as by single steps."""

from collections.abc import Sequence
from datetime import timedelta
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from replay.logs import (
    HEADER,
    NUM_ITEMS,
    PROFILES,
    SHOP,
    answers_of,
    event,
    events,
    in_order,
    logs,
    replayed,
)

from models.catalogue import Catalogue
from models.engine import ScoreRequest
from models.preference import new_preference
from models.ranking import Question, rank_candidates
from models.step import StepInput, StepOptions, step
from models.weightless import WeightlessEngine
from schemas.enriched_interaction import SourcePosition
from schemas.interaction import Interaction
from stream_app.replay.arrivals import arrival_moments, before, including
from stream_app.replay.errors import ReplayError
from stream_app.replay.journal import ANSWERS, COSTS, open_journal, read_answers
from stream_app.replay.plan import batches_of, turns_of
from stream_app.replay.protocols import Sample, paper, prequential
from stream_app.replay.queries import Query
from stream_app.replay.run import answer_queries, items_needed

ALL = Sample()
LOG = in_order([event(n, f"u{n % 5}", (7 * n + n // 5) % NUM_ITEMS, at=2 * n) for n in range(60)])


def asked_from(log: Sequence[Interaction], learned: int | None) -> list[Query]:
    return [query for query in prequential(log, ALL) if query.position >= (learned or 0)]


def answered(log: Sequence[Interaction], *, max_turns: int = 3, learned: int | None = None):
    with TemporaryDirectory() as out:
        queries = asked_from(log, learned)
        return answers_of(Path(out), log, queries, max_turns=max_turns, learned=learned)


def one_by_one(log: Sequence[Interaction], learned: int | None):
    """The answers by a plain walk over the log: no batches, no plan, a catalogue made anew."""
    engine = WeightlessEngine()
    queries = {query.position: query for query in asked_from(log, learned)}
    states, lists = {}, {}
    for position, one in enumerate(log):
        known = {past.item_id for past in log[:position]}
        known |= {
            item.item_id
            for item in SHOP.values()
            if item.added_at is None or item.added_at <= one.occurred_at
        }
        if position in queries and one.user_id not in states:
            state = new_preference(one.user_id, one.occurred_at, engine.versions)
            question = Question(state, at=one.occurred_at, seed=f"{one.user_id}:new")
            counted = log[: position if learned is None else learned]
            catalogue = filled(known, counted)
            (found,) = rank_candidates(engine, catalogue, [question], 10)
            lists[one.event_id] = found
        own_later = (
            place
            for place, later in enumerate(log)
            if place > position and later.user_id == one.user_id
        )
        query = queries.get(next(own_later, -1))
        asked = StepInput(
            state=states.get(one.user_id),
            event=one,
            source=SourcePosition(partition=0, offset=position, timestamp=one.occurred_at),
            profile=PROFILES[one.item_id],
            exclude=query.seen if query else (),
        )
        counted = log[: position + 1 if learned is None else learned]
        catalogue = filled(known | {one.item_id}, counted)
        (result,) = step(engine, catalogue, [asked], StepOptions(10))
        states[one.user_id] = result.state
        if query is not None:
            lists[query.query_id] = result.ranking.candidates
    return {
        query_id: [(item.item_id, item.score) for item in candidates]
        for query_id, candidates in lists.items()
    }


def filled(item_ids: set[str], counted: Sequence[Interaction]) -> Catalogue:
    catalogue = Catalogue(WeightlessEngine.embedding_dim)
    for item_id in sorted(item_ids):
        catalogue.put(PROFILES[item_id])
    for position, one in enumerate(counted):
        source = SourcePosition(partition=0, offset=position, timestamp=one.occurred_at)
        catalogue.signals.observe(one, source)
    return catalogue


@settings(max_examples=25, deadline=None)
@given(logs, st.integers(1, 5), st.none() | st.integers(0, 20))
def test_answers_are_those_of_a_plain_walk_over_the_log(
    log: list[Interaction], max_turns: int, learned: int | None
) -> None:
    found = answered(log, max_turns=max_turns, learned=learned)
    assert {
        query_id: list(zip(ranked.item_ids, ranked.scores, strict=True))
        for query_id, ranked in found.items()
    } == one_by_one(log, learned)


@settings(max_examples=40, deadline=None)
@given(logs, st.data())
def test_no_answer_changes_when_the_future_is_changed(
    log: list[Interaction], data: st.DataObject
) -> None:
    position = data.draw(st.integers(0, len(log) - 1), label="from here on all is changed")
    now = log[position]
    target = data.draw(st.integers(0, NUM_ITEMS - 1), label="what the user does instead")
    drawn = data.draw(st.lists(events, max_size=15), label="the future")
    future = [
        one.model_copy(update={"occurred_at": one.occurred_at + timedelta(days=90)})
        for one in drawn
    ]
    instead = now.model_copy(update={"item_id": f"i{target}", "kind": "purchase"})
    other = in_order([*log[:position], instead, *future])
    learned = data.draw(st.none() | st.integers(0, position), label="counted of all users")
    before_it, after_it = answered(log, learned=learned), answered(other, learned=learned)
    asked_in_both = {
        query.query_id for query in asked_from(log, learned) if query.position <= position
    } & {query.query_id for query in asked_from(other, learned)}
    for query_id in asked_in_both:
        assert before_it[query_id] == after_it[query_id]


def test_lists_have_only_items_that_were_there_and_that_the_user_had_not_met() -> None:
    found = answered(LOG)
    moments = arrival_moments(SHOP, LOG)
    queries = prequential(LOG, ALL)
    assert len(found) == len(queries) > 30
    for query in queries:
        ranked = found[query.query_id]
        assert not query.seen.intersection(ranked.item_ids)
        assert all(moments[item_id] <= before(query.position) for item_id in ranked.item_ids)
        assert list(ranked.scores) == sorted(ranked.scores, reverse=True)
        assert set(ranked.sources) == set(ranked.item_ids)
    # Not for want of items: lists are full but at the end, when users have met nearly all.
    assert sum(len(ranked.item_ids) == 10 for ranked in found.values()) > 30


def test_given_candidates_are_ranked_exactly_and_only_they_are_read(tmp_path: Path) -> None:
    queries = paper(LOG, SHOP, Sample(num_users=2, queries_per_user=1), test_share=0.5)
    found = answers_of(tmp_path, LOG, queries)
    for query in queries:
        assert sorted(found[query.query_id].item_ids) == sorted(query.candidates)
    needed = {item.item_id for item in items_needed(LOG, queries, SHOP)}
    assert needed < set(SHOP)
    assert needed >= {item_id for query in queries for item_id in query.candidates}


@settings(max_examples=50)
@given(logs, st.integers(1, 4))
def test_every_turn_is_taken_once_in_the_users_order_with_the_items_of_its_moment(
    log: list[Interaction], max_turns: int
) -> None:
    moments = arrival_moments(SHOP, log)
    turns = turns_of(log, prequential(log, ALL))
    taken: dict[str, list[object]] = {user_id: [] for user_id in turns}
    known: set[str] = set()
    for batch in batches_of(turns, moments, max_turns):
        known |= set(batch.arrived)
        users = [turn.user_id for turn in batch.turns]
        assert 0 < len(set(users)) == len(users) <= max_turns
        for turn in batch.turns:
            taken[turn.user_id].append(turn)
            assert known == {item_id for item_id, at in moments.items() if at <= turn.moment}
    assert taken == turns


def test_users_who_do_not_wait_for_each_other_make_full_batches() -> None:
    # As MovieLens: one user after the other, each for an evening.
    log = in_order([event(n, f"u{n // 10}", n % NUM_ITEMS) for n in range(40)])
    turns = turns_of(log, prequential(log, ALL))
    batches = list(batches_of(turns, dict.fromkeys(SHOP, 0), 4))
    assert [len(batch.turns) for batch in batches] == [4] * 10


def test_an_item_is_known_from_its_date_or_from_its_first_event() -> None:
    log = [event(0, "ada", 0, at=0), event(1, "ada", 38, at=1), event(2, "ada", 2, at=5 * 24)]
    moments = arrival_moments(SHOP, log)
    assert moments["i0"] == 0
    # Met long before its date.
    assert moments["i38"] == including(1)
    # i2 came after four hours, i5 after ten.
    assert moments["i2"] == moments["i5"] == before(2)


class Killed(WeightlessEngine):
    """Is killed at a call."""

    def __init__(self, after: int) -> None:
        self.left = after

    def score(self, requests: Sequence[ScoreRequest]) -> list[list[float]]:
        self.left -= 1
        if self.left < 0:
            raise KeyboardInterrupt
        return super().score(requests)


def run(out: Path, engine: WeightlessEngine) -> None:
    with open_journal(out, HEADER) as journal:
        queries = prequential(LOG, ALL)
        answer_queries(
            replayed(engine), LOG, queries, journal, learned=None, progress=lambda *_: None
        )


def test_two_replays_are_equal_to_the_byte(tmp_path: Path) -> None:
    for name in ("one", "two"):
        run(tmp_path / name, WeightlessEngine())
    assert (tmp_path / "one" / ANSWERS).read_bytes() == (tmp_path / "two" / ANSWERS).read_bytes()


@pytest.mark.parametrize("after", [0, 1, 7])
def test_a_replay_that_was_killed_goes_on_to_the_same_bytes(tmp_path: Path, after: int) -> None:
    run(tmp_path / "whole", WeightlessEngine())
    for _ in range(3):
        with pytest.raises(KeyboardInterrupt):
            run(tmp_path / "killed", Killed(after))
    if after:
        num_lines = len((tmp_path / "killed" / ANSWERS).read_bytes().splitlines())
        assert 1 < num_lines < len((tmp_path / "whole" / ANSWERS).read_bytes().splitlines())
    # And killed once more between its two writes: the files have lines that no state knows of.
    for name in (ANSWERS, COSTS):
        with (tmp_path / "killed" / name).open("ab") as file:
            file.write(b'{"query_id": "e9", "item')
    run(tmp_path / "killed", WeightlessEngine())
    whole, killed = (tmp_path / name / ANSWERS for name in ("whole", "killed"))
    assert killed.read_bytes() == whole.read_bytes()
    assert len(read_answers(tmp_path / "killed")) == len(prequential(LOG, ALL))


def test_a_replay_that_is_done_asks_the_model_nothing(tmp_path: Path) -> None:
    run(tmp_path, WeightlessEngine())
    run(tmp_path, Killed(0))


def test_a_head_that_was_cut_off_begins_anew(tmp_path: Path) -> None:
    (tmp_path / ANSWERS).write_bytes(b'{"form')
    run(tmp_path, WeightlessEngine())
    assert len(read_answers(tmp_path)) == len(prequential(LOG, ALL))


def test_another_replay_is_not_gone_on_with(tmp_path: Path) -> None:
    run(tmp_path, WeightlessEngine())
    with (
        pytest.raises(ReplayError, match=r"another replay: users is None there and 5 here; name"),
        open_journal(tmp_path, {**HEADER, "users": 5}),
    ):
        pass


def test_two_processes_do_not_write_into_one_folder(tmp_path: Path) -> None:
    with (
        open_journal(tmp_path, HEADER),
        pytest.raises(ReplayError, match="is another replay writing there"),
        open_journal(tmp_path, HEADER),
    ):
        pass


def test_lost_lines_are_told(tmp_path: Path) -> None:
    run(tmp_path, WeightlessEngine())
    head = (tmp_path / ANSWERS).read_bytes().splitlines(keepends=True)[0]
    (tmp_path / ANSWERS).write_bytes(head)
    with pytest.raises(ReplayError, match="has lost lines"), open_journal(tmp_path, HEADER):
        pass


def test_a_folder_of_other_files_is_named(tmp_path: Path) -> None:
    (tmp_path / "work").mkdir()
    (tmp_path / "work" / "states.sqlite").write_text("no database at all, but long enough" * 40)
    with pytest.raises(ReplayError, match="not a database"), open_journal(tmp_path, HEADER):
        pass


def test_what_an_answer_took_is_kept_beside_it(tmp_path: Path) -> None:
    run(tmp_path, WeightlessEngine())
    assert all((one.ranked.cost_s or 0) > 0 for one in read_answers(tmp_path))
    assert b"cost" not in (tmp_path / ANSWERS).read_bytes()
