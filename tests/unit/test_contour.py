"""The contour of a map lies where the map crosses the level."""

from __future__ import annotations

import numpy as np
import pytest

from xferviewer.gui.colour_maps import colours
from xferviewer.gui.views.compare.outline import contour_of


@pytest.mark.parametrize("level", [0.3, 0.5, 0.8])
def test_that_the_contour_of_a_cone_is_a_circle(level: float) -> None:
    rows, columns = np.mgrid[0:40, 0:40] + 0.5
    away = np.hypot(rows - 20, columns - 20)
    values = np.clip(1 - away / 18, 0, 1).astype(np.float32)
    x, y = contour_of(values, level)
    assert x.size > 20
    assert np.hypot(40 * x - 20, 40 * y - 20) == pytest.approx(18 * (1 - level), abs=0.5)


def test_that_a_map_without_evidence_has_no_contour_whatever_the_level() -> None:
    assert contour_of(np.zeros((7, 9), np.float32), 0.0)[0].size == 0


def test_that_a_map_that_is_high_everywhere_is_outlined_at_its_edge() -> None:
    x, y = contour_of(np.ones((7, 9), np.float32), 0.5)
    assert (x.min(), x.max(), y.min(), y.max()) == (0, 1, 0, 1)


def test_that_jet_goes_from_blue_by_green_to_red() -> None:
    jet = colours("jet").astype(int)
    assert jet.shape == (256, 3)
    assert jet[:64, 2].min() >= 127
    assert jet[128].argmax() == 1
    assert jet[-64:, 0].min() >= 127
    assert (np.abs(np.diff(jet, axis=0)) <= 5).all()
