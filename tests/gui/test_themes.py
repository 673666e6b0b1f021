"""The two themes: whatever names a checkpoint can be read in both, and another one holds at once."""

from __future__ import annotations

import pytest
from PySide6.QtCore import Qt
from PySide6.QtGui import QColor
from PySide6.QtWidgets import QApplication, QDialogButtonBox, QTableView
from pytestqt.qtbot import QtBot
from tests.gui.test_window import contrast

from xferviewer.exchange.checkpoint_styles import style_of
from xferviewer.gui import theme
from xferviewer.gui.app import Application
from xferviewer.gui.rate_plot import RatePlot
from xferviewer.gui.views.preferences import PreferencesDialog
from xferviewer.gui.views.training.curves import LearningPlot
from xferviewer.settings import read_settings, settings_file

READABLE = 4.5
HORIZONTAL, VERTICAL = Qt.Orientation.Horizontal, Qt.Orientation.Vertical


def titles(application: Application) -> list[tuple[str, QColor | None, QColor | None]]:
    """Every title of every table: its text, the colour of that, and the colour of the square before it."""
    found = []
    for table in application.window.findChildren(QTableView):
        model = table.model()
        sections = [(place, HORIZONTAL) for place in range(model.columnCount())]
        sections += [(place, VERTICAL) for place in range(model.rowCount())]
        for section in sections:
            text, colour, square = (
                model.headerData(*section, role)
                for role in (
                    Qt.ItemDataRole.DisplayRole, Qt.ItemDataRole.ForegroundRole, Qt.ItemDataRole.DecorationRole
                )
            )  # fmt: skip
            found.append((str(text), colour, square.toImage().pixelColor(0, 0) if square is not None else None))
    return found


@pytest.mark.parametrize("colours", ["dark", "light"])
def test_that_names_of_checkpoints_stand_in_readable_text_beside_their_colour(
    opened: Application, colours: str, qtbot: QtBot
) -> None:
    opened.window.show_perspective("evaluate")
    qtbot.wait(100)
    found = titles(opened)
    grounds = (opened.theme.window, opened.theme.panel)
    for text, colour, _ in found:
        assert colour is None or all(contrast(colour.name(), ground) >= READABLE for ground in grounds), text
    for place, checkpoint in enumerate(opened.session.classifiers.checkpoints):
        squares = {square.name() for text, _, square in found if checkpoint.name in text and square is not None}
        assert squares == {style_of(place).colour}, checkpoint.name


def test_that_another_theme_holds_at_once_for_all_that_is_painted(
    opened: Application, qtbot: QtBot, qapp: QApplication
) -> None:
    dark, light = theme.read_theme("dark"), theme.read_theme("light")
    opened.window.show_perspective("evaluate")
    plots = opened.window.findChildren(RatePlot) + opened.window.findChildren(LearningPlot)
    assert len(plots) >= 5
    try:
        opened.window.actions_by_name["preferences"].trigger()
        (dialog,) = opened.window.findChildren(PreferencesDialog)
        dialog.appearance.box.choose("light")
        dialog.appearance.box.activated.emit(1)
        dialog.buttons.button(QDialogButtonBox.StandardButton.Ok).click()
        assert read_settings(settings_file())[0].theme == "light"
        assert opened.window.palette().window().color().name() == light.window
        for plot in plots:
            assert plot.backgroundBrush().color().name() == light.panel
            assert plot.getAxis("left").textPen().color().name() == light.text
        opened.window.show_perspective("read")
        qtbot.wait(50)
        seen = opened.window.findings.grab().toImage()
        shades = {seen.pixelColor(x, y).name() for x in range(0, seen.width(), 3) for y in range(seen.height() // 2)}
        assert light.window in shades or light.panel in shades
        assert not {dark.window, dark.panel, dark.raised, dark.text} & shades
        assert opened.window.compare.panes[0].grab().toImage().pixelColor(250, 60).lightness() < 20  # films stay dark
    finally:
        theme.apply(qapp, dark)


@pytest.mark.parametrize("colours", ["light"])
def test_that_a_warning_over_a_film_can_be_read_on_the_ground_of_films(opened: Application, colours: str) -> None:
    opened.window.actions_by_name["mirror_sideways"].trigger()
    warning = opened.window.compare.panes[0]._warning
    warning.ensurePolished()
    assert warning.isVisible()
    assert contrast(warning.palette().color(warning.foregroundRole()).name(), opened.theme.film) >= READABLE
