"""What a figure shows, as data: the window hands over the very arrays that it draws, a script those of its metrics.

No figure library is imported here. Arrays are not changed once they are in a plot.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from xferviewer.exchange.checkpoint_styles import CheckpointStyle

CurveKind = Literal["roc", "precision-recall", "calibration", "decision", "risk-coverage", "referral"]


@dataclass(frozen=True, slots=True, eq=False)
class Curve:
    """The line of one checkpoint.

    x, y          (k,) float64, in the order in which the line is drawn; a point with a NaN is not.
    lower, upper  (k,) band around y, or None. Where there are counts they are drawn as a bar at each point.
    counts        (k,) int64 cases behind each point, drawn as the area of a mark, or None.
    note          said beside the name: "AUC 0.81 [0.79, 0.83]".

    Raises ValueError for arrays of different shapes.
    """

    name: str
    style: CheckpointStyle
    x: NDArray[np.float64]
    y: NDArray[np.float64]
    lower: NDArray[np.float64] | None = None
    upper: NDArray[np.float64] | None = None
    counts: NDArray[np.int64] | None = None
    note: str = ""

    def __post_init__(self) -> None:
        arrays = [self.x, self.y, self.lower, self.upper, self.counts]
        if self.x.ndim != 1 or len({array.shape for array in arrays if array is not None}) != 1:
            raise ValueError("expected arrays of one shape (k,)")
        if (self.lower is None) != (self.upper is None):
            raise ValueError("a band has a lower and an upper bound")


@dataclass(frozen=True, slots=True, eq=False)
class Guide:
    """A thin line to compare with, such as chance; x, y (k,). `colour` is that of its checkpoint, "" grey."""

    name: str
    x: NDArray[np.float64]
    y: NDArray[np.float64]
    colour: str = ""


@dataclass(frozen=True, slots=True)
class Caption:
    """What a figure is about and where it comes from.

    finding         "" where it shows several.
    unit            what is counted: "image", "study" or "patient".
    counts          cases with the finding and without, by checkpoint.
    score_kinds     "probability" or "score", by checkpoint.
    cohort          whose cases these are.
    command_digest  of the command that makes the figure, hex; "" without one.
    explanation     what bands, marks and thin lines are.
    """

    finding: str
    unit: str
    counts: Mapping[str, tuple[int, int]]
    score_kinds: Mapping[str, str]
    cohort: str
    command_digest: str
    explanation: str

    def text(self) -> str:
        """The caption as one paragraph; numbers by checkpoint only where these differ."""
        counts = {name: f"{present:,} present, {absent:,} absent" for name, (present, absent) in self.counts.items()}
        said = [f"{self.finding}, by {self.unit}" if self.finding else f"By {self.unit}"]
        if counts:
            said[0] += f": {_of_checkpoints(counts)}"
        if self.score_kinds:
            said.append(f"Scores: {_of_checkpoints(self.score_kinds)}")
        said.append(self.explanation)
        if self.cohort:
            said.append(f"Cohort: {self.cohort}")
        if self.command_digest:
            said.append(f"Command: {self.command_digest}")
        return " ".join(f"{sentence.removesuffix('.')}." for sentence in said if sentence)


def _of_checkpoints(said: Mapping[str, str]) -> str:
    if len(set(said.values())) == 1:
        return next(iter(said.values()))
    return "; ".join(f"{name} {words}" for name, words in said.items())


@dataclass(frozen=True, slots=True, eq=False)
class CurvePlot:
    """One pair of axes: curves of checkpoints over the same quantity.

    x_name, y_name    what the axes and the columns of the data file are called.
    x_range, y_range  ends of the axes; None as far as the curves go.
    """

    kind: CurveKind
    title: str
    x_name: str
    y_name: str
    curves: tuple[Curve, ...]
    caption: Caption
    guides: tuple[Guide, ...] = ()
    x_range: tuple[float, float] | None = (0.0, 1.0)
    y_range: tuple[float, float] | None = (0.0, 1.0)


@dataclass(frozen=True, slots=True, eq=False)
class ForestColumn:
    """One checkpoint's values with intervals, a row for each finding: (rows,) float64 each, NaN where it has none.

    Where `degenerate`, (rows,) bool, the interval says nothing and is not drawn.
    """

    name: str
    style: CheckpointStyle
    values: NDArray[np.float64]
    lower: NDArray[np.float64]
    upper: NDArray[np.float64]
    degenerate: NDArray[np.bool_]


@dataclass(frozen=True, slots=True, eq=False)
class ForestPlot:
    """Values with intervals, a row for each finding and a mark for each checkpoint; `guide` is chance."""

    title: str
    value_name: str
    rows: tuple[str, ...]
    columns: tuple[ForestColumn, ...]
    guide: float
    caption: Caption
