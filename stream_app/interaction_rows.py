"""Rows of a log -> interactions, in the shapes that logs come in."""

from datetime import UTC, datetime
from hashlib import sha256

from pydantic import ValidationError

from schemas.interaction import Interaction
from stream_app.tables import Row, TableError, text_of

__all__ = ["to_interaction"]

# The year 2100 in unix seconds, and March 1973 in milliseconds: no number can be meant as both.
END_S = 4_102_444_800
FIRST_MS = 100_000_000_000


def to_interaction(row: Row, line: int) -> Interaction:
    """Return the interaction of a row.

    Ids may be numbers. `occurred_at` (ISO) or `timestamp` (unix seconds or milliseconds, told apart
    by their size) is the event's time, now if there is none; `kind` is "rating" where there is a
    rating, else "click". A missing `event_id` is made from the row and its line, so that the same
    line sent again has the same id.

    Raises:
        TableError: If a field is missing or refused; the message names it.
    """
    try:
        rating = None if row.get("rating") is None else float(str(row["rating"]))
        return Interaction(
            event_id=str(row.get("event_id") or _event_id(row, line)),
            user_id=text_of(row, "user_id"),
            item_id=text_of(row, "item_id"),
            kind=row.get("kind") or ("click" if rating is None else "rating"),  # type: ignore[arg-type]  # pydantic checks it
            occurred_at=_occurred_at(row),
            rating=rating,
        )
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False)[0]
        raise TableError(f"{'.'.join(map(str, first['loc']))}: {first['msg']}") from error
    except (ValueError, OverflowError, OSError) as error:
        raise TableError(str(error)) from error


def _occurred_at(row: Row) -> datetime:
    if row.get("occurred_at") is not None:
        at = datetime.fromisoformat(str(row["occurred_at"]))
        return at if at.tzinfo else at.replace(tzinfo=UTC)
    if row.get("timestamp") is not None:
        return datetime.fromtimestamp(_unix_seconds(float(str(row["timestamp"]))), UTC)
    return datetime.now(UTC)


def _unix_seconds(timestamp: float) -> float:
    if 0 <= timestamp < END_S:
        return timestamp
    if FIRST_MS <= timestamp < 1000 * END_S:
        return timestamp / 1000
    raise TableError(
        f"timestamp {timestamp:.15g} is neither unix seconds nor milliseconds of a time before the "
        f"year 2100; give one of them, or occurred_at as ISO text"
    )


def _event_id(row: Row, line: int) -> str:
    return sha256(repr((line, sorted(row.items(), key=str))).encode()).hexdigest()[:24]
