from io import StringIO

from rich.console import Console

from examples import EXAMPLES
from schemas.recommendation import Recommendation
from stream_app.show import recommendation_view

HOSTILE = "[/bold]\x1b]0;owned\x07\x1b[2J[red]"


def test_neither_markup_nor_the_terminal_takes_a_title_for_an_order() -> None:
    one = next(example for example in EXAMPLES if isinstance(example, Recommendation))
    item = one.items[0].model_copy(
        update={"title": HOSTILE, "reason": HOSTILE, "sources": (HOSTILE,)}
    )
    trigger = one.trigger.model_copy(update={"title": HOSTILE})
    hostile = one.model_copy(
        update={"items": (item,), "summary": HOSTILE, "trigger": trigger, "user_id": HOSTILE}
    )
    shown = StringIO()
    Console(file=shown, width=400).print(recommendation_view(hostile))
    assert "\x1b" not in shown.getvalue()
    assert shown.getvalue().count("[red]") == 6
