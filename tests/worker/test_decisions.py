"""What the worker decides of records, without a broker."""

from dataclasses import replace
from datetime import timedelta

import pytest
from aiokafka import ConsumerRecord

from models.errors import CapacityError, EngineLostError, UnavailableError
from models.fusion import Fusion
from models.step import StepOptions
from models.weightless import WeightlessEngine
from records import enriched, fusion_weights, item, item_image, source
from schemas.codec import encode
from schemas.image import NormalisedImage
from schemas.item import ImageLocation
from schemas.record import Record
from stream_app.worker.events import Answering, process_events
from stream_app.worker.items import process_items
from stream_app.worker.outcome import Answered, Postponed, Profiled, Refused, Unchanged
from world import ENGINE, catalogue

IMAGE = NormalisedImage(jpeg=b"x", width=1, height=1, etag="1")
ANSWERING = Answering(StepOptions(10))
PICTURED = item(99, image=ImageLocation(bucket="media", key="99.jpg"))


def record(offset: int, key: bytes | None, value: Record | bytes | None) -> ConsumerRecord:
    raw = encode(value) if isinstance(value, Record) else value
    return ConsumerRecord("t", 0, offset, 0, 0, key, raw, None, 0, 0, ())


def answer(events, engine=ENGINE, items=None):
    items = catalogue(30) if items is None else items
    records = [
        record(number, one.interaction.user_id.encode(), one) for number, one in enumerate(events)
    ]
    return process_events(engine, items, lambda _: None, records, ANSWERING)


def test_an_outage_of_storage_does_not_replace_what_was_read_with_the_picture() -> None:
    items = catalogue(3)
    good = item_image(PICTURED).model_copy(update={"image": IMAGE})
    (read,) = process_items(ENGINE, items, [record(0, b"i99", good)])
    assert isinstance(read, Profiled)
    items.put(read.profile)
    blind = item_image(PICTURED.model_copy(update={"price": 5.0}))
    blind = blind.model_copy(update={"degraded": "object storage is away"})
    (after,) = process_items(ENGINE, items, [record(1, b"i99", blind)])
    assert isinstance(after, Profiled)
    assert after.profile == read.profile.model_copy(update={"price": 5.0})


def test_an_item_image_under_another_key_or_none_is_refused() -> None:
    source = item_image(item(1))
    found = process_items(
        ENGINE, catalogue(0), [record(0, None, source), record(1, b"other", source)]
    )
    assert [one.error for one in found if isinstance(one, Refused)] == ["NullKey", "KeyMismatch"]


def test_an_item_read_without_its_picture_answers_once_and_is_not_kept() -> None:
    items = catalogue(30)
    (found,) = answer([enriched(1, PICTURED)], items=items)
    assert isinstance(found, Answered)
    assert found.profile is None
    assert found.ranking.degraded == ("the item was read without its picture",)
    assert items.get("i99") is None


def test_a_fault_of_one_event_costs_that_event_and_no_profile() -> None:
    class Fragile(WeightlessEngine):
        def score(self, requests):
            if any("Item 50" in line for one in requests for line in one.recent):
                raise TypeError("a bug")
            return super().score(requests)

    events = [enriched(1, item(50)), enriched(2, item(51), user="bob")]
    found = {one.record.offset: one for one in answer(events, Fragile())}
    assert isinstance(found[0], Refused)
    assert found[0].error == "TypeError"
    assert isinstance(found[1], Answered)
    assert found[1].profile is not None


def test_an_item_that_cannot_be_read_is_answered_by_its_own_words() -> None:
    class Unreading(WeightlessEngine):
        def profile(self, items):
            raise CapacityError("out of memory")

    (found,) = answer([enriched(1, item(50))], Unreading())
    assert isinstance(found, Answered)
    assert found.profile is None
    assert found.ranking.degraded == ("item not read: out of memory",)


def test_a_repeated_event_changes_nothing() -> None:
    (first,) = answer([enriched(1, item(1), offset=3)])
    assert isinstance(first, Answered)
    again = enriched(1, item(1), offset=4)
    stored = encode(first.state)
    (second,) = process_events(
        ENGINE, catalogue(30), lambda _: stored, [record(4, b"ada", again)], ANSWERING
    )
    assert isinstance(second, Unchanged)


def test_a_burst_is_applied_whole_and_answered_once() -> None:
    burst = [enriched(number, item(number), offset=number) for number in range(7)]
    bob = enriched(90, item(9), user="bob")
    found = [one for one in answer([*burst, bob]) if isinstance(one, Answered)]
    ranked = {one.record.key: one.ranking for one in found if one.ranking is not None}
    assert set(ranked) == {b"ada", b"bob"}
    assert ranked[b"ada"].trigger.event_id == burst[-1].interaction.event_id
    assert len(found) == 8

    state: bytes | None = None
    for number, event in enumerate(burst):
        one_by_one = process_events(
            ENGINE,
            catalogue(30),
            lambda _, state=state: state,
            [record(number, b"ada", event)],
            ANSWERING,
        )
        state = encode(one_by_one[0].state)
    last = [one for one in found if one.record.key == b"ada"][-1]
    assert encode(last.state) == state
    assert last.ranking == one_by_one[0].ranking


