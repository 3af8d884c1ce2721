"""One full example of every record: the golden files are made of these."""

from datetime import timedelta

import numpy as np

from models.catalogue import embedding_to_bytes
from records import EPOCH, enriched, interaction, item
from schemas.adapter_release import AdapterRelease
from schemas.enriched_interaction import SourcePosition
from schemas.fusion_release import FusionRelease
from schemas.fusion_weights import FusionStage, FusionWeights
from schemas.image import NormalisedImage
from schemas.item import ImageLocation
from schemas.item_image import ItemImage
from schemas.item_profile import ItemProfile
from schemas.item_signals import ItemSignals
from schemas.list_outcome import ListOutcome
from schemas.list_quality import ListQuality
from schemas.ranking import CitedItem, FollowedItem, RankedCandidate, Ranking, Trigger
from schemas.recommendation import Contender, Exploration, Recommendation, RecommendedItem
from schemas.record import Record
from schemas.user_lists import ListedItem, RememberedList, UserLists
from schemas.user_preference import Evidence, UserPreference
from schemas.user_signals import UserSignals, Visit
from schemas.versions import Versions

VERSIONS = Versions(model="m@1", prompt="p1", adapter="a")
IMAGE = NormalisedImage(jpeg=b"\xff\xd8\xff\xe0jpeg", width=2, height=1, etag="abc")
ITEM = item(
    1,
    description="Warm; 'quoted' and ünïcödé.",
    image=ImageLocation(bucket="media", key="pictures/1.jpg"),
    price=19.5,
)
EVIDENCE = Evidence(
    event_id="e1",
    item_id="i1",
    title="Item 1",
    text="Item 1: blue",
    kind="rating",
    rating=4.5,
    weight=0.8,
    occurred_at=EPOCH,
)
SOURCE = SourcePosition(partition=3, offset=7, timestamp=EPOCH)
TRIGGER = Trigger(
    event_id="e1", item_id="i1", title="Item 1", kind="like", occurred_at=EPOCH, source=SOURCE
)
RELEASE = AdapterRelease(
    name="a",
    location=ImageLocation(bucket="adapters", key="adapters/a/0.safetensors"),
    sha256="0" * 64,
    metrics={"auc": 0.8},
    share=0.5,
    released_at=EPOCH,
    base="m@1",
    prompt="p1",
)
FUSION_RELEASE = FusionRelease(
    name="f",
    sha256="2" * 64,
    metrics={"ndcg@10": 0.04},
    share=0.5,
    released_at=EPOCH,
    weights=FusionWeights(
        name="0123456789ab",
        features=("model", "recent"),
        stages=(
            FusionStage(
                min_events=0,
                intercept=-1.5,
                weights=(1.0, 0.25),
                prior_intercept=-2.0,
                prior_weights=(0.0, 0.5),
            ),
        ),
    ),
)

EXAMPLES: list[Record] = [
    interaction(1, kind="like").model_copy(update={"rating": None}),
    ITEM,
    enriched(1, ITEM).model_copy(update={"image": IMAGE, "source": SOURCE}),
    ItemImage(item=ITEM, image=IMAGE, degraded=None),
    ItemProfile(
        item_id="i1",
        title="Item 1",
        summary="A blue item.",
        attributes={"colour": "blue"},
        categories=("odd",),
        embedding=embedding_to_bytes(np.array([0.6, -0.8], dtype=np.float32)),
        price=19.5,
        added_at=EPOCH,
        source_hash="0" * 32,
        versions=VERSIONS,
        degraded="no picture",
    ),
    UserPreference(
        user_id="ada",
        summary="Likes blue.",
        likes={"colour=blue": 1.5},
        dislikes={"colour=red": 0.5},
        evidence=(EVIDENCE,),
        recent=(EVIDENCE,),
        block_size=1,
        excluded=("i9",),
        num_events=1,
        applied_offsets={3: 7},
        updated_at=EPOCH,
        versions=VERSIONS,
    ),
    Ranking(
        ranking_id="ada:3:7",
        user_id="ada",
        trigger=TRIGGER,
        summary="Likes blue.",
        previous_summary="",
        candidates=(
            RankedCandidate(
                item_id="i2",
                title="Item 2",
                score=0.75,
                model_score=0.5,
                prior=1.0,
                sources={"recent": 1.0},
                categories=("even",),
                cites=(
                    CitedItem(
                        item_id="i1",
                        title="Item 1",
                        kind="like",
                        similarity=0.9,
                        shared=("colour=blue",),
                    ),
                ),
                follows=FollowedItem(item_id="i1", title="Item 1", kind="like"),
                opinions={"recent": 1.0, "taste": 0.5},
            ),
        ),
        versions=VERSIONS.model_copy(update={"fusion": "f@22222222"}),
        degraded=("no picture",),
        num_events=4,
    ),
    Recommendation(
        recommendation_id="ada:3:7",
        user_id="ada",
        items=(
            RecommendedItem(
                item_id="i2",
                title="Item 2",
                rank=1,
                score=0.75,
                reason="Because you liked Item 1.",
                sources=("recent",),
                evidence=("i1",),
                propensity=1.0,
            ),
        ),
        trigger=TRIGGER,
        summary="Likes blue.",
        previous_summary="",
        versions=VERSIONS,
        published_at=EPOCH + timedelta(seconds=1),
        exploration=Exploration(
            share=0.2,
            is_drawn=True,
            num_events=4,
            candidates=(
                Contender(
                    item_id="i2",
                    categories=("even",),
                    prior=1.0,
                    model_score=0.5,
                    opinions={"recent": 1.0, "taste": 0.5},
                ),
            ),
        ),
    ),
    RELEASE.model_copy(update={"sha256": "1" * 64, "previous": RELEASE}),
    FUSION_RELEASE.model_copy(update={"sha256": "3" * 64, "previous": FUSION_RELEASE}),
    ItemSignals(
        item_id="i1",
        popularity=2.5,
        transitions={"i2": 1.0},
        covisits={"i2": 1.0, "i3": 0.5},
        updated_at=EPOCH,
    ),
    UserSignals(
        user_id="ada",
        recent=(Visit(item_id="i1", weight=1.0, at=EPOCH),),
        event_ids=("e1",),
        applied_offset=7,
    ),
    UserLists(
        user_id="ada",
        lists=(
            RememberedList(
                recommendation_id="ada:3:7",
                answers=7,
                at=EPOCH,
                published_at=EPOCH + timedelta(seconds=1),
                versions=VERSIONS,
                items=(ListedItem(item_id="i2", sources=("recent", "popular")),),
                is_shown=True,
                taken=(1,),
            ),
        ),
        event_ids=("e1", "e2"),
        since=7,
        applied_offset=9,
        listed_offset=7,
    ),
    ListOutcome(
        recommendation_id="ada:3:7",
        user_id="ada",
        kind="like",
        item_id="i2",
        rank=1,
        sources=("recent", "popular"),
        weight=1.0,
        num_items=1,
        event_id="e2",
        at=EPOCH + timedelta(seconds=2),
        published_at=EPOCH + timedelta(seconds=1),
        versions=VERSIONS,
    ),
    ListQuality(
        day=EPOCH.date(), part="adapter=a", lists=3, shown=(3, 2), taken=(2, 1), best=(2, 0)
    ),
]
