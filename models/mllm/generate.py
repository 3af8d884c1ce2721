"""Short greedy answers to many prompts at once: the same answer alone and in a batch."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import torch
from PIL.Image import Image
from torch.nn.utils.rnn import pad_sequence

from models.mllm.batches import batches
from models.mllm.chat import answer_after, has_begun, render, tokenize
from models.mllm.load import LoadedModel
from models.mllm.prefix_cache import cached_prefix
from models.mllm.prompts import Message
from models.mllm.rows import shared_row

__all__ = ["Question", "generate"]


@dataclass(frozen=True)
class Question:
    """Chat messages, the picture that their image part stands for, and how the answer begins."""

    messages: list[Message]
    picture: Image | None = None
    opening: str = ""


def generate(
    loaded: LoadedModel, questions: Sequence[Question], *, max_new_tokens: int
) -> list[str]:
    """Return one answer per question, in order, its opening included.

    Greedy: equal inputs give equal outputs. An answer is at most `max_new_tokens` longer than
    its opening.
    """
    answers = [""] * len(questions)
    texts = [_text(loaded, question) for question in questions]
    prompts = tokenize(loaded.tokenizer, texts)
    # Rows with and without pictures go apart: some processors refuse a batch of both.
    for seeing in (False, True):
        rows = [row for row, one in enumerate(questions) if (one.picture is not None) is seeing]
        for batch in batches([len(prompts[row]) + max_new_tokens for row in rows]):
            numbers = [rows[one] for one in batch]
            if seeing:
                pictures = [questions[row].picture for row in numbers]
                inputs = _with_pictures(loaded, [texts[row] for row in numbers], pictures)
            else:
                inputs = _with_shared_prefix(loaded, [prompts[row] for row in numbers])
            written = _generate(loaded, inputs, max_new_tokens)
            for row, answer in zip(numbers, written, strict=True):
                answers[row] = f"{questions[row].opening} {answer}".strip()
    return answers


def _text(loaded: LoadedModel, question: Question) -> str:
    prompt = render(loaded.processor, question.messages)
    return prompt + answer_after(prompt, question.opening) if question.opening else prompt


def _with_pictures(
    loaded: LoadedModel, texts: list[str], pictures: Sequence[Image | None]
) -> dict[str, Any]:
    inputs = loaded.processor(
        text=texts,
        images=[[picture] for picture in pictures],
        return_tensors="pt",
        padding=True,
        # On the left: the answers of all rows then begin at the same position.
        padding_side="left",
        add_special_tokens=not has_begun(loaded.tokenizer, texts[0]),
    )
    return dict(inputs.to(loaded.device, loaded.model.dtype))


@torch.inference_mode()
def _with_shared_prefix(loaded: LoadedModel, prompts: list[list[int]]) -> dict[str, Any]:
    """Return prompts padded between what they all begin with, which is read once, and the rest."""
    shared = shared_row(prompts)
    ends = [torch.tensor(end) for end in shared.ends]
    prefix = torch.tensor(shared.prefix, dtype=torch.long).expand(len(ends), -1)
    padding = loaded.tokenizer.pad_token_id
    inputs: dict[str, Any] = {
        "input_ids": torch.cat([prefix, _padded_left(ends, padding)], dim=1).to(loaded.device),
        "attention_mask": torch.cat(
            [torch.ones_like(prefix), _padded_left([torch.ones_like(end) for end in ends], 0)],
            dim=1,
        ).to(loaded.device),
    }
    if len(ends) > 1 and shared.prefix:
        decoder = loaded.model.get_decoder()
        inputs["past_key_values"] = cached_prefix(decoder, shared.prefix, len(ends))
    return inputs


def _padded_left(rows: list[torch.Tensor], padding: int) -> torch.Tensor:
    return pad_sequence(rows, batch_first=True, padding_value=padding, padding_side="left")


@torch.inference_mode()
def _generate(loaded: LoadedModel, inputs: dict[str, Any], max_new_tokens: int) -> list[str]:
    tokens = loaded.model.generate(
        **inputs,
        max_new_tokens=max_new_tokens,
        do_sample=False,
        temperature=None,
        top_p=None,
        top_k=None,
        pad_token_id=loaded.tokenizer.pad_token_id,
    )
    return [
        str(answer).strip()
        for answer in loaded.tokenizer.batch_decode(
            tokens[:, inputs["input_ids"].shape[1] :],
            skip_special_tokens=True,
            clean_up_tokenization_spaces=False,
        )
    ]
