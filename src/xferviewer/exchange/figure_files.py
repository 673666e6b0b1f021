"""Figures as files, SVG, PDF or PNG, each with its caption in it and its data as CSV beside it.

The same data give the same bytes.
"""

from __future__ import annotations

import csv
import io
import textwrap
import warnings
from collections.abc import Iterable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from xferviewer import RESEARCH_NOTICE
from xferviewer.atomic_files import write_atomically
from xferviewer.errors import UnusableChoice
from xferviewer.exchange.checkpoint_styles import CheckpointStyle
from xferviewer.exchange.curve_drawing import LOOK, draw_curves, draw_forest, forest_height, legend_entries
from xferviewer.exchange.curve_plot import CurvePlot, ForestPlot

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

FIGURE_FORMATS = (".svg", ".pdf", ".png")
_DOTS_PER_INCH = 300
_PANELS_PER_ROW = 4
_LETTERS_PER_INCH = 19  # of the caption's size, on average


def export_figure(plot: CurvePlot | ForestPlot | Sequence[CurvePlot], *paths: Path) -> list[Path]:
    """Write a figure in the format of each path's ending, its data as CSV beside each; returns all paths, each once.

    plot  one plot, or several of one kind as small multiples: a panel for each finding with a legend for all.

    PNG has 300 dots to the inch. The data are the very points that are drawn, each with every digit. Raises
    UnusableChoice for another ending, UnusableFolder where a file cannot be written, ValueError for no plot at all.
    """
    for path in paths:
        if path.suffix.lower() not in FIGURE_FORMATS:
            raise UnusableChoice(
                f"{path.name} is no figure that can be written.",
                f"Figures are written as {', '.join(FIGURE_FORMATS)}.",
                "Name the file with one of these endings.",
            )
    if isinstance(plot, ForestPlot):
        rows = _forest_rows(plot)
    else:
        plot = [plot] if isinstance(plot, CurvePlot) else list(plot)
        if not plot:
            raise ValueError("a figure shows at least one plot")
        rows = _curve_rows(plot)
    data = _csv(rows)
    drawn = _drawn(plot, {path.suffix.lower().removeprefix(".") for path in paths})
    written: dict[Path, None] = {}
    for path in paths:
        beside = path.with_suffix(".csv")
        if beside not in written:
            write_atomically(beside, data)
        write_atomically(path, drawn[path.suffix.lower().removeprefix(".")])
        written |= {path: None, beside: None}
    return list(written)


def _curve_rows(plots: Sequence[CurvePlot]) -> Iterable[Sequence[object]]:
    """A row for each point of each curve, and of each thin line under its name."""
    first = plots[0]
    yield ("finding", "checkpoint", "line", first.x_name, first.y_name, "lower", "upper", "cases")
    for plot in plots:
        finding = plot.caption.finding
        for curve in plot.curves:
            columns = [curve.x, curve.y, curve.lower, curve.upper, curve.counts]
            values = [[""] * curve.x.size if column is None else column.tolist() for column in columns]
            for point in zip(*values, strict=True):
                yield (finding, curve.name, "curve", *map(_exactly, point))
        for guide in plot.guides:
            for x, y in zip(guide.x.tolist(), guide.y.tolist(), strict=True):
                yield (finding, "", guide.name, _exactly(x), _exactly(y), "", "", "")


def _forest_rows(plot: ForestPlot) -> Iterable[Sequence[object]]:
    yield ("finding", "checkpoint", plot.value_name, "lower", "upper", "degenerate")
    for row, finding in enumerate(plot.rows):
        for column in plot.columns:
            if not np.isnan(column.values[row]):
                values = (column.values[row], column.lower[row], column.upper[row])
                yield (finding, column.name, *(_exactly(float(v)) for v in values), int(column.degenerate[row]))


def _exactly(value: object) -> object:
    """A number with every digit; nothing for what has no meaning."""
    if isinstance(value, float):
        return repr(value) if np.isfinite(value) else ""
    return value


def _csv(rows: Iterable[Sequence[object]]) -> bytes:
    text = io.StringIO()
    csv.writer(text, lineterminator="\n").writerows(rows)
    return text.getvalue().encode()


def _drawn(plot: ForestPlot | Sequence[CurvePlot], formats: Iterable[str]) -> dict[str, bytes]:
    """The figure in each format, laid out once, so that one format does not depend on the others."""
    import matplotlib as mpl
    from matplotlib.figure import Figure

    with mpl.rc_context(LOOK), warnings.catch_warnings():
        # A finding's name may be in a script that the figure's font lacks; the data beside it still say it.
        warnings.filterwarnings("ignore", message="Glyph .* missing from font")
        figure = Figure(layout="constrained")
        if isinstance(plot, ForestPlot):
            title, caption = plot.title, plot.caption.text()
            _draw_forest(figure, plot)
        else:
            title, caption = _title(plot), _caption_of(plot)
            _draw_panels(figure, plot)
        for _ in range(2):  # what is square finds its place at the second time
            figure.draw_without_rendering()
        figure.set_layout_engine("none")
        drawn = {}
        for file_format in sorted(formats):
            buffer = io.BytesIO()
            metadata = _metadata(file_format, title, caption)
            figure.savefig(buffer, format=file_format, dpi=_DOTS_PER_INCH, metadata=metadata)
            drawn[file_format] = buffer.getvalue()
    return drawn


