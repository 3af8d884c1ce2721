"""Examples -> rows of tokens with what is to be predicted where.

A written answer and a user's candidates are rows of one form, so both are learned in one pass:
candidates are packed behind their prefix as they are when they are scored.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import torch

from models.engine import ScoreRequest
from models.errors import ModelLoadError
from models.mllm.chat import answer_after, render, tokenize
from models.mllm.load import LoadedModel
from models.mllm.prompts import Message, Plain
from models.mllm.rows import Row, shared_row
from models.mllm.scoring import Scorer, answer_ids, score_texts

__all__ = ["NO_TARGET", "RowBuilder", "TrainingRow"]

NO_TARGET = -100


@dataclass(frozen=True)
class TrainingRow:
    """A packed row, and targets at some of its places; n is its number of tokens.

    `words`, shape `(n,)`, is the token that should follow each place, `NO_TARGET` where none is
    asked for. `yes`, shape `(n,)`, is how probable "Yes" should be there, NaN where it isn't asked.
    `picture`, shape `(image tokens, vision size)`, takes the places of the image tokens.
    """

    row: Row
    words: torch.Tensor
    yes: torch.Tensor
    picture: torch.Tensor | None = None

    def __len__(self) -> int:
        return self.row.num_tokens


class RowBuilder:
    """Makes rows for one model: its chat template, its tokens.

    Raises:
        ModelLoadError: If the model's answers are not one token each, or its attention is of a
            kind that packed rows can't be put through.
    """

    def __init__(self, loaded: LoadedModel, plain: Plain) -> None:
        self._loaded = loaded
        self._plain = plain
        scorer = Scorer(loaded.model, loaded.processor)
        if scorer.way != "packed":
            raise ModelLoadError(
                f"model {loaded.name} can't be taught: its attention takes no packed rows; choose "
                f"one of another architecture, such as LLaVA or Qwen2-VL"
            )
        self.answers = answer_ids(loaded.processor)

    def written(
        self,
        messages: list[Message],
        answer: str,
        *,
        opening: str = "",
        ends: bool = True,
        picture: torch.Tensor | None = None,
    ) -> TrainingRow:
        """Return a row whose answer is learned word by word; its opening is given, not learned.

        With `ends` False the answer is only the beginning of one, and what follows stays open.
        """
        tokenizer = self._loaded.tokenizer
        prompt = render(self._loaded.processor, messages)
        if opening:
            prompt += answer_after(prompt, opening)
            answer = f" {answer}"
        [asked] = tokenize(tokenizer, [prompt])
        if picture is not None:
            asked = self._with_room(asked, len(picture))
        told = tokenizer.encode(answer, add_special_tokens=False)
        if ends:
            told.append(tokenizer.eos_token_id)
        row = Row(asked + told, [])
        words = torch.full((row.num_tokens,), NO_TARGET)
        words[len(asked) - 1 : -1] = torch.tensor(told)
        return TrainingRow(row, words, torch.full((row.num_tokens,), torch.nan), picture)

    def ranked(self, request: ScoreRequest, targets: Sequence[float]) -> TrainingRow:
        """Return a row that asks for each candidate how probable "Yes" is; targets in `[0, 1]`."""
        prefix, candidates = score_texts(self._loaded.processor, request, self._plain)
        row = shared_row(tokenize(self._loaded.tokenizer, [prefix + one for one in candidates]))
        yes = torch.full((row.num_tokens,), torch.nan)
        yes[row.last_places] = torch.tensor(targets)
        return TrainingRow(row, torch.full((row.num_tokens,), NO_TARGET), yes)

    def _with_room(self, ids: list[int], num_tokens: int) -> list[int]:
        image = self._loaded.model.config.image_token_id
        place = ids.index(image)
        return [*ids[:place], *[image] * num_tokens, *ids[place + 1 :]]
