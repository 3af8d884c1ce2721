"""Chat completions: messages with a picture in, one greedy answer out."""

from base64 import b64encode
from dataclasses import dataclass
from typing import Any

from models.errors import EngineError
from models.mllm.prompts import Message, Plain
from models.remote.contract import ChatCompletion, Choice
from models.remote.server import Server

__all__ = ["THINKING_OFF", "Chat", "Question", "plain"]

# Far beyond what the prompts ask for: whatever a server sends, no more than this is looked at.
MAX_ANSWER_CHARS = 4000

# Hybrid models begin an answer with their thoughts; templates that don't know the word ignore it.
THINKING_OFF = {"chat_template_kwargs": {"enable_thinking": False}}

# A server parses special tokens in a shop's words too, and doesn't tell which ones it has. They
# are all written in brackets: <|im_end|>, </s>, [INST].
BRACKETS = ("<", ">", "[", "]")


@dataclass(frozen=True)
class Question:
    """Chat messages, the JPEG that their image part stands for, and how the answer begins."""

    messages: list[Message]
    jpeg: bytes | None = None
    opening: str = ""


def plain() -> Plain:
    """Return what makes untrusted text plain for any model: no bracket gets through."""
    return Plain(BRACKETS)


class Chat:
    """Asks one model of a server; equal questions get equal answers as far as the server's do."""

    def __init__(self, server: Server, model: str) -> None:
        self._server = server
        self._model = model

    def write(self, question: Question, *, max_tokens: int) -> str:
        """Return the answer, its opening included.

        Raises:
            EngineError: As `Server.post`.
        """
        opening = question.opening
        messages = _with_picture(question.messages, question.jpeg)
        # vLLM and SGLang go on from an answer that has begun; others begin it anew.
        begun: dict[str, Any] = {}
        if opening:
            messages = [*messages, {"role": "assistant", "content": opening}]
            begun = {"continue_final_message": True, "add_generation_prompt": False}
        choice = self.ask(messages, max_tokens=max_tokens, **begun)
        answer = (choice.message.content or "")[:MAX_ANSWER_CHARS].strip()
        return answer if answer.startswith(opening) else f"{opening} {answer}"

    def ask(self, messages: list[Message], *, max_tokens: int, **options: object) -> Choice:
        """Return the one choice of a greedy completion.

        Raises:
            EngineError: As `Server.post`.
        """
        body = {
            "model": self._model,
            "messages": messages,
            "max_tokens": max_tokens,
            "temperature": 0,
            **THINKING_OFF,
            **options,
        }
        return self._server.post("/chat/completions", body, ChatCompletion).choices[0]


def _with_picture(messages: list[Message], jpeg: bytes | None) -> list[Message]:
    return [
        {**message, "content": [_part(part, jpeg) for part in message["content"]]}
        for message in messages
    ]


def _part(part: dict[str, Any], jpeg: bytes | None) -> dict[str, Any]:
    if part["type"] != "image":
        return part
    if jpeg is None:
        raise EngineError("the prompt has a place for a picture, and there is none")
    url = f"data:image/jpeg;base64,{b64encode(jpeg).decode()}"
    return {"type": "image_url", "image_url": {"url": url}}
