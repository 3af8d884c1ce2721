"""Score candidates by how likely the model answers "Yes", many behind one prefix.

Nothing is generated: only the two logits after each candidate are read. A user's candidates share
their prefix, which is computed once: in one packed row where the model's attention can be
replaced, else from a cache, and one prompt per candidate where neither gives the same scores.
"""

import logging
import sys
from collections.abc import Callable, Iterable, Sequence
from typing import Any

import torch
from torch.nn.utils.rnn import pad_sequence
from transformers import PreTrainedModel, ProcessorMixin

from models.engine import ScoreRequest
from models.errors import InputError, ModelLoadError
from models.mllm import packed_attention, prefix_cache
from models.mllm.batches import MAX_BATCH_TOKENS, batches, unpadded_batches
from models.mllm.chat import answer_after, render, tokenize
from models.mllm.prompts import NO, SLOT, YES, Message, Plain, candidate_line, score_prompt
from models.mllm.rows import Row, pieces, shared_row

__all__ = ["MIN_LABEL_MASS", "Scorer", "answer_ids", "score_texts"]

logger = logging.getLogger(__name__)


# The library's own forward pass gives logits of the whole vocabulary at every length in a batch.
MAX_PAIR_BATCH_TOKENS = 4096

# By how much the difference of two logits may change when candidates share a prefix: rounding
# alone is below 1e-4 in float32, and a tenth in the 16-bit types.
TOLERANCE = {torch.float32: 1e-3}
TOLERANCE_16_BIT = 0.25

# A model that follows instructions gives the two words a tenth and more between them (the default
# model .1 to .4 before it was taught, .9997 after), another has other things to say, and its scores
# would be noise.
MIN_LABEL_MASS = 1e-3

# Texts of several lengths, so that batches and positions are put to the test.
PROBE = (
    (
        "This person likes blue hoodies. Would they like this item? Answer Yes or No.",
        ("a blue hoodie", "rain", "?"),
    ),
    (
        "Does this person want it? Answer Yes or No.",
        ("a red summer dress with a print of small flowers", "shoes"),
    ),
)
PROBE_SLOT = "ITEM"

# For each candidate the difference of the two logits, and the two answers' share of probability,
# NaN where it was not computed: shape `(candidates, 2)`, float32, on the CPU.
Answers = torch.Tensor
Way = Callable[[Sequence[Row]], Answers]


def score_texts(
    processor: ProcessorMixin, request: ScoreRequest, plain: Plain
) -> tuple[str, list[str]]:
    """Return the rendered chat up to the candidate, and each candidate with the rest of it."""
    prefix, _, end = render(processor, score_prompt(request, plain)).partition(SLOT)
    return prefix, [f" {candidate_line(one, plain)}{end}" for one in request.candidates]


