from dataclasses import replace

import pytest

from schemas.dead_letter import MAX_MESSAGE_CHARS, DeadLetter, LetterId, Settlement


def test_a_dead_letters_headers_are_read_as_they_were_written() -> None:
    letter = DeadLetter("interactions", 3, 42, "ingest", "UnknownItem", "no item ü")
    assert DeadLetter.from_headers(letter.to_headers()) == letter


def test_a_long_message_is_cut() -> None:
    letter = DeadLetter("t", 0, 0, "worker", "E", "x" * 10_000)
    assert len(DeadLetter.from_headers(letter.to_headers()).message) == MAX_MESSAGE_CHARS


def test_headers_of_something_else_are_refused() -> None:
    with pytest.raises(ValueError, match=r"dlq\.topic"):
        DeadLetter.from_headers([("traceparent", b"00")])


def test_what_headers_a_letter_has_does_not_change() -> None:
    letter = DeadLetter("interactions", 3, 42, "ingest", "UnknownItem", "no item")
    whole = [
        ("dlq.topic", b"interactions"),
        ("dlq.partition", b"3"),
        ("dlq.offset", b"42"),
        ("dlq.stage", b"ingest"),
        ("dlq.error", b"UnknownItem"),
        ("dlq.message", b"no item"),
    ]
    assert letter.to_headers() == whole
    cut = replace(letter, cut_bytes=9)
    assert cut.to_headers() == [*whole, ("dlq.cut-bytes", b"9")]
    assert DeadLetter.from_headers(cut.to_headers()) == cut


def test_what_headers_a_marker_has_does_not_change() -> None:
    marker = Settlement(LetterId(2, 1041), "redriven")
    assert marker.to_headers() == [("dlq.settles", b"2:1041"), ("dlq.settled-as", b"redriven")]
    assert Settlement.from_headers(marker.to_headers()) == marker


def test_a_letter_and_a_marker_are_not_taken_for_each_other() -> None:
    letter = DeadLetter("interactions", 3, 42, "ingest", "UnknownItem", "no item")
    assert Settlement.from_headers(letter.to_headers()) is None
    with pytest.raises(ValueError, match="not a dead letter"):
        DeadLetter.from_headers(Settlement(LetterId(2, 1041), "redriven").to_headers())


def test_a_records_own_headers_make_no_marker_of_its_letter() -> None:
    letter = DeadLetter("interactions", 3, 42, "ingest", "UnknownItem", "no item")
    headers = letter.headers(Settlement(LetterId(2, 1041), "redriven").to_headers())
    assert Settlement.from_headers(headers) is None


@pytest.mark.parametrize("text", ["", "2", "2:", ":1", "2:-1", "2:1 ", "a:b", "\u0662:1", "2:1:0"])
def test_an_id_is_a_partition_and_an_offset(text: str) -> None:
    assert LetterId.parse("2:1041") == LetterId(2, 1041)
    assert str(LetterId(2, 1041)) == "2:1041"
    with pytest.raises(ValueError, match="partition:offset"):
        LetterId.parse(text)
