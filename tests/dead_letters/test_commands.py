"""What the commands refuse before they ask a broker."""

from datetime import UTC, datetime, timedelta

import pytest
from click.testing import CliRunner

from stream_app.dead_letters.commands import dead_letters
from stream_app.dead_letters.options import moment

NOW = datetime(2026, 11, 21, 12, tzinfo=UTC)


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["redrive"], "name letters by ID"),
        (["redrive", "--yes"], "name letters by ID"),
        (["discard"], "name letters by ID"),
        (["show", "1041"], "partition:offset, such as 2:1041"),
        (["redrive", "1:2", "3:-4"], "partition:offset, such as 2:1041"),
        (["list", "--since", "yesterday"], "write 2h, 30m"),
        (["list", "--until", "999999d"], "write 2h, 30m"),
        (["list", "--topic", "intractions"], "known are eu.interactions"),
    ],
)
def test_wrong_usage_says_what_is_right(arguments: list[str], said: str) -> None:
    environment = {"STREAM_APP_TOPIC_PREFIX": "eu.", "KAFKA_BOOTSTRAP_SERVERS": "127.0.0.1:1"}
    done = CliRunner().invoke(dead_letters, arguments, env=environment)
    assert done.exit_code == 2
    assert said in done.output


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("90s", NOW - timedelta(seconds=90)),
        ("30m", NOW - timedelta(minutes=30)),
        ("2h", NOW - timedelta(hours=2)),
        ("7d", NOW - timedelta(days=7)),
        ("2026-11-21", datetime(2026, 11, 21, tzinfo=UTC)),
        ("2026-11-21T10:00", datetime(2026, 11, 21, 10, tzinfo=UTC)),
        ("2026-11-21T10:00+02:00", datetime(2026, 11, 21, 8, tzinfo=UTC)),
    ],
)
def test_a_time_is_iso_or_how_long_ago(text: str, expected: datetime) -> None:
    assert moment(text, NOW) == expected
