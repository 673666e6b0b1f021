"""The curves: what is drawn equals the evaluation's own functions, and what the mouse does to it."""

from __future__ import annotations

import csv
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from PySide6.QtCore import QEvent, QPoint, QPointF, Qt
from PySide6.QtGui import QColor, QImage, QMouseEvent, QWheelEvent
from PySide6.QtWidgets import QApplication, QFileDialog, QWidget
from pytestqt.qtbot import QtBot

from xferviewer.evaluation.calibration import brier, negative_log_likelihood, reliability_diagram
from xferviewer.evaluation.calibration_tests import calibration_error_interval, cox_recalibration
from xferviewer.evaluation.decision_curve import decision_curve, net_benefit_band
from xferviewer.evaluation.intervals import wilson
from xferviewer.evaluation.operating_points import confusion_at
from xferviewer.evaluation.precision_recall import precision_recall
from xferviewer.evaluation.roc import RocCurve, auc_interval, roc_curve
from xferviewer.evaluation.selective import risk_coverage
from xferviewer.evaluation.uncertainty import n_referred
from xferviewer.exchange.checkpoint_styles import style_of
from xferviewer.gui.app import Application
from xferviewer.gui.cohort import Cohort
from xferviewer.gui.notify import Toast
from xferviewer.gui.number_text import interval_text, rate_text
from xferviewer.gui.views.curves.plot import ZoomPlot
from xferviewer.gui.views.curves.tab import CurveTab, SeenTab

FINDING = "Cardiomegaly"
NO_BUTTON, LEFT = Qt.MouseButton.NoButton, Qt.MouseButton.LeftButton


@pytest.fixture
def evaluating(opened: Application, qtbot: QtBot) -> Application:
    """The Evaluate perspective on a finding with cases of both kinds; the other panels leave the curves their room."""
    opened.window.resize(1600, 950)
    opened.window.show_perspective("evaluate")
    opened.session.set_finding(FINDING)
    qtbot.waitUntil(lambda: opened.window.perspectives["evaluate"].was_shown)
    qtbot.wait(1)
    return opened


@pytest.fixture
def many(make_application: Callable[..., Application], qtbot: QtBot, tmp_path: Path) -> Application:
    """Predictions of three checkpoints for 5,000 images without a film, one of another scale than probabilities."""
    random = np.random.default_rng(5)
    labels = (random.random((5000, 3)) < 0.2).astype(int)
    labels[:, 2] = 0
    table = tmp_path / "elsewhere.csv"
    with table.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        findings = ("Mass", "Nodule", "Hernia")
        writer.writerow(["image", "checkpoint", *(f"prob_{f}" for f in findings), *(f"label_{f}" for f in findings)])
        for name, scale in (("one", 1.0), ("two", 1.0), ("logits", 8.0)):
            scores = scale / (1 + np.exp(2 - 1.5 * labels - random.normal(size=labels.shape)))
            if name == "two":
                scores[:, 1] = 0.25
            for row, (score, label) in enumerate(zip(scores, labels, strict=True)):
                writer.writerow([f"{row}.png", name, *(f"{s:.6f}" for s in score), *label])
    application: Application = make_application()
    application.window.resize(1600, 950)
    application.window.show()
    application.window.show_perspective("evaluate")
    application.opening.open([table])
    application.session.set_finding("Mass")
    qtbot.waitUntil(lambda: application.window.perspectives["evaluate"].was_shown)
    qtbot.wait(1)
    return application


def show(application: Application, name: str, qtbot: QtBot) -> CurveTab:
    """The tab of this attribute, drawn."""
    tab: CurveTab = getattr(application.window.evaluate.curves, name)
    application.window.evaluate.curves.tabs.setCurrentWidget(tab)
    drawn(tab, qtbot)
    return tab


def drawn(tab: SeenTab, qtbot: QtBot) -> None:
    """Wait for the turn of the event loop in which the tab draws."""
    qtbot.waitUntil(lambda: tab.isVisible() and not tab._stale and not tab._soon.isActive())


def cases(application: Application, place: int) -> tuple[np.ndarray, np.ndarray]:
    """Labels (n,) and scores (n,) of the chosen finding by what is compared at a place: from the session."""
    session = application.session
    scores = session.scores.table(session.classifiers.all[place].digest, [session.finding])
    return session.cohort.truth(session.finding), scores[:, 0]


def digest(application: Application, place: int) -> str:
    return application.session.classifiers.all[place].digest


def line(tab: CurveTab, *key: str) -> tuple[np.ndarray, np.ndarray]:
    """The points of a line that is drawn."""
    item = tab.plot.item(key if len(key) > 1 else key[0])
    assert item is not None
    x, y = item.getData()
    return x, y


def points(curve: RocCurve) -> set[tuple[float, float]]:
    return set(zip(curve.false_positive_rate.tolist(), curve.true_positive_rate.tolist(), strict=True))


def in_window(plot: ZoomPlot, x: float, y: float) -> QPoint:
    """Where a place of the plot is in its viewport."""
    return plot.mapFromScene(plot.box.mapViewToScene(QPointF(x, y)))


def hover(plot: ZoomPlot, x: float, y: float, qtbot: QtBot) -> None:
    qtbot.mouseMove(plot.viewport(), in_window(plot, x, y))


def drag(plot: ZoomPlot, ends: list[tuple[float, float]], qtbot: QtBot, modifier: Qt.KeyboardModifier) -> None:
    """Press at the first place and release at the last one, past all between."""
    first, *others = (in_window(plot, *end) for end in ends)
    qtbot.mousePress(plot.viewport(), LEFT, modifier, first)
    for place in others:
        for step in (0.5, 1.0):
            at = QPoint(
                round(first.x() + step * (place.x() - first.x())), round(first.y() + step * (place.y() - first.y()))
            )
            move(plot.viewport(), at, modifier)
        first = place
    qtbot.mouseRelease(plot.viewport(), LEFT, modifier, first)


