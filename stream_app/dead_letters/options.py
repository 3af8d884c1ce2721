"""What the commands for dead letters are told: letters by id, and letters by what they are."""

import re
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from functools import wraps
from typing import Any

import click

from schemas.dead_letter import LetterId
from stream_app.config import Settings
from stream_app.dead_letters.letters import Selection

__all__ = ["LETTER_ID", "with_selection"]

AGO = re.compile(r"([0-9]{1,6})([smhd])")
UNITS = {"s": "seconds", "m": "minutes", "h": "hours", "d": "days"}


class LetterIdType(click.ParamType):
    """A letter's id, such as 2:1041."""

    name = "id"

    def convert(
        self, value: object, param: click.Parameter | None, ctx: click.Context | None
    ) -> LetterId:
        """Return the id in an argument."""
        try:
            return LetterId.parse(str(value))
        except ValueError as error:
            self.fail(f"{value!r}: {error}", param, ctx)


class MomentType(click.ParamType):
    """A time as ISO 8601, UTC unless it says otherwise, or how long ago: 90s, 30m, 2h, 7d."""

    name = "time"

    def convert(
        self, value: object, param: click.Parameter | None, ctx: click.Context | None
    ) -> datetime:
        """Return the moment in an option."""
        try:
            return moment(str(value), datetime.now(UTC))
        except (ValueError, OverflowError):
            self.fail(f"{value!r}: write 2h, 30m or 2026-11-21T10:00", param, ctx)


LETTER_ID = LetterIdType()
MOMENT = MomentType()


def moment(text: str, now: datetime) -> datetime:
    """Return the moment that a text names.

    Raises:
        ValueError: If it names none.
        OverflowError: If no calendar reaches so far back.
    """
    if ago := AGO.fullmatch(text):
        return now - timedelta(**{UNITS[ago[2]]: int(ago[1])})
    named = datetime.fromisoformat(text)
    return named if named.tzinfo else named.replace(tzinfo=UTC)


def with_selection(command: Callable[..., Any]) -> Callable[..., Any]:
    """Give a command the `Selection` that its options describe, None if none of them is given.

    Stands under `with_settings`.
    """

    @click.option("--error", help="Only letters of this error, such as UnknownItem.")
    @click.option("--topic", help="Only records of this topic, with or without its prefix.")
    @click.option("--stage", help="Only what this stage refused: ingest, profile, publish, worker.")
    @click.option("--since", type=MOMENT, help="Only letters from then on: 2h, or an ISO time.")
    @click.option("--until", type=MOMENT, help="Only letters before then: 30m, or an ISO time.")
    @wraps(command)
    def run(
        settings: Settings,
        error: str | None,
        topic: str | None,
        stage: str | None,
        since: datetime | None,
        until: datetime | None,
        **options: Any,  # noqa: ANN401  # click's options are of any type
    ) -> Any:  # noqa: ANN401  # as the command returns
        given = (error, topic, stage, since, until)
        selection = Selection(
            error=error,
            topics=None if topic is None else _names(settings, topic),
            stage=stage,
            since=since,
            until=until,
        )
        is_given = any(one is not None for one in given)
        return command(settings, selection if is_given else None, **options)

    return run


def _names(settings: Settings, topic: str) -> frozenset[str]:
    known = [one.name for one in settings.topics]
    names = {topic, settings.topic_prefix + topic} & set(known)
    if not names:
        raise click.BadParameter(f"{topic!r}: known are {', '.join(known)}", param_hint="--topic")
    return frozenset(names)
