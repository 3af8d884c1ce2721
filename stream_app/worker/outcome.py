"""What became of a record: the worker's decisions as values, before anything is written."""

from dataclasses import dataclass

from aiokafka import ConsumerRecord

from schemas.item_profile import ItemProfile
from schemas.ranking import Ranking
from schemas.user_preference import UserPreference

__all__ = [
    "Answered",
    "Erased",
    "Outcome",
    "Postponed",
    "Profiled",
    "Refused",
    "Unchanged",
    "Withdrawn",
]


@dataclass(frozen=True)
class Answered:
    """An event was applied.

    `ranking` is None where a newer event of the user is answered in its place; `profile` is set
    when the item was read for the first time.
    """

    record: ConsumerRecord
    state: UserPreference
    ranking: Ranking | None
    profile: ItemProfile | None = None


@dataclass(frozen=True)
class Erased:
    """A user asked to be forgotten."""

    record: ConsumerRecord


@dataclass(frozen=True)
class Profiled:
    """An item was read, or its price, availability or date changed."""

    record: ConsumerRecord
    profile: ItemProfile


@dataclass(frozen=True)
class Withdrawn:
    """An item was deleted."""

    record: ConsumerRecord


@dataclass(frozen=True)
class Unchanged:
    """Nothing to do: a repeated event, or an item that is known as it is."""

    record: ConsumerRecord


@dataclass(frozen=True)
class Refused:
    """A record that can't be processed, for the dead letters."""

    record: ConsumerRecord
    error: str
    message: str


@dataclass(frozen=True)
class Postponed:
    """A record that nothing is wrong with, while the model's server is away."""

    record: ConsumerRecord


Outcome = Answered | Erased | Profiled | Withdrawn | Unchanged | Refused | Postponed