def double_click(widget: QWidget, at: QPoint, qtbot: QtBot) -> None:
    """As a person's comes: QTest presses twice before it says that the click is a double one."""
    qtbot.mouseClick(widget, LEFT, pos=at)
    event = QMouseEvent(
        QEvent.Type.MouseButtonDblClick, QPointF(at), QPointF(widget.mapToGlobal(at)), LEFT, LEFT,
        Qt.KeyboardModifier.NoModifier,
    )  # fmt: skip
    QApplication.sendEvent(widget, event)
    qtbot.mouseRelease(widget, LEFT, pos=at)


def move(widget: QWidget, at: QPoint, modifier: Qt.KeyboardModifier) -> None:
    """A move of the mouse with the left button held: qtbot's has neither button nor modifier."""
    event = QMouseEvent(QEvent.Type.MouseMove, QPointF(at), QPointF(widget.mapToGlobal(at)), NO_BUTTON, LEFT, modifier)
    QApplication.sendEvent(widget, event)


# --- ROC


def test_that_the_roc_tab_draws_the_exact_curve_of_every_checkpoint_and_names_auc_and_style(
    evaluating: Application, qtbot: QtBot
) -> None:
    tab = show(evaluating, "roc", qtbot)
    evaluating.session.set_referral_rate(0.0)
    drawn(tab, qtbot)
    for place in (0, 1):
        labels, scores = cases(evaluating, place)
        x, y = line(tab, "all", digest(evaluating, place))
        interval = auc_interval(labels, scores)
        assert np.trapezoid(y, x) == pytest.approx(interval.auc, abs=1e-12)
        assert set(zip(x.tolist(), y.tolist(), strict=True)) <= points(roc_curve(labels, scores))
        style = style_of(place)
        pen = tab.plot.item(("all", digest(evaluating, place))).opts["pen"]
        assert pen.color() == QColor(style.colour)
        assert pen.width() == 2  # nobody is referred: all cases are what is retained
        assert pen.style() == {"solid": Qt.PenStyle.SolidLine, "dashed": Qt.PenStyle.DashLine}[style.dash]
        name, auc, *_ = tab.readout.texts(place)
        assert name == evaluating.session.classifiers.all[place].name
        assert auc.replace("\n", " ") == interval_text(interval.auc, interval.lower, interval.upper)


def test_that_retained_cases_are_thick_and_all_cases_thin_and_the_dot_is_on_the_retained_curve(
    evaluating: Application, qtbot: QtBot
) -> None:
    tab, session, numbers = show(evaluating, "roc", qtbot), evaluating.session, evaluating.numbers
    session.set_referral_rate(0.25)
    drawn(tab, qtbot)
    dots = {}
    for spot in tab.plot.item("operating points").points():
        dots[spot.brush().color().name()] = (spot.pos().x(), spot.pos().y())
    for place in (0, 1):
        labels, scores = cases(evaluating, place)
        kept = numbers.referral.kept(FINDING, digest(evaluating, place))
        assert kept.sum() == 24 - n_referred(24, 0.25)
        x, y = line(tab, "retained", digest(evaluating, place))
        expected = roc_curve(labels[kept], scores[kept])
        assert set(zip(x.tolist(), y.tolist(), strict=True)) <= points(expected)
        assert np.trapezoid(y, x) == pytest.approx(auc_interval(labels[kept], scores[kept]).auc, abs=1e-12)
        thin = tab.plot.item(("all", digest(evaluating, place))).opts["pen"]
        thick = tab.plot.item(("retained", digest(evaluating, place))).opts["pen"]
        assert thin.width() < thick.width()
        assert thin.color().alpha() < thick.color().alpha()
        counts = confusion_at(labels[kept], scores[kept], 0.5)
        assert dots[style_of(place).colour] == pytest.approx((1 - counts.specificity.value, counts.sensitivity.value))


def test_that_the_band_is_wilson_s_interval_at_each_point_of_the_active_curve_of_all_or_of_none(
    evaluating: Application, qtbot: QtBot
) -> None:
    tab, session = show(evaluating, "roc", qtbot), evaluating.session
    first, second = (digest(evaluating, place) for place in (0, 1))
    session.set_active(second)
    drawn(tab, qtbot)
    assert tab.plot.item(("band", first)) is None
    x, y = line(tab, "band", second)
    half = x.size // 2
    curve_x, curve_y = line(tab, "all", second)
    n_positive = int((cases(evaluating, 1)[0] == 1).sum())
    lower, upper = wilson(np.rint(curve_y * n_positive), n_positive)
    np.testing.assert_array_equal(x[:half], curve_x)
    np.testing.assert_allclose(y[:half], lower, rtol=1e-12)
    np.testing.assert_allclose(y[half:][::-1], upper, rtol=1e-12)
    assert "Wilson" in tab.intervals.toolTip()
    tab.intervals.setCurrentIndex(tab.intervals.findData("all"))
    drawn(tab, qtbot)
    assert {key for key in tab.plot.drawn_keys() if key[0] == "band"} == {("band", first), ("band", second)}
    tab.intervals.setCurrentIndex(tab.intervals.findData("none"))
    drawn(tab, qtbot)
    assert not [key for key in tab.plot.drawn_keys() if key[0] == "band"]


