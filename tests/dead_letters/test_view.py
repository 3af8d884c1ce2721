import json
from base64 import b64encode
from io import StringIO

import pytest

from stream_app.dead_letters.letters import letter_of
from stream_app.dead_letters.view import (
    as_json,
    letter_console,
    letter_table,
    letter_text,
    num_by_error,
)
from tests.dead_letters.written import about, letter, record

HOSTILE = "[/bold]\x1b]0;owned\x07\x9b2J\u202e[red]:bomb:\n"


def shown(*printed: object) -> str:
    out = StringIO()
    console = letter_console(out)
    console.width = 400
    for one in printed:
        console.print(one, soft_wrap=isinstance(one, str))
    return out.getvalue()


def text(value: bytes | None, *, key: bytes | None = b"ada", headers=(), **fields: object) -> str:
    found = about(**fields)
    one = record("0:1", found.headers(headers), key=key, value=value)
    return shown(*letter_text(letter_of(one), one))


def assert_harmless(terminal: str) -> None:
    assert not any(mark in terminal for mark in ("\x1b", "\x07", "\x9b", "\u202e"))
    assert "[red]:bomb:" in terminal


def test_nothing_in_a_letter_is_an_order_for_the_terminal_in_a_list() -> None:
    hostile = letter("0:1", stage=HOSTILE, topic=HOSTILE, error=HOSTILE, message=HOSTILE)
    found = letter_of(hostile)
    assert_harmless(shown(letter_table([found])))
    assert_harmless(shown(num_by_error([found])))
    assert json.dumps(as_json(found)).isprintable()


@pytest.mark.parametrize(
    "value",
    [json.dumps({HOSTILE: HOSTILE}, ensure_ascii=False).encode(), HOSTILE.encode() * 2],
    ids=["json", "bytes"],
)
def test_nothing_in_a_record_is_an_order_for_the_terminal(value: bytes) -> None:
    said = text(value, key=HOSTILE.encode(), headers=[(HOSTILE, HOSTILE.encode())], error=HOSTILE)
    assert_harmless(said)


def test_a_list_tells_what_became_of_letters_only_where_some_are_settled() -> None:
    found = letter_of(letter("0:1"))
    assert "became" not in shown(letter_table([found]))
    settled = letter_of(letter("0:2"))
    object.__setattr__(settled, "settled_as", "discarded")
    assert {"became", "open", "discarded"} <= set(shown(letter_table([found, settled])).split())


def test_errors_are_counted_most_frequent_first() -> None:
    found = [letter_of(letter(f"0:{n}", error=error)) for n, error in enumerate("abb")]
    assert num_by_error(found) == "3 letters: 2 b, 1 a"
    assert num_by_error([]) == "0 letters"


def test_json_is_shown_on_lines_and_a_picture_by_its_size() -> None:
    picture = b64encode(bytes(30_000)).decode()
    said = text(json.dumps({"a": {"jpeg": picture}, "b": [1, None]}).encode())
    assert '  "b": [\n    1,\n    null\n  ]' in said
    assert f'"jpeg": "{picture[:40]}… (40000 characters)"' in said
    assert len(said) < 1000


def test_long_json_ends_with_how_much_is_left() -> None:
    said = text(json.dumps(list(range(1000))).encode())
    assert len(said.splitlines()) < 250
    assert "… 802 more lines" in said


@pytest.mark.parametrize("value", [b"{not json", b"\xff" * 1000, b"[" * 5000 + b"]" * 5000])
def test_what_is_no_json_is_shown_as_bytes(value: bytes) -> None:
    said = text(value)
    assert f"{len(value)} bytes" in said
    assert value[:16].hex(" ") in said
    assert len(said.splitlines()) < 30


def test_deep_json_that_can_be_read_and_not_written_is_shown_as_bytes() -> None:
    assert "5b 5b" in text(b"[" * 600 + b"]" * 600)


def test_null_and_what_was_cut_off_are_told_apart() -> None:
    assert "value     null" in text(None)
    assert "value     0 bytes" in text(b"")
    assert "3000000 bytes, for which the letter had no room" in text(b"", cut_bytes=3_000_000)


def test_headers_are_the_originals_and_not_without_end() -> None:
    said = text(b"{}", headers=[(f"h{n}", b"x" * 10_000) for n in range(100)])
    assert "header    h0: xxx" in said
    assert "dlq." not in said
    assert "… 68 more headers" in said
    assert len(said) < 32 * 700
