"""A user's state, moved by one event: counts decay, evidence is kept or dropped, blocks fill.

Pure and without a model. The summary is the only part that a model writes; what it may forget
stays here as evidence and counts.
"""

from collections import deque
from collections.abc import Iterable, Mapping
from datetime import datetime, timedelta
from typing import Literal

from models.engine import ScoreRequest, SummaryRequest, Taste
from models.item_text import features, item_line
from schemas.enriched_interaction import SourcePosition
from schemas.interaction import Interaction, InteractionKind
from schemas.item_profile import ItemProfile
from schemas.ranking import Trigger
from schemas.user_preference import Evidence, UserPreference
from schemas.versions import Versions

__all__ = [
    "BLOCK_SIZE",
    "Applied",
    "Summaries",
    "apply_event",
    "credible_time",
    "deed",
    "evidence_line",
    "leaning",
    "new_preference",
    "score_request",
    "summary_request",
    "taste",
    "with_summary",
]

Summaries = Literal["recurrent", "one-shot", "none"]

# Interactions of a summary block; the paper found 3 best on all its datasets (arXiv 2408.09698,
# block size ablation).
BLOCK_SIZE = 3

# Both halve a weight: ten events later for the busy user, thirty days later for the rare one.
EVENT_HALF_LIFE = 10.0
TIME_HALF_LIFE_S = 30 * 86_400.0

# The bounds that keep a state at a few KB, whatever the history.
MAX_RECENT = 16
MAX_EVIDENCE = 12
MAX_COUNTED = 32
MAX_EXCLUDED = 200
# An item with every attribute there is would else take a whole taste over with one click.
MAX_FULL_FEATURES = 8
# Of four attributes a few values each. On simulated shoppers (docs/LOG.md) gradient boosting on the
# ranks of an item's attributes among so many tells picks by an AUC of .79, among five by .75.
NUM_SHOWN_LIKES = 12

MAX_AHEAD = timedelta(days=1)

STRENGTH: dict[InteractionKind, float] = {
    "view": 0.25,
    "click": 0.5,
    "like": 1.0,
    "purchase": 1.5,
    "dislike": -1.0,
}
NEUTRAL_RATING = 2.5
VERB: dict[InteractionKind, str] = {
    "view": "looked at",
    "click": "clicked",
    "like": "liked",
    "purchase": "bought",
    "dislike": "disliked",
}


def new_preference(user_id: str, at: datetime, versions: Versions) -> UserPreference:
    """Return the state of a user of whom nothing is known."""
    return UserPreference(user_id=user_id, updated_at=at, versions=versions)


def credible_time(event: Interaction | Trigger, source: SourcePosition) -> datetime:
    """Return when an event happened, but no later than a day after it was recorded.

    A sender's clock may be wrong: one that runs ahead would stop the user's for as long.
    """
    return min(event.occurred_at, source.timestamp + MAX_AHEAD)


class Applied:
    """Which events a state includes, and those that are about to follow.

    Known by their position, which is sound because a user's events lie on one partition and are
    applied in its order; and by their ids among the newest 16, for a sender who sends one again.
    """

    def __init__(self, state: UserPreference | None) -> None:
        self._offsets = dict(state.applied_offsets) if state else {}
        event_ids = [seen.event_id for seen in state.recent] if state else []
        self._event_ids = deque(event_ids, maxlen=MAX_RECENT)

    def includes(self, source: SourcePosition, event_id: str) -> bool:
        """Tell whether an event is among them."""
        is_behind = source.offset <= self._offsets.get(source.partition, -1)
        return is_behind or event_id in self._event_ids

    def add(self, source: SourcePosition, event_id: str) -> None:
        """Count an event in."""
        self._offsets[source.partition] = source.offset
        self._event_ids.append(event_id)


def leaning(event: Interaction | Evidence) -> float:
    """Return how strongly an interaction speaks for (> 0) or against (< 0) its item."""
    if event.kind == "rating":
        rating = NEUTRAL_RATING if event.rating is None else event.rating
        return (rating - NEUTRAL_RATING) / NEUTRAL_RATING
    return STRENGTH[event.kind]


def apply_event(
    state: UserPreference, event: Interaction, source: SourcePosition, profile: ItemProfile
) -> UserPreference:
    """Return the state with one more event in it; the summary is not touched.

    Event time runs forward only: a late event counts in full, and moves no clock back. Of an item
    with many features each counts for less: no item weighs more than one with eight.
    """
    now = max(state.updated_at, credible_time(event, source))
    decay = _decay((now - state.updated_at).total_seconds())
    weight = leaning(event)
    seen = Evidence(
        event_id=event.event_id,
        item_id=event.item_id,
        title=profile.title,
        text=item_line(profile),
        kind=event.kind,
        rating=event.rating,
        weight=abs(weight),
        occurred_at=event.occurred_at,
    )
    counted = features(profile)
    share = weight * min(1.0, MAX_FULL_FEATURES / max(1, len(counted)))
    recent = (*state.recent, seen)[-MAX_RECENT:]
    return state.model_copy(
        update={
            "likes": _count(state.likes, decay, counted, max(share, 0.0)),
            "dislikes": _count(state.dislikes, decay, counted, max(-share, 0.0)),
            "evidence": _weightiest(state.evidence, decay, seen),
            "recent": recent,
            "block_size": min(state.block_size + 1, len(recent)),
            "excluded": _exclude(state.excluded, event),
            "num_events": state.num_events + 1,
            "applied_offsets": {**state.applied_offsets, source.partition: source.offset},
            "updated_at": now,
        }
    )