def _title(plots: Sequence[CurvePlot]) -> str:
    return plots[0].title if len(plots) == 1 else f"{plots[0].kind} of {len(plots)} findings"


def _caption_of(plots: Sequence[CurvePlot]) -> str:
    first = plots[0].caption
    if len(plots) == 1:
        return first.text()
    counted = [
        f"{plot.caption.finding} {_range(present)}/{_range(absent)}"
        for plot in plots
        if plot.caption.counts
        for present, absent in [zip(*plot.caption.counts.values(), strict=True)]
    ]
    return f"{replace(first, finding='', counts={}).text()} Present/absent: {', '.join(counted)}."


def _range(counts: Sequence[int]) -> str:
    """A count, or from the least to the greatest where checkpoints differ."""
    return f"{min(counts):,}" if min(counts) == max(counts) else f"{min(counts):,}-{max(counts):,}"


def _draw_panels(figure: Figure, plots: Sequence[CurvePlot]) -> None:
    single = len(plots) == 1
    per_row = min(_PANELS_PER_ROW, len(plots))
    panels = -(-len(plots) // per_row), per_row
    styles = {curve.name: curve.style for plot in plots for curve in plot.curves}
    notes = {curve.name: curve.note for curve in plots[0].curves} if single else {}
    titles = [plot.title if single else textwrap.fill(plot.caption.finding, 26) for plot in plots]
    lines = max(title.count("\n") for title in titles)
    size = (5.6, 5.2) if single else (2.6 * per_row, (2.65 + 0.2 * lines) * panels[0])
    axes = _lay_out(figure, size, panels, styles, notes, _caption_of(plots))
    for panel, plot, title in zip(axes, plots, titles, strict=False):
        draw_curves(panel, plot, title)
        if plot.x_range == plot.y_range:
            panel.set_box_aspect(1)
    for place, panel in enumerate(axes):
        if place >= len(plots):
            panel.set_visible(False)
        elif not single:  # the words of the axes stand at the edges
            panel.set_ylabel(plots[0].y_name if place % per_row == 0 else "")
            panel.set_xlabel(plots[0].x_name if place + per_row >= len(plots) else "")


def _draw_forest(figure: Figure, plot: ForestPlot) -> None:
    styles = {column.name: column.style for column in plot.columns}
    (axes,) = _lay_out(figure, (6.4, forest_height(plot)), (1, 1), styles, {}, plot.caption.text())
    draw_forest(axes, plot)
    axes.set(title=plot.title, xlabel=plot.value_name)


def _lay_out(
    figure: Figure,
    size: tuple[float, float],
    panels: tuple[int, int],
    styles: dict[str, CheckpointStyle],
    notes: dict[str, str],
    caption: str,
) -> list[Axes]:
    """The axes of rows and columns of panels, over the legend and the caption, which get the room that they need."""
    width, height = size
    lines = textwrap.wrap(f"{caption} {RESEARCH_NOTICE}", round(width * _LETTERS_PER_INCH))
    words = 0.14 * len(lines) + 0.05
    longest = max((len(f"{name} {notes.get(name, '')}") for name in styles), default=1)
    in_row = max(1, min(len(styles), int(width * 9 / (longest + 8))))
    height += 0.1 + 0.19 * -(-len(styles) // in_row)
    figure.set_size_inches(width, height + words)
    above, below = np.ravel(np.asarray(figure.subfigures(2, 1, height_ratios=(height, words)), dtype=object))
    below.text(0.01, 0.98, "\n".join(lines), fontsize=7, color="#444444", va="top", linespacing=1.25)
    if styles:
        above.legend(
            *legend_entries(styles, notes), loc="outside lower center", frameon=False, fontsize=8, handlelength=3,
            ncols=in_row,
        )  # fmt: skip
    return list(np.ravel(above.subplots(*panels, squeeze=False)))


def _metadata(file_format: str, title: str, caption: str) -> dict[str, Any]:
    """Title and caption inside the file; without the time of day and the versions of libraries."""
    if file_format == "png":
        return {"Title": title, "Description": caption, "Software": None}
    if file_format == "pdf":
        return {"Title": title, "Subject": caption, "CreationDate": None, "Producer": None, "Creator": None}
    return {"Title": title, "Description": caption, "Date": None, "Creator": None}
