import pytest

from schemas.dead_letter import MAX_MESSAGE_CHARS, DeadLetter


def test_a_dead_letters_headers_are_read_as_they_were_written() -> None:
    letter = DeadLetter("interactions", 3, 42, "ingest", "UnknownItem", "no item ü")
    assert DeadLetter.from_headers(letter.to_headers()) == letter


def test_a_long_message_is_cut() -> None:
    letter = DeadLetter("t", 0, 0, "worker", "E", "x" * 10_000)
    assert len(DeadLetter.from_headers(letter.to_headers()).message) == MAX_MESSAGE_CHARS


def test_headers_of_something_else_are_refused() -> None:
    with pytest.raises(ValueError, match=r"dlq\.topic"):
        DeadLetter.from_headers([("traceparent", b"00")])
