"""Examples -> what the model is asked: the product's own state of each user at that moment.

Events are applied by `models.preference` and full blocks are summarised by the engine, so prompts
read in training as they will read live. The events of an example are not yet applied when its
state is taken.
"""

from collections import defaultdict, deque
from collections.abc import Mapping, Sequence

from models.attempts import attempt
from models.engine import Engine, ScoreRequest, SummaryRequest
from models.errors import EngineError
from models.preference import (
    Summaries,
    apply_event,
    new_preference,
    score_request,
    summary_request,
    with_summary,
)
from schemas.enriched_interaction import SourcePosition
from schemas.interaction import Interaction
from schemas.item_profile import ItemProfile
from stream_app.finetune.examples import Example, Histories
from stream_app.show import Progress

__all__ = ["score_requests"]

# Users whose summaries are written in one batch.
NUM_AT_ONCE = 32


def score_requests(
    engine: Engine,
    histories: Histories,
    profiles: Mapping[str, ItemProfile],
    examples: Sequence[Example],
    *,
    summaries: Summaries = "recurrent",
    progress: Progress,
) -> list[ScoreRequest]:
    """Return the request of each example, in their order.

    Where the engine fails at a summary it waits for the next event, as live.
    """
    of_users: dict[str, list[int]] = defaultdict(list)
    for row, example in enumerate(examples):
        of_users[example.user_id].append(row)
    walks = deque(
        _Walk(
            engine,
            histories[user_id],
            profiles,
            {row: examples[row] for row in rows},
            summaries,
        )
        for user_id, rows in of_users.items()
    )
    num_users = len(walks)
    found: dict[int, ScoreRequest] = {}
    while walks:
        batch = [walks.popleft() for _ in range(min(NUM_AT_ONCE, len(walks)))]
        waiting = {walk: request for walk in batch if (request := walk.on(found)) is not None}
        written = attempt(engine.summarise, list(waiting.values()))
        for walk, summary in zip(waiting, written, strict=True):
            if not isinstance(summary, EngineError):
                walk.summarise(summary)
        walks.extend(waiting)
        progress("users' histories", num_users - len(walks), num_users)
    return [found[row] for row in range(len(examples))]


class _Walk:
    """A user's state on its way through the history."""

    def __init__(
        self,
        engine: Engine,
        history: Sequence[Interaction],
        profiles: Mapping[str, ItemProfile],
        examples: dict[int, Example],
        summaries: Summaries,
    ) -> None:
        self._summaries = summaries
        self._versions = engine.versions
        self._state = new_preference(history[0].user_id, history[0].occurred_at, self._versions)
        self._history = history
        self._profiles = profiles
        self._due = {example.num_before: row for row, example in examples.items()}
        self._examples = examples

    def on(self, found: dict[int, ScoreRequest]) -> SummaryRequest | None:
        """Go on until a summary is to be written, None at the end; examples on the way are put."""
        while self._due:
            num_events = self._state.num_events
            if (row := self._due.pop(num_events, None)) is not None:
                shown = [self._profiles[one] for one in self._examples[row].candidates]
                found[row] = score_request(self._state, shown)
            if not self._due:
                break
            self._apply(self._history[num_events], num_events)
            if (request := summary_request(self._state, self._summaries)) is not None:
                return request
        return None

    def summarise(self, summary: str) -> None:
        self._state = with_summary(self._state, summary, self._versions)

    def _apply(self, event: Interaction, offset: int) -> None:
        source = SourcePosition(partition=0, offset=offset, timestamp=event.occurred_at)
        self._state = apply_event(self._state, event, source, self._profiles[event.item_id])
