"""Chat messages -> the text and tokens that a model was trained to continue."""

from collections.abc import Sequence

from transformers import PreTrainedTokenizerBase, ProcessorMixin

from models.errors import ModelLoadError
from models.mllm.prompts import Message

__all__ = ["answer_after", "has_begun", "render", "special_tokens", "tokenize"]


def render(processor: ProcessorMixin, messages: list[Message]) -> str:
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


def answer_after(prompt: str, answer: str) -> str:
    """Return the answer as it stands behind a prompt: "ASSISTANT:" asks for a space before it."""
    return f" {answer}" if prompt.endswith(":") else answer


def tokenize(tokenizer: PreTrainedTokenizerBase, texts: Sequence[str]) -> list[list[int]]:
    """Return the tokens of rendered prompts, with one begin-of-text token where there is one."""
    return [
        list(tokenizer.encode(text, add_special_tokens=not has_begun(tokenizer, text)))
        for text in texts
    ]


def has_begun(tokenizer: PreTrainedTokenizerBase, text: str) -> bool:
    """Tell whether the chat template wrote the begin-of-text token itself."""
    return bool(tokenizer.bos_token) and text.startswith(tokenizer.bos_token)


def special_tokens(tokenizer: PreTrainedTokenizerBase) -> set[str]:
    """Return every string that the tokenizer doesn't treat as ordinary text."""
    added = {token.content for token in tokenizer.added_tokens_decoder.values()}
    return added | set(tokenizer.all_special_tokens)
