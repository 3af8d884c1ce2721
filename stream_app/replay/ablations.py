"""Ours with a part taken away: what the part is worth."""

from collections.abc import Callable
from dataclasses import replace
from typing import Literal

from models.preference import Summaries
from stream_app.replay.run import Replayed

__all__ = ["Ablation", "without"]

Ablation = Literal["pictures", "summary", "recurrence", "model", "signals"]


def without(part: Ablation, by: Replayed, words_alone: Callable[[Replayed], Replayed]) -> Replayed:
    """Return whose answers show what comes of a log without a part.

    Args:
        part: What is taken away; without "recurrence" a summary is written from the newest
            interactions and not from the one before, as in MLLM-MSR's ablation (arXiv 2408.09698).
        by: The whole.
        words_alone: Has the items known by their words alone.
    """
    if part == "pictures":
        return words_alone(by)
    if part == "model":
        return replace(by, ranked_by="prior")
    if part == "signals":
        return replace(by, signals=False)
    summaries: Summaries = "none" if part == "summary" else "one-shot"
    return replace(by, options=replace(by.options, summaries=summaries))
