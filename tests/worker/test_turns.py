from stream_app.worker.turns import EVENT_BATCHES_PER_ITEM_BATCH, FIRST_ITEMS, ITEMS_REST_S, Turns


def test_items_double_while_no_event_comes_and_are_few_again_after_one() -> None:
    turns = Turns(max_items=10)
    read = []
    for _ in range(4):
        read.append(turns.num_items)
        turns.took_items()
    assert read == [FIRST_ITEMS, 2 * FIRST_ITEMS, 4 * FIRST_ITEMS, 10]
    turns.took_events()
    assert turns.num_items == FIRST_ITEMS


def test_the_limit_holds_from_the_first_batch() -> None:
    turns = Turns(max_items=1)
    assert turns.num_items == 1
    turns.took_items()
    assert turns.num_items == 1


def test_under_unending_load_items_get_a_turn() -> None:
    turns = Turns(max_items=4)
    for _ in range(EVENT_BATCHES_PER_ITEM_BATCH):
        assert turns.is_for_events
        turns.took_events()
    assert not turns.is_for_events
    turns.took_items()
    assert turns.is_for_events


def test_items_that_cannot_be_read_just_now_rest_for_a_while() -> None:
    now = [100.0]
    turns = Turns(max_items=8, clock=lambda: now[0])
    turns.postponed_items()
    assert turns.num_items == 0
    now[0] += ITEMS_REST_S
    assert turns.num_items == FIRST_ITEMS