def test_who_has_released_weights_is_ranked_by_them_and_the_others_by_the_options() -> None:
    learned = Fusion(fusion_weights("w"), "mine@1")
    answering = replace(ANSWERING, blend_of=lambda user: learned if user == "ada" else None)
    events = [enriched(1, item(1)), enriched(2, item(2), user="bob")]
    records = [
        record(number, one.interaction.user_id.encode(), one) for number, one in enumerate(events)
    ]
    found = process_events(ENGINE, catalogue(30), lambda _: None, records, answering)
    assert [one.ranking.versions.fusion for one in found] == ["mine@1", None]


def test_what_a_burst_repeats_or_gets_wrong_takes_no_answer_away() -> None:
    first, again = (enriched(1, item(1), offset=offset) for offset in (3, 4))
    records = [
        record(3, b"ada", first),
        record(4, b"ada", again),
        record(5, b"ada", b"not a record"),
    ]
    found = process_events(ENGINE, catalogue(30), lambda _: None, records, ANSWERING)
    by_offset = {one.record.offset: one for one in found}
    assert by_offset[3].ranking is not None
    assert isinstance(by_offset[4], Unchanged)
    assert isinstance(by_offset[5], Refused)


def test_what_waited_too_long_is_ranked_by_the_prior_and_its_state_is_no_other() -> None:
    event = enriched(1, item(1))
    recorded = event.source.timestamp
    late, in_time = (
        process_events(
            ENGINE,
            catalogue(30),
            lambda _: None,
            [record(0, b"ada", event)],
            replace(ANSWERING, shed_before=recorded + timedelta(seconds=seconds)),
        )[0]
        for seconds in (1, 0)
    )
    assert late.ranking.degraded == ("it waited too long: ranked without model",)
    assert {one.model_score for one in late.ranking.candidates} == {None}
    assert in_time.ranking.degraded == ()
    assert late.state == in_time.state


def test_a_burst_is_known_by_the_same_sixteen_ids_as_one_event_after_the_other() -> None:
    known = [enriched(number, item(number), offset=number) for number in range(16)]
    state = [one for one in answer(known) if isinstance(one, Answered)][-1].state
    stored = encode(state)
    new = enriched(50, item(20), offset=50)
    oldest_again = known[0].model_copy(update={"source": source(51)})
    records = [record(50, b"ada", new), record(51, b"ada", oldest_again)]
    found = process_events(ENGINE, catalogue(30), lambda _: stored, records, ANSWERING)
    assert [type(one) for one in found] == [Answered, Answered]
    assert found[-1].state.num_events == 18


def test_while_the_server_is_away_items_wait() -> None:
    class Away(WeightlessEngine):
        def profile(self, items):
            raise UnavailableError("not asked again for 30 s")

    records = [record(number, b"i%d" % number, item_image(item(number))) for number in range(3)]
    found = process_items(Away(), catalogue(0), records)
    assert [type(one) for one in found] == [Postponed] * 3


def test_an_item_that_was_deleted_is_read_for_the_answer_only() -> None:
    items = catalogue(30)
    items.withdraw("i1")
    (found,) = answer([enriched(1, item(1))], items=items)
    assert found.profile is None
    assert items.get("i1") is None
    assert found.ranking.candidates


def test_what_was_read_for_an_event_that_is_refused_is_not_kept() -> None:
    class Broken(WeightlessEngine):
        def score(self, requests):
            raise TypeError("a bug")

    items = catalogue(30)
    (found,) = answer([enriched(1, item(50))], Broken(), items)
    assert isinstance(found, Refused)
    assert items.get("i50") is None


def test_a_new_title_counts_though_the_picture_cannot_be_had() -> None:
    items = catalogue(3)
    renamed = item_image(item(1, title="Another name")).model_copy(update={"degraded": "away"})
    (found,) = process_items(ENGINE, items, [record(0, b"i1", renamed)])
    assert found.profile.title == "Another name"


def test_an_engine_that_cannot_go_on_ends_the_worker_and_sets_nothing_aside() -> None:
    class Lost(WeightlessEngine):
        def score(self, requests):
            raise EngineLostError("device-side assert")

        profile = score

    with pytest.raises(EngineLostError):
        answer([enriched(1, item(1)), enriched(2, item(2), user="bob")], Lost())
    with pytest.raises(EngineLostError):
        process_items(Lost(), catalogue(0), [record(0, b"i1", item_image(item(1)))])
