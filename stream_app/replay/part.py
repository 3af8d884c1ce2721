"""A part of a log, by the times of its events: a log of its own that begins with nothing."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from schemas.interaction import Interaction
from stream_app.replay.errors import ReplayError

__all__ = ["Part"]


@dataclass(frozen=True)
class Part:
    """Events from `start` on and before `end`, both aware; of these `last` up to the newest one.

    None leaves that side open.
    """

    start: datetime | None = None
    end: datetime | None = None
    last: timedelta | None = None

    @property
    def facts(self) -> dict[str, str | float | None]:
        """What a replay's header says of it."""
        return {
            "from": None if self.start is None else self.start.isoformat(),
            "until": None if self.end is None else self.end.isoformat(),
            "last_days": None if self.last is None else self.last / timedelta(days=1),
        }

    def of(self, log: Sequence[Interaction]) -> tuple[Interaction, ...]:
        """Return the events of a log, which is in the order of time, that are in the part.

        Raises:
            ReplayError: If there is none.
        """
        events = [event for event in log if self._has(event.occurred_at)]
        if not events:
            raise ReplayError(
                f"no event of {len(log)} is in the part: they are from {log[0].occurred_at} to "
                f"{log[-1].occurred_at}; see --from and --until"
            )
        if self.last is not None:
            first_at = events[-1].occurred_at - self.last
            events = [event for event in events if event.occurred_at > first_at]
        return tuple(events)

    def _has(self, at: datetime) -> bool:
        return (self.start is None or at >= self.start) and (self.end is None or at < self.end)
