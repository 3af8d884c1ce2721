"""Score candidates by how likely the model answers "Yes", many behind one prefix.

A user's candidates lie behind each other in one row. A mask keeps each from seeing the others,
and each counts its positions from the end of the prefix, so the model sees what it would see in
one prompt per candidate, and the prefix is computed once. Nothing is generated: only the two
logits after each candidate are read.
"""

import logging
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import takewhile
from typing import Any

import torch
from torch.nn.utils.rnn import pad_sequence
from transformers import PreTrainedModel, ProcessorMixin

from models.engine import ScoreRequest
from models.errors import InputError, ModelLoadError
from models.mllm.batches import batches
from models.mllm.chat import answer_after, render, tokenize
from models.mllm.prompts import SLOT, Message, Plain, candidate_line, score_prompt

__all__ = ["Packed", "Scorer", "answer_ids", "block_mask", "packed", "padded", "score_texts"]

logger = logging.getLogger(__name__)

YES, NO = "Yes", "No"

# Attention grows with the square of a row: past this, a second prefix costs less.
MAX_ROW_TOKENS = 2048

# The library's own forward pass gives logits of the whole vocabulary at every length in a batch.
MAX_PAIR_BATCH_TOKENS = 4096

# By how much the difference of two logits may change when candidates are packed: rounding alone
# is below 1e-4 in float32, and a tenth in the 16-bit types.
TOLERANCE = {torch.float32: 1e-3}
TOLERANCE_16_BIT = 0.25

# Texts of several lengths, so that padding and positions are put to the test.
PROBE = (
    ("This person likes blue hoodies. Would they like this item?", ("a blue hoodie", "rain", "?")),
    ("Does this person want it?", ("a red summer dress with a print of small flowers", "shoes")),
)
PROBE_SLOT = "ITEM"


@dataclass(frozen=True)
class _Row:
    """Token ids that a user's prompts begin with, and how each of them goes on."""

    prefix: list[int]
    ends: list[list[int]]

    @property
    def num_tokens(self) -> int:
        return len(self.prefix) + sum(map(len, self.ends))


@dataclass(frozen=True)
class Packed:
    """Candidates behind one prefix as tensors of one row, n tokens long.

    `blocks`, shape `(n,)`, says whose each token is: 0 the prefix's, 1 the first candidate's, and
    so on. `positions`, shape `(n,)`, restart behind the prefix. `ends`, shape `(candidates,)`, is
    where each candidate's last token lies.
    """

    ids: torch.Tensor
    blocks: torch.Tensor
    positions: torch.Tensor
    ends: torch.Tensor


def score_texts(
    processor: ProcessorMixin, request: ScoreRequest, plain: Plain
) -> tuple[str, list[str]]:
    """Return the rendered chat up to the candidate, and each candidate with the rest of it."""
    prefix, _, end = render(processor, score_prompt(request, plain)).partition(SLOT)
    return prefix, [f" {candidate_line(one, plain)}{end}" for one in request.candidates]


def packed(prompts: list[list[int]]) -> Packed:
    """Pack the tokens of a user's whole prompts, one for each candidate, into one row."""
    row = _row(prompts)
    return Packed(_ids(row), _blocks(row), _positions(row), _last_positions(row))


