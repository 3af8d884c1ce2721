"""The one table of topics. Creation, docs and charts are made from it or checked against it."""

from collections.abc import Iterator
from dataclasses import dataclass, fields, replace
from typing import Literal

from schemas.adapter_release import AdapterRelease
from schemas.enriched_interaction import EnrichedInteraction
from schemas.fusion_release import FusionRelease
from schemas.interaction import Interaction
from schemas.item import Item
from schemas.item_image import ItemImage
from schemas.item_profile import ItemProfile
from schemas.item_signals import ItemSignals
from schemas.list_outcome import ListOutcome
from schemas.list_quality import ListQuality
from schemas.ranking import Ranking
from schemas.recommendation import Recommendation
from schemas.record import Record
from schemas.user_lists import UserLists
from schemas.user_preference import UserPreference
from schemas.user_signals import UserSignals

__all__ = ["TOPICS", "Topic", "Topics"]


@dataclass(frozen=True)
class Topic:
    """A topic: its name, what its key is, what its values are, and how it is cleaned up.

    `value` is None where the value is whatever bytes were refused (dead letters). `null_value` is
    what a null in its place means, None where it means nothing and is refused.
    """

    name: str
    key: Literal["user_id", "item_id", "name", "day and part", "key of the original"]
    value: type[Record] | None
    cleanup: Literal["delete", "compact"]
    written_by: str
    null_value: str | None = None


@dataclass(frozen=True)
class Topics:
    """All topics of a deployment, in the order of the flow."""

    interactions: Topic
    items: Topic
    interactions_enriched: Topic
    item_images: Topic
    item_profiles: Topic
    user_preferences: Topic
    rankings: Topic
    recommendations: Topic
    dead_letters: Topic
    adapters: Topic
    fusion_weights: Topic
    signal_users: Topic
    item_signals: Topic
    list_users: Topic
    list_outcomes: Topic
    list_quality: Topic

    def __iter__(self) -> Iterator[Topic]:
        return (getattr(self, field.name) for field in fields(self))

    def with_prefix(self, prefix: str) -> "Topics":
        """Return the same table with every name behind `prefix`: a deployment of its own."""
        renamed = {
            field.name: replace(topic, name=prefix + topic.name)
            for field, topic in zip(fields(self), self, strict=True)
        }
        return Topics(**renamed)


TOPICS = Topics(
    interactions=Topic(
        "interactions",
        "user_id",
        Interaction,
        "delete",
        "the user's application",
        "erases the user",
    ),
    items=Topic(
        "items",
        "item_id",
        Item,
        "compact",
        "the catalogue, `stream-app catalog load`",
        "deletes the item",
    ),
    interactions_enriched=Topic(
        "interactions-enriched",
        "user_id",
        EnrichedInteraction,
        "delete",
        "ingest agent",
        "erases the user",
    ),
    item_images=Topic(
        "item-images", "item_id", ItemImage, "delete", "profile agent", "deletes the profile"
    ),
    item_profiles=Topic(
        "item-profiles", "item_id", ItemProfile, "compact", "worker", "the item is gone"
    ),
    user_preferences=Topic(
        "user-preferences", "user_id", UserPreference, "compact", "worker", "the user was erased"
    ),
    rankings=Topic("rankings", "user_id", Ranking, "delete", "worker"),
    recommendations=Topic("recommendations", "user_id", Recommendation, "delete", "publish agent"),
    dead_letters=Topic(
        "dead-letters",
        "key of the original",
        None,
        "delete",
        "any stage, `stream-app dead-letters`",
    ),
    adapters=Topic(
        "adapters",
        "name",
        AdapterRelease,
        "compact",
        "`stream-app adapters`",
        "withdraws the adapter",
    ),
    fusion_weights=Topic(
        "fusion-weights",
        "name",
        FusionRelease,
        "compact",
        "`stream-app fusion`",
        "withdraws the weights",
    ),
    signal_users=Topic(
        "signal-users",
        "user_id",
        UserSignals,
        "compact",
        "`stream-app signals`",
        "the user was erased",
    ),
    item_signals=Topic(
        "item-signals",
        "item_id",
        ItemSignals,
        "compact",
        "`stream-app signals`",
        "all that was counted has faded",
    ),
    list_users=Topic(
        "list-users",
        "user_id",
        UserLists,
        "compact",
        "`stream-app quality`",
        "the user was erased",
    ),
    list_outcomes=Topic("list-outcomes", "user_id", ListOutcome, "delete", "`stream-app quality`"),
    list_quality=Topic(
        "list-quality",
        "day and part",
        ListQuality,
        "compact",
        "`stream-app quality`",
        "the day is forgotten",
    ),
)
