"""What a server answers, as far as it is read here; the rest of an answer may change.

Sources: OpenAI's API reference for chat completions, embeddings and models; for the others the
servers' own code, `vllm/entrypoints/{openai/generative_scoring,serve/tokenize}` (vLLM pull request
34539) and `sglang/srt/entrypoints/openai/protocol.py`. They were read, not run: what is known of
their behaviour is checked at the start by `models.remote.probe`.
"""

from pydantic import BaseModel, ConfigDict, Field

__all__ = [
    "ChatCompletion",
    "Embeddings",
    "GenerativeScores",
    "LabelProbabilities",
    "Models",
    "TokenLogprob",
    "Tokens",
]


class Answer(BaseModel):
    """Any answer: unknown fields are left unread, and no number is NaN or infinite."""

    model_config = ConfigDict(frozen=True, extra="ignore", allow_inf_nan=False)


class Model(Answer):
    """A model that is served; vLLM and SGLang say in `root` where its weights came from."""

    id: str
    root: str | None = None


class Models(Answer):
    """`GET /v1/models`."""

    data: list[Model]


class TokenLogprob(Answer):
    """A token's text and the natural logarithm of its probability."""

    token: str
    # A hair above zero: probabilities are rounded.
    logprob: float = Field(le=0.01)


class Position(Answer):
    """The likeliest tokens at one position of an answer."""

    top_logprobs: list[TokenLogprob] = []


class Logprobs(Answer):
    """Positions of an answer, from its first token."""

    content: list[Position] | None = None


class Message(Answer):
    """What the model wrote."""

    content: str | None = None


class Choice(Answer):
    """One answer; `logprobs` where they were asked for."""

    message: Message
    logprobs: Logprobs | None = None


class ChatCompletion(Answer):
    """`POST /v1/chat/completions`."""

    choices: list[Choice] = Field(min_length=1)


class Embedding(Answer):
    """The vector of the input at `index`."""

    index: int
    embedding: list[float]


class Embeddings(Answer):
    """`POST /v1/embeddings`."""

    data: list[Embedding]


class Tokens(Answer):
    """`POST /tokenize` of vLLM and SGLang; `max_model_len` is what the model reads at most."""

    tokens: list[int]
    max_model_len: int


class GenerativeScore(Answer):
    """Of the item at `index`: the probability of the first label among the labels."""

    index: int
    score: float = Field(ge=0, le=1)


class GenerativeScores(Answer):
    """`POST /generative_scoring` of vLLM."""

    data: list[GenerativeScore]


class LabelProbabilities(Answer):
    """`POST /v1/score` of SGLang: a row for each item, a column for each label."""

    scores: list[list[float]]