def test_that_pointing_at_a_false_positive_rate_gives_every_checkpoint_s_numbers_there(
    evaluating: Application, qtbot: QtBot
) -> None:
    tab = show(evaluating, "roc", qtbot)
    hover(tab.plot, 0.33, 0.5, qtbot)
    qtbot.waitUntil(lambda: tab.cursor_at is not None)
    drawn(tab, qtbot)
    rate = tab.cursor_at.x()
    assert rate == pytest.approx(0.33, abs=0.01)
    assert rate_text(rate) in tab.where.text()
    for place in (0, 1):
        labels, scores = cases(evaluating, place)
        curve = roc_curve(labels, scores)
        best = np.flatnonzero(curve.false_positive_rate <= rate)[-1]  # sensitivity never falls along the curve
        counts = confusion_at(labels, scores, float(curve.thresholds[best]))
        _, _, threshold, sensitivity, specificity = tab.readout.texts(place)
        assert threshold == rate_text(float(curve.thresholds[best]))
        assert sensitivity == f"{rate_text(counts.sensitivity.value)}\n{counts.true_positive}/4"
        assert specificity == f"{rate_text(counts.specificity.value)}\n{counts.true_negative}/20"
    QApplication.sendEvent(tab.plot, QEvent(QEvent.Type.Leave))
    drawn(tab, qtbot)
    assert tab.where.text() == "at the operating points, all cases"
    counts = confusion_at(*cases(evaluating, 0), 0.5)
    assert tab.readout.texts(0)[2:4] == [".500", f"{rate_text(counts.sensitivity.value)}\n{counts.true_positive}/4"]


def best_point(application: Application, place: int) -> tuple[RocCurve, int]:
    """A checkpoint's curve and its point farthest from chance."""
    curve = roc_curve(*cases(application, place))
    return curve, int(np.argmax(curve.true_positive_rate - curve.false_positive_rate))


def test_that_a_click_on_a_curve_sets_that_checkpoint_s_threshold_and_a_double_click_does_not(
    evaluating: Application, qtbot: QtBot
) -> None:
    tab, session = show(evaluating, "roc", qtbot), evaluating.session
    curve, best = best_point(evaluating, 1)
    at = in_window(tab.plot, curve.false_positive_rate[best], curve.true_positive_rate[best])
    qtbot.mouseClick(tab.plot.viewport(), LEFT, pos=at)
    assert session.operating_points.threshold(digest(evaluating, 1), FINDING) == pytest.approx(
        float(curve.thresholds[best])
    )
    assert session.operating_points.threshold(digest(evaluating, 0), FINDING) == 0.5
    session.operating_points.choose(FINDING, {digest(evaluating, 1): 0.123})
    heard = []
    session.operating_points.changed.connect(
        lambda: heard.append(session.operating_points.threshold(digest(evaluating, 1), FINDING))
    )
    double_click(tab.plot.viewport(), at, qtbot)
    assert heard == [pytest.approx(float(curve.thresholds[best])), 0.123]
    assert session.operating_points.threshold(digest(evaluating, 1), FINDING) == 0.123


def test_that_a_click_far_from_every_curve_sets_nothing(evaluating: Application, qtbot: QtBot) -> None:
    tab, session = show(evaluating, "roc", qtbot), evaluating.session
    before = [session.operating_points.threshold(digest(evaluating, place), FINDING) for place in (0, 1)]
    qtbot.mouseClick(tab.plot.viewport(), LEFT, pos=in_window(tab.plot, 0.9, 0.05))
    assert [session.operating_points.threshold(digest(evaluating, place), FINDING) for place in (0, 1)] == before


def test_that_a_drag_with_shift_along_a_curve_puts_exactly_the_cases_in_between_into_the_worklist(
    evaluating: Application, qtbot: QtBot
) -> None:
    tab, session = show(evaluating, "roc", qtbot), evaluating.session
    session.set_referral_rate(0.0)
    drawn(tab, qtbot)
    labels, scores = cases(evaluating, 0)
    curve = roc_curve(labels, scores)
    # Pressed where the other curve is not near: it would be meant.
    other = roc_curve(*cases(evaluating, 1))
    apart = [
        np.hypot(other.false_positive_rate - x, other.true_positive_rate - y).min()
        for x, y in zip(curve.false_positive_rate, curve.true_positive_rate, strict=True)
    ]
    first, second = int(np.argmax(apart)), 2
    ends = [(curve.false_positive_rate[p], curve.true_positive_rate[p]) for p in (first, second)]
    assert apart[first] > 0.1
    shift = Qt.KeyboardModifier.ShiftModifier
    drag(tab.plot, ends, qtbot, shift)
    inside = np.flatnonzero((scores > curve.thresholds[first]) & (scores <= curve.thresholds[second]))
    expected = [session.cohort.study_ids[row] for row in inside[np.argsort(-scores[inside])]]
    assert session.case_list is not None
    assert 3 < len(expected) < 24
    assert list(session.case_list.studies) == expected
    assert session.case_list.n_cases == len(expected)
    present = int((labels[inside] == 1).sum())
    assert f"({present} present, {len(expected) - present} absent)" in session.case_list.title
    assert session.case_list.title.startswith(f"{FINDING}: efficientnet from ")
    assert evaluating.window.compare.isVisible()  # where films are read
    assert tab.plot.view() is None  # Shift does not zoom
    evaluating.window.show_perspective("evaluate")
    drawn(tab, qtbot)
    assert tab.plot.item("segment") is None


def test_that_the_whole_curve_holds_every_case_with_a_label(evaluating: Application, qtbot: QtBot) -> None:
    labels = evaluating.session.cohort.labels.copy()
    column = evaluating.session.cohort.findings.index(FINDING)
    labels[5, column] = np.nan
    evaluating.session.put_cohort(replace(evaluating.session.cohort, labels=labels))
    tab = show(evaluating, "roc", qtbot)
    qtbot.mousePress(tab.plot.viewport(), LEFT, Qt.KeyboardModifier.ShiftModifier, in_window(tab.plot, 0, 0))
    qtbot.mouseRelease(tab.plot.viewport(), LEFT, Qt.KeyboardModifier.ShiftModifier, in_window(tab.plot, 0, 0))
    assert evaluating.session.case_list is None  # a click is no drag
    drag(tab.plot, [(0, 0), (0.5, 0.5), (1, 1)], qtbot, Qt.KeyboardModifier.ShiftModifier)
    without = set(evaluating.session.cohort.study_ids) - {evaluating.session.cohort.study_ids[5]}
    assert set(evaluating.session.case_list.studies) == without
    assert evaluating.session.case_list.n_cases == 23


