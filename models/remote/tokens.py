"""Prompts as the server's own tokens: one query for a user, one item for each candidate.

The endpoints that score know no chat template, so the server's `/tokenize` applies it. What comes
behind a user's query is the same for all users, so a candidate is tokenized once and remembered.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from itertools import takewhile

from models.engine import ScoreRequest, Taste
from models.errors import EngineError, InputError
from models.mllm.prompts import NO, SLOT, YES, Message, candidate_line, score_prompt
from models.remote.chat import THINKING_OFF, plain
from models.remote.contract import Tokens
from models.remote.server import Server

__all__ = ["Prompt", "PromptTokens", "filled"]

Ids = tuple[int, ...]

# Two items that share no first token: where their prompts part, an item begins.
ANCHORS = ("blue hoodie", "7 red shoes")
# About 50 MB of ids.
MAX_REMEMBERED = 16_384


@dataclass(frozen=True)
class Prompt:
    """Token ids of a user's query, and of each candidate with the end of the chat."""

    query: Ids
    items: tuple[Ids, ...]


class PromptTokens:
    """Tokenizes score requests by a server's `/tokenize`.

    vLLM's takes chat messages; SGLang's takes them in its newer versions.

    Raises:
        EngineError: If the server has no such endpoint, or cuts prompts in a way that leaves no
            seam between query and item, or says Yes and No in more than one token each.
    """

    def __init__(self, server: Server, model: str) -> None:
        self._server = server
        self._model = model
        self._plain = plain()
        self._max_tokens = 0
        self._head = self._find_head()
        self.labels = self._find_labels()
        self._end = lru_cache(MAX_REMEMBERED)(self._tokenize_end)

    def prompts(self, requests: Sequence[ScoreRequest]) -> list[Prompt]:
        """Return the tokens of each request.

        Raises:
            InputError: If a prompt is longer than the model reads: servers cut it off in silence,
                and with it the question.
            EngineError: If the server fails.
        """
        lines = {line for one in requests for line in self._lines(one)}
        ends = dict(zip(lines, self._server.each(self._end, lines), strict=True))
        queries = self._server.each(self._tokenize_query, requests)
        found = [
            Prompt(query, tuple(ends[line] for line in self._lines(one)))
            for query, one in zip(queries, requests, strict=True)
        ]
        for prompt in found:
            longest = len(prompt.query) + max(map(len, prompt.items), default=0)
            if 0 < self._max_tokens < longest:
                raise InputError(
                    f"prompt of {longest} tokens, {self._server.name} reads {self._max_tokens}; "
                    f"serve the model with a longer context"
                )
        return found

    def _lines(self, request: ScoreRequest) -> list[str]:
        return [candidate_line(one, self._plain) for one in request.candidates]

    def _find_head(self) -> Ids:
        both = zip(*(self._tokens(_asked_about(one)) for one in ANCHORS), strict=False)
        head = tuple(left for left, _ in takewhile(lambda pair: pair[0] == pair[1], both))
        self._anchor_end = self._tokens(_asked_about(ANCHORS[0]))[len(head) :]
        return head

    def _find_labels(self) -> tuple[int, int]:
        asked = self._tokens(_asked_about(ANCHORS[0]))
        yes, no = (
            self._tokens(
                [*_asked_about(ANCHORS[0]), {"role": "assistant", "content": answer}],
                continue_final_message=True,
                add_generation_prompt=False,
            )
            for answer in (YES, NO)
        )
        begins = yes[: len(asked)] == asked == no[: len(asked)]
        yes_ids, no_ids = yes[len(asked) :], no[len(asked) :]
        if not begins or len(yes_ids) != 1 or len(no_ids) != 1 or yes_ids == no_ids:
            raise EngineError(f'"{YES}" and "{NO}" are not one token each in this model\'s answers')
        return yes_ids[0], no_ids[0]

    def _tokenize_end(self, line: str) -> Ids:
        ids = self._tokens(_asked_about(line))
        if ids[: len(self._head)] != self._head:
            raise InputError(f"an item of {len(line)} characters grows together with its prompt")
        return ids[len(self._head) :]

    def _tokenize_query(self, request: ScoreRequest) -> Ids:
        ids = self._tokens(filled(score_prompt(request, self._plain), ANCHORS[0]))
        num_query = len(ids) - len(self._anchor_end)
        if ids[num_query:] != self._anchor_end:
            raise EngineError("this model's prompts have no seam between query and item")
        return ids[:num_query]

    def _tokens(self, messages: list[Message], **options: bool) -> Ids:
        body = {
            "model": self._model,
            "messages": messages,
            # The template writes them itself.
            "add_special_tokens": False,
            **THINKING_OFF,
            **options,
        }
        answer = self._server.post_beside("/tokenize", body, Tokens)
        self._max_tokens = answer.max_model_len
        return tuple(answer.tokens)


def filled(messages: list[Message], line: str) -> list[Message]:
    """Return the prompt of `score_prompt` with a candidate's line in its place."""
    return [
        {
            **message,
            "content": [
                {**part, "text": part["text"].replace(SLOT, f" {line}")}
                for part in message["content"]
            ],
        }
        for message in messages
    ]


def _asked_about(line: str) -> list[Message]:
    """The prompt for a user of whom nothing is known."""
    return filled(score_prompt(ScoreRequest("", (), Taste(), ()), plain()), line)
