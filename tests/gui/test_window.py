"""The window as a whole: layout, themes, accessibility, what is saved and what is hidden."""

from __future__ import annotations

import itertools
import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PySide6.QtCore import QRect, QRectF, Qt
from PySide6.QtGui import QAccessible, QColor
from PySide6.QtWidgets import (
    QAbstractButton,
    QAbstractItemView,
    QAbstractSlider,
    QAbstractSpinBox,
    QApplication,
    QComboBox,
    QDialog,
    QDockWidget,
    QHeaderView,
    QLineEdit,
    QPlainTextEdit,
    QProgressBar,
    QScrollBar,
    QTextBrowser,
    QWidget,
)
from pytestqt.qtbot import QtBot

from xferviewer.exchange.checkpoint_styles import style_of
from xferviewer.gui import theme
from xferviewer.gui.actions import ACTIONS
from xferviewer.gui.app import Application
from xferviewer.gui.film_raster import FilmRaster
from xferviewer.gui.pane_layouts import MOST_PANES
from xferviewer.gui.session import AT_FIRST
from xferviewer.gui.views.compare.looks import Look
from xferviewer.studies.image import Image, ImageFacts
from xferviewer.studies.voi import Window

CONTROLS = (
    QAbstractButton, QAbstractItemView, QAbstractSlider, QAbstractSpinBox, QComboBox, QLineEdit, QPlainTextEdit,
    QProgressBar,
)  # fmt: skip


def luminance(colour: str) -> float:
    """Relative luminance of sRGB, WCAG 2.2."""
    parts = [getattr(QColor(colour), name)() for name in ("redF", "greenF", "blueF")]
    red, green, blue = (c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in parts)
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


def contrast(one: str, other: str) -> float:
    """Contrast ratio of two colours, WCAG 2.2: 1 to 21."""
    light, dark = sorted((luminance(one), luminance(other)), reverse=True)
    return (light + 0.05) / (dark + 0.05)


def test_that_the_contrast_formula_gives_its_extremes() -> None:
    assert contrast("#000000", "#ffffff") == pytest.approx(21)
    assert contrast("#777777", "#777777") == 1


@pytest.mark.parametrize("name", ["dark", "light"])
def test_that_every_text_is_readable_on_every_ground_it_stands_on(name: str) -> None:
    colours = theme.read_theme(name)
    grounds = (colours.window, colours.panel, colours.raised)
    for text, ground in itertools.product((colours.text, colours.faint, colours.warning, colours.error), grounds):
        assert contrast(text, ground) >= 4.5, f"{text} on {ground}"
    assert contrast(colours.on_accent, colours.accent) >= 4.5
    for text in (colours.film_text, colours.film_faint, colours.film_warning):
        assert contrast(text, colours.film) >= 4.5


@pytest.mark.parametrize("name", ["dark", "light"])
def test_that_checkpoint_colours_and_the_focus_stand_out_from_their_ground(name: str) -> None:
    colours = theme.read_theme(name)
    for ground in (colours.window, colours.panel):
        assert contrast(colours.accent, ground) >= 3
    if name == "dark":  # Okabe and Ito's colours are the same in both themes; lines have styles and names beside them
        assert all(contrast(style_of(place).colour, colours.panel) >= 3 for place in range(MOST_PANES))


def spoken_name(widget: QWidget) -> str:
    interface = QAccessible.queryAccessibleInterface(widget)
    return interface.text(QAccessible.Text.Name) if interface is not None else ""


def is_part_of_a_control(widget: QWidget) -> bool:
    """Qt's own parts of composite controls: scroll bars, headers, the line edit of a spin box, buttons of docks."""
    if isinstance(widget, (QScrollBar, QHeaderView)) or widget.objectName().startswith("qt_"):
        return True
    parent = widget.parentWidget()
    return isinstance(parent, (QAbstractSpinBox, QComboBox, QAbstractItemView, QLineEdit)) or (
        parent is not None and isinstance(parent.parentWidget(), QComboBox)  # the list that drops down
    )


def test_that_every_control_says_its_name(opened: Application, qtbot: QtBot) -> None:
    opened.notifier.tell("Something happened.", "Why. What to do.", lasting=True)
    for name in ("evaluate", "train", "read"):
        opened.window.show_perspective(name)
        qtbot.wait(1)
    nameless = [
        f"{type(widget).__name__} in {type(widget.parentWidget()).__name__}"
        for widget in opened.window.findChildren(QWidget)
        if isinstance(widget, CONTROLS) and not is_part_of_a_control(widget) and not spoken_name(widget).strip()
    ]
    assert nameless == []


def test_that_the_keyboard_reaches_every_control_of_the_read_perspective(opened: Application, qtbot: QtBot) -> None:
    window = opened.window
    window.activateWindow()
    window.worklist.search.setFocus()
    qtbot.waitUntil(window.worklist.search.hasFocus)
    reached: set[QWidget] = set()
    for _ in range(200):
        focused = QApplication.focusWidget()
        if focused in reached:
            break
        reached.add(focused)
        qtbot.keyClick(focused, Qt.Key.Key_Tab)
    wanted = {
        window.worklist.search, window.worklist.table, window.findings.bars, window.checkpoints.list,
        window.referral.rate, window.referral.threshold, window.referral.youden, window.compare.overlay_bar.opacity,
        window.compare.films, window.compare.overlay_bar.visible_box,
    }  # fmt: skip
    assert {type(w).__name__ + spoken_name(w) for w in wanted - reached} == set()