def test_that_the_piece_is_seen_and_counted_while_it_is_dragged_over(evaluating: Application, qtbot: QtBot) -> None:
    tab = show(evaluating, "roc", qtbot)
    curve, best = best_point(evaluating, 0)
    shift = Qt.KeyboardModifier.ShiftModifier
    start = in_window(tab.plot, 0.0, 0.0)
    end = in_window(tab.plot, curve.false_positive_rate[best], curve.true_positive_rate[best])
    qtbot.mousePress(tab.plot.viewport(), LEFT, shift, start)
    move(tab.plot.viewport(), QPoint((start.x() + end.x()) // 2, (start.y() + end.y()) // 2), shift)
    move(tab.plot.viewport(), end, shift)
    drawn(tab, qtbot)
    piece = tab._segment.piece
    own = roc_curve(*cases(evaluating, [digest(evaluating, 0), digest(evaluating, 1)].index(piece.digest)))
    x, y = line(tab, "segment")
    assert (x[-1], y[-1]) == (own.false_positive_rate[piece.second], own.true_positive_rate[piece.second])
    assert tab.where.text() == f"{own.true_positives[piece.second]} present, {own.false_positives[piece.second]} absent"
    evaluating.session.set_finding("Edema")  # its curve is gone, and with it the piece
    drawn(tab, qtbot)
    assert tab._segment.piece is None
    qtbot.mouseRelease(tab.plot.viewport(), LEFT, shift, end)


def test_that_a_drag_zooms_in_a_wheel_too_and_a_double_click_shows_all_again(many: Application, qtbot: QtBot) -> None:
    tab = show(many, "roc", qtbot)
    many.session.set_referral_rate(0.0)
    drawn(tab, qtbot)
    whole = line(tab, "all", digest(many, 0))[0].size
    drag(tab.plot, [(0.1, 0.5), (0.2, 0.7)], qtbot, Qt.KeyboardModifier.NoModifier)
    (x_low, x_high), (y_low, y_high) = tab.plot.view()
    assert x_low == pytest.approx(0.1, abs=0.02)
    assert x_high == pytest.approx(0.2, abs=0.02)
    assert y_low == pytest.approx(0.5, abs=0.02)
    assert y_high == pytest.approx(0.7, abs=0.02)
    assert many.session.case_list is None
    drawn(tab, qtbot)
    x, y = line(tab, "all", digest(many, 0))
    exact = roc_curve(*cases(many, 0))
    inside = (exact.false_positive_rate >= x_low) & (exact.false_positive_rate <= x_high)
    assert set(zip(x.tolist(), y.tolist(), strict=True)) <= points(exact)
    # The part in view is drawn by several times as many points as it had before.
    assert np.count_nonzero((x >= x_low) & (x <= x_high)) > 2 * whole * (x_high - x_low)
    assert np.count_nonzero(inside) > 100
    at = QPointF(in_window(tab.plot, 0.15, 0.6))
    wheel = QWheelEvent(
        at, QPointF(tab.plot.viewport().mapToGlobal(at.toPoint())), QPoint(), QPoint(0, 120), NO_BUTTON,
        Qt.KeyboardModifier.NoModifier, Qt.ScrollPhase.NoScrollPhase, False,
    )  # fmt: skip
    QApplication.sendEvent(tab.plot.viewport(), wheel)
    assert tab.plot.view()[0][1] - tab.plot.view()[0][0] < x_high - x_low
    double_click(tab.plot.viewport(), at.toPoint(), qtbot)
    assert tab.plot.view() is None


def test_that_five_thousand_cases_are_drawn_by_hundreds_of_points_and_counted_exactly(
    many: Application, qtbot: QtBot
) -> None:
    tab = show(many, "roc", qtbot)
    labels, scores = cases(many, 0)
    assert line(tab, "all", digest(many, 0))[0].size <= 600 < roc_curve(labels, scores).thresholds.size
    interval = auc_interval(labels, scores)
    assert tab.readout.texts(0)[1].replace("\n", " ") == interval_text(interval.auc, interval.lower, interval.upper)


# --- drawing only what is needed


def test_that_only_the_tab_that_is_seen_draws_and_once_for_many_changes(
    evaluating: Application, qtbot: QtBot, monkeypatch: pytest.MonkeyPatch
) -> None:
    show(evaluating, "roc", qtbot)
    curves, counted = evaluating.window.evaluate.curves, []
    for tab in (curves.roc, curves.precision_recall, curves.calibration, curves.decision, curves.risk_coverage):
        original = tab._draw
        monkeypatch.setattr(tab, "_draw", lambda tab=tab, original=original: (counted.append(tab), original()))
    for step in range(5):
        evaluating.session.operating_points.choose(FINDING, {evaluating.session.active: 0.3 + 0.01 * step})
        evaluating.session.set_referral_rate(0.1 + 0.01 * step)
    assert counted == []
    drawn(curves.roc, qtbot)
    assert counted == [curves.roc]
    evaluating.session.set_display(replace(evaluating.session.display, difference=True))
    evaluating.numbers.changed.emit()  # and nothing did
    drawn(curves.roc, qtbot)
    assert counted == [curves.roc]
    evaluating.window.show_perspective("read")
    evaluating.session.set_referral_rate(0.5)
    qtbot.wait(1)
    assert counted == [curves.roc]
    evaluating.window.show_perspective("evaluate")
    drawn(curves.roc, qtbot)
    assert counted == [curves.roc, curves.roc]


def test_that_a_slider_step_gives_new_data_to_the_same_items(evaluating: Application, qtbot: QtBot) -> None:
    tab = show(evaluating, "roc", qtbot)
    before = {key: tab.plot.item(key) for key in tab.plot.drawn_keys()}
    data = line(tab, "retained", digest(evaluating, 0))
    evaluating.session.set_referral_rate(0.5)
    drawn(tab, qtbot)
    assert {key: tab.plot.item(key) for key in tab.plot.drawn_keys()} == before
    after = line(tab, "retained", digest(evaluating, 0))
    assert data[0].shape != after[0].shape or (data[0] != after[0]).any() or (data[1] != after[1]).any()


# --- the other tabs


def test_that_precision_recall_steps_enclose_the_average_precision_over_the_prevalence(
    evaluating: Application, qtbot: QtBot
) -> None:
    tab = show(evaluating, "precision_recall", qtbot)
    for place in (0, 1):
        labels, scores = cases(evaluating, place)
        expected = precision_recall(roc_curve(labels, scores))
        x, y = line(tab, "curve", digest(evaluating, place))
        assert np.trapezoid(y, x) == pytest.approx(expected.average_precision, abs=1e-12)
        assert set(y.tolist()) <= set(expected.precision.tolist())
        assert tab.readout.texts(place)[1] == rate_text(expected.average_precision)
        counts = confusion_at(labels, scores, 0.5)
        assert tab.readout.texts(place)[4].startswith(rate_text(counts.ppv.value))
    assert line(tab, "prevalence")[1].tolist() == [4 / 24, 4 / 24]
    hover(tab.plot, 0.6, 0.5, qtbot)
    qtbot.waitUntil(lambda: tab.cursor_at is not None)
    drawn(tab, qtbot)
    labels, scores = cases(evaluating, 1)
    curve = precision_recall(roc_curve(labels, scores))
    first = int(np.flatnonzero(curve.recall >= tab.cursor_at.x())[0])
    assert tab.readout.texts(1)[2:] == [
        rate_text(float(curve.thresholds[first])),
        f"{rate_text(curve.recall[first])}\n{curve.true_positives[first]}/4",
        f"{rate_text(curve.precision[first])}\n{curve.true_positives[first]}/{curve.called[first]}",
    ]


def test_that_the_first_step_of_precision_begins_at_recall_0(many: Application, qtbot: QtBot) -> None:
    tab, first_recalls = show(many, "precision_recall", qtbot), []
    for place in (0, 1, 2):
        x, y = line(tab, "curve", digest(many, place))
        expected = precision_recall(roc_curve(*cases(many, place)))
        assert (x[0], x[1], y[0]) == (0, expected.recall[0], expected.precision[0])
        first_recalls.append(expected.recall[0])
    assert max(first_recalls) > 0


@pytest.mark.parametrize(("binning", "bins"), [("width", 15), ("width", 4), ("mass", 6)])
def test_that_the_reliability_diagram_is_that_of_the_chosen_bins(
    evaluating: Application, qtbot: QtBot, binning: str, bins: int
) -> None:
    tab = show(evaluating, "calibration", qtbot)
    tab.binning.setCurrentIndex(tab.binning.findData(binning))
    tab.bins.setValue(bins)
    drawn(tab, qtbot)
    assert tab.readout.texts(1)[2] == "–"
    tab.intervals.setCurrentIndex(tab.intervals.findData("all"))
    qtbot.waitUntil(lambda: all("[" in tab.readout.texts(place)[2] for place in (0, 1)))  # the bootstrap takes longer
    for place in (0, 1):
        labels, scores = cases(evaluating, place)
        diagram = reliability_diagram(labels, scores, bins, binning)
        dots = tab.plot.item(("bins", digest(evaluating, place))).getData()
        np.testing.assert_allclose(dots, [diagram.mean_probability, diagram.observed])
        cells = tab.readout.texts(place)
        patients = np.array(evaluating.session.cohort.patients)
        error = calibration_error_interval(labels, scores, bins, binning, patients=patients).debiased
        assert cells[1] == f"{rate_text(diagram.expected_error)}\n{rate_text(diagram.maximum_error)}"
        assert cells[2] == f"{rate_text(error.value)}\n[{rate_text(error.lower)}, {rate_text(error.upper)}]"
        assert cells[3] == f"{rate_text(brier(labels, scores))}\n{rate_text(negative_log_likelihood(labels, scores))}"
        cox = cox_recalibration(labels, scores)
        said = [
            "{} [{}, {}]".format(
                *(f"{v:.2f}".replace("-", "−").replace("0.", ".") for v in (e.value, e.lower, e.upper))
            )
            for e in (cox.slope, cox.intercept)
        ]
        assert cells[4] == "\n".join(said)
        x, counts = tab.histogram.item(("counts", digest(evaluating, place))).getData()
        widths = reliability_diagram(labels, scores, bins, "width")
        expected_counts = np.zeros(bins)
        expected_counts[widths.bins] = widths.counts
        np.testing.assert_allclose(10 ** counts[1:-1:2], np.maximum(expected_counts, 0.5))
        np.testing.assert_allclose(x[::2], np.linspace(0, 1, bins + 1))
    bars = tab.plot.item(("interval", evaluating.session.active)).opts
    lower, upper = reliability_diagram(*cases(evaluating, 0), bins, binning).observed_interval()
    np.testing.assert_allclose([bars["y"] - bars["bottom"], bars["y"] + bars["top"]], [lower, upper], atol=1e-12)


def test_that_pointing_at_a_bin_says_its_cases_and_interval(evaluating: Application, qtbot: QtBot) -> None:
    tab = show(evaluating, "calibration", qtbot)
    tab.bins.setValue(3)
    drawn(tab, qtbot)
    diagram = reliability_diagram(*cases(evaluating, 0), 3)
    hover(tab.plot, diagram.mean_probability[1], diagram.observed[1], qtbot)
    qtbot.waitUntil(lambda: "efficientnet" in tab.where.text())
    lower, upper = diagram.observed_interval()
    said = (diagram.mean_probability[1], diagram.observed[1], lower[1], upper[1])
    assert tab.where.text() == "efficientnet: {} cases, mean {}, observed {} [{}, {}]".format(
        diagram.counts[1], *map(rate_text, said)
    )


def test_that_decision_curves_are_those_of_the_evaluation_over_a_range_that_the_prevalence_gives(
    many: Application, qtbot: QtBot
) -> None:
    tab = show(many, "decision", qtbot)
    labels, scores = cases(many, 0)
    prevalence = float(labels.mean())
    thresholds = np.array(tab.thresholds())
    assert thresholds[-1] == pytest.approx(4 * prevalence, rel=0.01)
    expected = decision_curve(labels, scores, thresholds)
    np.testing.assert_array_equal(line(tab, "benefit", digest(many, 0)), [thresholds, expected.net_benefit])
    _, y = line(tab, "everybody")
    np.testing.assert_array_equal(y, expected.treat_all[: y.size])
    qtbot.waitUntil(lambda: tab.plot.item(("band", digest(many, 0))) is not None)  # the bootstrap takes longer
    band = net_benefit_band(labels, scores, thresholds)
    _, around = line(tab, "band", digest(many, 0))
    np.testing.assert_array_equal(around, np.concatenate((band.lower, band.upper[::-1])))
    at = decision_curve(labels, scores, [0.5])
    difference = float(at.net_benefit[0] - at.treat_all[0])
    assert tab.readout.texts(0)[1:] == [
        ".500",
        f"{at.net_benefit[0]:.4f}\n{difference:.4f}".replace("-", "−").replace("0.", "."),
        f"{at.interventions_avoided[0]:.1f}",
    ]
    hover(tab.plot, 0.2, 0.1, qtbot)
    qtbot.waitUntil(lambda: tab.cursor_at is not None)
    drawn(tab, qtbot)
    near = int(np.argmin(np.abs(thresholds - tab.cursor_at.x())))
    assert tab.readout.texts(0)[1] == rate_text(thresholds[near])
    assert tab.readout.texts(0)[2].startswith(f"{expected.net_benefit[near]:.4f}".replace("0.", ".").replace("-", "−"))
    tab.range.setCurrentIndex(tab.range.findData("all"))
    drawn(tab, qtbot)
    assert tab.thresholds()[-1] == pytest.approx(0.995)


@pytest.mark.parametrize("measure", ["finding", "case", "spread", "probability"])
def test_that_risk_over_coverage_is_that_of_the_session_s_thresholds_and_uncertainty(
    evaluating: Application, qtbot: QtBot, measure: str
) -> None:
    tab, session = show(evaluating, "risk_coverage", qtbot), evaluating.session
    session.operating_points.choose(FINDING, {digest(evaluating, 0): 0.4})
    drawn(tab, qtbot)
    session.set_uncertainty(measure)
    drawn(tab, qtbot)
    first, findings = cases(evaluating, 0)[1], session.classifiers.findings
    all_scores = session.scores.table(digest(evaluating, 0), findings)
    uncertain = {
        "finding": -np.abs(first - 0.4),
        "probability": -np.abs(first - 0.5),
        "case": -np.nanmean(np.abs(all_scores - 0.5), axis=1),
        "spread": np.stack([first, cases(evaluating, 1)[1]]).std(axis=0),
    }[measure]
    labels = cases(evaluating, 0)[0]
    expected = risk_coverage((first > 0.4) != (labels == 1), uncertain)
    x, y = line(tab, "risk", digest(evaluating, 0))
    np.testing.assert_allclose([x, y], [expected.coverage, expected.risk])
    _, band = line(tab, "band", digest(evaluating, 0))
    np.testing.assert_allclose(band, np.concatenate((expected.band()[0], expected.band()[1][::-1])))
    kept = 24 - n_referred(24, session.referral_rate)
    errors = round(expected.risk[kept - 1] * kept)
    lower, upper = wilson(errors, kept)
    assert tab.readout.texts(0)[1:] == [
        f"{rate_text(expected.aurc)}\n{rate_text(expected.excess)}",
        f"{rate_text(errors / kept)}\n[{rate_text(float(lower))}, {rate_text(float(upper))}]",
        rate_text(float(expected.risk[-1])),
    ]


def test_that_the_line_of_the_referral_rate_follows_the_slider_and_moves_it(
    evaluating: Application, qtbot: QtBot
) -> None:
    tab = show(evaluating, "risk_coverage", qtbot)
    evaluating.window.referral.rate.setValue(40)
    drawn(tab, qtbot)
    assert tab.marker.value() == pytest.approx(0.6)
    tab.marker.setValue(0.75)
    assert evaluating.session.referral_rate == 0.25
    assert evaluating.window.referral.rate.value() == 25


def test_that_all_findings_are_shown_at_once_and_a_click_chooses_one(evaluating: Application, qtbot: QtBot) -> None:
    curves, session = evaluating.window.evaluate.curves, evaluating.session
    curves.tabs.setCurrentWidget(curves.all_findings)
    drawn(curves.all_findings, qtbot)
    qtbot.waitUntil(lambda: not curves.all_findings.busy)
    cells = curves.all_findings.cells
    assert tuple(cells) == session.classifiers.findings
    for finding, cell in cells.items():
        labels = session.cohort.truth(finding)
        assert cell.counts == f"{int((labels == 1).sum())} / {int((labels == 0).sum())}"
        assert cell.isChecked() == (finding == FINDING)
        for shown in cell.curves:
            place = next(p for p, each in enumerate(session.classifiers.all) if each.name == shown.name)
            scores = session.scores.table(digest(evaluating, place), [finding])[:, 0]
            assert shown.auc == pytest.approx(auc_interval(labels, scores).auc)
            assert points(shown.curve) <= points(roc_curve(labels, scores))
            assert f"{shown.name} {rate_text(shown.auc)}" in cell.accessibleName()
        has_both = bool((labels == 1).any() and (labels == 0).any())
        trained = [each for each in session.classifiers.all if finding in each.trained_findings]
        assert len(cell.curves) == (len(trained) if has_both else 0)
        assert bool(cell.why) == (len(cell.curves) < 2)
    qtbot.mouseClick(cells["Edema"], LEFT)
    assert session.finding == "Edema"
    drawn(curves.all_findings, qtbot)
    assert [finding for finding, cell in cells.items() if cell.isChecked()] == ["Edema"]
    qtbot.mouseClick(cells["Edema"], LEFT)
    assert cells["Edema"].isChecked()


# --- what has no meaning


def words(tab: CurveTab) -> str:
    """Why nothing is drawn, where nothing is."""
    assert not tab.plot.drawn_keys()
    assert tab.why.isVisible()
    assert not tab.has_figure
    return tab.why.text()


TABS = ("roc", "precision_recall", "calibration", "decision", "risk_coverage")


@pytest.mark.parametrize("name", TABS)
def test_that_a_finding_without_positives_has_no_curve_and_the_tab_says_so(
    many: Application, qtbot: QtBot, name: str
) -> None:
    tab = show(many, name, qtbot)
    assert tab.plot.drawn_keys()
    many.session.set_finding("Hernia")
    drawn(tab, qtbot)
    assert words(tab) == "None of the 5000 cases has Hernia: a curve needs cases with and without it."
    assert "0 present, 5,000 absent" in many.window.evaluate.curves.heading.text()


@pytest.mark.parametrize("name", TABS)
def test_that_a_checkpoint_that_was_not_trained_for_the_finding_has_a_row_that_says_so(
    evaluating: Application, qtbot: QtBot, name: str
) -> None:
    tab, session = show(evaluating, name, qtbot), evaluating.session
    finding = session.classifiers.findings[-1]
    assert finding not in session.classifiers.all[1].trained_findings
    session.set_finding(finding)
    drawn(tab, qtbot)
    assert tab.readout.texts(1)[:2] == ["vit", "not trained for this finding"]
    assert not [key for key in tab.plot.drawn_keys() if key[1] == digest(evaluating, 1)]


@pytest.mark.parametrize("name", ["calibration", "decision"])
def test_that_scores_that_are_no_probabilities_have_no_calibration_and_no_net_benefit(
    many: Application, qtbot: QtBot, name: str
) -> None:
    tab = show(many, name, qtbot)
    assert tab.readout.texts(2)[:2] == ["logits", "its scores are no probabilities"]
    assert not [key for key in tab.plot.drawn_keys() if key[1] == digest(many, 2)]
    many.session.set_imported([each for each in many.session.classifiers.imported if each.name == "logits"])
    drawn(tab, qtbot)
    assert words(tab) == "logits: its scores are no probabilities"
    assert many.window.evaluate.curves.roc.lack(digest(many, 0)) is None
    assert "score of its own scale" in many.window.evaluate.curves.heading.text()


@pytest.mark.parametrize("name", ["roc", "precision_recall"])
def test_that_equal_scores_have_no_curve(many: Application, qtbot: QtBot, name: str) -> None:
    tab = show(many, name, qtbot)
    many.session.set_finding("Nodule")
    drawn(tab, qtbot)
    assert tab.readout.texts(1)[:2] == ["two", "all its scores are the same"]
    assert not [key for key in tab.plot.drawn_keys() if key[1] == digest(many, 1)]


@pytest.mark.parametrize("name", TABS)
def test_that_without_checkpoints_or_labels_the_tab_says_what_to_do(
    opened: Application, qtbot: QtBot, name: str
) -> None:
    opened.window.show_perspective("evaluate")
    tab = show(opened, name, qtbot)
    opened.session.put_cohort(Cohort.empty(opened.session.cohort.name))
    drawn(tab, qtbot)
    assert "open one (Ctrl+L)" in words(tab)
    opened.session.set_checkpoints([])
    drawn(tab, qtbot)
    assert "Open a checkpoint" in words(tab)


def test_that_all_findings_say_why_one_has_no_curve(many: Application, qtbot: QtBot) -> None:
    tab = many.window.evaluate.curves.all_findings
    many.window.evaluate.curves.tabs.setCurrentWidget(tab)
    drawn(tab, qtbot)
    qtbot.waitUntil(lambda: not tab.busy)
    assert (tab.cells["Hernia"].curves, tab.cells["Hernia"].why) == ((), "no case with the finding")
    assert [curve.name for curve in tab.cells["Nodule"].curves] == ["one", "logits"]
    assert "Hernia: 0 / 5,000. no case with the finding" in tab.cells["Hernia"].accessibleName()


# --- what it rests on, in words


def test_that_the_heading_says_cohort_filter_counts_unit_and_kind_of_score(
    evaluating: Application, qtbot: QtBot
) -> None:
    session, heading = evaluating.session, evaluating.window.evaluate.curves.heading
    qtbot.waitUntil(lambda: FINDING in heading.text())
    assert f"<b>{FINDING}</b> · 4 present, 20 absent · {session.cohort.name} · unit: image" in heading.text()
    assert heading.text().endswith(" · raw probability")
    session.set_comparison(replace(session.comparison, only=("site", "A"), unit="patient", aggregation="mean"))
    qtbot.waitUntil(lambda: "only site = A" in heading.text())
    compared = evaluating.numbers.compared(FINDING)
    assert f"{compared.n_positive} present, {compared.n_negative} absent" in heading.text()
    assert "unit: patient, mean of its images" in heading.text()


def test_that_a_click_on_a_row_makes_its_checkpoint_the_active_one(evaluating: Application, qtbot: QtBot) -> None:
    tab = show(evaluating, "roc", qtbot)
    table = tab.readout
    qtbot.mouseClick(table.viewport(), LEFT, pos=table.visualRect(table.model().index(1, 0)).center())
    assert evaluating.session.active == digest(evaluating, 1)
    drawn(tab, qtbot)
    assert [table.item(row, 0).font().bold() for row in (0, 1)] == [False, True]


# --- figures


def choose(patch: pytest.MonkeyPatch, path: Path, chosen_filter: str = "") -> list[str]:
    """Answer the question for a file; what it suggests comes back."""
    suggested: list[str] = []

    def answer(parent: QWidget, title: str, suggestion: str, filters: str) -> tuple[str, str]:
        suggested.append(suggestion)
        return str(path), chosen_filter

    patch.setattr(QFileDialog, "getSaveFileName", answer)
    return suggested


def read_rows(path: Path) -> list[dict[str, str]]:
    with path.open(newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file))


@pytest.mark.parametrize("name", TABS)
def test_that_a_saved_figure_holds_the_drawn_data_and_a_caption_that_says_what_they_rest_on(
    evaluating: Application, qtbot: QtBot, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    tab, curves = show(evaluating, name, qtbot), evaluating.window.evaluate.curves
    suggested = choose(monkeypatch, tmp_path / "figure.svg")
    curves.save.trigger()
    assert Path(suggested[0]).name.startswith(FINDING)
    drawing = (tmp_path / "figure.svg").read_text(encoding="utf-8")
    assert "4 present, 20 absent" in drawing
    assert "raw probability" in drawing
    assert evaluating.session.cohort.name in drawing
    kind = {"roc": "all", "precision_recall": "curve", "calibration": "bins", "decision": "benefit"}.get(name, "risk")
    for place in (0, 1):
        each = evaluating.session.classifiers.all[place].name
        rows = [row for row in read_rows(tmp_path / "figure.csv") if row["checkpoint"] == each]
        (x_name, y_name) = list(rows[0])[3:5]
        x, y = tab.plot.item((kind, digest(evaluating, place))).getData()
        assert [float(row[x_name]) for row in rows] == x.tolist()
        assert [float(row[y_name]) for row in rows] == y.tolist()
    toasts = [toast.what for toast in evaluating.window.findChildren(Toast)]
    assert "The figure was saved as figure.svg." in toasts


def test_that_all_findings_are_saved_as_small_multiples(
    evaluating: Application, qtbot: QtBot, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    curves = evaluating.window.evaluate.curves
    curves.tabs.setCurrentWidget(curves.all_findings)
    qtbot.waitUntil(lambda: curves.all_findings.has_figure and not curves.all_findings.busy)
    choose(monkeypatch, tmp_path / "all", "PDF (*.pdf)")
    curves.save.trigger()
    assert (tmp_path / "all.pdf").read_bytes().startswith(b"%PDF")
    saved = {row["finding"] for row in read_rows(tmp_path / "all.csv")}
    assert saved == {finding for finding, cell in curves.all_findings.cells.items() if cell.curves}


def test_that_a_copied_figure_is_a_picture_and_what_its_caption_says_is_told(
    evaluating: Application, qtbot: QtBot, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    show(evaluating, "roc", qtbot)
    evaluating.window.evaluate.curves.copy.trigger()
    picture = QApplication.clipboard().image()
    choose(monkeypatch, tmp_path / "figure.png")
    evaluating.window.evaluate.curves.save.trigger()
    assert picture.width() > 1000
    assert picture == QImage(str(tmp_path / "figure.png")).convertToFormat(picture.format())
    toast = next(t for t in evaluating.window.findChildren(Toast) if "clipboard" in t.what)
    assert toast.details.startswith(f"{FINDING}, by image: 4 present, 20 absent. Scores: raw probability.")
    assert "Wilson" in toast.details
    assert "retained when 15 % are referred" in toast.details


def test_that_a_figure_that_cannot_be_written_is_told_with_why_and_what_to_do(
    evaluating: Application, qtbot: QtBot, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    show(evaluating, "roc", qtbot)
    choose(monkeypatch, tmp_path / "figure.docx")
    evaluating.window.evaluate.curves.save.trigger()
    toast = next(t for t in evaluating.window.findChildren(Toast) if t.what.startswith("figure.docx"))
    assert ".svg, .pdf, .png" in toast.details
    assert list(tmp_path.glob("figure*")) == []


def test_that_there_is_nothing_to_save_where_nothing_is_drawn(
    many: Application, qtbot: QtBot, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    tab, curves = show(many, "roc", qtbot), many.window.evaluate.curves
    menu = curves.tabs.cornerWidget().menu()
    menu.aboutToShow.emit()
    assert curves.save.isEnabled()
    many.session.set_finding("Hernia")
    drawn(tab, qtbot)
    menu.aboutToShow.emit()
    assert not curves.save.isEnabled()
    assert not curves.copy.isEnabled()


def test_that_checkpoints_of_one_name_are_told_apart_in_figures(many: Application, qtbot: QtBot) -> None:
    tab = show(many, "roc", qtbot)
    many.session.set_imported([replace(each, name="same") for each in many.session.classifiers.imported])
    drawn(tab, qtbot)
    (plot,) = tab.figure()
    assert [curve.name for curve in plot.curves] == ["same (1)", "same (2)", "same (3)"]
    assert plot.caption.score_kinds["same (3)"] == "score of its own scale"
