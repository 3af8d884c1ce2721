"""Short greedy answers to many prompts at once: the same answer alone and in a batch."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import torch
from PIL.Image import Image

from models.mllm.batches import batches
from models.mllm.chat import answer_after, has_begun, render, tokenize
from models.mllm.load import LoadedModel
from models.mllm.prompts import Message

__all__ = ["Question", "Written", "generate"]


@dataclass(frozen=True)
class Question:
    """Chat messages, the picture that their image part stands for, and how the answer begins."""

    messages: list[Message]
    picture: Image | None = None
    opening: str = ""


@dataclass(frozen=True)
class Written:
    """An answer, its opening included, and the tokens that it took with its prompt."""

    text: str
    num_tokens: int


def generate(
    loaded: LoadedModel, questions: Sequence[Question], *, max_new_tokens: int
) -> list[Written]:
    """Return one answer per question, in order.

    Greedy: equal inputs give equal outputs. An answer is at most `max_new_tokens` longer than
    its opening.
    """
    answers: dict[int, Written] = {}
    texts = [_text(loaded, question) for question in questions]
    # Rows with and without pictures go apart: some processors refuse a batch of both.
    for seeing in (False, True):
        rows = [row for row, one in enumerate(questions) if (one.picture is not None) is seeing]
        if not rows:
            continue
        more = max_new_tokens + (_picture_tokens(loaded, questions[rows[0]]) if seeing else 0)
        lengths = [
            len(ids) + more for ids in tokenize(loaded.tokenizer, [texts[row] for row in rows])
        ]
        for batch in batches(lengths):
            numbers = [rows[one] for one in batch]
            pictures = [questions[row].picture for row in numbers] if seeing else None
            written = _generate(loaded, [texts[row] for row in numbers], pictures, max_new_tokens)
            for row, answer in zip(numbers, written, strict=True):
                text = f"{questions[row].opening} {answer.text}".strip()
                answers[row] = replace(answer, text=text)
    return [answers[row] for row in range(len(questions))]


def _picture_tokens(loaded: LoadedModel, question: Question) -> int:
    """Return how many tokens a picture takes, by one: some models cut it into thousands."""
    text = _text(loaded, question)
    whole = loaded.processor(text=[text], images=[[question.picture]], return_tensors="pt")
    return int(whole["input_ids"].shape[1]) - len(tokenize(loaded.tokenizer, [text])[0])


def _text(loaded: LoadedModel, question: Question) -> str:
    prompt = render(loaded.processor, question.messages)
    return prompt + answer_after(prompt, question.opening) if question.opening else prompt


@torch.inference_mode()
def _generate(
    loaded: LoadedModel,
    texts: list[str],
    pictures: Sequence[Image | None] | None,
    max_new_tokens: int,
) -> list[Written]:
    tokenizer = loaded.tokenizer
    inputs = loaded.processor(
        text=texts,
        images=[[picture] for picture in pictures] if pictures else None,
        return_tensors="pt",
        padding=True,
        # On the left: the answers of all rows then begin at the same position.
        padding_side="left",
        add_special_tokens=not has_begun(tokenizer, texts[0]),
    ).to(loaded.device, loaded.model.dtype)
    tokens = loaded.model.generate(
        **inputs,
        max_new_tokens=max_new_tokens,
        do_sample=False,
        temperature=None,
        top_p=None,
        top_k=None,
        pad_token_id=tokenizer.pad_token_id,
    )
    answered = tokens[:, inputs["input_ids"].shape[1] :]
    of_prompts = inputs["attention_mask"].sum(1)
    # A row that has ended is padded until the longest has.
    of_answers = (answered != tokenizer.pad_token_id).sum(1)
    texts = tokenizer.batch_decode(
        answered, skip_special_tokens=True, clean_up_tokenization_spaces=False
    )
    return [
        Written(str(text).strip(), num_tokens)
        for text, num_tokens in zip(texts, (of_prompts + of_answers).tolist(), strict=True)
    ]
