"""Which way of scoring a server offers, found out by a question whose answer is known.

What servers say of their endpoints was read, not run. So a way has to find what the chat finds
before its scores are used, and the model has to answer the question at all.
"""

import logging
from collections.abc import Callable

from models.engine import ScoreRequest, Taste
from models.errors import EngineError, ModelLoadError
from models.remote.scoring import (
    GenerativeScoring,
    LikeliestTokens,
    MultiItemScoring,
    Scored,
    Scoring,
)
from models.remote.server import Server

__all__ = ["choose_scoring"]

logger = logging.getLogger(__name__)

# Best first: these take a call for each user, the chat one for each candidate.
BETTER: tuple[Callable[[Server, str], Scoring], ...] = (GenerativeScoring, MultiItemScoring)

# Below it the model doesn't answer the question, and how it weighs the labels is chance.
MIN_LABEL_MASS = 0.05

# Between two ways. The chat counts other spellings of the labels too, which moves the scores of a
# model that is unsure of its answer by 0.025 (the default model); one sure of it, by nothing.
TOLERANCE = 0.1

PROBE = ScoreRequest(
    summary="Likes warm blue hoodies.",
    recent=("liked Alder hoodie: a warm blue hoodie",),
    taste=Taste(likes=("hoodie", "colour=blue"), dislikes=("skirt",)),
    candidates=("Marlow hoodie: a warm blue hoodie", "Ostrava skirt: a short red skirt"),
)


def choose_scoring(server: Server, model: str) -> tuple[Scoring, float]:
    """Return the best way to score that passes, and the label mass of the probe.

    Raises:
        ModelLoadError: If the chat tells no scores, or Yes and No are no answers of this model's.
    """
    chat = LikeliestTokens(server, model)
    try:
        expected = _asked(chat)
    except EngineError as error:
        raise ModelLoadError(f"{model} of {server.name} can't score: {error}") from error
    mass = expected.label_mass or 0.0
    if mass < MIN_LABEL_MASS:
        raise ModelLoadError(
            f"{model} of {server.name} answers Yes or No with a probability of {mass:.3f} only, "
            f"needed {MIN_LABEL_MASS}; serve an instruction-tuned model that answers without "
            f"thinking first"
        )
    for better in BETTER:
        scoring = _passing(better, server, model, expected)
        if scoring:
            return scoring, mass
    return chat, mass


def _passing(
    way: Callable[[Server, str], Scoring], server: Server, model: str, expected: Scored
) -> Scoring | None:
    try:
        scoring = way(server, model)
        found = _asked(scoring)
    except EngineError as error:
        logger.info("a way to score is not offered", extra={"reason": str(error)})
        return None
    apart = max(abs(one - other) for one, other in zip(found.scores, expected.scores, strict=True))
    if apart > TOLERANCE:
        logger.warning("scores differ from the chat's", extra={"way": scoring.name, "by": apart})
        return None
    return scoring


def _asked(scoring: Scoring) -> Scored:
    [found] = scoring.score([PROBE])
    return found
