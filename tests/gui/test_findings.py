"""One finding, shared by bars, panes, curves, table and selector."""

from __future__ import annotations

import numpy as np
from PySide6.QtCore import QPoint, Qt
from PySide6.QtGui import QColor, QFontMetrics
from pytestqt.qtbot import QtBot

from xferviewer.exchange.checkpoint_styles import style_of
from xferviewer.gui.app import Application
from xferviewer.gui.theme import small_font


def everywhere(application: Application) -> set[str]:
    """The finding that each panel says it is about; panels that nobody looks at draw when they are shown."""
    window = application.window
    window.show_perspective("evaluate")
    window.show_perspective("read")
    table = window.evaluate.metrics.table
    return {
        application.session.finding,
        window.top.finding.currentText(),
        window.evaluate.metrics.model.headerData(table.currentIndex().row(), Qt.Orientation.Vertical),
        window.evaluate.curves.heading.text().removeprefix("<b>").split("</b>")[0],
        window.compare.panes[0]._corners["top_right"].text().split("<br>")[1].split(" <b>")[0],
    }


def test_that_the_selector_moves_all_panels_to_its_finding(opened: Application, qtbot: QtBot) -> None:
    selector = opened.window.top.finding
    for name in ("Edema", "Cardiomegaly"):
        selector.setFocus()
        selector.setCurrentText(name)
        selector.textActivated.emit(name)  # as a choice from the list does
        assert everywhere(opened) == {name}


def test_that_a_row_of_the_table_and_a_bar_and_keys_move_all_panels(opened: Application, qtbot: QtBot) -> None:
    window, findings = opened.window, opened.session.classifiers.findings
    window.evaluate.metrics.table.selectRow(findings.index("Consolidation"))
    assert everywhere(opened) == {"Consolidation"}
    bars = window.findings.bars
    qtbot.mouseClick(bars, Qt.MouseButton.LeftButton, pos=QPoint(40, bars._block() * findings.index("Edema") + 9))
    assert everywhere(opened) == {"Edema"}
    qtbot.keyClick(bars, Qt.Key.Key_Up)
    assert everywhere(opened) == {"Consolidation"}
    window.activateWindow()
    window.worklist.table.setFocus()
    qtbot.waitUntil(window.worklist.table.hasFocus)
    qtbot.keyClick(window.worklist.table, Qt.Key.Key_F)
    assert everywhere(opened) == {"Edema"}
    qtbot.keyClick(window.worklist.table, Qt.Key.Key_F, Qt.KeyboardModifier.ShiftModifier)
    assert everywhere(opened) == {"Consolidation"}


def test_that_bars_show_the_engine_s_numbers_and_the_threshold(opened: Application, prepared: object) -> None:
    session, bars = opened.session, opened.window.findings.bars
    identity = session.shown.reference.identity
    session.operating_points.choose("Edema", {session.classifiers.checkpoints[0].weights_sha256: 0.25})
    for finding in session.classifiers.findings:
        for checkpoint, bar in zip(session.classifiers.checkpoints, bars.bars(finding), strict=True):
            explained = session.maps.of(checkpoint.weights_sha256)
            logit = explained.logits[checkpoint.findings.index(finding)]
            trained = finding in checkpoint.trained_findings
            assert bar.trained == trained
            assert (bar.probability is None) == (not trained)
            if trained:
                assert abs(bar.probability - 1 / (1 + np.exp(-float(logit)))) < 1e-6
                assert session.scores.score(checkpoint.weights_sha256, identity, finding) == bar.probability
            expected = 0.25 if finding == "Edema" and checkpoint is session.classifiers.checkpoints[0] else 0.5
            assert bar.threshold == expected


def test_that_a_bar_is_as_long_as_its_probability_in_its_checkpoint_s_colour(opened: Application) -> None:
    bars, finding = opened.window.findings.bars, opened.session.classifiers.findings[0]
    drawn = bars.grab().toImage()
    for place, bar in enumerate(bars.bars(finding)):
        y = bars._line() * (place + 1) + 4 + bars._line() // 2
        colour = QColor(style_of(place).colour).rgb()
        filled = sum(drawn.pixel(x, y) == colour for x in range(drawn.width()))
        line = bars.width() - 16
        name = min(128, 2 * line // 5)
        track = line - name - 4 - 64
        assert abs(filled - bar.probability * track) <= 4  # the mark of the threshold covers two of them


def test_that_the_truth_is_what_the_label_table_says(opened: Application) -> None:
    bars, session = opened.window.findings.bars, opened.session
    words = {1.0: "present", 0.0: "absent"}
    seen = set()
    for row in range(len(session.studies)):
        opened.library.show_study(row)
        image = session.shown.image
        stated = opened.library.catalogue.labels_of(image.id)
        for finding in session.classifiers.findings:
            assert bars.truth(finding) == words[stated[finding]]
            seen.add(bars.truth(finding))
    assert seen == {"present", "absent"}


def test_that_the_bars_are_readable_without_eyes(opened: Application) -> None:
    spoken = opened.window.findings.bars.accessibleDescription()
    for finding in opened.session.classifiers.findings:
        assert finding in spoken
    assert f"efficientnet {opened.window.findings.bars.bars('Edema')[0].probability:.2f}" in spoken


def test_that_the_truth_stands_beside_a_long_name_and_never_over_it(opened: Application) -> None:
    bars = opened.window.findings.bars
    text = QFontMetrics(small_font())
    whole = bars.truth_words("absent", 1000, text)
    assert whole.endswith(": absent")
    assert bars.truth_words("absent", text.horizontalAdvance(whole), text) == whole
    assert bars.truth_words("absent", text.horizontalAdvance(whole) - 1, text) == "absent"
    assert bars.truth_words("", 1000, text) == ""


def test_that_the_chosen_finding_stays_in_view_when_its_panel_gets_smaller(opened: Application) -> None:
    panel, chosen = opened.window.findings, opened.session.classifiers.findings[-1]
    opened.session.set_finding(chosen)
    panel.verticalScrollBar().setValue(0)
    panel.resize(panel.width(), 150)
    seen = panel.verticalScrollBar().value()
    block = panel.bars.block(chosen)
    assert seen <= block.top()
    assert block.bottom() <= seen + panel.viewport().height() + 1
