"""The report's plots as SVG that takes its colours from the page, light or dark.

matplotlib draws with stand-in colours; each is then replaced by a variable of the page's style.
Text stays text, so that it can be found, copied and read aloud.
"""

import re
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from io import StringIO
from itertools import cycle
from typing import TYPE_CHECKING, Any

import numpy as np

from stream_app.evaluation.results import MAIN, Results
from stream_app.evaluation.slices import HISTORY
from stream_app.evaluation.statistics import Estimate

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

__all__ = ["plots"]

INK, GRID = "#0a0b0c", "#0d0e0f"
# The reference is drawn in the first.
SERIES = [f"#0000{number:02x}" for number in range(0xA0, 0xA8)]
VARIABLES = {
    INK: "--ink",
    GRID: "--grid",
    **{one: f"--series-{SERIES.index(one)}" for one in SERIES},
}
DASHES = ["-", "--", "-.", ":"]
MARKERS = ["o", "s", "^", "D", "v", "P", "X", "*"]
ROW_INCHES, WIDTH_INCHES = 0.3, 7.2


def plots(results: Results) -> dict[str, str]:
    """Return each plot's SVG by its title; those without data are left out."""
    drawn: dict[str, Callable[[Results], Figure | None]] = {
        f"{MAIN} with 95 % intervals": _overall,
        f"{MAIN} along the log": _over_time,
        f"{MAIN} by length of history": _by_history,
        "What each source contributes": _by_source,
        "Seconds per list": _latency,
    }
    with _style():
        figures = {title: draw(results) for title, draw in drawn.items()}
        return {
            title: _svg(figure, f"plot-{number}-")
            for number, (title, figure) in enumerate(figures.items())
            if figure is not None
        }


def _overall(results: Results) -> "Figure":
    figure, [axes] = _figure(len(results.systems))
    _intervals(axes, results, [system.metrics[MAIN] for system in results.systems])
    axes.set_xlabel(MAIN)
    return figure


def _by_history(results: Results) -> "Figure":
    parts = [name for name in HISTORY if results.num_by_slice[name]]
    figure, grid = _figure(len(results.systems), columns=len(parts))
    for axes, part in zip(grid, parts, strict=True):
        _intervals(axes, results, [system.slices[part] for system in results.systems])
        axes.set_title(f"{part} events\n{results.num_by_slice[part]} queries")
    return figure


def _over_time(results: Results) -> "Figure | None":
    if len(results.dates) < 2:
        return None
    figure, [axes] = _figure(8)
    for system, look in zip(results.systems, _looks(), strict=False):
        axes.plot(range(len(system.over_time)), system.over_time, label=system.name, **look)
    axes.set_xticks(range(len(results.dates)), results.dates, rotation=30, ha="right")
    axes.set_ylabel(MAIN)
    axes.set_ylim(bottom=0)
    _legend(figure, axes)
    return figure


def _by_source(results: Results) -> "Figure | None":
    with_sources = [system for system in results.systems if system.sources]
    if not with_sources:
        return None
    shares = with_sources[0].sources
    figure, [axes] = _figure(2 * len(shares))
    rows = np.arange(len(shares))
    axes.barh(rows - 0.2, [one.places for one in shares], 0.36, label="places", color=GRID)
    axes.barh(rows + 0.2, [one.hits for one in shares], 0.36, label="hits", color=SERIES[0])
    axes.set_yticks(rows, [one.source for one in shares])
    axes.invert_yaxis()
    axes.set_xlabel(f"share of the first ten places of {with_sources[0].name}")
    _legend(figure, axes)
    return figure


def _latency(results: Results) -> "Figure | None":
    timed = [
        (system, system.cost.percentiles_s, look)
        for system, look in zip(results.systems, _looks(), strict=False)
        if system.cost is not None
    ]
    if not timed:
        return None
    from matplotlib.ticker import LogLocator, NullLocator

    figure, [axes] = _figure(8)
    for system, percentiles_s, look in timed:
        share = np.linspace(0, 1, len(percentiles_s))
        axes.plot(percentiles_s, share, label=system.name, **{**look, "marker": ""})
    axes.set_xscale("log")
    # The scale's own labels are formulas, and none where all lies within a decade.
    axes.xaxis.set_major_locator(LogLocator(subs=(1.0, 3.0)))
    axes.xaxis.set_minor_locator(NullLocator())
    axes.xaxis.set_major_formatter("{x:g}")
    axes.set_xlabel("seconds")
    axes.set_ylabel("share of lists")
    _legend(figure, axes)
    return figure


def _intervals(axes: "Axes", results: Results, estimates: Sequence[Estimate | None]) -> None:
    for row, found in enumerate(estimates):
        if found is None:
            continue
        colour = SERIES[0] if row == 0 else INK
        if found.low is not None and found.high is not None:
            axes.plot([found.low, found.high], [row, row], color=colour, linewidth=1.5)
        axes.plot(found.mean, row, "o", color=colour, markersize=5)
    axes.set_yticks(range(len(results.systems)), [system.name for system in results.systems])
    axes.set_ylim(len(results.systems) - 0.5, -0.5)
    axes.set_xlim(left=0)


def _looks() -> Iterator[dict[str, Any]]:
    """Yield lines that also differ without colour, the first one heavier."""
    looks = zip(cycle(SERIES), cycle(DASHES), cycle(MARKERS), strict=False)
    for number, (colour, dash, marker) in enumerate(looks):
        yield {
            "color": colour,
            "linestyle": dash,
            "marker": marker,
            "markersize": 4,
            "linewidth": 2.4 if number == 0 else 1.3,
        }


@contextmanager
def _style() -> Iterator[None]:
    import matplotlib as mpl

    settings: dict[Any, Any] = {
        # A system may be called "$x$": its name is no formula.
        "text.parse_math": False,
        "svg.fonttype": "none",
        "svg.hashsalt": "stream-app",
        "font.family": "sans-serif",
        "font.size": 10,
        "axes.titlesize": 10,
        "text.color": INK,
        "axes.labelcolor": INK,
        "axes.edgecolor": GRID,
        "axes.spines.top": False,
        "axes.spines.right": False,
        "axes.grid": True,
        "axes.axisbelow": True,
        "grid.color": GRID,
        "grid.linewidth": 0.6,
        "xtick.color": INK,
        "ytick.color": INK,
        "legend.frameon": False,
    }
    with mpl.rc_context(settings):
        yield


def _figure(rows: int, *, columns: int = 1) -> "tuple[Figure, list[Axes]]":
    # Not by pyplot: that keeps figures in a registry of the process and may look for a display.
    from matplotlib.backends.backend_svg import FigureCanvasSVG
    from matplotlib.figure import Figure

    figure = Figure(figsize=(WIDTH_INCHES, 1.1 + ROW_INCHES * rows), layout="constrained")
    FigureCanvasSVG(figure)
    return figure, list(figure.subplots(1, columns, sharey=True, squeeze=False)[0])


def _legend(figure: "Figure", axes: "Axes") -> None:
    handles, labels = axes.get_legend_handles_labels()
    figure.legend(handles, labels, loc="outside lower center", ncols=4)


def _svg(figure: "Figure", prefix: str) -> str:
    """Return the drawing as an element of a page; ids get a prefix, as a page has several."""
    out = StringIO()
    figure.savefig(out, format="svg", transparent=True, metadata={"Date": None, "Creator": None})
    svg = out.getvalue()
    for colour, variable in VARIABLES.items():
        svg = svg.replace(colour, f"var({variable})")
    return re.sub(r'( id="|url\(#|href="#)', rf"\1{prefix}", svg[svg.index("<svg") :])
