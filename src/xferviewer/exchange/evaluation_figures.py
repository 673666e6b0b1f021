"""The figures of an evaluation as SVG text, drawn from the very numbers that the tables show."""

from __future__ import annotations

import io
import re
import warnings
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from xferviewer.evaluation.metrics import REFERRAL_RATES, FindingMetrics, Metrics
from xferviewer.evaluation.roc import thin
from xferviewer.exchange.checkpoint_styles import CheckpointStyle, checkpoint_styles

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

_LOOK: dict[Any, Any] = {  # the keys are a closed list of matplotlib's, which is not imported here
    "font.size": 9,
    "axes.titlesize": 10,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.grid": True,
    "grid.color": "#dddddd",
    "grid.linewidth": 0.6,
    "lines.linewidth": 1.6,
    "svg.hashsalt": "xferviewer",  # the same numbers give the same file
}
_POINTS_OF_A_DRAWN_CURVE = 400  # more than the pixels of a panel's side
_GREY = "#666666"


def auc_forest(metrics: Metrics) -> str:
    """Every AUC with its interval, a row for each finding and a mark for each checkpoint, as an SVG element."""
    styles = checkpoint_styles(metrics.checkpoints)
    row_height = 0.11 * len(metrics.checkpoints) + 0.14

    def draw(figure: Figure) -> None:
        axes = figure.add_subplot()
        for row, of_finding in enumerate(metrics.findings.values()):
            for place, (name, metric) in enumerate(of_finding.items()):
                interval = metric.interval
                y = row + 0.8 * ((place + 0.5) / len(of_finding) - 0.5)
                colour = styles[name].colour
                axes.plot(
                    [interval.lower, interval.upper], [y, y], color=colour, linestyle=styles[name].dash, clip_on=False
                )
                axes.plot(interval.auc, y, "o", color=colour, markersize=4, clip_on=False)
        axes.axvline(0.5, color=_GREY, linewidth=0.8)
        axes.set_yticks(range(len(metrics.findings)), list(metrics.findings))
        axes.set_ylim(len(metrics.findings) - 0.5, -0.5)
        axes.set_xlim(right=1)
        axes.grid(visible=False, axis="y")
        axes.set_xlabel(f"AUC with {metrics.level:.0%} interval")

    return _svg(draw, (10.2, row_height * len(metrics.findings) + 0.9), "forest", layout="constrained")


def finding_panels(metrics: Metrics, finding: str) -> str:
    """ROC curve, reliability diagram and sensitivity under referral of one finding, as an SVG element."""
    styles = checkpoint_styles(metrics.checkpoints)
    rows = metrics.findings[finding]

    def draw(figure: Figure) -> None:
        # Margins by hand: the panels carry the same words each time, and a layout engine would draw them twice.
        figure.subplots_adjust(left=0.065, right=0.985, bottom=0.14, top=0.91, wspace=0.22)
        roc, reliability, referral = figure.subplots(1, 3)
        _draw_roc(roc, rows, styles)
        _draw_reliability(reliability, rows, styles)
        _draw_referral(referral, rows, styles)

    return _svg(draw, (10.2, 3.3), "finding-" + re.sub(r"\W+", "-", finding))


def _draw_roc(axes: Axes, rows: Mapping[str, FindingMetrics], styles: Mapping[str, CheckpointStyle]) -> None:
    axes.plot([0, 1], [0, 1], color=_GREY, linewidth=0.8)
    for name, metric in rows.items():
        if np.isnan(metric.interval.auc):
            continue
        curve = thin(metric.curve, _POINTS_OF_A_DRAWN_CURVE)
        axes.plot(
            curve.false_positive_rate, curve.true_positive_rate, color=styles[name].colour, linestyle=styles[name].dash
        )
    _unit_square(axes, "ROC", "1 - specificity", "sensitivity")


def _draw_reliability(axes: Axes, rows: Mapping[str, FindingMetrics], styles: Mapping[str, CheckpointStyle]) -> None:
    axes.plot([0, 1], [0, 1], color=_GREY, linewidth=0.8)
    for name, metric in rows.items():
        if metric.reliability is not None and metric.reliability.counts.size:
            diagram = metric.reliability
            style = styles[name]
            axes.plot(diagram.mean_probability, diagram.observed, color=style.colour, linestyle=style.dash, linewidth=1)
            # A bin of few cases says little: the area of its mark says so.
            shares = diagram.counts / diagram.counts.sum()
            axes.scatter(diagram.mean_probability, diagram.observed, s=6 + 90 * shares, color=style.colour, linewidth=0)
    _unit_square(axes, "Calibration (area: cases of the bin)", "mean probability", "observed rate")


def _draw_referral(axes: Axes, rows: Mapping[str, FindingMetrics], styles: Mapping[str, CheckpointStyle]) -> None:
    for name, metric in rows.items():
        if metric.retained is None:
            continue
        states = metric.retained.states
        sensitivity, lower, upper = (
            [getattr(state, part)[0] for state in states]
            for part in ("sensitivity", "sensitivity_lower", "sensitivity_upper")
        )
        rates = 100 * np.array(REFERRAL_RATES)
        axes.fill_between(rates, lower, upper, color=styles[name].colour, alpha=0.12, linewidth=0)
        axes.plot(rates, sensitivity, color=styles[name].colour, linestyle=styles[name].dash)
        axes.axhline(metric.retained.random_sensitivity, color=styles[name].colour, linewidth=0.6, linestyle="dotted")
    axes.set(
        title="Referral of the most uncertain", xlabel="referred (%)", ylabel="sensitivity on the rest",
        xlim=(0, 100 * REFERRAL_RATES[-1]), ylim=(-0.02, 1.02), yticks=(0, 0.25, 0.5, 0.75, 1),
    )  # fmt: skip


def _unit_square(axes: Axes, title: str, x_label: str, y_label: str) -> None:
    ticks = (0, 0.25, 0.5, 0.75, 1)
    axes.set(title=title, xlabel=x_label, ylabel=y_label, xlim=(-0.02, 1.02), ylim=(-0.02, 1.02))
    axes.set(xticks=ticks, yticks=ticks)


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
    with mpl.rc_context(_LOOK), warnings.catch_warnings():
        # A finding's name may be in a script that the figure's font lacks; the table beside it still says it.
        warnings.filterwarnings("ignore", message="Glyph .* missing from font")
        figure = Figure(figsize=size_inches, layout=layout)
        draw(figure)
        figure.savefig(buffer, format="svg", metadata={"Date": None, "Creator": None})
    text = buffer.getvalue()
    element = text[text.index("<svg") :]
    return re.sub(r'(\bid="|url\(#|href="#)', rf"\g<1>{name}-", element)
