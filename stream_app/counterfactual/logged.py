"""Recommendations and interactions -> which places were clicked, and what they weigh."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import timedelta

import numpy as np

from models.fusion import Blend
from models.preference import leaning
from schemas.interaction import Interaction
from schemas.recommendation import Recommendation
from stream_app.attribution import Shown, attribute_all, shown
from stream_app.counterfactual.errors import CounterfactualError
from stream_app.counterfactual.estimates import Lists
from stream_app.counterfactual.policy import list_of

__all__ = ["Logged", "lists_with_clicks", "logged", "require_exploration"]


@dataclass(frozen=True)
class Logged:
    """A list as it was shown, and as the other policy would have made it.

    By place: how likely the shown item was there, and the other policy's item; nothing for a list
    that tells no propensities.
    """

    shown: Shown
    is_drawn: bool
    propensities: tuple[float, ...] = ()
    other: tuple[str, ...] = ()

    @property
    def is_supported(self) -> bool:
        """Whether anything about another policy can be told from this list."""
        return bool(self.propensities)


def logged(recommendation: Recommendation, blend: Blend) -> Logged:
    """Return what of a recommendation is needed to judge the policy with these weights."""
    exploration = recommendation.exploration
    told = [item.propensity for item in recommendation.items]
    propensities = tuple(one for one in told if one is not None)
    if exploration is None or len(propensities) < len(told):
        return Logged(shown(recommendation), is_drawn=False)
    other = list_of(blend, recommendation, exploration)
    return Logged(shown(recommendation), exploration.is_drawn, propensities, other)


def require_exploration(lists: Sequence[Logged]) -> None:
    """Check that there are lists that another policy could have shown.

    Raises:
        CounterfactualError: If nothing was drawn.
    """
    if not lists:
        raise CounterfactualError("there are no recommendations: nothing can be told from them")
    if not any(one.is_drawn and one.is_supported for one in lists):
        raise CounterfactualError(
            f"none of {len(lists)} lists has a place that was drawn by chance, so nothing tells of "
            f"what was not shown: set STREAM_APP_EXPLORATION for the publish agent, 0.1 say, and "
            f"try again once it has published some thousand lists"
        )


def lists_with_clicks(
    lists: Iterable[Logged], events: Iterable[Interaction], within: timedelta
) -> Lists:
    """Return the supported lists with what was clicked and what each place weighs.

    A click is an interaction that speaks for its item and came from the list; several with one item
    of a list count once. Of a list that was delivered again the last delivery counts.

    Args:
        lists: Of any users, at least one of them supported; the others only take the clicks that
            came from them.
        events: What users did, in any order.
        within: How long after a list an interaction can have come from it.
    """
    last = {one.shown.list_id: one for one in lists}
    supported = [one for one in last.values() if one.is_supported]
    rows = {one.shown.list_id: row for row, one in enumerate(supported)}
    shape = len(supported), max(len(one.propensities) for one in supported)
    is_place, clicks, weights = np.zeros(shape), np.zeros(shape), np.zeros(shape)
    for row, one in enumerate(supported):
        num_places = len(one.propensities)
        is_place[row, :num_places] = 1
        is_same = [
            item_id == other for item_id, other in zip(one.shown.item_ids, one.other, strict=True)
        ]
        weights[row, :num_places] = np.array(is_same) / np.array(one.propensities)
    liked = (event for event in events if leaning(event) > 0)
    for found in attribute_all((one.shown for one in last.values()), liked, within):
        if found.list_id in rows:
            clicks[rows[found.list_id], found.rank - 1] = 1
    return Lists([one.shown.user_id for one in supported], is_place, clicks, weights)
