"""How many panes there are for each modality: chosen by a person, kept in the settings."""

from __future__ import annotations

from collections.abc import Iterable

Grid = tuple[int, int]
"""Rows and columns of panes."""

MOST_PANES = 12
_MOST_ROWS = 4
_MOST_COLUMNS = 6

GRIDS: tuple[Grid, ...] = tuple(
    (rows, columns)
    for rows in range(1, _MOST_ROWS + 1)
    for columns in range(1, _MOST_COLUMNS + 1)
    if rows * columns <= MOST_PANES
)
"""All that can be chosen."""


class PaneLayouts:
    """The grid of each modality; without one there is a pane for each checkpoint."""

    def __init__(self, kept: Iterable[str] = ()) -> None:
        """From lines like "CT 2x3"; the modality of files that name none is "-". Others are left out."""
        self._grids = {modality: grid for modality, grid in map(_read, kept) if grid in GRIDS}

    def of(self, modality: str) -> Grid | None:
        """The grid of a modality; None: a pane for each checkpoint."""
        return self._grids.get(modality or "-")

    def choose(self, modality: str, grid: Grid | None) -> None:
        """Use this grid for a modality from now on."""
        self._grids.pop(modality or "-", None)
        if grid is not None:
            self._grids[modality or "-"] = grid

    def lines(self) -> tuple[str, ...]:
        """As they are kept."""
        return tuple(f"{modality} {rows}x{columns}" for modality, (rows, columns) in sorted(self._grids.items()))


def _read(line: str) -> tuple[str, Grid]:
    modality, _, size = line.rpartition(" ")
    rows, _, columns = size.partition("x")
    return modality, (int(rows), int(columns)) if rows.isdecimal() and columns.isdecimal() else (0, 0)
