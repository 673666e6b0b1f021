"""The figures of the report as SVG text, drawn from the very numbers that its tables show."""

from __future__ import annotations

import io
import re
import warnings
from collections.abc import Callable
from typing import TYPE_CHECKING, Literal

from xferviewer.evaluation.metrics import Metrics
from xferviewer.exchange.curve_drawing import LOOK, draw_curves, draw_forest, forest_height
from xferviewer.exchange.evaluation_plots import auc_forest, calibration_plot, referral_plot, roc_plot

if TYPE_CHECKING:
    from matplotlib.figure import Figure


def forest_figure(metrics: Metrics) -> str:
    """Every AUC with its interval, a row for each finding and a mark for each checkpoint, as an SVG element."""
    plot = auc_forest(metrics)

    def draw(figure: Figure) -> None:
        axes = figure.add_subplot()
        draw_forest(axes, plot)
        axes.set_xlabel(f"AUC with {metrics.level:.0%} interval")

    return _svg(draw, (10.2, forest_height(plot)), "forest", layout="constrained")


def finding_panels(metrics: Metrics, finding: str) -> str:
    """ROC curve, reliability diagram and sensitivity under referral of one finding, as an SVG element."""
    retained = {name: row.retained for name, row in metrics.findings[finding].items() if row.retained}
    plots = [
        (roc_plot(metrics, finding, bands=False), "ROC"),
        (calibration_plot(metrics, finding), "Calibration (area: cases of the bin)"),
        (referral_plot(metrics, finding, retained=retained), "Referral of the most uncertain"),
    ]

    def draw(figure: Figure) -> None:
        # Margins by hand: the panels carry the same words each time, and a layout engine would draw them twice.
        figure.subplots_adjust(left=0.065, right=0.985, bottom=0.14, top=0.91, wspace=0.22)
        for axes, (plot, title) in zip(figure.subplots(1, 3), plots, strict=True):
            draw_curves(axes, plot, title)

    return _svg(draw, (10.2, 3.3), "finding-" + re.sub(r"\W+", "-", finding))


def _svg(
    draw: Callable[[Figure], None],
    size_inches: tuple[float, float],
    name: str,
    layout: Literal["constrained"] | None = None,
) -> str:
    """Draw a figure and return its <svg> element, whose ids start with `name` so that several fit into one page."""
    import matplotlib as mpl
    from matplotlib.figure import Figure

    buffer = io.StringIO()
    with mpl.rc_context(LOOK), warnings.catch_warnings():
        # A finding's name may be in a script that the figure's font lacks; the table beside it still says it.
        warnings.filterwarnings("ignore", message="Glyph .* missing from font")
        figure = Figure(figsize=size_inches, layout=layout)
        draw(figure)
        figure.savefig(buffer, format="svg", metadata={"Date": None, "Creator": None})
    text = buffer.getvalue()
    element = text[text.index("<svg") :]
    return re.sub(r'(\bid="|url\(#|href="#)', rf"\g<1>{name}-", element)
