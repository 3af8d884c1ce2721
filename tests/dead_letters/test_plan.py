import pytest

from schemas.dead_letter import LetterId
from stream_app.config import Settings
from stream_app.dead_letters import plan
from stream_app.dead_letters.letters import letter_of
from stream_app.dead_letters.plan import Settling, discards, redrives
from tests.dead_letters.written import about, record, topic_in_memory

SETTINGS = Settings()


def letter(at: str, *, key: bytes | None = b"ada", value: bytes | None = b"{}", **fields: object):
    fields = {"offset": LetterId.parse(at).offset} | fields
    return record(at, about(**fields).to_headers(), key=key, value=value)


@pytest.fixture
def planned(monkeypatch: pytest.MonkeyPatch):
    """Plan redrives of letters; further records stand on the topics as well."""

    async def run(letters, others=(), *, gone=()) -> tuple[list[list[Settling]], list[str]]:
        standing = [one for one in [*letters, *others] if one not in gone]
        monkeypatch.setattr(plan, "read_to_end", topic_in_memory(standing))
        known = [letter_of(one) for one in letters]
        left: list[str] = []
        chosen = {one.letter_id: one for one in known if one is not None}
        return [batch async for batch in redrives(SETTINGS, chosen, left)], left

    return run


async def test_a_transaction_holds_so_many_letters_and_so_many_bytes(planned, monkeypatch) -> None:
    monkeypatch.setattr(plan, "MAX_LETTERS", 3)
    monkeypatch.setattr(plan, "MAX_BYTES", 1000)
    small = [letter(f"0:{offset}") for offset in range(4)]
    large = [letter(f"0:{offset}", value=b"x" * 600) for offset in range(4, 9)]
    batches, left = await planned(small + large)
    assert ([len(batch) for batch in batches], left) == ([3, 3, 2, 1], [])


async def test_letters_that_were_not_chosen_are_passed_over(planned) -> None:
    batches, _ = await planned([letter("0:1"), letter("0:5")], [letter("0:3"), letter("1:5")])
    assert [str(one.letter_id) for one in batches[0]] == ["0:1", "0:5"]


async def test_two_letters_of_one_record_are_settled_by_one_record(planned) -> None:
    twins = [letter("0:1", offset=7), letter("0:2", offset=7), letter("0:3", offset=8)]
    [batch], _ = await planned(twins)
    assert [one.resend is not None for one in batch] == [True, False, True]


async def test_a_letter_that_can_not_be_sent_stays_and_the_next_is_sent(planned) -> None:
    [batch], left = await planned([letter("0:1", value=b""), letter("0:2")])
    assert [str(one.letter_id) for one in batch] == ["0:2"]
    assert left == ["0:1: it is empty, which no topic takes; discard it"]


async def test_a_letter_that_retention_took_meanwhile_is_named(planned) -> None:
    old, new = letter("0:1"), letter("0:2")
    [batch], left = await planned([old, new], gone=[old])
    assert [str(one.letter_id) for one in batch] == ["0:2"]
    assert left == ["0:1: the topic no longer keeps it"]


@pytest.mark.parametrize("topic", ["items", "item-images"])
async def test_an_old_item_does_not_take_the_place_of_a_newer_one(planned, topic) -> None:
    chosen = [
        letter("0:1", key=b"i1", topic=topic, offset=3),
        letter("0:2", key=b"i2", topic=topic, offset=4),
        letter("0:3", key=b"i3", topic=topic, offset=5),
    ]
    items = [
        record("1:3", [], key=b"i1", topic=topic),
        record("1:4", [], key=b"i2", topic=topic),
        record("1:5", [], key=b"i3", topic=topic),
        record("1:9", [], key=b"i1", value=None, topic=topic),
        # Of another partition: no newer one.
        record("2:99", [], key=b"i3", topic=topic),
    ]
    [batch], left = await planned(chosen, items)
    assert [str(one.letter_id) for one in batch] == ["0:2", "0:3"]
    assert left == ["0:1: its item has a newer record, or its user was erased since; discard it"]


async def test_an_event_is_sent_again_whatever_its_user_did_since(planned) -> None:
    later = record("1:9", [], topic="interactions")
    [batch], left = await planned([letter("0:1", offset=3)], [later])
    assert (len(batch), left) == (1, [])


async def test_an_event_of_a_user_who_was_erased_since_is_not_sent_again(planned) -> None:
    erased = record("1:9", [], value=None, topic="interactions")
    chosen = [letter("0:1", offset=3), letter("0:2", offset=10)]
    [batch], left = await planned(chosen, [erased])
    assert [str(one.letter_id) for one in batch] == ["0:2"]
    assert left == ["0:1: its item has a newer record, or its user was erased since; discard it"]


def test_discards_come_a_transaction_at_a_time(monkeypatch) -> None:
    monkeypatch.setattr(plan, "MAX_LETTERS", 2)
    batches = list(discards([LetterId(0, offset) for offset in range(5)]))
    assert [len(batch) for batch in batches] == [2, 2, 1]
    assert all(one.resend is None for batch in batches for one in batch)
