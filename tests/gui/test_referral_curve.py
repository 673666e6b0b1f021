"""The referral panel draws what it says: rates, their bands, and chance."""

from __future__ import annotations

import numpy as np
import pyqtgraph as pg
import pytest
from pytestqt.qtbot import QtBot

from xferviewer.gui.app import Application


def test_that_the_bands_enclose_the_retained_rates_with_their_wilson_intervals(
    opened: Application, qtbot: QtBot
) -> None:
    opened.window.show_perspective("evaluate")
    panel = opened.window.referral_curve
    qtbot.waitUntil(panel.isVisible)
    bands = [item for item in panel.plot._drawn if isinstance(item, pg.FillBetweenItem)]
    session, numbers = opened.session, opened.numbers
    state = numbers.sweep(session.finding).at(
        0.0, [session.threshold(digest, session.finding) for digest in numbers.compared(session.finding).digests]
    )
    at = numbers.compared(session.finding).digests.index(session.active)
    assert len(bands) == 2
    for band, name in zip(bands, ("sensitivity", "specificity"), strict=True):
        assert not band.path().isEmpty()
        lower, upper = (curve.yData[0] for curve in band.curves)
        assert lower == pytest.approx(getattr(state, f"{name}_lower")[at])
        assert upper == pytest.approx(getattr(state, f"{name}_upper")[at])
        assert lower <= getattr(state, name)[at] <= upper
    assert np.isfinite([lower, upper]).all()
