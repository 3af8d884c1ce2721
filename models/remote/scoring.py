"""Three ways to p(yes) / (p(yes) + p(no)) from a server.

Two ask for the labels' own tokens behind a tokenized prompt. The third reads the likeliest tokens
of a chat completion, which any server of the protocol may tell, at one call for each candidate.
"""

from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass
from math import exp
from typing import Protocol

from models.engine import ScoreRequest
from models.errors import EngineError
from models.mllm.prompts import NO, YES, Message, candidate_line, score_prompt
from models.remote.chat import Chat, plain
from models.remote.contract import GenerativeScores, LabelProbabilities, TokenLogprob
from models.remote.server import Server
from models.remote.tokens import Prompt, PromptTokens, filled

__all__ = ["GenerativeScoring", "LikeliestTokens", "MultiItemScoring", "Scored", "Scoring"]

# The most that OpenAI's reference allows, and vLLM as it is delivered.
NUM_LIKELIEST = 20

# Some servers show the mark that a tokenizer writes for a space.
SPACE_MARKS = "▁Ġ"


@dataclass(frozen=True)
class Scored:
    """The scores of a user's candidates, in order and in `[0, 1]`.

    `label_mass`, in `[0, 1]`, is the least p(yes) + p(no) among them, and None where the server
    doesn't tell it.
    """

    scores: list[float]
    label_mass: float | None = None


class Scoring(Protocol):
    """One way to score; requests have a candidate at least."""

    @property
    def name(self) -> str:
        """For people."""

    def score(self, requests: Sequence[ScoreRequest]) -> list[Scored]:
        """Score each user's candidates.

        Raises:
            EngineError: If the server fails, or doesn't weigh Yes against No.
        """


class _ByTokens(ABC):
    """Asks for the labels' own tokens behind tokenized prompts, a user in one call."""

    def __init__(self, server: Server, model: str) -> None:
        self._server = server
        self._model = model
        self._tokens = PromptTokens(server, model)

    def score(self, requests: Sequence[ScoreRequest]) -> list[Scored]:
        """Score each user's candidates, a user in one call."""
        return self._server.each(self._ask, self._tokens.prompts(requests))

    @abstractmethod
    def _ask(self, prompt: Prompt) -> Scored:
        """Score one user's candidates."""


class GenerativeScoring(_ByTokens):
    """vLLM's `/generative_scoring`: the probability of the first label among the labels.

    The server tells no label mass beside it.
    """

    name = "vLLM's /generative_scoring"

    def _ask(self, prompt: Prompt) -> Scored:
        body = _body(self._model, prompt, self._tokens.labels, apply_softmax=True)
        answer = self._server.post_beside("/generative_scoring", body, GenerativeScores)
        found = {one.index: one.score for one in answer.data}
        if sorted(found) != list(range(len(prompt.items))):
            raise _miscounted(self._server, len(answer.data), len(prompt.items))
        return Scored([found[number] for number in range(len(prompt.items))])


class MultiItemScoring(_ByTokens):
    """SGLang's `/v1/score`: the probabilities of both labels for each item.

    A server started with a delimiter for multi-item scoring computes the query once; the delimiter
    then stands between query and item, so scores are near those of the chat, not equal.
    """

    name = "SGLang's /v1/score"

    def _ask(self, prompt: Prompt) -> Scored:
        # Without softmax: the labels' shares of the whole vocabulary, which tell the mass too.
        body = _body(self._model, prompt, self._tokens.labels, apply_softmax=False)
        rows = self._server.post("/score", body, LabelProbabilities).scores
        if len(rows) != len(prompt.items) or any(len(row) != len((YES, NO)) for row in rows):
            raise _miscounted(self._server, len(rows), len(prompt.items))
        return _scored([(yes, no) for yes, no in rows], self._server.name)


class LikeliestTokens:
    """The likeliest first tokens of a chat's answer.

    Every token that spells a label counts, whatever its case and the space before it. A label that
    none of them spells is taken to be as likely as the last of them, which it is at most.
    """

    name = f"the {NUM_LIKELIEST} likeliest tokens of /v1/chat/completions"

    def __init__(self, server: Server, model: str) -> None:
        self._server = server
        self._chat = Chat(server, model)
        self._plain = plain()

    def score(self, requests: Sequence[ScoreRequest]) -> list[Scored]:
        """Score each user's candidates, a candidate in one call."""
        prompts = [self._prompts(request) for request in requests]
        answers = iter(
            self._server.each(self._ask, [one for of_user in prompts for one in of_user])
        )
        return [_scored([next(answers) for _ in of_user], self._server.name) for of_user in prompts]

    def _prompts(self, request: ScoreRequest) -> list[list[Message]]:
        messages = score_prompt(request, self._plain)
        return [filled(messages, candidate_line(one, self._plain)) for one in request.candidates]

    def _ask(self, messages: list[Message]) -> tuple[float, float]:
        choice = self._chat.ask(messages, max_tokens=1, logprobs=True, top_logprobs=NUM_LIKELIEST)
        positions = (choice.logprobs and choice.logprobs.content) or []
        likeliest = positions[0].top_logprobs if positions else []
        if not likeliest:
            raise EngineError(
                f"{self._server.name} gives no top_logprobs; use a server that does, such as vLLM"
            )
        found = [_probability(likeliest, label) for label in (YES, NO)]
        if not any(found):
            raise EngineError(
                f"the model answers neither {YES} nor {NO} among its {len(likeliest)} likeliest "
                f"tokens; use an instruction-tuned model"
            )
        last = exp(min(one.logprob for one in likeliest))
        yes, no = (last if one is None else one for one in found)
        return yes, no


def _probability(likeliest: Sequence[TokenLogprob], label: str) -> float | None:
    """Return the probability of all tokens that spell the label, or None if none does."""
    spelled = [
        exp(one.logprob)
        for one in likeliest
        if one.token.strip().strip(SPACE_MARKS).lower() == label.lower()
    ]
    return min(1.0, sum(spelled)) if spelled else None


def _scored(pairs: Sequence[tuple[float, float]], server: str) -> Scored:
    masses = [yes + no for yes, no in pairs]
    if min(masses) <= 0 or min(map(min, pairs)) < 0:
        raise EngineError(f"{server} finds neither {YES} nor {NO} likely at all")
    return Scored([yes / (yes + no) for yes, no in pairs], min(1.0, *masses))


def _body(
    model: str, prompt: Prompt, labels: tuple[int, ...], *, apply_softmax: bool
) -> dict[str, object]:
    return {
        "model": model,
        "query": prompt.query,
        "items": prompt.items,
        "label_token_ids": labels,
        "apply_softmax": apply_softmax,
        "item_first": False,
    }


def _miscounted(server: Server, num_scores: int, num_items: int) -> EngineError:
    return EngineError(f"{server.name} gives {num_scores} scores for {num_items} items")
