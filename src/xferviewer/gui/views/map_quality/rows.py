"""The rows of the table beside the film: what is known of each shown map. Pure functions of what was measured."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from xferviewer.evaluation.localisation import Localisation
from xferviewer.evaluation.map_similarity import MapComparison
from xferviewer.evaluation.perturbation import curve_area
from xferviewer.gui.number_table import Cell, Head
from xferviewer.gui.number_text import rate_text
from xferviewer.protocol import MapMeasured


@dataclass(frozen=True, slots=True, eq=False)
class Measured:
    """What is known of the map of one checkpoint; None: not measured, or being computed."""

    active: bool
    compared: MapComparison | None
    localised: Localisation | None
    curves: MapMeasured | None
    randomised: MapMeasured | None


def rows_of(maps: Sequence[Measured], top_share: float, *, marked: bool) -> tuple[list[Head], list[list[Cell]]]:
    """Titles and cells, a cell for each map; rows that cannot have a number here are left out."""
    rows: list[tuple[Head, Callable[[Measured], Cell]]] = []
    if len(maps) > 1:
        rows += [
            (Head("rank corr.", _RANKS), lambda one: _against_active(one, "rank_correlation")),
            (Head(f"top {100 * top_share:.0f} %", _TOP), lambda one: _against_active(one, "overlap")),
        ]
    if marked:
        rows += [(Head(title, tip), _localised(name)) for name, (title, tip) in _LOCALISATION.items()]
    if any(one.curves is not None for one in maps):
        rows += [(Head(title, tip), _curve(name)) for name, (title, tip) in _CURVES.items()]
    if any(one.randomised is not None for one in maps):
        rows.append((Head("random ρ", _RANDOM), _randomised))
    return [head for head, _ in rows], [[cell(one) for one in maps] for _, cell in rows]


_RANKS = "Spearman's rank correlation of this map with that of the active checkpoint, where both networks looked"
_TOP = "Intersection over union of the highest pixels of this map and of the active checkpoint's"
_RANDOM = "Rank correlation of this map with that of the same network when all its weights are random: near 0 is good"
_LOCALISATION = {
    "hit": ("points", "The map's maximum lies in what people marked, or at most 15 pixels of the film from it"),
    "energy": ("energy", "The share of the map's sum that lies in what people marked"),
    "iou": ("IoU 15 %", "Of what people marked and the pixels above 15 % of the map's maximum"),
    "dice": ("Dice 15 %", "Of what people marked and the pixels above 15 % of the map's maximum"),
    "iou_of_area": ("IoU area", "Of what people marked and as many of the highest pixels as it has"),
    "dice_of_area": ("Dice area", "Of what people marked and as many of the highest pixels as it has"),
}
_CURVES = {
    "deletion": ("deletion", "Area under the probability while the map's highest pixels go first: low is good"),
    "deletion_random": ("· by lot", "The same when pixels go in an order drawn by lot"),
    "insertion": ("insertion", "Area under the probability while the map's highest pixels come first: high is good"),
    "insertion_random": ("· by lot", "The same when pixels come in an order drawn by lot"),
}


def _against_active(one: Measured, name: str) -> Cell:
    if one.active:
        return Cell("A", "The active checkpoint: the others are compared with it")
    return _number(getattr(one.compared, name)) if one.compared is not None else Cell("…")


def _localised(name: str) -> Callable[[Measured], Cell]:
    def cell(one: Measured) -> Cell:
        if one.localised is None:
            return Cell("…")
        value = getattr(one.localised, name)
        return Cell("yes" if value else "no") if name == "hit" else _number(value)

    return cell


def _curve(name: str) -> Callable[[Measured], Cell]:
    def cell(one: Measured) -> Cell:
        if one.curves is None:
            return Cell("–")
        return _number(curve_area(one.curves.values[one.curves.names.index(name)]))

    return cell


def _randomised(one: Measured) -> Cell:
    return Cell("–") if one.randomised is None else _number(float(one.randomised.values[0, -1]))


def _number(value: float) -> Cell:
    text = "n/a" if math.isnan(value) else ("−" if value < 0 else "") + rate_text(abs(value), 2)
    return Cell(text, "Undefined: a map is zero or flat" if math.isnan(value) else f"{value:.6f}")