class Scorer:
    """Scores text candidates with any image-text-to-text model.

    `way` tells how: "packed", "prefix cache" or "one by one", the first of these whose scores are
    those of the last. `label_mass` is the share of probability, in `[0, 1]`, that the two answers
    had in the last call, as a mean over its users; before the first call that of a few probes.
    `num_tokens` are those of all calls so far, each user's prefix counted once.
    """

    def __init__(self, model: PreTrainedModel, processor: ProcessorMixin) -> None:
        """Find the answers' tokens, and compare the ways to score.

        Args:
            model: Of any class that `AutoModelForImageTextToText` knows.
            processor: Its processor, for the tokenizer and the chat template.

        Raises:
            ModelLoadError: If "Yes" and "No" are not one token each.
        """
        # Classes of the library hand out their parts untyped.
        self._model: Any = model
        self._tokenizer = processor.tokenizer
        self._answers = answer_ids(processor)
        text_config = model.config.get_text_config()
        self._max_tokens: int = getattr(text_config, "max_position_embeddings", sys.maxsize)
        self._window: int | None = getattr(text_config, "sliding_window", None)
        self._ways: dict[str, Way] = {
            "packed": self._packed,
            "prefix cache": self._from_cache,
            "one by one": self._one_by_one,
        }
        self.label_mass = float("nan")
        self.num_tokens = 0
        self.way, self._way_past_window = self._compared(processor)

    @torch.inference_mode()
    def score(
        self, prefixes: Sequence[str], candidates: Sequence[Sequence[str]]
    ) -> list[list[float]]:
        """Return p(yes) / (p(yes) + p(no)) of each user's candidates, in `[0, 1]`.

        Args:
            prefixes: For each user, the rendered chat up to the candidate.
            candidates: For each user, each candidate's text with the rest of the rendered chat.

        Raises:
            InputError: If a prefix and a candidate together are longer than the model reads.

        Source:
            MLLM-MSR, arXiv 2408.09698, the recommender stage.
        """
        rows = self._rows(prefixes, candidates)
        longest = max((row.longest for row in rows), default=0)
        if longest > self._max_tokens:
            raise InputError(
                f"prompt of {longest} tokens, the model reads {self._max_tokens}; shorten it"
            )
        # Our attention knows no sliding window; within its length there is none to know.
        fits_window = self._window is None or longest <= self._window
        answers = self._ways[self.way if fits_window else self._way_past_window](rows)
        self.num_tokens += sum(row.num_tokens for row in rows)
        if len(answers):
            self.label_mass = answers[:, 1].nanmean().item()
        scores = torch.sigmoid(answers[:, 0]).split([len(row.ends) for row in rows])
        return [of_user.tolist() for of_user in scores]

    def require_label_mass(self) -> None:
        """Refuse a model that has other things to say than "Yes" or "No".

        Raises:
            ModelLoadError: If `label_mass` is below `MIN_LABEL_MASS`; says what to do.
        """
        # In this form, NaN is refused as well.
        if not self.label_mass >= MIN_LABEL_MASS:
            raise ModelLoadError(
                f'"{YES}" and "{NO}" have {self.label_mass:.1e} of the probability where the '
                f"answer stands, at least {MIN_LABEL_MASS:.0e} is needed; choose an "
                f"instruction-tuned model, or an adapter that was trained to answer"
            )

    def _rows(self, prefixes: Sequence[str], candidates: Sequence[Sequence[str]]) -> list[Row]:
        return [
            shared_row(tokenize(self._tokenizer, [prefix + candidate for candidate in of_user]))
            for prefix, of_user in zip(prefixes, candidates, strict=True)
        ]

    def _packed(self, rows: Sequence[Row]) -> Answers:
        """Answer from rows in which many users' candidates lie behind their prefixes."""
        parts = [piece for row in rows for piece in pieces(row, MAX_BATCH_TOKENS)]
        return _joined(
            self._read(packed_attention.last_hidden, [parts[number] for number in batch])
            for batch in unpadded_batches([part.num_tokens for part in parts], MAX_BATCH_TOKENS)
        )

    def _from_cache(self, rows: Sequence[Row]) -> Answers:
        """Answer from a cache of each user's prefix."""
        return _joined(self._read(prefix_cache.last_hidden, [row]) for row in rows if row.ends)

    def _read(
        self, last_hidden: Callable[[Any, Sequence[Row]], torch.Tensor], rows: Sequence[Row]
    ) -> Answers:
        hidden = last_hidden(self._model.get_decoder(), rows)
        head = self._model.get_output_embeddings()
        yes, no = head.weight[list(self._answers)].float()
        answers = torch.full((len(hidden), 2), torch.nan)
        answers[:, 0] = (hidden.float() @ (yes - no)).cpu()
        # The whole vocabulary for one candidate of each user: for all it would cost 2 % more.
        firsts = torch.tensor([0, *(len(row.ends) for row in rows[:-1])]).cumsum(0)
        answers[firsts, 1] = self._mass(head(hidden[firsts]))
        return answers

    def _one_by_one(self, rows: Sequence[Row]) -> Answers:
        """Answer from one prompt per candidate, by the library's own forward pass."""
        pairs = [torch.tensor(row.prefix + end) for row in rows for end in row.ends]
        answers = torch.empty(len(pairs), 2)
        for batch in batches([len(pair) for pair in pairs], MAX_PAIR_BATCH_TOKENS):
            logits = self._last_logits([pairs[number] for number in batch])
            yes, no = logits[:, list(self._answers)].float().T.cpu()
            answers[batch] = torch.stack([yes - no, self._mass(logits)], dim=1)
        return answers

    def _last_logits(self, pairs: Sequence[torch.Tensor]) -> torch.Tensor:
        device = self._model.device
        lasts: Any = torch.tensor([len(pair) - 1 for pair in pairs])
        kept, column = lasts.unique(return_inverse=True)
        logits: torch.Tensor = self._model(
            input_ids=_padded(pairs).to(device),
            attention_mask=_padded([torch.ones_like(pair) for pair in pairs]).to(device),
            logits_to_keep=kept.to(device),
            use_cache=False,
        ).logits
        return logits[torch.arange(len(pairs)), column]

    def _mass(self, logits: torch.Tensor) -> torch.Tensor:
        """Return p(yes) + p(no) of rows of logits, by a softmax over the whole vocabulary."""
        of_both = logits[:, list(self._answers)].float().logsumexp(1)
        return (of_both - logits.float().logsumexp(1)).exp().cpu()

    @torch.inference_mode()
    def _compared(self, processor: ProcessorMixin) -> tuple[str, str]:
        """Return the first way that scores like one by one, and the one for past the window."""
        rows = self._rows(*_rendered_probe(processor))
        expected = self._one_by_one(rows)
        self.label_mass = expected[:, 1].mean().item()

        def first_right(*names: str) -> str:
            right = (name for name in names if self._agrees(name, rows, expected))
            return next(right, "one by one")

        way = first_right("packed", "prefix cache")
        if self._window is None or way != "packed":
            return way, way
        return way, first_right("prefix cache")

    def _agrees(self, name: str, rows: Sequence[Row], expected: Answers) -> bool:
        try:
            difference = (self._ways[name](rows)[:, 0] - expected[:, 0]).abs().max().item()
        except (RuntimeError, ValueError, TypeError, IndexError, KeyError, AttributeError) as error:
            logger.warning("a way to score fails", extra={"way": name, "reason": str(error)})
            return False
        if difference <= TOLERANCE.get(self._model.dtype, TOLERANCE_16_BIT):
            return True
        logger.warning("a way to score differs", extra={"way": name, "by": difference})
        return False