def taste(state: UserPreference) -> Taste:
    """Return the likes and dislikes that a prompt shows, weightiest first.

    What was both liked and disliked counts on the side that prevails.
    """
    return Taste(
        likes=_strongest(_prevailing(state.likes, state.dislikes)),
        dislikes=_strongest(_prevailing(state.dislikes, state.likes)),
    )


def deed(evidence: Evidence) -> str:
    """Return what a user did to an item, in words: "liked", "rated 4.5 of 5"."""
    if evidence.kind == "rating":
        return "rated" if evidence.rating is None else f"rated {evidence.rating} of 5"
    return VERB[evidence.kind]


def evidence_line(evidence: Evidence) -> str:
    """Return an interaction as a prompt shows it: "liked Alder hoodie: a warm hoodie"."""
    return f"{deed(evidence)} {evidence.text}"


def summary_request(
    state: UserPreference, summaries: Summaries = "recurrent"
) -> SummaryRequest | None:
    """Return what the next summary is to be written from, None while the block is not full.

    "recurrent" goes on from the previous summary with the block; "one-shot" writes it anew from
    the newest 16 interactions, as the paper's ablation does (arXiv 2408.09698); with "none" nothing
    is summed up, and a prompt has the newest 16 as they are.
    """
    if summaries == "none" or state.block_size < BLOCK_SIZE:
        return None
    one_shot = summaries == "one-shot"
    block = state.recent if one_shot else state.recent[-state.block_size :]
    previous = "" if one_shot else state.summary
    return SummaryRequest(previous, tuple(map(evidence_line, block)), taste(state))


def score_request(
    state: UserPreference, candidates: Iterable[ItemProfile], adapter: str | None = None
) -> ScoreRequest:
    """Return what the model is asked of a user and candidates."""
    since_summary = state.recent[len(state.recent) - state.block_size :]
    return ScoreRequest(
        summary=state.summary,
        recent=tuple(map(evidence_line, since_summary)),
        taste=taste(state),
        candidates=tuple(map(item_line, candidates)),
        adapter=adapter,
    )


def with_summary(state: UserPreference, summary: str, versions: Versions) -> UserPreference:
    """Return the state with a new summary, which knows everything up to now."""
    return state.model_copy(update={"summary": summary, "block_size": 0, "versions": versions})


def _decay(elapsed_s: float) -> float:
    return float(0.5 ** (1 / EVENT_HALF_LIFE + elapsed_s / TIME_HALF_LIFE_S))


def _count(
    counts: Mapping[str, float], decay: float, counted: Iterable[str], weight: float
) -> dict[str, float]:
    after = {name: round(value * decay, 6) for name, value in counts.items()}
    if weight > 0:
        for name in counted:
            after[name] = round(after.get(name, 0.0) + weight, 6)
    ranked = sorted(after.items(), key=lambda entry: (-entry[1], entry[0]))
    return dict(ranked[:MAX_COUNTED])


def _weightiest(
    evidence: tuple[Evidence, ...], decay: float, seen: Evidence
) -> tuple[Evidence, ...]:
    decayed = [
        old.model_copy(update={"weight": round(old.weight * decay, 6)})
        for old in evidence
        if old.item_id != seen.item_id
    ]
    ranked = sorted([*decayed, seen], key=lambda one: (-one.weight, one.event_id))
    return tuple(ranked[:MAX_EVIDENCE])


def _exclude(excluded: tuple[str, ...], event: Interaction) -> tuple[str, ...]:
    # Who rates an item has had it.
    if event.kind not in {"purchase", "rating", "dislike"}:
        return excluded
    others = tuple(item_id for item_id in excluded if item_id != event.item_id)
    return (*others, event.item_id)[-MAX_EXCLUDED:]


def _prevailing(counts: Mapping[str, float], against: Mapping[str, float]) -> dict[str, float]:
    net = {name: weight - against.get(name, 0.0) for name, weight in counts.items()}
    return {name: weight for name, weight in net.items() if weight > 0}


def _strongest(counts: Mapping[str, float]) -> tuple[str, ...]:
    ranked = sorted(counts.items(), key=lambda entry: (-entry[1], entry[0]))
    return tuple(name for name, _ in ranked[:NUM_SHOWN_LIKES])
