"""Chat messages -> the text and tokens that a model was trained to continue."""

from collections.abc import Sequence
from typing import Any

from models.errors import ModelLoadError
from models.mllm.prompts import Message

__all__ = ["render", "special_tokens", "tokenize"]


def render(processor: Any, messages: list[Message]) -> str:
    """Return the prompt up to where the answer begins.

    Raises:
        ModelLoadError: If the model has no chat template: a base model doesn't answer questions.
    """
    try:
        return str(
            processor.apply_chat_template(messages, tokenize=False, add_generation_prompt=True)
        )
    except ValueError as error:
        raise ModelLoadError(f"{error}; choose an instruction-tuned model") from error


def tokenize(tokenizer: Any, texts: Sequence[str]) -> list[list[int]]:
    """Return the tokens of rendered prompts, with one begin-of-text token where there is one."""
    rows = []
    for text in texts:
        already_begun = bool(tokenizer.bos_token) and text.startswith(tokenizer.bos_token)
        rows.append(list(tokenizer.encode(text, add_special_tokens=not already_begun)))
    return rows


def special_tokens(tokenizer: Any) -> set[str]:
    """Return every string that the tokenizer doesn't treat as ordinary text."""
    added = {token.content for token in tokenizer.added_tokens_decoder.values()}
    return added | set(tokenizer.all_special_tokens)
