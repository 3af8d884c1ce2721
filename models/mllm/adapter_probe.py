"""Does the model, as it is now, still answer "Yes" or "No" at all?

A score is a ratio of two probabilities, so it looks sound even where both are next to nothing.
"""

import torch

from models.engine import ScoreRequest, Taste
from models.mllm.chat import render, special_tokens, tokenize
from models.mllm.load import LoadedModel
from models.mllm.prompts import SLOT, Plain, candidate_line, score_prompt
from models.mllm.scoring import answer_ids

__all__ = ["label_mass"]

# A known user with something to like and something to refuse, and a user of whom nothing is known.
PROBE = (
    ScoreRequest(
        "Likes crime films and thrillers.",
        ("liked Heat (1995): Action, Crime", "disliked Dumbo (1941): Animation, Children"),
        Taste(("category=Crime", "category=Thriller"), ("category=Children",)),
        ("Casino (1995): Crime, Drama", "Bambi (1942): Animation, Children"),
    ),
    ScoreRequest("", (), Taste(), ("Alder Street hoodie: blue, casual",)),
)


@torch.inference_mode()
def label_mass(loaded: LoadedModel) -> float:
    """Return p(yes) + p(no) of all words the model could answer with, in `[0, 1]`.

    The least over known questions, "not a number" where the model's output is none. Asked by the
    library's own forward pass, by the prompts of scoring.
    """
    answers = list(answer_ids(loaded.processor))
    masses = [
        loaded.model(input_ids=ids.to(loaded.device), logits_to_keep=1, use_cache=False)
        .logits[0, -1]
        .float()
        .softmax(0)[answers]
        .sum()
        for ids in _questions(loaded)
    ]
    return float(torch.stack(masses).amin())


def _questions(loaded: LoadedModel) -> list[torch.Tensor]:
    plain = Plain(special_tokens(loaded.tokenizer))
    texts = [
        render(loaded.processor, score_prompt(request, plain)).replace(
            SLOT, f" {candidate_line(candidate, plain)}"
        )
        for request in PROBE
        for candidate in request.candidates
    ]
    return [torch.tensor([ids]) for ids in tokenize(loaded.tokenizer, texts)]
