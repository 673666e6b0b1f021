"""The referral panel draws what it says: rates, their bands, and chance."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
from PySide6.QtWidgets import QWidget
from pytestqt.qtbot import QtBot

from xferviewer.evaluation.referral import retained_curve
from xferviewer.gui.app import Application
from xferviewer.gui.views.referral_curve import RATES


def test_that_the_bands_enclose_the_retained_rates_with_their_wilson_intervals(
    opened: Application, qtbot: QtBot, bring_forward: Callable[[Application, QWidget], None]
) -> None:
    bring_forward(opened, opened.window.evaluate.referral_curve)
    panel = opened.window.evaluate.referral_curve
    qtbot.waitUntil(panel.isVisible)
    bands = [curve.band for curve in panel.curves]
    session, numbers = opened.session, opened.numbers
    state = numbers.referral.sweep(session.finding).at(
        0.0,
        [
            session.operating_points.threshold(digest, session.finding)
            for digest in numbers.compared(session.finding).digests
        ],
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


def test_that_the_best_possible_and_the_rate_by_lot_are_drawn_beside_what_is_retained(
    opened: Application, qtbot: QtBot, bring_forward: Callable[[Application, QWidget], None]
) -> None:
    bring_forward(opened, opened.window.evaluate.referral_curve)
    panel, session, numbers = opened.window.evaluate.referral_curve, opened.session, opened.numbers
    session.set_finding("Effusion")
    qtbot.waitUntil(lambda: "Effusion" in panel.heading.text())
    compared = numbers.compared("Effusion")
    at = compared.digests.index(session.active)
    curve = retained_curve(
        compared.labels, compared.scores[at], -np.abs(compared.scores[at] - 0.5), RATES.tolist(), 0.5
    )  # fmt: skip
    for shown, name in zip(panel.curves, ("sensitivity", "specificity"), strict=True):
        np.testing.assert_array_equal(shown.ideal.getData()[1], getattr(curve, f"ideal_{name}"))
        assert set(shown.by_lot.getData()[1]) == {getattr(curve, f"random_{name}")}
        middle = [float(getattr(state, name)[0]) for state in curve.states]
        np.testing.assert_array_equal(shown.line.getData()[1], [rate for rate in middle if not np.isnan(rate)])
    panel.what.setCurrentIndex(panel.what.findData("auc"))
    qtbot.waitUntil(lambda: "DeLong" in panel.heading.text())
    areas = [interval.auc for interval in curve.auc]
    np.testing.assert_array_equal(
        panel.curves[0].line.getData()[1], [area for area in areas if not np.isnan(area)]
    )  # fmt: skip
    assert not panel.curves[1].line.isVisible()
