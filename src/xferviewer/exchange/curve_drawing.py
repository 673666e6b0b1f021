"""Plots drawn on matplotlib's axes, in the report and in exported figures alike."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

from xferviewer.exchange.checkpoint_styles import CheckpointStyle
from xferviewer.exchange.curve_plot import CurvePlot, ForestPlot

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.lines import Line2D

LOOK: dict[Any, Any] = {  # the keys are a closed list of matplotlib's, which is not imported here
    "font.size": 9,
    "axes.titlesize": 10,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.grid": True,
    "grid.color": "#dddddd",
    "grid.linewidth": 0.6,
    "lines.linewidth": 1.6,
    "svg.hashsalt": "xferviewer",  # the same numbers give the same file
    "pdf.fonttype": 42,  # letters as letters, which journals ask for
    "text.parse_math": False,  # a dollar sign in a name is one
}
_GREY = "#666666"
_QUARTERS = (0, 0.25, 0.5, 0.75, 1)


def draw_curves(axes: Axes, plot: CurvePlot, title: str) -> None:
    """Draw guides, bands, lines and marks, under this title."""
    for guide in plot.guides:
        dash = "dotted" if guide.colour else "solid"
        axes.plot(guide.x, guide.y, color=guide.colour or _GREY, linewidth=0.8, linestyle=dash)
    for curve in plot.curves:
        colour, dash = curve.style.colour, curve.style.dash
        if curve.counts is None:
            if curve.lower is not None and curve.upper is not None:
                axes.fill_between(curve.x, curve.lower, curve.upper, color=colour, alpha=0.12, linewidth=0)
            axes.plot(curve.x, curve.y, color=colour, linestyle=dash)
            continue
        if curve.lower is not None and curve.upper is not None:
            axes.vlines(curve.x, curve.lower, curve.upper, color=colour, linewidth=0.7, alpha=0.6)
        axes.plot(curve.x, curve.y, color=colour, linestyle=dash, linewidth=1)
        # A point of few cases says little: the area of its mark says so.
        shares = curve.counts / max(int(curve.counts.sum()), 1)
        axes.scatter(curve.x, curve.y, s=6 + 90 * shares, color=colour, linewidth=0)
    axes.set(title=title, xlabel=plot.x_name, ylabel=plot.y_name)
    for ends, set_ends, set_ticks in (
        (plot.x_range, axes.set_xlim, axes.set_xticks), (plot.y_range, axes.set_ylim, axes.set_yticks)
    ):  # fmt: skip
        if ends is None:
            continue
        whole = list(ends) == [0, 1]
        set_ends(*((-0.02, 1.02) if whole else ends))
        if whole:
            set_ticks(_QUARTERS)
    if plot.y_range is None:
        axes.set_ylim(bottom=0)


def draw_forest(axes: Axes, plot: ForestPlot) -> None:
    """Draw a mark and an interval for each value, row by row from the top."""
    there = np.array([~np.isnan(column.values) for column in plot.columns]).reshape(-1, len(plot.rows))
    place, n_there = np.cumsum(there, axis=0) - 1, there.sum(axis=0)
    for column, shown, of_column in zip(plot.columns, there, place, strict=True):
        rows = np.flatnonzero(shown)
        y = rows + 0.8 * ((of_column[rows] + 0.5) / n_there[rows] - 0.5)
        colour, dash, hollow = column.style.colour, column.style.dash, column.degenerate[rows]
        for of, face in ((~hollow, colour), (hollow, "white")):
            if not of.any():
                continue  # an artist without points has no place, and the layout fails over it
            if face == colour:
                ends = column.lower[rows][of], column.upper[rows][of]
                axes.hlines(y[of], *ends, colors=colour, linestyles=dash, clip_on=False)
            x = column.values[rows][of]
            axes.plot(x, y[of], "o", color=colour, markerfacecolor=face, markersize=4, clip_on=False)
    axes.axvline(plot.guide, color=_GREY, linewidth=0.8)
    axes.set_yticks(range(len(plot.rows)), list(plot.rows))
    axes.set_ylim(len(plot.rows) - 0.5, -0.5)
    axes.set_xlim(right=1)
    axes.grid(visible=False, axis="y")


def forest_height(plot: ForestPlot) -> float:
    """Inches that the rows of a forest need."""
    return (0.11 * len(plot.columns) + 0.14) * len(plot.rows) + 0.9


def legend_entries(styles: Mapping[str, CheckpointStyle], notes: Mapping[str, str]) -> tuple[list[Line2D], list[str]]:
    """A line and its words for each checkpoint."""
    from matplotlib.lines import Line2D

    lines = [Line2D([], [], color=style.colour, linestyle=style.dash) for style in styles.values()]
    return lines, [f"{name}  {notes[name]}" if notes.get(name) else name for name in styles]