def test_that_the_layout_is_restored_at_the_next_start(
    make_application: Callable[..., Application], opened: Application, checkpoints: list[Path], qtbot: QtBot
) -> None:
    window = opened.window
    docks = {dock.objectName(): dock for dock in window.findChildren(QDockWidget)}
    docks["checkpoints"].close()
    window.perspectives["read"].addDockWidget(Qt.DockWidgetArea.LeftDockWidgetArea, docks["findings"])
    qtbot.wait(1)
    window.close()
    again: Application = make_application(opened.folders.home)
    again.window.show()
    qtbot.waitExposed(again.window)
    restored = {dock.objectName(): dock for dock in again.window.findChildren(QDockWidget)}
    read = again.window.perspectives["read"]
    qtbot.waitUntil(lambda: not restored["checkpoints"].isVisible())
    assert read.dockWidgetArea(restored["findings"]) == Qt.DockWidgetArea.LeftDockWidgetArea
    assert restored["worklist"].isVisible()


def test_that_a_broken_layout_file_gives_the_first_layout(
    make_application: Callable[..., Application], tmp_path: Path, qtbot: QtBot
) -> None:
    (tmp_path / "home").mkdir()
    (tmp_path / "home" / "layout.ini").write_text("[panels]\nread=nonsense\n\x00\x01", encoding="utf-8")
    application: Application = make_application()
    application.window.show()
    qtbot.waitExposed(application.window)
    qtbot.waitUntil(
        lambda: all(d.isVisible() for d in application.window.perspectives["read"].findChildren(QDockWidget))
    )


def test_that_perspectives_share_the_session(opened: Application) -> None:
    window, session = opened.window, opened.session
    session.set_finding("Edema")
    session.set_referral_rate(0.3)
    shown = session.shown
    for name in ("evaluate", "train", "read"):
        window.show_perspective(name)
    assert (session.finding, session.referral_rate, session.shown) == ("Edema", 0.3, shown)
    assert window.worklist.table.currentIndex().row() == 0


def test_that_an_empty_window_says_what_to_do_next(make_application: Callable[..., Application], qtbot: QtBot) -> None:
    application: Application = make_application()
    window = application.window
    window.show()
    qtbot.waitExposed(window)
    assert "drop a folder" in window.compare.panes[0]._centre.text()
    assert "Add the folder" in window.checkpoints.card.toPlainText()
    window.show_perspective("evaluate")
    assert "Open a checkpoint" in window.evaluate.curves.roc.why.text()
    window.show_perspective("train")
    assert "xferviewer train" in window.jobs.hint.text()


def test_that_of_five_checkpoints_four_have_panes_at_first_and_a_tick_gives_and_takes_one(
    opened: Application, checkpoints: list[Path], tmp_path: Path
) -> None:
    import hashlib

    folders = list(checkpoints)
    for number in range(3):
        folder = tmp_path / f"copy{number}"
        shutil.copytree(checkpoints[0], folder)
        weights = bytearray((folder / "model.safetensors").read_bytes())
        weights[-1] ^= number + 1
        (folder / "model.safetensors").write_bytes(weights)
        card, digest = folder / "README.md", hashlib.sha256(weights).hexdigest()
        old = hashlib.sha256((checkpoints[0] / "model.safetensors").read_bytes()).hexdigest()
        card.write_text(card.read_text(encoding="utf-8").replace(old, digest), encoding="utf-8")
        folders.append(folder)
    opened.checkpoints.open(folders)
    session, window = opened.session, opened.window
    assert len(session.classifiers.checkpoints) == 5
    assert len(window.compare.panes) == AT_FIRST
    ticks = window.checkpoints.list
    ticks.item(4).setCheckState(Qt.CheckState.Checked)
    assert [pane.digest for pane in window.compare.panes] == [c.weights_sha256 for c in session.classifiers.checkpoints]
    ticks.item(0).setCheckState(Qt.CheckState.Unchecked)
    assert [pane.digest for pane in window.compare.panes] == [
        c.weights_sha256 for c in session.classifiers.checkpoints[1:]
    ]


def test_that_corner_text_is_readable_on_a_white_film(opened: Application, qtbot: QtBot) -> None:
    pane = opened.window.compare.panes[0]
    white = Image(
        np.full((96, 96), 255, np.uint8), "", (Window(128, 256),), None, False, None, None, "", 0, 1, ImageFacts()
    )
    pane.set_film(FilmRaster(white), Look())
    pane.look_at(QRectF(20, 20, 40, 40), white, turned=False)
    qtbot.wait(1)
    label = pane._corners["bottom_left"]
    picture = pane.grab(QRect(label.mapTo(pane, label.rect().topLeft()), label.size())).toImage()
    ground = QColor(picture.pixel(0, 0)).name()
    assert ground != "#000000"  # the film shines through
    assert contrast(opened.theme.film_text, ground) >= 4.5


def test_that_the_cheat_sheet_fits_a_small_screen_and_holds_every_action_that_has_a_key(opened: Application) -> None:
    opened.window.actions_by_name["cheat_sheet"].trigger()
    dialog = next(each for each in opened.window.findChildren(QDialog) if each.windowTitle() == "Keys and mouse")
    assert dialog.height() < 700
    assert dialog.width() < 1200
    said = dialog.findChild(QTextBrowser).toPlainText()
    assert [row.name for row in ACTIONS if row.keys and row.text not in said] == []
    dialog.close()
