"""How a counterfactual evaluation looks in a terminal."""

from collections.abc import Iterator

from rich.table import Table

from stream_app.counterfactual.estimates import Figure, Figures, Found

__all__ = ["notes", "table"]

MISSING = "-"
# Fewer hold too few clicks of great weight for a bootstrap to know how far off they may be.
MIN_EFFECTIVE = 100


def table(found: Found, policy: str) -> Table:
    """Return what was clicked and what would be, of whole lists and by place."""
    made = Table("clicks", "as shown", f"{policy}, IPS", f"{policy}, SNIPS", "matched", "effective")
    made.add_row("of a list", *_cells(found.of_lists))
    made.add_row("more than as shown", "", _text(found.gain_ips), _text(found.gain_snips), "", "")
    for place, figures in enumerate(found.of_places, start=1):
        made.add_row(f"of place {place}", *_cells(figures))
    return made


def notes(found: Found, *, num_unsupported: int, clip: float | None) -> Iterator[str]:
    """Yield what has to be known to read the table, a line each."""
    num_all = found.num_lists + num_unsupported
    yield (
        f"{found.num_lists} lists of {found.num_users} users; {num_unsupported} more "
        f"({num_unsupported / num_all:.1%}) without support: no propensities, left out"
    )
    clipped = "no weight is clipped"
    if clip is not None:
        clipped = f"{found.num_clipped} weights are clipped at {clip:g}: estimates are too low"
    yield f"greatest weight {found.max_weight:.1f}; {clipped}"
    if found.of_lists.effective < MIN_EFFECTIVE:
        yield (
            f"effective sample size below {MIN_EFFECTIVE}: do not rely on the intervals; let more "
            f"lists come, or raise STREAM_APP_EXPLORATION"
        )
    yield (
        "intervals of 95 %, users drawn again; matched: lists that have the other policy's item at "
        "the place, effective: their effective sample size; of a list: those of the worst place"
    )


def _cells(figures: Figures) -> list[str]:
    shown = [_text(one) for one in (figures.shown, figures.ips, figures.snips)]
    return [*shown, str(figures.num_matched), f"{figures.effective:.0f}"]


def _text(figure: Figure) -> str:
    if figure.value is None:
        return MISSING
    interval = "" if figure.low is None else f" [{figure.low:.4f}, {figure.high:.4f}]"
    return f"{figure.value:.4f}{interval}"