class Scorer:
    """Scores text candidates with any image-text-to-text model.

    `packed` tells whether candidates share their prefix. A model for which that changes the
    scores (its attention takes no mask of ours, say) is asked once per candidate instead.
    """

    def __init__(self, model: PreTrainedModel, processor: ProcessorMixin) -> None:
        """Find the answers' tokens, and compare packed with single prompts.

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
        self.packed = self._packs_right(processor)

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
        longest = max(map(_longest_pair, rows), default=0)
        if longest > self._max_tokens:
            raise InputError(
                f"prompt of {longest} tokens, the model reads {self._max_tokens}; shorten it"
            )
        # Our mask knows no sliding window; within its length there is none to know.
        fits_window = self._window is None or longest <= self._window
        packs = self.packed and fits_window
        differences = self._packed(rows) if packs else self._one_by_one(rows)
        return [torch.sigmoid(of_user).tolist() for of_user in differences]

    def _rows(self, prefixes: Sequence[str], candidates: Sequence[Sequence[str]]) -> list[_Row]:
        return [
            _row(tokenize(self._tokenizer, [prefix + candidate for candidate in of_user]))
            for prefix, of_user in zip(prefixes, candidates, strict=True)
        ]

    def _packed(self, users: Sequence[_Row]) -> list[torch.Tensor]:
        """Return logit(yes) - logit(no) of each user's candidates, from shared prefixes."""
        pieces = [(user, piece) for user, row in enumerate(users) for piece in _pieces(row)]
        found: dict[int, torch.Tensor] = {}
        for batch in batches([piece.num_tokens for _, piece in pieces]):
            together = self._packed_batch([pieces[number][1] for number in batch])
            found.update(zip(batch, together, strict=True))
        of_users: list[list[torch.Tensor]] = [[] for _ in users]
        for number, (user, _) in enumerate(pieces):
            of_users[user].append(found[number])
        return [torch.cat([torch.empty(0), *parts]) for parts in of_users]

    def _packed_batch(self, rows: Sequence[_Row]) -> Sequence[torch.Tensor]:
        device = self._model.device
        blocks = padded([_blocks(row) for row in rows], padding=-1).to(device)
        hidden = self._model.get_decoder()(
            input_ids=padded([_ids(row) for row in rows]).to(device),
            attention_mask=block_mask(blocks, self._model.dtype),
            position_ids=padded([_positions(row) for row in rows]).to(device),
            use_cache=False,
        ).last_hidden_state
        ends = [_last_positions(row) for row in rows]
        at_ends = torch.cat(
            [of_row[positions] for of_row, positions in zip(hidden, ends, strict=True)]
        )
        difference: Any = self._difference(at_ends).cpu()
        parts: Sequence[torch.Tensor] = difference.split([len(positions) for positions in ends])
        return parts

    def _difference(self, hidden: torch.Tensor) -> torch.Tensor:
        """Return logit(yes) - logit(no) in float32; the rest of the vocabulary isn't computed."""
        head = self._model.get_output_embeddings()
        yes, no = head.weight[list(self._answers)].float()
        difference: torch.Tensor = hidden.float() @ (yes - no)
        return difference

    def _one_by_one(self, users: Sequence[_Row]) -> list[torch.Tensor]:
        """Return the same from one prompt per candidate, by the library's own forward pass."""
        pairs = [row.prefix + end for row in users for end in row.ends]
        found: Any = torch.empty(len(pairs))
        for batch in batches([len(pair) for pair in pairs], MAX_PAIR_BATCH_TOKENS):
            found[batch] = self._pair_batch([torch.tensor(pairs[number]) for number in batch])
        return list(found.split([len(row.ends) for row in users]))

    def _pair_batch(self, pairs: Sequence[torch.Tensor]) -> torch.Tensor:
        device = self._model.device
        lasts: Any = torch.tensor([len(pair) - 1 for pair in pairs])
        kept, column = lasts.unique(return_inverse=True)
        logits = self._model(
            input_ids=padded(pairs).to(device),
            attention_mask=padded([torch.ones_like(pair) for pair in pairs]).to(device),
            logits_to_keep=kept.to(device),
            use_cache=False,
        ).logits
        yes, no = logits[torch.arange(len(pairs)), column][:, list(self._answers)].float().T.cpu()
        difference: torch.Tensor = yes - no
        return difference

    @torch.inference_mode()
    def _packs_right(self, processor: ProcessorMixin) -> bool:
        rows = self._rows(*_rendered_probe(processor))
        expected = torch.cat(self._one_by_one(rows))
        try:
            difference = (torch.cat(self._packed(rows)) - expected).abs().max().item()
        except (RuntimeError, ValueError, TypeError, IndexError) as error:
            logger.warning("packed scoring fails, scoring one by one", extra={"reason": str(error)})
            return False
        if difference <= TOLERANCE.get(self._model.dtype, TOLERANCE_16_BIT):
            return True
        logger.warning("packed scores differ, scoring one by one", extra={"by": difference})
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


def _row(prompts: list[list[int]]) -> _Row:
    """Split prompts where they begin to differ.

    The seam is found in tokens, because words may grow together across the one in the text.
    """
    columns = zip(*prompts, strict=False)
    shared = [column[0] for column in takewhile(lambda column: len(set(column)) == 1, columns)]
    return _Row(shared, [prompt[len(shared) :] for prompt in prompts])


def _longest_pair(row: _Row) -> int:
    return len(row.prefix) + max(map(len, row.ends), default=0)


def _pieces(row: _Row) -> list[_Row]:
    """Split a user's candidates into rows of bounded length, each with the prefix."""
    pieces: list[_Row] = []
    ends: list[list[int]] = []
    room = MAX_ROW_TOKENS - len(row.prefix)
    for end in row.ends:
        if ends and sum(map(len, ends)) + len(end) > room:
            pieces.append(_Row(row.prefix, ends))
            ends = []
        ends.append(end)
    return [*pieces, _Row(row.prefix, ends)] if ends else pieces


def _ids(row: _Row) -> torch.Tensor:
    return torch.tensor([*row.prefix, *(token for end in row.ends for token in end)])


def _blocks(row: _Row) -> torch.Tensor:
    """Return whose each token is: 0 the prefix's, 1 the first candidate's, and so on."""
    lengths = torch.tensor([len(row.prefix), *map(len, row.ends)])
    return torch.arange(len(lengths)).repeat_interleave(lengths)


def _positions(row: _Row) -> torch.Tensor:
    start = len(row.prefix)
    return torch.cat(
        [torch.arange(start), *(torch.arange(start, start + len(end)) for end in row.ends)]
    )


def _last_positions(row: _Row) -> torch.Tensor:
    return len(row.prefix) + torch.tensor([len(end) for end in row.ends]).cumsum(0) - 1


def block_mask(blocks: torch.Tensor, dtype: torch.dtype) -> torch.Tensor:
    """Return what is added to the attention: 0 where a token may look, shape `(rows, 1, n, n)`.

    A token looks back, at the prefix and at its own block. Padding is a block as well, so no
    token looks nowhere, which would make its softmax undefined.
    """
    by, at = blocks.unsqueeze(2), blocks.unsqueeze(1)
    may_look = ((at == 0) | (at == by)).tril()
    closed = torch.zeros(may_look.shape, dtype=dtype, device=blocks.device)
    return closed.masked_fill_(~may_look, -torch.inf).unsqueeze(1)


def padded(rows: Sequence[torch.Tensor], padding: float = 0) -> torch.Tensor:
    """Return the rows as one tensor, shape `(rows, longest)`, padded on the right."""
    return pad_sequence(list(rows), batch_first=True, padding_value=padding)
