"""The report as one page: styles, tables and plots within, nothing to fetch."""

from jinja2 import Environment, PackageLoader, StrictUndefined

from stream_app.evaluation.plots import plots
from stream_app.evaluation.results import MAIN
from stream_app.evaluation.tables import Report, tables

__all__ = ["page"]

TEMPLATE = "page.html.jinja"


def page(report: Report) -> str:
    """Return the page; jinja escapes all but the plots, whose text matplotlib has escaped."""
    environment = Environment(
        loader=PackageLoader("stream_app.evaluation", ""),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    return environment.get_template(TEMPLATE).render(
        report=report, tables=tables(report.results), plots=plots(report.results), main=MAIN
    )
