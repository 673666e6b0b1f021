"""All figures and tables of an evaluation in a folder."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from pathlib import Path

from xferviewer.evaluation.metrics import Metrics
from xferviewer.exchange.curve_plot import CurvePlot, ForestPlot
from xferviewer.exchange.evaluate_options import FigureFormat, TableFormat
from xferviewer.exchange.evaluation_plots import CURVE_PLOTS, Origin, auc_forest
from xferviewer.exchange.figure_files import export_figure
from xferviewer.exchange.number_tables import number_tables
from xferviewer.exchange.table_files import export_table

_ENDINGS: dict[TableFormat, str] = {"csv": ".csv", "latex": ".tex"}


def write_figures(folder: Path, metrics: Metrics, origin: Origin, formats: Sequence[FigureFormat]) -> list[Path]:
    """The forest of areas, and each kind of curve for every finding alone and for all findings as small multiples.

    A curve that has no meaning, such as one of a finding without positives, is not drawn, and a figure without any
    curve not written. Returns the paths of figures and data, each once.
    """
    written: dict[Path, None] = {}
    for name, plot in _plots(metrics, origin):
        paths = [folder / f"{name}.{file_format}" for file_format in formats]
        written |= dict.fromkeys(export_figure(plot, *paths))
    return list(written)


def _plots(metrics: Metrics, origin: Origin) -> Iterable[tuple[str, CurvePlot | ForestPlot | list[CurvePlot]]]:
    yield "forest", auc_forest(metrics, origin)
    stems = file_stems(metrics.findings)
    for kind, plot_of in CURVE_PLOTS.items():
        plots = {finding: plot_of(metrics, finding, origin) for finding in metrics.findings}
        drawn = {finding: plot for finding, plot in plots.items() if plot.curves}
        for finding, plot in drawn.items():
            yield f"{kind}-{stems[finding]}", plot
        if len(drawn) > 1:
            yield f"{kind}-all-findings", list(drawn.values())


def write_tables(folder: Path, metrics: Metrics, formats: Sequence[TableFormat]) -> list[Path]:
    """Every table that the metrics have numbers for; returns the paths."""
    tables = number_tables(metrics)
    stems = file_stems(table.name for table in tables)
    return [
        export_table(table, folder / f"{stems[table.name]}{_ENDINGS[file_format]}")
        for table in tables
        for file_format in formats
    ]


def file_stems(names: Iterable[str]) -> dict[str, str]:
    """A name of a file for each name, of letters, digits and hyphens; no two are alike, not even without case."""
    stems: dict[str, str] = {}
    taken = {"all-findings"}
    for name in names:
        stem = re.sub(r"[^\w]+|_", "-", name).strip("-") or "unnamed"
        place, free = 2, stem
        while free.casefold() in taken:
            free, place = f"{stem}-{place}", place + 1
        taken.add(free.casefold())
        stems[name] = free
    return stems
