"""How dead letters look in a terminal. Whatever they hold was written by strangers."""

from collections import Counter
from collections.abc import Iterator, Sequence
from itertools import islice
from typing import IO

import orjson
from aiokafka import ConsumerRecord
from rich.console import Console
from rich.table import Table

from schemas.dead_letter import PREFIX
from stream_app.dead_letters.letters import Letter
from stream_app.show import plain

__all__ = ["as_json", "counted", "letter_console", "letter_table", "letter_text", "num_by_error"]

MAX_FIELD_CHARS = 500
MAX_HEADERS = 32
# A picture is 100,000 characters of base64, of which nobody reads more than the number.
MAX_STRING_CHARS = 200
KEPT_CHARS = 40
MAX_LINES = 200
MAX_DUMPED_BYTES = 256
BYTES_PER_LINE = 16


def letter_console(file: IO[str] | None = None) -> Console:
    """Return a console that shows letters as they are: no word of theirs is coloured or drawn."""
    return Console(file=file, highlight=False, emoji=False)


def letter_table(letters: Sequence[Letter]) -> Table:
    """Return a line for each letter; what became of it, where there are settled ones."""
    with_settled = any(one.settled_as is not None for one in letters)
    table = Table(*(["became"] if with_settled else []))
    for name in ("id", "set aside (UTC)"):
        table.add_column(name, no_wrap=True)
    for name in ("stage", "came from", "error", "message"):
        table.add_column(name, overflow="fold")
    for one in letters:
        about = one.about
        shown = [about.stage, _origin(one), about.error, about.message]
        table.add_row(
            *([_field(one.settled_as or "open")] if with_settled else []),
            str(one.letter_id),
            f"{one.set_aside_at:%Y-%m-%d %H:%M:%S}",
            *map(_field, shown),
        )
    return table


def num_by_error(letters: Sequence[Letter]) -> str:
    """Return such as "12 letters: 10 UnknownItem, 2 MalformedJson", most frequent first."""
    by_error = Counter(one.about.error for one in letters).most_common()
    named = ", ".join(f"{number} {_field(error)}" for error, number in by_error)
    return counted(len(letters)) + (f": {named}" if named else "")


def counted(num_letters: int) -> str:
    """Return such as "1 letter" or "2 letters"."""
    return f"{num_letters} letter{'' if num_letters == 1 else 's'}"


def as_json(letter: Letter) -> dict[str, object]:
    """Return a letter as the fields of a JSON object."""
    about = letter.about
    return {
        "id": str(letter.letter_id),
        "set_aside_at": letter.set_aside_at.isoformat(),
        "stage": about.stage,
        "topic": about.topic,
        "partition": about.partition,
        "offset": about.offset,
        "error": about.error,
        "message": about.message,
        "settled_as": letter.settled_as,
    }


def letter_text(letter: Letter, record: ConsumerRecord) -> Iterator[str]:
    """Give the lines that show a letter and the record in it, each safe for a terminal."""
    about = letter.about
    yield f"{letter.letter_id} {_field(letter.settled_as or 'open')}"
    yield f"set aside {letter.set_aside_at:%Y-%m-%d %H:%M:%S} UTC by {_field(about.stage)}"
    yield f"came from {_field(_origin(letter))}"
    yield f"{_field(about.error)}: {_field(about.message)}"
    yield f"key       {_bytes(record.key)}"
    original = [(name, value) for name, value in record.headers if not name.startswith(PREFIX)]
    for name, value in original[:MAX_HEADERS]:
        yield f"header    {_field(name)}: {_bytes(value)}"
    if len(original) > MAX_HEADERS:
        yield f"          … {len(original) - MAX_HEADERS} more headers"
    if about.cut_bytes is not None:
        yield f"value     {about.cut_bytes} bytes, for which the letter had no room"
        return
    yield f"value     {'null' if record.value is None else f'{len(record.value)} bytes'}"
    yield from _value_lines(record.value or b"")


def _origin(letter: Letter) -> str:
    return f"{letter.about.topic}:{letter.about.partition}:{letter.about.offset}"


def _field(text: str) -> str:
    return plain(_shortened(text, MAX_FIELD_CHARS, MAX_FIELD_CHARS))


def _bytes(content: bytes | None) -> str:
    if content is None:
        return "null"
    try:
        return _field(content.decode())
    except UnicodeDecodeError:
        return f"{content[:BYTES_PER_LINE].hex(' ')} ({len(content)} bytes)"


def _shortened(text: str, limit: int, kept: int) -> str:
    return text if len(text) <= limit else f"{text[:kept]}… ({len(text)} characters)"


def _value_lines(value: bytes) -> Iterator[str]:
    try:
        parsed = orjson.loads(value)
        lines = orjson.dumps(_without_long_strings(parsed), option=orjson.OPT_INDENT_2).decode()
    # Too deep for its writer or for Python, as well as not JSON at all.
    except (ValueError, TypeError, RecursionError):
        yield from _dumped(value)
        return
    # Not splitlines: strings of JSON hold other ends of line, which are none of it.
    shown = iter(lines.split("\n"))
    yield from map(plain, islice(shown, MAX_LINES))
    if left := len(list(shown)):
        yield f"… {left} more lines"


def _without_long_strings(parsed: object) -> object:
    if isinstance(parsed, str):
        return _shortened(parsed, MAX_STRING_CHARS, KEPT_CHARS)
    if isinstance(parsed, list):
        return [_without_long_strings(one) for one in parsed]
    if isinstance(parsed, dict):
        return {
            _shortened(name, MAX_STRING_CHARS, KEPT_CHARS): _without_long_strings(one)
            for name, one in parsed.items()
        }
    return parsed


def _dumped(value: bytes) -> Iterator[str]:
    """Give bytes as hexadecimal numbers beside the characters of ASCII among them."""
    for at in range(0, min(len(value), MAX_DUMPED_BYTES), BYTES_PER_LINE):
        line = value[at : at + BYTES_PER_LINE]
        characters = "".join(chr(one) if 32 <= one < 127 else "." for one in line)
        yield f"{line.hex(' '):{3 * BYTES_PER_LINE}} {plain(characters)}"
    if len(value) > MAX_DUMPED_BYTES:
        yield f"… {len(value) - MAX_DUMPED_BYTES} more bytes"