def answer_ids(processor: ProcessorMixin) -> tuple[int, int]:
    """Return the tokens by which this model's answer says "Yes" and "No".

    Read off whole conversations: what comes before an answer decides how it is cut into tokens.

    Raises:
        ModelLoadError: If an answer takes more than one token, or both take the same.
    """
    question = _user(PROBE[0][0])
    asked = render(processor, [question])
    whole = [
        processor.apply_chat_template([question, _assistant(answer)], tokenize=False)
        for answer in (YES, NO)
    ]
    # Some templates write an answer of the past in another way than they ask for a new one.
    anew = [asked + answer_after(asked, answer) for answer in (YES, NO)]
    for pair in (whole, anew):
        before, yes, no = tokenize(processor.tokenizer, [asked, *pair])
        first = len(before)
        same_beginning = yes[:first] == before == no[:first]
        if same_beginning and yes[first:] and no[first:]:
            alike_after = yes[first + 1 :] == no[first + 1 :]
            if alike_after and yes[first] != no[first]:
                return yes[first], no[first]
    raise ModelLoadError(
        f'"{YES}" and "{NO}" are not one token each in this model\'s answers; choose another model'
    )


def _rendered_probe(processor: ProcessorMixin) -> tuple[list[str], list[list[str]]]:
    prefixes, candidates = [], []
    for question, items in PROBE:
        head, tail = render(processor, [_user(f"{question} {PROBE_SLOT}")]).rsplit(PROBE_SLOT, 1)
        prefixes.append(head)
        candidates.append([item + tail for item in items])
    return prefixes, candidates


def _user(text: str) -> Message:
    return {"role": "user", "content": [{"type": "text", "text": text}]}


def _assistant(text: str) -> Message:
    return {"role": "assistant", "content": [{"type": "text", "text": text}]}


def _joined(answers: Iterable[Answers]) -> Answers:
    return torch.cat([torch.empty(0, 2), *answers])


def _padded(rows: Sequence[torch.Tensor]) -> torch.Tensor:
    return pad_sequence(list(rows), batch_first=True)
